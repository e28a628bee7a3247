"""SAML ECP: assertions encrypted for service providers that have a key, and signed Responses, read by others."""

import base64
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from conftest import lasso, need
from support import certificates, ecp, ecp_clients, fedfront, judge
from support.ecp import Answer, AuthnRequest, of_sp
from support.fedfront import ENTITY_ID
from support.mellon import MODULE, Mellon, learned
from support.people import ALICE, WRONG
from support.signed import SHA1
from support.sp import ServiceProvider, key_descriptor

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
GCM256 = XENC11 + "aes256-gcm"
OAEP = XENC + "rsa-oaep-mgf1p"

# By the SP's name: the EncryptionMethods of its metadata, the switches of its party, and what it gets.
SEALED = {
    "usual": ((), {}, GCM256),
    "listed": ((XENC + "aes128-cbc", XENC11 + "aes128-gcm", OAEP), {}, XENC11 + "aes128-gcm"),
    "old": ((XENC + "aes128-cbc", XENC + "tripledes-cbc"), {}, XENC + "aes128-cbc"),
    "configured": ((), {"encrypt": "required", "content_encryption": "aes256-cbc"}, XENC + "aes256-cbc"),
    "signed": ((), {"sign_response": True}, GCM256),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What the service providers decrypt with."""
    return certificates.signing(tmp_path_factory.mktemp("sp-keys"), "sp")


@pytest.fixture(scope="module")
def providers(tmp_path_factory, pair):
    made = {}
    for name, (methods, _, _) in SEALED.items():
        keys = key_descriptor(pair[0], "encryption", methods)
        made[name] = ServiceProvider(tmp_path_factory.mktemp(name), f"https://{name}.example.org/sp", keys)
    # A key for anything, and a party that wants nothing encrypted.
    made["off"] = ServiceProvider(tmp_path_factory.mktemp("off"), "https://off.example.org/sp", key_descriptor(pair[0]))
    methods = (XENC11 + "aes128-gcm", XENC11 + "rsa-oaep", XENC + "rsa-1_5")
    keys = key_descriptor(pair[0], None, methods)
    made["newer"] = ServiceProvider(tmp_path_factory.mktemp("newer"), "https://newer.example.org/sp", keys)
    made["clear"] = ServiceProvider(tmp_path_factory.mktemp("clear"), "https://clear.example.org/sp")
    yield made
    for provider in made.values():
        provider.stop()


@pytest.fixture(scope="module")
def sealing(launch_shared, slapd, nginx, providers):
    switches = {name: switches for name, (_, switches, _) in SEALED.items()}
    switches |= {"off": {"encrypt": "off"}, "newer": True, "clear": {"sign_response": True}}
    parties = [
        {
            "name": name,
            "metadata_file": str(provider.metadata_file),
            "attributes": [{"name": "mail", "from": "upn"}],
            "ecp": switches[name] or True,
        }
        for name, provider in providers.items()
    ]
    parties.append({"name": "office365", "preset": "office365", "issuer": "by_domain"})
    process = launch_shared(fedfront.ldap(slapd), nginx.url, relying_parties=parties)
    yield process
    process.finish()


def signed_in(proxy, request, password=ALICE.password):
    return Answer(ecp.send(proxy, request, (ALICE.upn, password)))


@pytest.mark.parametrize("name", SEALED)
def test_the_assertion_is_encrypted_as_the_metadata_says(sealing, site, pair, providers, name):
    sp = providers[name]
    answer = signed_in(sealing, of_sp(sp))
    judge.assert_valid(answer.document)
    assert ALICE.upn.encode() not in answer.content
    assert not list(answer.response.iter(f"{{{ecp.NS['saml']}}}Assertion"))
    assert answer.one("//xenc:EncryptedData/xenc:EncryptionMethod").get("Algorithm") == SEALED[name][2]
    assert answer.one("//xenc:EncryptedKey/xenc:EncryptionMethod").get("Algorithm") == OAEP
    assertion = judge.decrypted(answer.response, pair[1])
    judge.assert_valid(assertion)
    judge.assert_signed(assertion, site.signing[0], "ID", "Assertion", ecp.NS["saml"])
    assertion = etree.fromstring(assertion)
    assert assertion.findtext(".//saml:Audience", namespaces=ecp.NS) == sp.entity_id
    assert assertion.findtext(".//saml:AttributeValue", namespaces=ecp.NS) == ALICE.upn
    data = assertion.find(".//saml:SubjectConfirmationData", ecp.NS)
    assert data.get("Recipient") == sp.acs


def test_the_newer_spelling_of_rsa_oaep(sealing, site, pair, providers):
    """By its own reader, for the distribution's xmlsec1 does not know it."""
    answer = signed_in(sealing, of_sp(providers["newer"]))
    judge.assert_valid(answer.document)
    method = answer.one("//xenc:EncryptedKey/xenc:EncryptionMethod")
    assert method.get("Algorithm") == XENC11 + "rsa-oaep"
    assert [told.get("Algorithm") for told in method] == [SHA1]
    private = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    key = private.decrypt(octets(answer, "//xenc:EncryptedKey"), oaep)
    sealed = octets(answer, "//xenc:EncryptedData")
    assertion = AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
    judge.assert_signed(assertion, site.signing[0], "ID", "Assertion", ecp.NS["saml"])


def octets(answer, path):
    return base64.b64decode(answer.one(path + "/xenc:CipherData/xenc:CipherValue").text)


def test_client_and_provider_share_a_key_of_their_own(sealing, pair, providers):
    keys = []
    for _ in range(2):
        answer = signed_in(sealing, of_sp(providers["usual"]))
        header = answer.one("/S:Envelope/S:Header/samlec:GeneratedKey")
        assert header.get(f"{{{ecp.SOAP}}}actor") == "http://schemas.xmlsoap.org/soap/actor/next"
        assertion = etree.fromstring(judge.decrypted(answer.response, pair[1]))
        advice = assertion.findtext("saml:Advice/samlec:GeneratedKey", namespaces=ecp.NS)
        assert header.text == advice
        assert len(base64.b64decode(advice)) == 32
        keys.append(advice)
    assert keys[0] != keys[1]


@pytest.mark.parametrize("name", ["off", "clear"])
def test_without_encryption_there_is_no_key_to_share(sealing, providers, name):
    answer = signed_in(sealing, of_sp(providers[name]))
    assert len(answer.document[0]) == 1
    assert answer.one("//saml:AttributeValue").text == ALICE.upn


def test_office_365_is_answered_in_the_clear(sealing):
    assert signed_in(sealing, AuthnRequest()).one("//saml:AttributeValue").text == ALICE.upn


@pytest.mark.parametrize("name", ["signed", "clear"])
def test_a_signed_response(sealing, site, pair, providers, name):
    """Its signature covers the assertion's, which holds on its own."""
    sp = providers[name]
    answer = signed_in(sealing, of_sp(sp))
    judge.assert_valid(answer.document)
    judge.assert_signed(answer.content, site.signing[0], "ID", "Response", ecp.NS["samlp"])
    assert answer.response.get("Destination") == sp.acs
    if name == "signed":
        assertion = judge.decrypted(answer.response, pair[1])
    else:
        assertion = answer.content
    judge.assert_signed(assertion, site.signing[0], "ID", "Assertion", ecp.NS["saml"])
    changed = answer.content.replace(b"status:Success", b"status:Requester")
    assert changed != answer.content
    assert not judge.xmlsec_accepts(changed, site.signing[0], "ID", "Response", ecp.NS["samlp"])


def test_a_refusal_is_signed_as_well(sealing, site, providers):
    answer = signed_in(sealing, of_sp(providers["signed"]), WRONG)
    assert answer.statuses() == ["Requester", "AuthnFailed"]
    judge.assert_valid(answer.document)
    judge.assert_signed(answer.content, site.signing[0], "ID", "Response", ecp.NS["samlp"])


# Clients, and service providers that decrypt.


def test_requests_ecp_delivers_it(sealing, pair, providers):
    sp = providers["usual"]
    with ecp_clients.requests_session(sealing, ALICE) as session:
        assert session.get(sp.url + "/page").status_code == 200
    delivered = etree.fromstring(sp.responses[-1])
    assert b"Audience" in judge.decrypted(delivered, pair[1])


@pytest.mark.parametrize("name", ["usual", "signed"])
def test_keystoneauth_delivers_it(sealing, site, pair, providers, name):
    """lxml has rewritten the envelope on the way, and no signature minds."""
    sp = providers[name]
    ecp_clients.keystone(sealing, sp.url, ALICE)
    delivered = sp.responses[-1]
    if name == "signed":
        judge.assert_signed(delivered, site.signing[0], "ID", "Response", ecp.NS["samlp"])
    assertion = judge.decrypted(etree.fromstring(delivered), pair[1])
    judge.assert_signed(assertion, site.signing[0], "ID", "Assertion", ecp.NS["saml"])


@pytest.fixture(params=["usual", "old", "signed", "clear"])
def pysaml2(request, sealing, pair, providers, tmp_path):
    """pysaml2 as each service provider, which insists on what its party is to get; (provider, configuration, metadata)."""
    need("/usr/bin/xmlsec1")
    sp = providers[request.param]
    metadata = tmp_path / "idp.xml"
    metadata.write_bytes(sealing.get("/oamfed/idp/metadata").content)
    configuration = ecp_clients.pysaml2_provider(
        sp,
        metadata,
        service={"want_response_signed": request.param in ("signed", "clear")},
        encryption_keypairs=[{"key_file": str(pair[1]), "cert_file": str(pair[0])}],
    )
    return sp, configuration, metadata


def test_pysaml2_decrypts_and_verifies(sealing, pysaml2):
    _, configuration, _ = pysaml2
    response = ecp_clients.pysaml2_verified(configuration, lambda request: signed_in(sealing, request))
    assert response.ava == {"mail": [ALICE.upn]}


def test_pysaml2_as_client_passes_it_on(sealing, pysaml2):
    sp, _, metadata = pysaml2
    client = ecp_clients.pysaml2_client(sealing, sp.url + "/page", metadata, ALICE)
    _, response = ecp_clients.pysaml2_signs_in(client, sp.url + "/page", ALICE)
    assert response.in_response_to == sp.requests[-1].id


@pytest.mark.parametrize("name", ["usual", "signed"])
def test_lasso_decrypts_and_verifies(sealing, pair, providers, tmp_path, name):
    sp = providers[name]
    metadata = tmp_path / "idp.xml"
    metadata.write_bytes(sealing.get("/oamfed/idp/metadata").content)
    arguments = [sp.metadata_file, pair[1], metadata, ENTITY_ID, ALICE.upn, ALICE.password, sealing.ca]
    found = json.loads(lasso("lasso_ecp.py", *arguments).splitlines()[-1])
    assert "error" not in found, found
    assert found["consumer"] == sp.acs
    assert found["audience"] == sp.entity_id


@pytest.mark.parametrize("switches", [{}, {"sign_response": True}, {"content_encryption": "aes128-cbc"}])
def test_mod_auth_mellon_lets_in_whom_it_decrypts(launch, slapd, nginx, switches):
    need("apache2", MODULE)
    sp = Mellon(signed=True, encrypted=True)
    try:
        party = {
            "name": "page",
            "metadata_file": str(sp.metadata_file),
            "ecp": {"encrypt": "required", **switches},
            "attributes": [{"name": "openstack_user", "from": "upn"}],
        }
        proxy = launch(fedfront.ldap(slapd), nginx.url, relying_parties=[party])
        sp.start(proxy.get("/oamfed/idp/metadata").content)
        with ecp_clients.requests_session(proxy, ALICE) as session:
            session.ecp_authenticate(sp.page)
            assert learned(session.get(sp.page).text)["MELLON_openstack_user"] == ALICE.upn
    finally:
        sp.stop()


# What cannot be encrypted.


@pytest.mark.parametrize(
    "methods, key, switch, said",
    [
        ((), None, "required", "no key in its metadata to encrypt for"),
        ((XENC + "tripledes-cbc",), "rsa", "auto", "no EncryptionMethod with AES"),
        ((XENC + "rsa-1_5",), "rsa", "auto", "no EncryptionMethod with RSA-OAEP"),
        ((), "elliptic", "auto", "not RSA"),
    ],
)
def test_a_party_that_could_not_be_answered_is_told_to_the_operator(
    site, pair, tmp_path, methods, key, switch, said
):
    certificate = {"rsa": pair[0], "elliptic": site.tls[0], None: None}[key]
    keys = key_descriptor(certificate, "encryption", methods) if certificate else ""
    provider = ServiceProvider(tmp_path, "https://sp.example.org/sp", keys)
    party = {"name": "sp", "metadata_file": str(provider.metadata_file), "ecp": {"encrypt": switch}}
    directory = {"file": {"path": "users.yaml"}}
    whole = fedfront.configuration(8443, 9464, site, directory, "http://127.0.0.1:1", relying_parties=[party])
    (tmp_path / "users.yaml").write_text("users: []\n")
    file = fedfront.write(tmp_path / "proxy.yaml", whole)
    check = subprocess.run([fedfront.binary(), "check", "-c", file], capture_output=True, text=True)
    provider.stop()
    assert check.returncode == 78, check.stdout + check.stderr
    assert said in check.stdout + check.stderr


def test_a_key_that_metadata_lacks_is_not_the_clients_fault(launch, slapd, nginx, site, tmp_path):
    """It was audited as `malformed`. What the client is told stays as it was."""
    sources = tmp_path / "members"
    sources.mkdir()
    names = {"https://none.example.org/sp": "", "https://elliptic.example.org/sp": key_descriptor(site.tls[0], "encryption")}
    providers = []
    for number, (name, keys) in enumerate(names.items()):
        (tmp_path / str(number)).mkdir()
        providers.append(ServiceProvider(tmp_path / str(number), name, keys))
        (sources / f"{number}.xml").write_bytes(providers[-1].metadata_file.read_bytes())
    party = {"name": "members", "metadata_source": "members", "ecp": {"encrypt": "required"}}
    source = {"name": "members", "directory": str(sources)}
    try:
        proxy = launch(fedfront.ldap(slapd), nginx.url, relying_parties=[party], metadata_sources=[source])
        for provider, why in zip(providers, ("no key to encrypt for", "not RSA")):
            reply = ecp.send(proxy, of_sp(provider), (ALICE.upn, ALICE.password))
            answer = Answer(reply)
            assert answer.statuses() == ["Responder", "RequestUnsupported"]
            assert b"encrypt" not in reply.content and b"RSA" not in reply.content
            record = proxy.audit_of(reply.headers["X-Correlation-Id"])
            assert record["result"] == "configuration" and why in record["reason"], record
            assert provider.entity_id in record["reason"]
            assert record["service_provider"] == provider.entity_id
    finally:
        for provider in providers:
            provider.stop()
