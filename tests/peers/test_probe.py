"""fedfront probe: against fedfront, and against stand-ins of AD FS and WSO2 with each defect that Entra would refuse."""

import base64
import json
import os
import pty
import subprocess
import termios

import pytest

from support import fedfront, mex_shapes, sts_shapes
from support.certificates import base64_of, signing
from support.people import ALICE, BOB, WRONG
from support.rst import PROFILE, SAML2, TRUST13, TRUST2005
from support.stand_in import ECP_PATH, StandIn
from support.waiting import free_port

ADFS_ISSUER = "http://example.com/adfs/services/trust/"
#: The keys of the document, as `--help` documents them.
KEYS = {
    "": {"version", "fine", "user", "party", "server"},
    "server": {"url", "fine", "steps", "findings"},
    "step": {"step", "verdict", "failure", "skipped", "exchange", "facts"},
    "exchange": {"method", "url", "sent_bytes", "status", "received_bytes", "milliseconds"},
    "failure": {"kind", "what", "do"},
    "finding": {"step", "name", "weight", "what", "do"},
    "difference": {"step", "name", "of", "first", "second", "matters"},
}


class Probed:
    """What came of one run."""

    def __init__(self, ended, secret):
        self.code, self.text, self.errors = ended.returncode, ended.stdout, ended.stderr
        for output in (self.text, self.errors):
            for canary in filter(None, {secret, ALICE.password}):
                assert canary not in output and base64.b64encode(canary.encode()).decode() not in output
                assert base64.b64encode(f"{ALICE.upn}:{canary}".encode()).decode() not in output

    @property
    def document(self):
        document = json.loads(self.text)
        valid(document)
        return document

    def names(self, weight, place="server"):
        return {finding["name"] for finding in self.document[place]["findings"] if finding["weight"] == weight}

    def step(self, name, place="server"):
        (step,) = [step for step in self.document[place]["steps"] if step["step"] == name]
        return step

    def verdicts(self, place="server"):
        return {step["step"]: step["verdict"] for step in self.document[place]["steps"]}


def valid(document):
    """That the document has the keys that are documented, and no others."""
    more = {"other", "differences", "withheld"} if "other" in document else set()
    assert set(document) == KEYS[""] | more
    for server in filter(None, (document["server"], document.get("other"))):
        assert set(server) == KEYS["server"]
        assert [step["step"] for step in server["steps"]] == ["tls", "mex", "wstrust13", "wstrust2005", "ecp"]
        for step in server["steps"]:
            assert set(step) == KEYS["step"] and step["verdict"] in ("fine", "failed", "skipped")
            assert (step["failure"] is not None) == (step["verdict"] == "failed")
            assert (step["skipped"] is not None) == (step["verdict"] == "skipped")
            assert not step["failure"] or set(step["failure"]) == KEYS["failure"]
            assert not step["exchange"] or set(step["exchange"]) == KEYS["exchange"]
        for finding in server["findings"]:
            assert set(finding) == KEYS["finding"] and finding["what"] and finding["do"]
    for difference in document.get("differences", []):
        assert set(difference) == KEYS["difference"]


@pytest.fixture(scope="module")
def probe(site, binary_built):
    """`probe(url, *options)` with Alice's password, or another, on standard input."""

    def run(url, *options, password=ALICE.password, user=ALICE.upn, ca=True, form="--json"):
        trust = ("--ca-file", site.ca) if ca else ()
        argv = [fedfront.binary(), "probe", "--url", url, "--user", user, *trust, *options, *filter(None, [form])]
        ended = subprocess.run(
            list(map(str, argv)), input=password + "\n", capture_output=True, text=True, timeout=60
        )
        return Probed(ended, password)

    return run


def stand_in(kind, ecp):
    @pytest.fixture(scope="module")
    def running(site):
        server = StandIn(site, ALICE.password, kind, ecp)
        yield server
        server.stop()

    return running


_adfs, _wso2, _other = stand_in("adfs", True), stand_in("wso2", False), stand_in("adfs", True)


@pytest.fixture
def adfs(_adfs):
    _adfs.reset()
    return _adfs


@pytest.fixture
def wso2(_wso2):
    _wso2.reset()
    return _wso2


@pytest.fixture
def other(_other):
    _other.reset()
    return _other


def test_fedfront_is_fine(probe, proxy, site):
    probed = probe(proxy.url, "-c", proxy.file)
    assert probed.code == 0, probed.text + probed.errors
    assert set(probed.verdicts().values()) == {"fine"}
    # The tests' CA is no public one.
    assert (probed.names("refused"), probed.names("warning")) == (set(), {"tls_not_public"})
    facts = probed.step("wstrust2005")["facts"]
    assert facts["issuer"] == ADFS_ISSUER and facts["signature"] == "holds"
    assert facts["name_identifier"] == ALICE.immutable_id
    assert probed.step("ecp")["facts"]["in_response_to"] == "present"


def test_fedfront_is_told_for_people(probe, proxy):
    probed = probe(proxy.url, form=None)
    assert probed.code == 0, probed.text
    assert f"{ALICE.upn} at {proxy.url}, for urn:federation:MicrosoftOnline" in probed.text
    for title in ("1. TLS: fine", "2. Metadata exchange (MEX): fine", "4. WS-Trust 2005/02: fine", "5. SAML ECP: fine"):
        assert title in probed.text
    assert "Fine: the user signs in, and nothing would be refused." in probed.text


def test_a_wrong_password_is_said_to_be_one_of_several_things(probe, proxy):
    # WRONG is nobody's password.
    probed = probe(proxy.url, password=WRONG, form=None)
    assert probed.code == 1
    assert "password refused: status 500, fault FailedAuthentication" in probed.text
    assert "the same for a wrong password, an unknown user, a lockout" in probed.text and "audit log" in probed.text
    assert probed.text.count("skipped") == 2


def test_who_may_not_sign_in_is_refused_alike(probe, proxy):
    probed = probe(proxy.url, password=BOB.password, user=BOB.upn)
    assert probed.step("wstrust13")["failure"]["kind"] == "password_refused"


def test_a_file_has_the_password(probe, proxy, tmp_path):
    file = tmp_path / "password"
    file.write_text(ALICE.password + "\n")
    assert probe(proxy.url, "--password-file", file, password="").code == 0


def test_adfs_is_fine(probe, adfs):
    probed = probe(adfs.url)
    assert probed.code == 0, probed.text
    assert probed.names("refused") == set()
    assert [path for path, _ in adfs.passwords] == [
        "/adfs/services/trust/13/usernamemixed",
        "/adfs/services/trust/2005/usernamemixed",
        ECP_PATH,
    ], "the password is sent once a step"


def test_wso2_is_told_what_entra_refuses(probe, wso2):
    probed = probe(wso2.url)
    assert probed.code == 1
    assert probed.verdicts() == {
        "tls": "fine", "mex": "fine", "wstrust13": "fine", "wstrust2005": "fine", "ecp": "skipped",
    }
    assert probed.names("refused") == {"mex_post_only", "token_type", "name_format", "name_identifier"}
    assert {"sha1", "prefix", "immutable_id_form"} <= probed.names("warning")


# Each with the finding that it must be told by; a warning where it works.
DEFECTS = [
    ({"token_type": None}, "token_type", "refused"),
    ({"token_type": f" {sts_shapes.SAML1}"}, "token_type", "refused"),
    ({"token_type": f"{PROFILE}#SAMLV1.1"}, "token_type", "refused"),
    ({"name": None}, "name_identifier", "refused"),
    ({"name": "other"}, "name_identifier", "refused"),
    ({"name_format": sts_shapes.EMAIL}, "name_format", "refused"),
    ({"name_format": None}, "name_format", "refused"),
    ({"immutable": None}, "immutable_id", "refused"),
    ({"immutable": "a" * 65, "name": "a" * 65}, "immutable_id_form", "refused"),
    ({"immutable": "2848cfc7-f691-4af2-a550-c024bcbf0c6e", "name": "2848cfc7-f691-4af2-a550-c024bcbf0c6e"}, "immutable_id_form", "warning"),
    ({"upn": None}, "upn", "refused"),
    ({"upn": "alice"}, "upn", "refused"),
    ({"upn": "alice@other.example"}, "upn_domain", "refused"),
    ({"issuer": ""}, "issuer", "refused"),
    ({"issuer": "http://other.example/adfs/services/trust/"}, "issuer", "warning"),
    ({"audience": "urn:other"}, "audience", "refused"),
    ({"audience": None}, "audience", "refused"),
    ({"signed": False}, "signature", "refused"),
    ({"spoiled": True}, "signature", "refused"),
    ({"key_info": False}, "signature", "refused"),
    ({"algorithm": "sha1"}, "sha1", "warning"),
    ({"minutes": 1}, "lifetime", "warning"),
    ({"begins": 30}, "lifetime", "refused"),
    ({"begins": -90}, "lifetime", "refused"),
    ({"confirmation": "urn:oasis:names:tc:SAML:1.0:cm:sender-vouches"}, "confirmation_method", "refused"),
    ({"prefix": "saml1"}, "prefix", "warning"),
    ({"version": SAML2}, "saml_version", "refused"),
]


@pytest.mark.parametrize("changes, name, weight", DEFECTS, ids=[str(next(iter(d[0].items()))) for d in DEFECTS])
def test_a_defect_of_a_token_is_told(probe, adfs, changes, name, weight):
    adfs.ecp = False
    try:
        adfs.token = changes
        probed = probe(adfs.url)
    finally:
        adfs.ecp = True
    assert name in probed.names(weight), probed.text
    assert probed.code == (1 if probed.names("refused") else 0)


ECP_DEFECTS = [
    ({"name_format": sts_shapes.UNSPECIFIED}, "name_format"),
    ({"more": {}}, "upn"),
    ({"name": None}, "name_identifier"),
    ({"in_response_to": "_another"}, "in_response_to"),
    ({"signed": False}, "signature"),
    ({"name": "other"}, "immutable_id_differs"),
    ({"issuer": "urn:other"}, "issuer_differs"),
]


@pytest.mark.parametrize("changes, name", ECP_DEFECTS, ids=[d[1] for d in ECP_DEFECTS])
def test_a_defect_of_ecp_is_told(probe, adfs, changes, name):
    adfs.ecp_token = changes
    probed = probe(adfs.url, "--ecp-path", ECP_PATH)
    assert probed.names("refused") == {name}, probed.text
    assert probed.code == 1


def test_a_response_without_its_header_is_told(probe, adfs):
    adfs.acs_header = False
    assert "acs_url" in probe(adfs.url).names("refused")


def test_a_short_key_is_told(probe, adfs, tmp_path):
    adfs.token = {"pair": signing(tmp_path, "short", bits=1024)}
    assert "key_length" in probe(adfs.url).names("refused")


def test_a_clock_that_is_off_is_told(probe, adfs):
    adfs.date = "Thu, 01 Jan 2026 00:00:00 GMT"
    probed = probe(adfs.url)
    assert {"clock", "issue_instant"} <= probed.names("refused")


def tenant(tmp_path, certificate, **changes):
    file = tmp_path / "federation.json"
    whole = {
        "@odata.type": "#microsoft.graph.internalDomainFederation",
        "displayName": "Example",
        "preferredAuthenticationProtocol": "wsFed",
        "issuerUri": ADFS_ISSUER,
        "passiveSignInUri": "https://localhost/adfs/ls/",
        "activeSignInUri": "https://localhost/adfs/services/trust/2005/usernamemixed",
        "signOutUri": "https://localhost/adfs/ls/",
        "metadataExchangeUri": "https://localhost/adfs/services/trust/mex",
        "signingCertificate": base64_of(certificate),
        **changes,
    }
    file.write_text(json.dumps(whole))
    return file


def test_the_tenants_settings_are_held_against_the_server(probe, adfs, site, tmp_path):
    stranger = signing(tmp_path, "stranger")[0]
    probed = probe(adfs.url, "--entra", tenant(tmp_path, site.signing[0]))
    assert probed.code == 0 and probed.names("refused") == set(), probed.text
    probed = probe(adfs.url, "--entra", tenant(tmp_path, stranger))
    assert probed.names("refused") == {"certificate_not_registered"}
    next_one = {"nextSigningCertificate": base64_of(site.signing[0])}
    assert probe(adfs.url, "--entra", tenant(tmp_path, stranger, **next_one)).code == 0
    probed = probe(adfs.url, "--entra", tenant(tmp_path, site.signing[0], issuerUri=ADFS_ISSUER.rstrip("/")))
    assert probed.names("refused") == {"issuer"}, "letter for letter"


def test_a_tenant_by_saml_needs_ecp_and_no_mex(probe, other, site, tmp_path):
    other.kind = "none"
    try:
        ecp = {"preferredAuthenticationProtocol": "saml", "activeSignInUri": f"https://localhost{ECP_PATH}"}
        probed = probe(other.url, "--entra", tenant(tmp_path, site.signing[0], **ecp, metadataExchangeUri=None))
    finally:
        other.kind = "adfs"
    assert probed.code == 0, probed.text
    assert (probed.verdicts()["mex"], probed.verdicts()["ecp"]) == ("skipped", "fine")


def test_a_given_certificate_must_have_signed(probe, adfs, site, tmp_path):
    assert probe(adfs.url, "--signing-certificate", site.signing[0]).code == 0
    stranger = signing(tmp_path, "stranger")[0]
    probed = probe(adfs.url, "--signing-certificate", stranger)
    assert probed.names("refused") == {"certificate_not_registered"}


def test_the_configuration_says_who_signs(probe, proxy, adfs):
    adfs.token = {"issuer": "urn:another"}
    probed = probe(adfs.url, "-c", proxy.file, "--mex-path", "/adfs/services/trust/mex", "--ecp-path", ECP_PATH)
    assert "issuer" in probed.names("refused")


def test_a_password_is_sent_once_if_it_is_wrong(probe, adfs, other):
    probed = probe(adfs.url, "--compare", other.url, password=WRONG)
    assert probed.code == 1
    assert adfs.passwords == [("/adfs/services/trust/13/usernamemixed", WRONG)] and other.passwords == []
    assert probed.step("wstrust13")["failure"]["kind"] == "password_refused"
    assert "audit log" in probed.step("wstrust13")["failure"]["do"]
    assert "refused" in probed.step("ecp")["skipped"] and "refused" in probed.step("ecp", "other")["skipped"]


@pytest.mark.parametrize(
    "outage, kind",
    [
        ((500, sts_shapes.fault("a:InvalidSecurity", "An error occurred when verifying security.")), "fault"),
        ((503, sts_shapes.fault("a:RequestFailed", "The service is temporarily unavailable.", "s:Receiver")), "unavailable"),
    ],
    ids=["open_fault", "outage"],
)
def test_a_password_of_which_nobody_knows_what_became_is_sent_nowhere_else(probe, adfs, other, outage, kind):
    adfs.outage = outage
    probed = probe(adfs.url, "--compare", other.url)
    assert probed.code == 1 and probed.step("wstrust13")["failure"]["kind"] == kind
    assert len(adfs.passwords) == 1 and other.passwords == []
    for step in ("wstrust13", "wstrust2005", "ecp"):
        assert f"--url {other.url}" in probed.step(step, "other")["skipped"]
    assert "it is not sent here" in probed.document["withheld"]
    told = probe(adfs.url, "--compare", other.url, form=None).text
    assert "Nobody was signed in" in told and told.endswith("Sign-ins were not compared.\n")


def test_what_is_known_to_be_about_something_else_is_tried_on(probe, adfs, other):
    adfs.outage = 500, sts_shapes.fault("t:InvalidScope", "ID3082: The request scope is not valid or is unsupported.")
    probed = probe(adfs.url, "--compare", other.url)
    assert len(adfs.passwords) == 3 and len(other.passwords) == 3, probed.text


def test_a_wrong_password_of_ecp_is_one(probe, other):
    other.kind = "none"
    try:
        probed = probe(other.url, password=WRONG)
    finally:
        other.kind = "adfs"
    assert probed.step("ecp")["failure"]["kind"] == "password_refused" and len(other.passwords) == 1


@pytest.mark.parametrize(
    "outage",
    [
        (503, sts_shapes.fault("a:RequestFailed", "The service is temporarily unavailable.", "s:Receiver")),
        (502, "<html><body>Bad gateway</body></html>"),
    ],
    ids=["fault", "page"],
)
def test_an_outage_is_no_wrong_password(probe, adfs, outage):
    adfs.outage = outage
    probed = probe(adfs.url)
    failure = probed.step("wstrust13")["failure"]
    assert failure["kind"] == "unavailable" and "nothing is said about the password" in failure["do"]
    assert len(adfs.passwords) == 1


def test_what_is_unreachable_is_told(probe):
    probed = probe(f"https://localhost:{free_port()}")
    assert probed.step("tls")["failure"]["kind"] == "unreachable"
    assert set(probed.verdicts().values()) == {"failed", "skipped"} and probed.code == 1


def test_without_trust_nothing_is_sent(probe, adfs):
    probed = probe(adfs.url, ca=False)
    assert probed.step("tls")["failure"]["kind"] == "tls" and probed.code == 1
    assert "--ca-file" in probed.step("tls")["failure"]["do"]
    assert adfs.passwords == []


def test_another_name_is_told(probe, adfs):
    probed = probe(f"https://sts.example.com:{adfs.port}", "--connect-to", "127.0.0.1")
    assert "ostname mismatch" in probed.step("tls")["failure"]["what"]
    # It leads to the CA that was given, whomever it is for.
    assert probed.step("tls")["facts"]["trust"].endswith(", of --ca-file")
    assert "(localhost" in probed.step("tls")["failure"]["do"]
    assert adfs.passwords == []


def test_another_ca_than_the_servers_is_told_by_name(probe, adfs, tmp_path):
    other = signing(tmp_path, "other-ca")[0]
    failure = probe(adfs.url, "--ca-file", other, ca=False).step("tls")["failure"]
    assert "--ca-file has other-ca: name the certificate of " in failure["do"] and "ends at " in failure["do"], failure


def test_what_is_no_sts_is_told_once(probe, other):
    other.mex = "not xml"
    probed = probe(other.url, "--mex-path", "/adfs/services/trust/mex")
    what = probed.step("mex")["failure"]["what"]
    assert what.count("is this an STS?") == 1 and "byte" not in what, what


def test_a_wrong_address_of_the_tenants_is_told_and_the_rest_compared(probe, adfs, other, site, tmp_path):
    wrong = tenant(tmp_path, signing(tmp_path, "stranger")[0], metadataExchangeUri="https://localhost/nowhere/mex")
    probed = probe(adfs.url, "--entra", wrong)
    assert probed.names("refused") == {"mex_tenants_address", "certificate_not_registered"}, probed.text
    (finding,) = [each for each in probed.document["server"]["findings"] if each["name"] == "mex_tenants_address"]
    assert "https://localhost/nowhere/mex" in finding["what"] and "fedfront entra diff" in finding["do"]
    other.kind, other.ecp, other.outage = "none", False, (404, "")
    try:
        told = probe(other.url, "--entra", wrong, form=None).text
    finally:
        other.kind, other.ecp = "adfs", True
    assert "is the tenant's metadataExchangeUri" in told and "fedfront entra diff" in told
    assert "Issuer and certificate were not compared with what the tenant has" in told


def test_what_is_found_in_each_step_is_told_once(probe, adfs):
    guid = "2848cfc7-f691-4af2-a550-c024bcbf0c6e"
    adfs.token, adfs.ecp_token = {"immutable": guid, "name": guid}, {"name": guid}
    told = probe(adfs.url, form=None).text
    assert told.count("is a GUID as text") == 1 and "WS-Trust 1.3, WS-Trust 2005/02, SAML ECP: the ImmutableID" in told, told
    assert "entryUUID" in told and "directory.upstream, set attributes.immutable_id_encoding" in told


def test_what_speaks_no_tls_is_told(probe, nginx):
    probed = probe(nginx.url.replace("http:", "https:").replace("127.0.0.1", "localhost"))
    assert probed.step("tls")["failure"]["kind"] == "tls"


def test_the_password_goes_to_the_named_server_alone(probe, adfs, other):
    adfs.base = other.url
    probed = probe(adfs.url)
    assert "mex_other_origin" in probed.names("warning")
    assert len(adfs.passwords) == 3 and other.passwords == []


@pytest.mark.parametrize(
    "mex, name",
    [
        (lambda url: mex_shapes.definitions(url.replace("https:", "http:")), "mex_plain_http"),
        (lambda url: mex_shapes.definitions(url, [each for each in mex_shapes.ADFS if each[3] == TRUST13]), "mex_no_200502"),
        (lambda url: mex_shapes.definitions(url, [each for each in mex_shapes.ADFS if each[3] == TRUST2005]), "mex_no_13"),
        (lambda url: mex_shapes.enveloped(mex_shapes.definitions(url)), "mex_enveloped"),
    ],
    ids=["plain_http", "only_13", "only_2005", "enveloped"],
)
def test_what_clients_miss_in_mex_is_told(probe, adfs, mex, name):
    adfs.mex = mex(adfs.url)
    probed = probe(adfs.url)
    assert probed.names("refused") == {name} and probed.code == 1, probed.text
    assert all(step in ("fine", "skipped") for step in probed.verdicts().values())


def test_a_server_without_mex_fails(probe, other):
    other.kind, other.ecp = "none", False
    try:
        probed = probe(other.url)
    finally:
        other.kind, other.ecp = "adfs", True
    assert probed.step("mex")["failure"]["kind"] == "not_there" and "--mex-path" in probed.step("mex")["failure"]["do"]
    assert probed.code == 1


def test_two_servers_that_do_the_same_do_not_differ(probe, adfs, other):
    probed = probe(adfs.url, "--compare", other.url)
    assert probed.code == 0, probed.text
    assert probed.document["differences"] == []
    told = probe(adfs.url, "--compare", other.url, form=None)
    assert "They differ in nothing that matters." in told.text


def test_differences_that_matter_are_a_failure(probe, adfs, other):
    other.token = {"issuer": "http://example.com/adfs/services/trust", "algorithm": "sha1"}
    probed = probe(adfs.url, "--compare", other.url)
    assert probed.code == 1
    found = {(d["step"], d["name"], d["matters"]) for d in probed.document["differences"]}
    assert found == {
        (step, name, name == "issuer")
        for step in ("wstrust13", "wstrust2005")
        for name in ("issuer", "signature_algorithm", "digest_algorithm")
    }


def test_differences_worth_knowing_are_none(probe, adfs, other):
    other.token = {"algorithm": "sha1", "minutes": 30}
    probed = probe(adfs.url, "--compare", other.url)
    assert probed.code == 0 and not any(difference["matters"] for difference in probed.document["differences"])


def test_fedfront_is_compared_with_wso2(probe, proxy, wso2):
    probed = probe(proxy.url, "--compare", wso2.url, form=None)
    assert probed.code == 1
    assert f"The same at {wso2.url}" in probed.text
    for difference in ("token_type", "name_identifier", "SAML ECP: verdict"):
        assert difference in probed.text


def test_a_terminal_does_not_show_the_password(site, adfs, binary_built):
    ours, theirs = pty.openpty()
    argv = [fedfront.binary(), "probe", "--url", adfs.url, "--user", ALICE.upn, "--ca-file", site.ca]
    running = subprocess.Popen(list(map(str, argv)), stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(ours, 1024)
    assert not termios.tcgetattr(theirs)[3] & termios.ECHO, "what is typed would be shown"
    os.write(ours, ALICE.password.encode() + b"\n")
    output, _ = running.communicate(timeout=60)
    shown += os.read(ours, 4096)
    assert running.returncode == 0, output
    assert termios.tcgetattr(theirs)[3] & termios.ECHO, "the terminal is as it was"
    assert ALICE.password.encode() not in shown + output
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    "url, options, said",
    [
        ("http://localhost", (), "https only"),
        ("https://localhost/mex", (), "alone"),
        ("https://localhost", ("--entra", "/nowhere.json"), "/nowhere.json"),
        ("https://localhost", ("--signing-certificate", "/nowhere.crt"), "/nowhere.crt"),
        ("https://localhost", ("--password-file", "/nowhere"), "/nowhere"),
        ("https://localhost", ("--compare", "http://localhost"), "--compare"),
    ],
)
def test_what_cannot_be_asked_is_usage(probe, url, options, said):
    probed = probe(url, *options)
    assert probed.code == 64 and said in probed.errors, probed.errors


def test_a_wrong_configuration_is_one(probe, tmp_path):
    file = tmp_path / "proxy.yaml"
    file.write_text("nonsense: 1\n")
    assert probe("https://localhost", "-c", file).code == 78


def test_an_empty_password_is_not_sent(probe, adfs):
    argv = [fedfront.binary(), "probe", "--url", adfs.url, "--user", ALICE.upn]
    ended = subprocess.run(list(map(str, argv)), input="\n", capture_output=True, text=True, timeout=60)
    assert ended.returncode == 64 and "empty" in ended.stderr and adfs.passwords == []


def test_for_another_party_entras_rules_do_not_count(probe, adfs):
    adfs.token = {"name": "alice", "name_format": None, "upn": None, "immutable": None, "audience": "urn:app"}
    adfs.trust = {TRUST2005: {"token_type": f"{PROFILE}#SAMLV1.1"}}
    adfs.ecp_token = {"audience": "urn:app"}
    probed = probe(adfs.url, "--party", "urn:app")
    assert probed.code == 0, probed.text


def test_the_keys_of_the_document_are_in_the_help(binary_built):
    told = subprocess.run([fedfront.binary(), "probe", "--help"], capture_output=True, text=True).stdout
    for keys in KEYS.values():
        for key in keys - {"version"}:
            assert key in told, key
