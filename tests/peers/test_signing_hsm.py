"""Signing keys in a hardware security module, by PKCS#11: SoftHSM2."""

import concurrent.futures
import functools
import json

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import need, parties
from support import ecp, hsm, judge, waiting
from support.fedfront import binary, configuration, ldap, write
from support.people import ALICE
from support.process import Process
from support.rst import PATH13, SAML1, SAML2, sign_in, token

METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
KINDS = {
    2048: "RSA_SHA256",
    4096: "RSA_SHA256",
    ec.SECP256R1: "ECDSA_SHA256",
    ec.SECP384R1: "ECDSA_SHA384",
    ec.SECP521R1: "ECDSA_SHA512",
}
APP = {"name": "app", "applies_to": ["urn:app"]}


@pytest.fixture
def device(tmp_path):
    need("softhsm2-util", "pkcs11-tool", hsm.MODULE)
    folder = tmp_path / "hsm"
    folder.mkdir()
    return hsm.SoftHsm(folder)


def only(signing):
    """An issuer that signs by this alone."""
    return {"signing": {"private_key_file": None, **signing}}


@pytest.fixture
def signing(launch, slapd, nginx, sp, site, device):
    """A fedfront that signs by the device, and the certificate that it does so with."""
    certificate = device.pair(site.authority, "signing")
    issuer = only(device.section(certificate, "signing"))
    return launch(ldap(slapd), nginx.url, device.env, relying_parties=[APP, parties(sp)[1]], issuer=issuer), certificate


def check(device, file, *options):
    """`fedfront check`: exit code and what it says."""
    command = Process("check", [binary(), "check", "-c", file, *options], env=device.env)
    return command.wait(), command.output()


def told(proxy, message):
    """The lines of the log with that in their message, as objects."""
    lines = [json.loads(line) for line in list(proxy.stderr) if line.startswith("{")]
    return [line for line in lines if message in line.get("message", "")]


def app(proxy, path=PATH13, **fields):
    return sign_in(proxy, ALICE, path, applies_to="urn:app", **fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: getattr(kind, "name", kind))
def test_what_the_device_signs_others_verify(launch, slapd, nginx, sp, site, device, kind):
    certificate = device.pair(site.authority, "signing", kind)
    partners = [APP, parties(sp)[1]]
    proxy = launch(ldap(slapd), nginx.url, device.env, relying_parties=partners, issuer=only(device.section(certificate, "signing")))
    signed = functools.partial(judge.assert_signed, algorithm=KINDS[kind], authority=site.ca)
    for saml, name, identity in ((SAML1, "AssertionID", SAML1), (SAML2, "ID", SAML2)):
        issued = token(app(proxy, token_type=saml))
        signed(issued.assertion_bytes, certificate, name, "Assertion", identity)
    answer = ecp.Answer(ecp.send(proxy, ecp.of_sp(sp), (ALICE.upn, ALICE.password)))
    assert answer.statuses() == ["Success"]
    signed(answer.content, certificate, "ID", "Assertion", SAML2)
    published = proxy.get("/oamfed/idp/metadata").content
    signed(published, certificate, "ID", "EntityDescriptor", METADATA)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for issued in pool.map(lambda _: token(app(proxy)), range(16)):
            signed(issued.assertion_bytes, certificate, "AssertionID", "Assertion", SAML1)


def test_a_token_that_goes_is_an_outage_and_one_that_comes_back_signs(signing, sp, site, device):
    proxy, certificate = signing
    token(app(proxy))
    device.goes()
    outage = app(proxy)
    assert outage.status_code == 503 and outage.headers["Retry-After"] == "5", outage.text
    assert app(proxy).status_code == 503
    answer = ecp.send(proxy, ecp.of_sp(sp), (ALICE.upn, ALICE.password))
    assert (*ecp.fault(answer)[:2], answer.headers["Retry-After"]) == (500, "Server", "5")
    assert proxy.audit_of(answer.headers["X-Correlation-Id"])["result"] == "unavailable"
    (line,) = waiting.until(lambda: told(proxy, "the key does not sign"), "the log telling of it")
    assert line["level"] == "ERROR" and "has no token fedfront" in line["reason"], line
    record = proxy.audit_of(outage.headers["X-Correlation-Id"])
    assert record["result"] == "unavailable" and "has no token fedfront" in record["reason"], record
    assert proxy.get("/page").status_code == 200
    assert not proxy.reload()
    device.comes_back()
    issued = waiting.until(lambda: (answer := app(proxy)).status_code == 200 and token(answer), "a token")
    judge.assert_signed(issued.assertion_bytes, certificate, "AssertionID", "Assertion", SAML1, authority=site.ca)
    waiting.until(lambda: told(proxy, "the key signs again"), "the log telling of it")
    assert len(told(proxy, "the key does not sign")) <= 2
    assert proxy.reload()
    token(app(proxy))
    assert ecp.Answer(ecp.send(proxy, ecp.of_sp(sp), (ALICE.upn, ALICE.password))).statuses() == ["Success"]


def test_a_pin_is_never_sent_twice_wrongly(launch, slapd, nginx, site, device):
    need(hsm.SPY)
    certificate = device.pair(site.authority, "signing")
    spied = device.folder / "spied"
    env = {**device.env, "PKCS11SPY": hsm.MODULE, "PKCS11SPY_OUTPUT": str(spied)}

    def logins():
        return spied.read_text().count("C_Login")

    issuer = only(device.section(certificate, "signing", module=hsm.SPY))
    proxy = launch(ldap(slapd), nginx.url, env, relying_parties=[APP], issuer=issuer)
    token(app(proxy))
    assert logins() == 1
    device.write_pin("canary-pin-0815")
    for _ in range(3):
        assert not proxy.reload()
        assert logins() == 2
    (line, *_) = waiting.until(lambda: told(proxy, "refuses the PIN"), "the log telling of it")
    assert line["key"] == "issuer.signing.pkcs11.pin_file", line
    # What was in use goes on, with the PIN that it had.
    token(app(proxy))
    assert logins() == 3
    device.change_pin(hsm.PIN, "canary-pin-0816")
    device.write_pin("canary-pin-0816")
    assert proxy.reload()
    token(app(proxy))
    assert logins() == 4
    assert "canary-pin" not in proxy.output()


def test_what_is_wrong_is_said_plainly(launch, slapd, nginx, site, device, tmp_path):
    certificate = device.pair(site.authority, "signing")
    other = device.pair(site.authority, "other")
    for label in ("twice", "twice"):
        device.pair(site.authority, label, ec.SECP256R1)
    device.add_token("second")
    device.add_token("second")
    wrong = tmp_path / "wrong-pin"
    wrong.write_text("canary-pin-0000")
    wrong.chmod(0o600)
    cases = {
        "module": (dict(module=str(certificate)), "cannot be used as a PKCS#11 module"),
        "module ": (dict(module="/nowhere.so"), "/nowhere.so is not there"),
        "token ": (dict(token="second"), "has several tokens second"),
        "key": (dict(key="gone"), "has no private key gone in the token fedfront, but "),
        "key ": (dict(key="twice"), "has several private keys twice in the token fedfront"),
        "pin_file": (dict(pin_file=str(wrong)), "refuses the PIN for the token fedfront"),
    }
    file = tmp_path / "proxy.yaml"
    for field, (change, message) in cases.items():
        issuer = only(device.section(certificate, **{"key": "signing", **change}))
        write(file, configuration(8443, 9464, site, ldap(slapd), nginx.url, relying_parties=[APP], issuer=issuer))
        status, said = check(device, file)
        assert status == 78 and message in said, said
        assert f"issuer.signing.pkcs11.{field.strip()}: " in said and "canary-pin" not in said, said
    issuer = only(device.section(other, "signing"))
    write(file, configuration(8443, 9464, site, ldap(slapd), nginx.url, relying_parties=[APP], issuer=issuer))
    status, said = check(device, file)
    assert status == 78 and "holds no certificate of the key signing in the token fedfront" in said, said
    # It may come yet, and what is forwarded does not wait for it.
    issuer = only(device.section(certificate, "signing", token="third"))
    write(file, configuration(8443, 9464, site, ldap(slapd), nginx.url, relying_parties=[APP], issuer=issuer))
    status, said = check(device, file)
    assert status == 0 and ": fine, with " in said, said
    assert "warning: issuer.signing.pkcs11.token: " in said and "has no token third, but " in said, said


def verbose(proxy):
    answer = requests.get(proxy.admin + "/readyz?verbose", timeout=10)
    assert answer.status_code == 200
    return answer.text


def unavailable(proxy, sp):
    """Nothing is signed, and all else goes on."""
    outage = app(proxy)
    assert outage.status_code == 503 and outage.headers["Retry-After"] == "5", outage.text
    answer = ecp.send(proxy, ecp.of_sp(sp), (ALICE.upn, ALICE.password))
    assert (*ecp.fault(answer)[:2], answer.headers["Retry-After"]) == (500, "Server", "5")
    assert proxy.audit_of(outage.headers["X-Correlation-Id"])["result"] == "unavailable"
    assert proxy.get("/page").status_code == 200
    assert proxy.get("/mex").status_code == 200


@pytest.mark.parametrize("gone", ["token", "device"])
def test_a_token_that_is_away_at_the_start_keeps_only_tokens_waiting(launch, slapd, nginx, sp, site, device, gone):
    certificate = device.pair(site.authority, "signing")
    chain = device.folder / "chain.crt"
    chain.write_text(site.ca.read_text() + certificate.read_text())
    device.goes(entirely=gone == "device")
    # Without the folder of its tokens SoftHSM2 does not even initialise, as a module whose server is away.
    why = {"token": "has no token fedfront", "device": "Initialize answered "}[gone]
    issuer = only(device.section(chain, "signing"))
    proxy = launch(ldap(slapd), nginx.url, device.env, relying_parties=[APP, parties(sp)[1]], issuer=issuer)
    (line,) = waiting.until(lambda: told(proxy, "the key does not sign"), "the log telling of it")
    assert line["level"] == "ERROR" and line["key"] == "issuer.signing" and why in line["reason"], line
    unavailable(proxy, sp)
    assert proxy.get("/oamfed/idp/metadata").status_code == 503
    assert proxy.get("/oamfed/idp/cert").text == certificate.read_text()
    assert f"[i] signing: not now: {hsm.MODULE} " in verbose(proxy) and why in verbose(proxy)
    waiting.until(lambda: proxy.metric("signing_unavailable", slot="current") == 1, "the metric telling of it")
    status, said = check(device, proxy.file)
    assert status == 0 and "warning: issuer.signing.pkcs11." in said and why in said, said
    status, said = check(device, proxy.file, "--online")
    assert status == 1 and f"failed   issuer.signing: {hsm.MODULE} " in said and why in said, said
    assert not proxy.reload()
    unavailable(proxy, sp)
    device.comes_back()
    # By itself, whether anybody asks for tokens or not.
    waiting.until(lambda: proxy.metric("signing_unavailable", slot="current") == 0, "the metric telling that it is back")
    waiting.until(lambda: told(proxy, "the key signs again"), "the log telling of it")
    waiting.until(lambda: proxy.get("/oamfed/idp/metadata").status_code == 200, "the metadata")
    judge.assert_signed(proxy.get("/oamfed/idp/metadata").content, certificate, "ID", "EntityDescriptor", METADATA, authority=site.ca)
    judge.assert_signed(token(app(proxy)).assertion_bytes, certificate, "AssertionID", "Assertion", SAML1, authority=site.ca)
    assert "[i] signing: by signing, SHA-256 " in verbose(proxy)
    assert proxy.reload()
    token(app(proxy))


def test_a_key_that_comes_back_as_another_signs_nothing(launch, slapd, nginx, sp, site, device):
    device.pair(site.authority, "signing")
    other = device.pair(site.authority, "other")
    device.goes()
    issuer = only(device.section(other, "signing"))
    proxy = launch(ldap(slapd), nginx.url, device.env, relying_parties=[APP, parties(sp)[1]], issuer=issuer)
    device.comes_back()
    waiting.until(lambda: "has another key signing in the token fedfront than the certificate's" in verbose(proxy), "the probe telling of it")
    waiting.until(lambda: [line for line in told(proxy, "the key does not sign") if "has another key" in line["reason"]], "the log")
    unavailable(proxy, sp)
    assert proxy.get("/oamfed/idp/metadata").status_code == 503


def test_of_two_certificates_only_the_token_tells_which_is_its_keys(launch, slapd, nginx, site, device, tmp_path):
    both = device.folder / "both.crt"
    both.write_text("".join(device.pair(site.authority, name).read_text() for name in ("other", "signing")))
    file = tmp_path / "proxy.yaml"
    issuer = only(device.section(both, "signing"))
    write(file, configuration(8443, 9464, site, ldap(slapd), nginx.url, relying_parties=[APP], issuer=issuer))
    assert check(device, file)[0] == 0
    device.goes()
    status, said = check(device, file)
    assert status == 78 and "issuer.signing.certificate_file: " in said, said
    assert "holds several certificates" in said and "has no token fedfront" in said, said


def test_the_process_ends_as_it_should(signing):
    proxy, _ = signing
    token(app(proxy))
    assert proxy.stop() == 0, proxy.output()
