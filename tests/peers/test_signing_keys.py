"""Signing keys of every kind that is taken, from files: what they sign others verify, and what does not fit is said."""

import functools

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import parties
from support import certificates, ecp, holder, judge
from support.fedfront import binary, configuration, ldap, write
from support.operations import validate, whole
from support.people import ALICE
from support.process import Process
from support.rst import PATH13, PATH2005, SAML1, SAML2, TRUST13, sign_in, token

METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
APP = {"name": "app", "applies_to": ["urn:app"]}
KINDS = {
    "rsa-3072": ({"bits": 3072}, "RSA_SHA256"),
    "rsa-4096": ({"bits": 4096}, "RSA_SHA256"),
    "p-256": ({"curve": ec.SECP256R1()}, "ECDSA_SHA256"),
    "p-384": ({"curve": ec.SECP384R1()}, "ECDSA_SHA384"),
    "p-521": ({"curve": ec.SECP521R1()}, "ECDSA_SHA512"),
}
PHRASE = "canary-phrase-é"


def encrypted(pair, form=serialization.PrivateFormat.PKCS8):
    """The pair with its key encrypted, and the file of its pass phrase."""
    key = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(PHRASE.encode()))
    pair[1].write_bytes(pem)
    phrase = pair[1].with_suffix(".phrase")
    phrase.write_text(PHRASE + "\n")
    phrase.chmod(0o600)
    return {
        "certificate_file": str(pair[0]),
        "private_key_file": str(pair[1]),
        "private_key_password_file": str(phrase),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_kind_of_key_signs_others_verify(launch, slapd, nginx, sp, tmp_path, kind):
    made, algorithm = KINDS[kind]
    pair = certificates.signing(tmp_path, "signing", **made)
    signing = encrypted(pair)
    proxy = launch(ldap(slapd), nginx.url, relying_parties=[APP, parties(sp)[1]], issuer={"signing": signing})
    signed = functools.partial(judge.assert_signed, algorithm=algorithm)
    # ECDSA's numbers begin with a zero octet now and then.
    for _ in range(1 if kind.startswith("rsa") else 12):
        for path, saml, name in ((PATH2005, SAML1, "AssertionID"), (PATH13, SAML2, "ID")):
            issued = token(sign_in(proxy, ALICE, path, applies_to="urn:app", token_type=saml))
            signed(issued.assertion_bytes, pair[0], name, "Assertion", saml)
    assert validate(proxy, ALICE, whole(issued)) == (True, "The token is valid.")
    answer = ecp.Answer(ecp.send(proxy, ecp.of_sp(sp), (ALICE.upn, ALICE.password)))
    signed(answer.content, pair[0], "ID", "Assertion", SAML2)
    published = proxy.get("/oamfed/idp/metadata").content
    signed(published, pair[0], "ID", "EntityDescriptor", METADATA)
    judge.assert_valid(published)
    assert PHRASE not in proxy.output()


def test_a_traditional_encrypted_key_opens_too(launch, slapd, nginx, tmp_path):
    pair = certificates.signing(tmp_path, "signing")
    signing = encrypted(pair, serialization.PrivateFormat.TraditionalOpenSSL)
    proxy = launch(ldap(slapd), nginx.url, issuer={"signing": signing})
    issued = token(sign_in(proxy, ALICE))
    judge.assert_signed(issued.assertion_bytes, pair[0], "AssertionID", "Assertion", SAML1)


def check(tmp_path, site, slapd, nginx, signing, partners):
    """`fedfront check`: exit code and what it says."""
    file = tmp_path / "proxy.yaml"
    issuer = {"signing": signing}
    write(file, configuration(8443, 9464, site, ldap(slapd), nginx.url, relying_parties=partners, issuer=issuer))
    command = Process("check", [binary(), "check", "-c", file])
    return command.wait(), command.output()


def test_what_does_not_fit_is_said(site, slapd, nginx, sp, tmp_path):
    curve = certificates.signing(tmp_path, "curve", curve=ec.SECP256R1())
    odd = certificates.signing(tmp_path, "odd", curve=ec.SECP256K1())
    short = certificates.signing(tmp_path, "short", bits=1024)
    ending = certificates.signing(tmp_path, "ending", days=20)
    hurry = certificates.signing(tmp_path, "hurry", days=6)
    locked = encrypted(certificates.signing(tmp_path, "locked"))
    wrong = tmp_path / "wrong.phrase"
    wrong.write_text("canary-guess\n")
    wrong.chmod(0o600)
    chain = tmp_path / "chain.pem"
    chain.write_text(site.authority.client("chained")[0].read_text() + site.ca.read_text())

    def files(pair, **more):
        return {"certificate_file": str(pair[0]), "private_key_file": str(pair[1]), **more}

    office = parties(sp)[:1]
    sha1 = [{**APP, "signature": "rsa-sha1"}]
    good = site.signing
    for signing, partners, expected, said in [
        (files(curve), office, 78, "relying_parties[0].name: is Office 365, which verifies RSA signatures only"),
        (files(good, next=files(curve)), office, 78, "and the next signing certificate has an elliptic curve key"),
        (files(curve), sha1, 78, "relying_parties[0].signature: is rsa-sha1, and the signing certificate has an"),
        (files(odd), [APP], 78, "issuer.signing.private_key_file: "),
        (files(odd), [APP], 78, "is a key of another elliptic curve"),
        (files(short), [APP], 78, "is an RSA key of 1024 bits; 2048 is the least"),
        ({**locked, "private_key_password_file": str(wrong)}, [APP], 78, "does not open with this pass phrase"),
        ({**locked, "private_key_password_file": None}, [APP], 78, "is encrypted with a pass phrase"),
        (files(good, previous=[str(short[0])]), [APP], 78, "issuer.signing.previous[0]: "),
        (files(good, previous=[str(chain)]), [APP], 78, "holds a certificate and the CA's that issued it"),
        (files(ending), [APP], 0, "the signing certificate ends at 20"),
        (files(ending), [APP], 0, "in 19 days"),
        (files(hurry), [APP], 0, "the signing certificate ends very soon: at 20"),
        (files(good, next=files(hurry)), [APP], 0, "issuer.signing.next.certificate_file: the next signing certificate"),
        (files(hurry, next=files(good)), office, 0, "the signing certificate ends very soon: at 20"),
    ]:
        status, output = check(tmp_path, site, slapd, nginx, signing, partners)
        assert status == expected and said in output, (said, output)
        assert "canary" not in output


def test_a_certificate_that_ends_is_in_the_log_from_the_start(launch, slapd, nginx, tmp_path):
    pair = certificates.signing(tmp_path, "signing", days=6)
    signing = {"certificate_file": str(pair[0]), "private_key_file": str(pair[1])}
    proxy = launch(ldap(slapd), nginx.url, issuer={"signing": signing})
    proxy.wait_for_line(r'"level":"WARN","message":"the certificate ends very soon: at 20.*"key":"issuer.signing"')


def test_a_message_of_a_key_of_a_curve_is_answered_by_one(launch, slapd, nginx, tmp_path):
    """KeyInfo of a token that is bound to the asker's key does not care for our own key's kind."""
    pair = certificates.signing(tmp_path, "signing", curve=ec.SECP384R1())
    signing = {"certificate_file": str(pair[0]), "private_key_file": str(pair[1])}
    proxy = launch(ldap(slapd), nginx.url, relying_parties=[APP], issuer={"signing": signing})
    use_key = holder.certificate_info(holder.der(pair))
    body = f'<wst:UseKey xmlns:wst="{TRUST13}">{use_key}</wst:UseKey>'
    issued = token(
        sign_in(proxy, ALICE, applies_to="urn:app", key_type=holder.key_type("PublicKey"), body_extra=body)
    )
    judge.assert_signed(issued.assertion_bytes, pair[0], "AssertionID", "Assertion", SAML1, "ECDSA_SHA384")
