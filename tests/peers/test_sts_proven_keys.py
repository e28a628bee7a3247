"""WS-Trust: a public key that the message proves, by a signature that xmlsec1 made, and no other beside it."""

import base64
from xml.sax.saxutils import escape

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from support import certificates, holder, judge
from support.fedfront import ldap
from support.people import ALICE
from support.rst import PATH13, PATH2005, SAML1, SAML2, TRUST13, TRUST2005, WSU, fault, send, token
from support.signed import ECDSA_SHA256, Signed

VERSIONS = pytest.mark.parametrize("path, trust", [(PATH13, TRUST13), (PATH2005, TRUST2005)])
TOKENS = pytest.mark.parametrize("saml, id_name", [(SAML1, "AssertionID"), (SAML2, "ID")])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Certifies users."""
    return certificates.Authority(tmp_path_factory.mktemp("client-ca"), "users")


@pytest.fixture(scope="module")
def alice(authority):
    return authority.client("Alice Liddell", upn=ALICE.upn)


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A certificate that nobody vouches for, whatever it says of its owner."""
    return certificates.signing(tmp_path_factory.mktemp("strange"), "admin")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The relying party's."""
    return certificates.signing(tmp_path_factory.mktemp("party"), "party")


@pytest.fixture(scope="module")
def issuer(launch_shared, slapd, nginx, authority, pair):
    process = launch_shared(
        ldap(slapd),
        nginx.url,
        credentials={"certificate": {"ca_file": str(authority.file)}},
        relying_parties=[{"name": "app", "applies_to": ["urn:app"], "certificate_file": str(pair[0])}],
    )
    yield process
    process.finish()


def ask(issuer, signer, path=PATH13, password=False, extra="", key_type="PublicKey", saml=None, **fields):
    """Alice's request, signed by `signer`; with her password, or with that alone."""
    trust = TRUST2005 if "/2005/" in path else TRUST13
    rst = {"trust": trust, "applies_to": "urn:app", "key_type": f"{trust}/{key_type}", "body_extra": extra}
    if password:
        fields["username_token"] = (
            f'<o:UsernameToken u:Id="_ut" xmlns:u="{WSU}"><o:Username>{ALICE.upn}</o:Username>'
            f"<o:Password>{escape(ALICE.password)}</o:Password></o:UsernameToken>"
        )
    signed = Signed(signer, issuer.url + path, rst={**rst, "token_type": saml}, **fields)
    return send(issuer, signed.text(), path)


def use_key(pair, attributes=""):
    return f"<w:UseKey{attributes}>{holder.certificate_info(holder.der(pair))}</w:UseKey>"


def held(answer):
    """The one KeyInfo's content that every confirmation of the token has."""
    infos = {b"".join(part for part in map(holder.etree.tostring, info)) for _, info in holder.confirmations(answer.assertion)}
    (info,) = infos
    return holder.etree.fromstring(info)


def certificate_in(answer):
    return base64.b64decode(held(answer)[0].text)


@VERSIONS
@TOKENS
def test_who_signs_by_a_certificate_holds_its_key(issuer, site, alice, path, trust, saml, id_name):
    answer = token(ask(issuer, alice, path, saml=saml))
    judge.assert_valid(answer.assertion_bytes)
    judge.assert_signed(answer.content, site.signing[0], id_name, "Assertion", saml)
    assert certificate_in(answer) == holder.der(alice)
    assert answer.document.find(".//{*}KeyType").text == f"{trust}/PublicKey"


def test_another_kind_of_key_is_told_by_its_certificate(issuer, authority):
    curve = authority.client("Alice", upn=ALICE.upn, key=ec.generate_private_key(ec.SECP256R1()))
    assert certificate_in(token(ask(issuer, curve, algorithm=ECDSA_SHA256))) == holder.der(curve)


@pytest.mark.parametrize("attributes", ["", ' Sig="#_sig"'])
def test_a_use_key_that_signed_is_taken(issuer, alice, strange, attributes):
    assert certificate_in(token(ask(issuer, alice, extra=use_key(alice, attributes)))) == holder.der(alice)
    answer = token(ask(issuer, strange, password=True, extra=use_key(strange, attributes)))
    assert certificate_in(answer) == holder.der(strange)


@pytest.mark.parametrize("inner", [holder.reference("_bst"), holder.key_info(holder.reference("_bst"))])
def test_a_use_key_may_refer_to_the_token_that_signed(issuer, strange, inner):
    answer = token(ask(issuer, strange, password=True, extra=f"<w:UseKey>{inner}</w:UseKey>"))
    assert certificate_in(answer) == holder.der(strange)


@pytest.mark.parametrize("attributes", ["", ' Sig="#_sig"'])
def test_a_use_key_that_did_not_sign_is_refused(issuer, alice, strange, pair, attributes):
    for answer in (
        ask(issuer, alice, extra=use_key(strange, attributes)),
        ask(issuer, alice, extra=use_key(pair, attributes)),
        ask(issuer, strange, password=True, extra=use_key(alice, attributes)),
    ):
        _, subcode, _, reason = fault(answer)
        assert subcode == "AuthenticationBadElements" and "signs the message" in reason


def test_what_a_strange_certificate_says_is_not_passed_on(issuer, strange):
    """Its key is proved, its names are not."""
    answer = token(ask(issuer, strange, password=True))
    numbers = holder.load(strange)[1].public_key().public_numbers()
    (value,) = held(answer)
    assert [int.from_bytes(base64.b64decode(number.text), "big") for number in value] == [numbers.n, numbers.e]
    assert holder.b64(holder.der(strange)).encode() not in answer.assertion_bytes


def test_who_signs_may_share_a_key_as_well(issuer, alice, pair):
    answer = token(ask(issuer, alice, key_type="SymmetricKey"))
    secret = base64.b64decode(answer.document.find(".//{*}RequestedProofToken/{*}BinarySecret").text)
    assert holder.unwrap(held(answer), pair) == secret
