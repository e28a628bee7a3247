"""From one signing key to the next: published ahead, promoted at a time or by command, and what was signed before stays ours."""

import datetime
import threading

import pytest
import yaml
from lxml import etree

from conftest import need, parties
from support import certificates, ecp, hsm, judge, waiting
from support.certificates import base64_of
from support.fedfront import ENTITY_ID, Fedfront, binary, ldap
from support.issuer import Issuer, security
from support.load import Load
from support.operations import by_reference, renew, validate, whole
from support.people import ALICE
from support.process import Process
from support.rst import SAML1, SAML2, Rst, send, sign_in, token

METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
VALID = (True, "The token is valid.")


@pytest.fixture
def keys(tmp_path):
    """Two pairs, in their order."""
    return [certificates.signing(tmp_path, name) for name in ("first", "second")]


@pytest.fixture
def rolling(launch, slapd, nginx, sp, keys, tmp_path):
    """`rolling(next, **sections)`: a fedfront that signs by the first key and has the second as `next`."""

    def start(following=None, **sections):
        signing = {**files(keys[0]), "next": {**files(keys[1]), **(following or {})}}
        socket = {"socket": str(tmp_path / "admin.sock")}
        sections = {"admin": socket, "issuer": {"signing": signing}, **sections}
        return launch(ldap(slapd), nginx.url, relying_parties=parties(sp), **sections)

    return start


def files(pair):
    return {"certificate_file": str(pair[0]), "private_key_file": str(pair[1])}


def command(proxy, name):
    """Exit code, and what it says."""
    run = Process(name, [binary(), name, "-c", proxy.file])
    return run.wait(), run.output()


def again(proxy, change=None):
    """Another process in the place of this one, with the configuration changed."""
    assert proxy.stop() == 0, proxy.output()
    if change:
        configure(proxy, change)
    return Fedfront(proxy.file, proxy.port, proxy.admin.rpartition(":")[2], proxy.ca)


def configure(proxy, change):
    configuration = yaml.safe_load(proxy.file.read_text())
    change(configuration)
    proxy.file.write_text(yaml.safe_dump(configuration, sort_keys=False))


def published(proxy):
    """The certificates in our metadata, which the first of them signed."""
    content = proxy.get("/oamfed/idp/metadata").content
    names = {"ds": "http://www.w3.org/2000/09/xmldsig#", "md": METADATA}
    of_idp = "//md:IDPSSODescriptor/md:KeyDescriptor[@use='signing']//ds:X509Certificate/text()"
    return content, etree.fromstring(content).xpath(of_idp, namespaces=names)


def signed_by(proxy, sp, pair):
    """Everything is the pair's: tokens of the STS, ECP's assertions, the metadata, the certificate's own address; a token."""
    issued = token(sign_in(proxy, ALICE))
    judge.assert_signed(issued.assertion_bytes, pair[0], "AssertionID", "Assertion", SAML1)
    answer = ecp.Answer(ecp.send(proxy, ecp.of_sp(sp), (ALICE.upn, ALICE.password)))
    judge.assert_signed(answer.content, pair[0], "ID", "Assertion", SAML2)
    content, listed = published(proxy)
    judge.assert_signed(content, pair[0], "ID", "EntityDescriptor", METADATA)
    assert listed[0] == base64_of(pair[0])
    assert proxy.get("/oamfed/idp/cert").text == pair[0].read_text()
    return issued


def ends(proxy, slot):
    return proxy.metric("signing_certificate_not_after_timestamp_seconds", slot=slot)


class AskedForEcp:
    """Asks for ECP's assertions, one after the other, for as long as it is entered."""

    def __init__(self, proxy, sp):
        self.proxy, self.sp = proxy, sp
        self.answers, self.failures = 0, []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(30)

    def _run(self):
        while not self._ended.is_set():
            try:
                answer = ecp.send(self.proxy, ecp.of_sp(self.sp), (ALICE.upn, ALICE.password))
                assert ecp.Answer(answer).statuses() == ["Success"], answer.text
                self.answers += 1
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))


def test_the_next_key_is_promoted_under_load_and_nobody_notices(rolling, sp, keys):
    proxy = rolling()
    first, second = keys
    before = signed_by(proxy, sp, first)
    assert published(proxy)[1] == [base64_of(first[0]), base64_of(second[0])]
    assert ends(proxy, "current") > 0 and ends(proxy, "next") > 0
    asked = AskedForEcp(proxy, sp)
    with asked, Load(lambda: (proxy.port, 1), proxy.ca) as load:
        load.goes_on()
        status, said = command(proxy, "promote")
        assert status == 0 and "tokens are signed by second, SHA-256 " in said, said
        assert "it lasts until this process ends" in said and "issuer.signing.previous" in said, said
        after = signed_by(proxy, sp, second)
        load.goes_on()
    assert not load.failures and not asked.failures, (load.failures[:5], asked.failures[:5])
    assert asked.answers
    assert published(proxy)[1] == [base64_of(second[0]), base64_of(first[0])]
    assert ends(proxy, "next") == 0
    proxy.wait_for_line("tokens are signed by another certificate: the next key has taken over")
    # What either has signed is ours, and what follows from it is the second's.
    for issued in (before, after):
        for way in (by_reference, whole):
            assert validate(proxy, ALICE, way(issued)) == VALID
        renewed = renew(proxy, ALICE, whole(issued))
        judge.assert_signed(renewed.assertion_bytes, second[0], "AssertionID", "Assertion", SAML1)
    status, said = command(proxy, "promote")
    assert status == 0 and "signs already" in said, said
    # A reload is no restart.
    assert proxy.reload()
    signed_by(proxy, sp, second)


def test_a_promotion_lasts_as_long_as_it_is_kept(rolling, sp, keys, tmp_path):
    folder = tmp_path / "cache"
    kept = rolling(cache={"folder": str(folder)})
    assert "a restart keeps it" in command(kept, "promote")[1]
    kept = again(kept)
    try:
        signed_by(kept, sp, keys[1])
        assert "issuer.signing.next: signs since " in kept.output()
        kept.wait_for_line("signs with the key next in issuer.signing, promoted at 20")
        # The files take the places that they have: the mark is of no more use, and does no harm.
        kept = again(kept, lambda whole: whole["issuer"].update(signing={**files(keys[1]), "previous": [str(keys[0][0])]}))
        signed_by(kept, sp, keys[1])
        assert published(kept)[1] == [base64_of(pair[0]) for pair in reversed(keys)]
        (mark,) = folder.iterdir()
        mark.write_text("nonsense\n")
        kept = again(kept)
        assert ends(kept, "next") == 0
        configure(kept, lambda whole: whole["issuer"].update(signing={**files(keys[0]), "next": files(keys[1])}))
        status, said = command(kept, "check")
        assert status == 78 and "cache.folder: " in said and str(mark) in said, said
    finally:
        kept.stop()


def test_a_promotion_that_cannot_be_kept_is_none(rolling, sp, keys, tmp_path):
    folder = tmp_path / "cache"
    proxy = rolling(cache={"folder": str(folder)})
    (folder / f"promoted-signing-key.{proxy.pid}").mkdir(parents=True)
    status, said = command(proxy, "promote")
    assert status == 1 and "cannot be written" in said and "nothing has changed" in said, said
    signed_by(proxy, sp, keys[0])


def test_without_a_folder_a_restart_forgets_and_check_says_so(rolling, sp, keys):
    proxy = rolling()
    status, said = command(proxy, "check")
    assert status == 0 and "issuer.signing.next: has no from, and there is no cache.folder" in said, said
    assert command(proxy, "promote")[0] == 0
    signed_by(proxy, sp, keys[1])
    proxy = again(proxy)
    signed_by(proxy, sp, keys[0])
    proxy.stop()


def test_the_next_key_takes_over_at_its_time(rolling, sp, keys):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=10)
    proxy = rolling({"from": at.isoformat(timespec="seconds").replace("+00:00", "Z")})
    before = signed_by(proxy, sp, keys[0])
    assert published(proxy)[1] == [base64_of(pair[0]) for pair in keys]
    waiting.until(lambda: published(proxy)[1][0] == base64_of(keys[1][0]), "the metadata of the next key")
    signed_by(proxy, sp, keys[1])
    assert validate(proxy, ALICE, whole(before)) == VALID
    assert ends(proxy, "next") == 0
    status, said = command(proxy, "check")
    assert status == 0 and "issuer.signing.next: signs since 20" in said, said
    proxy = again(proxy)
    proxy.wait_for_line("signs with the key next in issuer.signing, from its time on, 20")
    proxy.stop()


def test_a_token_of_each_key_signs_its_user_in(launch, slapd, nginx, keys, tmp_path):
    """At the STS itself, for which it was issued: whichever replica made it, ahead or behind."""
    partners = [{"name": "sts", "applies_to": [ENTITY_ID]}, {"name": "app", "applies_to": ["urn:app"]}]
    before = certificates.signing(tmp_path, "before")
    stranger = certificates.signing(tmp_path, "stranger")
    signing = {**files(keys[0]), "next": files(keys[1]), "previous": [str(before[0])]}
    sections = {"relying_parties": partners, "credentials": {"issued_token": {}}}
    proxy = launch(ldap(slapd), nginx.url, issuer={"signing": signing}, **sections)

    def shown(pair):
        """What our own replica would have issued by that key."""
        assertion = Issuer(ENTITY_ID, pair).token(ALICE.upn, ENTITY_ID)
        return send(proxy, Rst(user=None, security=security(assertion), applies_to="urn:app"))

    for pair in (*keys, before):
        issued = token(shown(pair))
        judge.assert_signed(issued.assertion_bytes, keys[0][0], "AssertionID", "Assertion", SAML1)
    assert shown(stranger).status_code == 500


@pytest.mark.parametrize("remembered", [True, False])
def test_what_a_previous_key_signed_is_ours_for_as_long_as_it_is_listed(launch, slapd, nginx, keys, remembered):
    first, second = keys
    partners = [{"name": "app", "applies_to": ["urn:app"], "remember_tokens": remembered}]
    signing = {"signing": files(first)}
    proxy = launch(ldap(slapd), nginx.url, relying_parties=partners, issuer=signing)
    issued = token(sign_in(proxy, ALICE, applies_to="urn:app"))

    def sign_by(signing):
        configure(proxy, lambda whole: whole["issuer"].update(signing=signing))
        assert proxy.reload()
        return validate(proxy, ALICE, whole(issued))

    assert sign_by({**files(second), "previous": [str(first[0])]}) == VALID
    assert sign_by(files(second))[0] is False
    assert sign_by({**files(second), "next": files(first)}) == VALID


def test_a_next_key_that_does_not_sign_is_not_promoted(launch, slapd, nginx, sp, site, keys, tmp_path):
    need("softhsm2-util", "pkcs11-tool", hsm.MODULE)
    (tmp_path / "hsm").mkdir()
    device = hsm.SoftHsm(tmp_path / "hsm")
    certificate = device.pair(site.authority, "signing")
    signing = {**files(keys[0]), "next": device.section(certificate, "signing")}
    socket = {"socket": str(tmp_path / "admin.sock")}
    issuer = {"signing": signing}
    proxy = launch(ldap(slapd), nginx.url, device.env, relying_parties=parties(sp), admin=socket, issuer=issuer)
    device.goes()
    status, said = command(proxy, "promote")
    assert status == 1 and "the next key does not sign" in said and "has no token fedfront" in said, said
    signed_by(proxy, sp, keys[0])
    device.comes_back()

    def promoted():
        return command(proxy, "promote")[0] == 0

    waiting.until(promoted, "a promotion")
    issued = token(sign_in(proxy, ALICE))
    judge.assert_signed(issued.assertion_bytes, certificate, "AssertionID", "Assertion", SAML1, authority=site.ca)


def test_there_may_be_nothing_to_promote(launch, slapd, nginx, tmp_path):
    proxy = launch(ldap(slapd), nginx.url, admin={"socket": str(tmp_path / "admin.sock")})
    status, said = command(proxy, "promote")
    assert status == 1 and "issuer.signing.next names no key" in said, said
    configure(proxy, lambda whole: whole["issuer"]["signing"].update(next=dict(whole["issuer"]["signing"])))
    status, said = command(proxy, "check")
    assert status == 0 and "issuer.signing.next: is the certificate that signs already" in said, said
