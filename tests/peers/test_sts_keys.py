"""WS-Trust: tokens bound to keys, and encrypted tokens. Relying parties and clients are Python's cryptography and xmlsec1."""

import base64
import os
import subprocess

import pytest
from lxml import etree

from support import certificates, fedfront, holder, judge, operations
from support.fedfront import ldap
from support.operations import as_answered, ask
from support.people import ALICE, WRONG
from support.rst import (
    PATH13,
    PATH2005,
    SAML1,
    SAML2,
    TRUST13,
    TRUST2005,
    Rst,
    fault,
    send,
    sign_in,
    token,
)

VERSIONS = pytest.mark.parametrize("path, trust", [(PATH13, TRUST13), (PATH2005, TRUST2005)])
TOKENS = pytest.mark.parametrize("saml, id_name", [(SAML1, "AssertionID"), (SAML2, "ID")])
ALGORITHMS = {
    "aes256-gcm": "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "aes128-gcm": "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "aes256-cbc": "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "aes128-cbc": "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
}
UPN = "http://schemas.xmlsoap.org/claims/UPN"
KEYED, BARE = "urn:keyed", "urn:bare"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The relying parties' certificate and key."""
    return certificates.signing(tmp_path_factory.mktemp("party"), "party")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A certificate and key of the client's."""
    return certificates.signing(tmp_path_factory.mktemp("client"), "client")


@pytest.fixture(scope="module")
def issuer(launch_shared, slapd, nginx, pair):
    """A fedfront with a party for each way to encrypt, one that is only shared keys with, and one without a certificate."""

    def party(name, **more):
        return {"name": name, "applies_to": [f"urn:{name}"], "attributes": [{"name": UPN, "from": "upn"}], **more}

    certificate = {"certificate_file": str(pair[0])}
    parties = [party(name, encryption=name, **certificate) for name in ALGORITHMS]
    parties += [party("keyed", **certificate), party("bare")]
    process = launch_shared(ldap(slapd), nginx.url, relying_parties=parties)
    yield process
    process.finish()


def issued(issuer, path, **fields):
    return token(sign_in(issuer, ALICE, path, **fields))


def only(document, name):
    """The one element of this local name, or None."""
    found = document.findall(f".//{{*}}{name}")
    assert len(found) <= 1, name
    return found[0] if found else None


# Encrypted tokens.


@TOKENS
@pytest.mark.parametrize("name", ALGORITHMS)
def test_xmlsec1_decrypts_what_verifies_then(issuer, site, pair, own, name, saml, id_name):
    answer = issued(issuer, PATH13, applies_to=f"urn:{name}", token_type=saml)
    assert ALICE.upn.encode() not in answer.content
    wrapper = f"{{{holder.XENC}}}EncryptedData" if saml == SAML1 else f"{{{SAML2}}}EncryptedAssertion"
    assert answer.assertion.tag == wrapper
    judge.assert_valid(answer.assertion_bytes)
    (data,) = answer.assertion.xpath("descendant-or-self::xenc:EncryptedData", namespaces=holder.NS)
    assert data.get("Type") == f"{holder.XENC}Element"
    assert data.xpath("xenc:EncryptionMethod/@Algorithm", namespaces=holder.NS) == [ALGORITHMS[name]]
    content_key = holder.unwrap(data.xpath("ds:KeyInfo/xenc:EncryptedKey", namespaces=holder.NS)[0], pair)
    assert len(content_key) * 8 == (128 if "128" in name else 256)

    assert holder.decrypt(answer.assertion_bytes, own[1]) is None
    decrypted = holder.decrypt(answer.assertion_bytes, pair[1])
    assert decrypted, "xmlsec1 cannot decrypt it"
    judge.assert_signed(decrypted, site.signing[0], id_name, "Assertion", saml)
    assertion = holder.plain(decrypted)
    judge.assert_valid(assertion)
    assert ALICE.upn in "".join(assertion.itertext())
    # What refers to the token still does, once it is decrypted.
    references = answer.document.findall(".//{*}KeyIdentifier[@ValueType]")
    named = [reference.text for reference in references if "SAML" in reference.get("ValueType")]
    assert named == [assertion.get(id_name)] * 2
    assert answer.document.find(".//{*}TokenType").text == saml or "#SAMLV" in answer.document.find(".//{*}TokenType").text


@pytest.mark.parametrize("name", ["aes256-gcm", "aes128-gcm"])
def test_a_changed_cipher_text_is_noticed_under_gcm(issuer, pair, name):
    answer = issued(issuer, PATH13, applies_to=f"urn:{name}")
    value = answer.assertion.findall(".//{*}CipherValue")[-1]
    octets = bytearray(base64.b64decode(value.text))
    octets[len(octets) // 2] ^= 1
    value.text = base64.b64encode(octets).decode()
    assert holder.decrypt(etree.tostring(answer.assertion), pair[1]) is None


def test_no_two_tokens_share_a_key_or_an_initialisation_vector(issuer, pair):
    seen = set()
    for _ in range(4):
        data = issued(issuer, PATH13, applies_to="urn:aes256-gcm").assertion
        seen.add(holder.unwrap(data.find(".//{*}EncryptedKey"), pair))
        seen.add(base64.b64decode(data.findall(".//{*}CipherValue")[-1].text)[:12])
    assert len(seen) == 8


def test_a_party_that_wants_no_encryption_gets_none(issuer, site):
    answer = issued(issuer, PATH13, applies_to=KEYED)
    assert answer.assertion.tag == f"{{{SAML1}}}Assertion"
    judge.assert_signed(answer.content, site.signing[0], "AssertionID", "Assertion", SAML1)


# Keys that asker and relying party share.


def shared_key(answer, trust, ours=None):
    """The key as the client comes to know it, from the answer alone and its own entropy."""
    namespaces = {"w": trust}
    bits = int(only(answer.document, "KeySize").text)
    (response,) = answer.document.iter(f"{{{trust}}}RequestSecurityTokenResponse")
    assert only(answer.document, "KeyType").text == f"{trust}/SymmetricKey"
    proof = response.find("w:RequestedProofToken", namespaces)
    if proof is None:
        assert response.find("w:Entropy", namespaces) is None
        return ours, bits
    assert len(proof) == 1
    secret = proof.find("w:BinarySecret", namespaces)
    if secret is not None:
        assert secret.get("Type") == f"{trust}/SymmetricKey"
        assert response.find("w:Entropy", namespaces) is None
        return base64.b64decode(secret.text), bits
    assert proof.find("w:ComputedKey", namespaces).text == f"{trust}/CK/PSHA1"
    theirs = response.find("w:Entropy/w:BinarySecret", namespaces)
    assert theirs.get("Type") == f"{trust}/Nonce"
    return holder.p_sha1(ours, base64.b64decode(theirs.text), bits // 8), bits


def bound_key(assertion, pair, saml):
    """The key as the relying party comes to know it: the same in every confirmation."""
    version = "1.0" if saml == SAML1 else "2.0"
    keys = set()
    for method, info in holder.confirmations(assertion):
        assert method == f"urn:oasis:names:tc:SAML:{version}:cm:holder-of-key"
        keys.add(holder.unwrap(info[0], pair))
    (key,) = keys
    return key


FORMS = {
    "server's": (None, None),
    "combined": (os.urandom(32), "Nonce"),
    "client's": (os.urandom(32), "SymmetricKey"),
    "client's by default": (os.urandom(32), None),
}


@VERSIONS
@TOKENS
@pytest.mark.parametrize("octets, kind", FORMS.values(), ids=FORMS.keys())
def test_asker_and_party_know_the_same_key(issuer, site, pair, path, trust, saml, id_name, octets, kind):
    extra = holder.entropy(octets, kind, trust) if octets else ""
    fields = {"applies_to": KEYED, "token_type": saml, "key_type": f"{trust}/SymmetricKey", "body_extra": extra}
    answer = issued(issuer, path, **fields)
    judge.assert_valid(answer.assertion_bytes)
    judge.assert_signed(answer.content, site.signing[0], id_name, "Assertion", saml)
    known, bits = shared_key(answer, trust, octets)
    assert bits == 256 and len(known) == 32
    assert bound_key(answer.assertion, pair, saml) == known
    if kind == "Nonce" or not octets:
        again, _ = shared_key(issued(issuer, path, **fields), trust, octets)
        assert again != known


@pytest.mark.parametrize("bits", [128, 192, 256, 512])
@pytest.mark.parametrize("octets", [None, os.urandom(16), os.urandom(64)], ids=["server's", "short", "long"])
def test_a_shared_key_is_as_long_as_asked_for(issuer, pair, bits, octets):
    extra = f"<w:KeySize>{bits}</w:KeySize>"
    if octets:
        extra += holder.entropy(octets) + f"<w:ComputedKeyAlgorithm>{TRUST13}/CK/PSHA1</w:ComputedKeyAlgorithm>"
    answer = issued(issuer, PATH13, applies_to=KEYED, key_type=f"{TRUST13}/SymmetricKey", body_extra=extra)
    known, said = shared_key(answer, TRUST13, octets)
    assert said == bits == len(known) * 8
    assert bound_key(answer.assertion, pair, SAML1) == known


@VERSIONS
def test_all_that_wcf_says_of_keys(issuer, pair, path, trust):
    """WCF's WSTrustChannel and CXF name algorithms besides; how a token is encrypted stays the operator's choice."""
    octets = os.urandom(32)
    extra = "<w:KeySize>256</w:KeySize>" + holder.entropy(octets, "Nonce", trust).replace(
        "<w:BinarySecret", '<w:BinarySecret u:Id="uuid-1"'
    )
    for name, algorithm in {
        "KeyWrapAlgorithm": "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
        "EncryptWith": "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        "SignWith": "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "CanonicalizationAlgorithm": "http://www.w3.org/2001/10/xml-exc-c14n#",
        "EncryptionAlgorithm": "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        "ComputedKeyAlgorithm": f"{trust}/CK/PSHA1",
    }.items():
        extra += f"<w:{name}>{algorithm}</w:{name}>"
    answer = issued(issuer, path, applies_to=KEYED, key_type=f"{trust}/SymmetricKey", body_extra=extra)
    known, bits = shared_key(answer, trust, octets)
    assert bits == 256
    assert bound_key(answer.assertion, pair, SAML1) == known


@TOKENS
def test_what_wcf_asks_for_as_secondary_parameters(issuer, pair, saml, id_name):
    """WCF repeats the relying party's policy there, and CXF says it nowhere else."""
    secondary = (
        f"<w:SecondaryParameters><w:KeyType>{TRUST13}/SymmetricKey</w:KeyType><w:KeySize>128</w:KeySize>"
        "<w:EncryptWith>http://www.w3.org/2001/04/xmlenc#aes128-cbc</w:EncryptWith></w:SecondaryParameters>"
    )
    answer = issued(issuer, PATH13, applies_to=KEYED, token_type=saml, key_type=None, body_extra=secondary)
    known, bits = shared_key(answer, TRUST13)
    assert bits == 128
    assert bound_key(answer.assertion, pair, saml) == known


@TOKENS
def test_an_encrypted_token_can_hold_a_key(issuer, site, pair, saml, id_name):
    answer = issued(
        issuer, PATH13, applies_to="urn:aes256-gcm", token_type=saml, key_type=f"{TRUST13}/SymmetricKey"
    )
    decrypted = holder.decrypt(answer.assertion_bytes, pair[1])
    judge.assert_signed(decrypted, site.signing[0], id_name, "Assertion", saml)
    known, _ = shared_key(answer, TRUST13)
    assert bound_key(holder.plain(decrypted), pair, saml) == known


def test_secrets_are_told_to_the_asker_alone(issuer):
    """Neither the key nor the client's entropy is in a log line."""
    octets = os.urandom(32)
    answer = issued(
        issuer,
        PATH13,
        applies_to=KEYED,
        key_type=f"{TRUST13}/SymmetricKey",
        body_extra=holder.entropy(octets, "SymmetricKey"),
    )
    assert answer.document.find(".//{*}BinarySecret") is None
    assert holder.b64(octets).encode() not in answer.content
    assert holder.b64(octets) not in issuer.output()


# The asker's own keys.


@VERSIONS
@TOKENS
@pytest.mark.parametrize("form", ["certificate", "key value", "token"])
def test_a_public_key_is_in_the_token(issuer, site, own, path, trust, saml, id_name, form):
    certificate, key = holder.load(own)
    inner = {
        "certificate": holder.certificate_info(holder.der(own)),
        "key value": holder.rsa_info(key.public_key()),
        "token": holder.binary_token(holder.der(own)),
    }[form]
    # No certificate of the party is needed.
    rst = Rst(
        user=ALICE.upn,
        password=ALICE.password,
        trust=trust,
        applies_to=BARE,
        token_type=saml,
        key_type=f"{trust}/PublicKey",
        body_extra=f"<w:KeySize>2048</w:KeySize><w:UseKey>{inner}</w:UseKey>",
    )
    answer = token(send(issuer, rst, path))
    judge.assert_valid(answer.assertion_bytes)
    judge.assert_signed(answer.content, site.signing[0], id_name, "Assertion", saml)
    assert only(answer.document, "KeyType").text == f"{trust}/PublicKey"
    for absent in ("RequestedProofToken", "Entropy", "KeySize"):
        assert only(answer.document, absent) is None
    confirmations = holder.confirmations(answer.assertion)
    assert confirmations
    for method, info in confirmations:
        assert method.endswith(":cm:holder-of-key")
        if form == "key value":
            numbers = key.public_key().public_numbers()
            found = [int.from_bytes(base64.b64decode(number.text), "big") for number in info[0][0]]
            assert found == [numbers.n, numbers.e]
        else:
            assert base64.b64decode(info[0][0].text) == holder.der(own)


@VERSIONS
def test_a_bearer_token_is_bound_to_nothing(issuer, own, path, trust):
    for key_type in (None, f"{trust}/Bearer", "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"):
        answer = issued(issuer, path, applies_to=KEYED, key_type=key_type)
        assert {method for method, _ in holder.confirmations(answer.assertion)} == {
            "urn:oasis:names:tc:SAML:1.0:cm:bearer"
        }
        assert only(answer.document, "RequestedProofToken") is None


# Tokens that follow others.


def follow(issuer, operation, first, path, saml):
    """What comes of a token, by the reference that was answered with it: Renew's, or Validate's of the other type."""
    other = SAML2 if saml == SAML1 else SAML1
    into = other if operation == "Validate" else saml
    extra = {"token_type": into} if operation == "Validate" else {}
    return into, token(ask(issuer, operation, ALICE, as_answered(first), path, **extra))


@VERSIONS
@TOKENS
@pytest.mark.parametrize("operation", ["Renew", "Validate"])
@pytest.mark.parametrize("to", [KEYED, "urn:aes256-gcm"])
def test_a_token_that_follows_has_the_same_key(issuer, site, pair, path, trust, saml, id_name, operation, to):
    first = issued(issuer, path, applies_to=to, token_type=saml, key_type=f"{trust}/SymmetricKey")
    known, _ = shared_key(first, trust)
    into, second = follow(issuer, operation, first, path, saml)
    content = second.content
    if to != KEYED:
        assert second.assertion.find(".//{*}AttributeValue") is None, "in the clear"
        content = holder.decrypt(second.assertion_bytes, pair[1])
    judge.assert_signed(content, site.signing[0], "AssertionID" if into == SAML1 else "ID", "Assertion", into)
    assert bound_key(holder.plain(content), pair, into) == known
    # Who knows the key has it already; whoever else may renew does not get it.
    assert only(second.document, "KeyType").text == f"{trust}/SymmetricKey"
    for absent in ("RequestedProofToken", "Entropy"):
        assert only(second.document, absent) is None


@pytest.mark.parametrize("operation", ["Renew", "Validate"])
def test_a_token_that_follows_has_the_same_public_key(issuer, own, operation):
    extra = f"<w:UseKey>{holder.certificate_info(holder.der(own))}</w:UseKey>"
    first = issued(issuer, PATH13, applies_to=BARE, key_type=f"{TRUST13}/PublicKey", body_extra=extra)
    _, second = follow(issuer, operation, first, PATH13, SAML1)
    method, info = holder.confirmations(second.assertion)[0]
    assert method.endswith(":cm:holder-of-key")
    assert base64.b64decode(info[0][0].text) == holder.der(own)
    assert only(second.document, "KeyType").text == f"{TRUST13}/PublicKey"


@TOKENS
def test_an_encrypted_token_is_named_by_its_reference(issuer, site, pair, saml, id_name):
    first = issued(issuer, PATH13, applies_to="urn:aes256-gcm", token_type=saml)
    target = operations.as_answered(first)
    assert operations.validate(issuer, ALICE, target)[0]
    renewed = operations.renew(issuer, ALICE, target)
    decrypted = holder.decrypt(renewed.assertion_bytes, pair[1])
    judge.assert_signed(decrypted, site.signing[0], id_name, "Assertion", saml)
    for operation in operations.TARGETS:
        answer = operations.ask(issuer, operation, ALICE, operations.whole(first))
        assert operations.subcode(answer) == "wst:RequestFailed", "nobody but the relying party can read it"
        assert "SecurityTokenReference" in fault(answer)[3]
    assert operations.cancel(issuer, ALICE, target) is True
    assert operations.validate(issuer, ALICE, target) == (False, "The token has been cancelled.")


# Refusals.


ENCRYPTED = '<w:Entropy><x:EncryptedKey xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></w:Entropy>'
REFUSALS = {
    "no certificate": (BARE, "SymmetricKey", "", "RequestFailed", "certificate_file"),
    "no certificate, client's key": (
        BARE,
        "SymmetricKey",
        holder.entropy(bytes(32), "SymmetricKey"),
        "RequestFailed",
        "certificate_file",
    ),
    "encrypted entropy": (KEYED, "SymmetricKey", ENCRYPTED, "RequestFailed", "BinarySecret"),
    "too short": (KEYED, "SymmetricKey", "<w:KeySize>64</w:KeySize>", "RequestFailed", "128 to 512"),
    "too long": (KEYED, "SymmetricKey", "<w:KeySize>1024</w:KeySize>", "RequestFailed", "128 to 512"),
    "no number": (KEYED, "SymmetricKey", "<w:KeySize>x</w:KeySize>", "InvalidRequest", ""),
    "a nonce of nothing": (KEYED, "SymmetricKey", holder.entropy(b""), "InvalidRequest", "16 to 512"),
    "another way to compute": (
        KEYED,
        "SymmetricKey",
        holder.entropy(bytes(32)) + f"<w:ComputedKeyAlgorithm>{TRUST13}/CK/HASH</w:ComputedKeyAlgorithm>",
        "RequestFailed",
        "P_SHA1",
    ),
    "no public key": (KEYED, "PublicKey", "", "AuthenticationBadElements", "wst:UseKey"),
    "an empty UseKey": (KEYED, "PublicKey", "<w:UseKey/>", "AuthenticationBadElements", "wst:UseKey"),
    "a name for a key": (
        KEYED,
        "PublicKey",
        f"<w:UseKey>{holder.key_info('<ds:KeyName>admin</ds:KeyName>')}</w:UseKey>",
        "InvalidRequest",
        "X509Certificate",
    ),
    "another KeyType": (KEYED, "DerivedKey", "", "RequestFailed", "Bearer, SymmetricKey or PublicKey"),
}


@pytest.mark.parametrize("applies_to, kind, extra, subcode, told", REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_had_is_refused_and_said(issuer, applies_to, kind, extra, subcode, told):
    before = issuer.metric("tokens_issued_total")
    answer = sign_in(issuer, ALICE, applies_to=applies_to, key_type=f"{TRUST13}/{kind}", body_extra=extra)
    code, found, namespace, reason = fault(answer)
    assert (code, found, namespace) == ("Sender", subcode, TRUST13)
    assert told in reason
    assert issuer.metric("tokens_issued_total") == before


def test_a_token_that_a_use_key_refers_to_must_be_there(issuer):
    extra = f"<w:UseKey>{holder.reference('elsewhere')}</w:UseKey>"
    answer = sign_in(issuer, ALICE, applies_to=KEYED, key_type=f"{TRUST13}/PublicKey", body_extra=extra)
    assert fault(answer)[1] == "SecurityTokenUnavailable"


def test_a_signature_that_is_said_to_prove_the_key_must_be_there(issuer, own):
    """A key that the asker does not have could be claimed so."""
    extra = f'<w:UseKey Sig="#absent">{holder.certificate_info(holder.der(own))}</w:UseKey>'
    answer = sign_in(issuer, ALICE, applies_to=KEYED, key_type=f"{TRUST13}/PublicKey", body_extra=extra)
    assert fault(answer)[1] == "AuthenticationBadElements"


@pytest.mark.parametrize("applies_to", [KEYED, BARE])
def test_who_may_not_sign_in_learns_nothing_of_keys(issuer, applies_to):
    fields = {"applies_to": applies_to, "key_type": f"{TRUST13}/SymmetricKey", "message_id": "urn:uuid:same"}
    keyed = send(issuer, Rst(user=ALICE.upn, password=WRONG, **fields))
    bearer = send(issuer, Rst(user=ALICE.upn, password=WRONG, applies_to=applies_to, message_id="urn:uuid:same"))
    assert fault(keyed)[1] == "FailedAuthentication"
    assert keyed.content == bearer.content


# The certificate.


def test_an_unfit_certificate_is_an_error_that_says_what_to_do(issuer, site, tmp_path):
    whole = fedfront.yaml.safe_load(issuer.file.read_text())
    number = next(n for n, party in enumerate(whole["relying_parties"]) if party["name"] == "keyed")
    whole["relying_parties"][number]["certificate_file"] = str(site.tls[0])  # elliptic curve
    file = fedfront.write(tmp_path / "proxy.yaml", whole)
    ran = subprocess.run([fedfront.binary(), "check", "-c", file], capture_output=True, text=True)
    assert ran.returncode == 78
    said = ran.stdout + ran.stderr
    lines = file.read_text().splitlines()
    (at,) = (line for line, text in enumerate(lines, 1) if str(site.tls[0]) in text and line > len(lines) // 3)
    assert f"relying_parties[{number}].certificate_file" in said
    assert f":{at}:" in said
    assert "elliptic curve" in said and "RSA key of 2048 bits" in said


def test_a_new_certificate_is_used_after_a_reload(launch, slapd, nginx, tmp_path):
    file = tmp_path / "party.crt"
    pairs = [certificates.signing(tmp_path, name) for name in ("first", "second")]
    file.write_bytes(pairs[0][0].read_bytes())
    party = {"name": "app", "applies_to": ["urn:app"], "certificate_file": str(file), "encryption": "aes256-gcm"}
    own = launch(ldap(slapd), nginx.url, relying_parties=[party])
    for pair in pairs:
        file.write_bytes(pair[0].read_bytes())
        assert own.reload()
        assert holder.decrypt(issued(own, PATH13, applies_to="urn:app").assertion_bytes, pair[1])
