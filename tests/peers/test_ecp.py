"""SAML ECP: the clients' own code against a service provider, judged by other implementations, and every refusal."""

import datetime
import json
import uuid

import pytest
import requests
from lxml import etree

from conftest import lasso, need
from support import certificates, ecp, ecp_clients, judge
from support.ecp import Answer, AuthnRequest, of_sp
from support.fedfront import ENTITY_ID, ISSUERS, OFFICE
from support.people import (
    ALICE,
    COLON,
    MARKUP,
    QUOTE,
    SUBSIDIARY,
    TEXTUAL,
    UMLAUT,
    WIDE,
    WRONG,
)
from support.rst import instant

PASSIVE = ' IsPassive="true"'
NAME_ID_POLICY = '<samlp:NameIDPolicy AllowCreate="1"/>'


def signed_in(proxy, request, person=ALICE, **options):
    return Answer(ecp.send(proxy, request, (person.upn, person.password), **options))


# Office 365.


@pytest.mark.parametrize("media", ["application/soap+xml", "text/xml", "application/vnd.paos+xml", "application/xml"])
def test_office_365(proxy, site, media):
    request = AuthnRequest()
    answer = signed_in(proxy, request, content_type=media)
    judge.assert_valid(answer.response)
    judge.assert_signed(answer.content, site.signing[0], "ID", "Assertion", ecp.NS["saml"])
    first = answer.header_first()
    assert first.tag == f"{{{ecp.ECP}}}Response"
    assert first.get("AssertionConsumerServiceURL") == ecp.LOGIN_SRF
    assert first.get(f"{{{ecp.SOAP}}}mustUnderstand") == "1"
    assert first.get(f"{{{ecp.SOAP}}}actor") == "http://schemas.xmlsoap.org/soap/actor/next"
    assert len(answer.document[0]) == 1, "RequestAuthenticated breaks pysaml2, and nothing was signed"
    response = answer.response
    assert response.get("Destination") == ecp.LOGIN_SRF
    assert response.get("InResponseTo") == request.id
    assert answer.statuses() == ["Success"]
    assert {issuer.text for issuer in response.iter(f"{{{ecp.NS['saml']}}}Issuer")} == {ISSUERS["example.com"]}
    name = answer.one("//saml:NameID")
    assert (name.text, dict(name.attrib)) == (
        ALICE.immutable_id,
        {"Format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"},
    )
    assert answer.one("//saml:Attribute[@Name='IDPEmail']/saml:AttributeValue").text == ALICE.upn
    assert answer.one("//saml:Audience").text == OFFICE
    assert "".join(answer.one("//ds:X509Certificate").text.split()) == certificates.base64_of(site.signing[0])


def test_confirmation_and_lifetimes(proxy):
    request = AuthnRequest()
    answer = signed_in(proxy, request)
    data = answer.one("//saml:SubjectConfirmationData")
    assert data.get("Recipient") == ecp.LOGIN_SRF
    assert data.get("InResponseTo") == request.id
    assert data.get("NotBefore") is None
    now = datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(0) < when(data.get("NotOnOrAfter")) - now <= datetime.timedelta(minutes=10)
    conditions = answer.one("//saml:Conditions")
    assert when(conditions.get("NotBefore")) <= now < when(conditions.get("NotOnOrAfter"))
    assert answer.one("//saml:AuthnContextClassRef").text.endswith(":PasswordProtectedTransport")


def when(value):
    assert value.endswith("Z"), value
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


@pytest.mark.parametrize(
    "person", [TEXTUAL, UMLAUT, WIDE, MARKUP, COLON, QUOTE, SUBSIDIARY], ids=lambda person: person.login
)
def test_every_name_and_password(proxy, site, person):
    answer = signed_in(proxy, AuthnRequest(), person)
    judge.assert_signed(answer.content, site.signing[0], "ID", "Assertion", ecp.NS["saml"])
    assert answer.one("//saml:NameID").text == person.immutable_id
    assert answer.one("//saml:AttributeValue").text == person.upn


def test_basic_credentials_in_latin_1(proxy):
    """python-requests sends str as ISO-8859-1."""
    assert signed_in(proxy, AuthnRequest(), UMLAUT, charset="latin-1").statuses() == ["Success"]


def test_login_name(proxy):
    """Oracle Access Manager's users are asked for the part before the @."""
    answer = Answer(ecp.send(proxy, AuthnRequest(), (ALICE.login, ALICE.password)))
    assert answer.one("//saml:AttributeValue").text == ALICE.upn


def test_scheme_of_authorization_is_case_insensitive(proxy):
    reply = requests.Request("POST", proxy.url + ecp.PATH, auth=(ALICE.upn, ALICE.password)).prepare()
    for scheme in ("basic", "BASIC"):
        header = reply.headers["Authorization"].replace("Basic", scheme)
        assert Answer(ecp.send(proxy, AuthnRequest(), Authorization=header)).statuses() == ["Success"]


def test_saml2aws_finds_its_prefixes(proxy):
    """It looks for `saml2p:` as text, and cuts the Response out of the envelope."""
    answer = signed_in(proxy, AuthnRequest())
    start = answer.content.index(b"<saml2p:Response ")
    end = answer.content.index(b"</saml2p:Response>") + len(b"</saml2p:Response>")
    judge.assert_valid(answer.content[start:end])


# Other clients' requests.


SHAPES = {
    "saml2aws": {
        "id": str(uuid.UUID(int=0x5F000000000040008000000000000001 + uuid.uuid4().node)),
        "issue_instant": datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=-5))).isoformat(
            timespec="seconds"
        ),
        "issuer": None,
        "children": "<saml:Issuer>\n\t\thttps://sp.example.org/shibboleth\n\t\t</saml:Issuer>",
    },
    "Shibboleth": {
        "children": NAME_ID_POLICY,
        "header": "<S:Header/>",
    },
    "comments and whitespace": {"header": "\n<!-- one -->\n", "children": "<!-- two -->\n" + NAME_ID_POLICY},
    "ForceAuthn and IsPassive": {"attributes": PASSIVE + ' ForceAuthn="1"'},
    "our destination": {"destination": "PUBLIC/oamfed/idp/soap"},
    "consumer by index": {"acs_url": None, "binding": None, "acs_index": "1"},
    "no consumer": {"acs_url": None, "binding": None},
    "password asked for": {
        "children": NAME_ID_POLICY
        + "<samlp:RequestedAuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:"
        "classes:PasswordProtectedTransport</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>",
    },
    "no fraction": {"issue_instant": "NOW IN WHOLE SECONDS"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_shapes_of_requests(proxy, site, sp, shape):
    request = of_sp(sp, **shape)
    request.id = request.id[:-4] + uuid.uuid4().hex[:4]
    if request.destination:
        request.destination = request.destination.replace("PUBLIC", proxy.url)
    # When all tests are collected is long before.
    if request.issue_instant == "NOW IN WHOLE SECONDS":
        request.issue_instant = instant(digits=0)
    answer = signed_in(proxy, request)
    assert answer.statuses() == ["Success"]
    assert answer.header_first().get("AssertionConsumerServiceURL") == sp.acs
    assert answer.one("//saml:Audience").text == sp.entity_id
    assert answer.response.get("InResponseTo") == request.id
    judge.assert_valid(answer.response) if not request.id[0].isdigit() else None
    judge.assert_signed(answer.content, site.signing[0], "ID", "Assertion", ecp.NS["saml"])


def test_requests_ecp(proxy, sp):
    with ecp_clients.requests_session(proxy, ALICE) as session:
        assert session.get(sp.url + "/page").status_code == 200
    assert_delivered(sp, b"relay-")


def test_requests_ecp_says_that_the_password_is_wrong(proxy, sp):
    """The SP learns it: it gets the Response that says AuthnFailed."""
    with ecp_clients.requests_session(proxy, ALICE, WRONG) as session:
        session.get(sp.url + "/page")
    assert b"AuthnFailed" in sp.responses[-1] and b"Assertion" not in sp.responses[-1]


def assert_delivered(sp, relay):
    """The SP's last Response came whole and answers its last request."""
    document = etree.fromstring(sp.responses[-1])
    response = document.find(f".//{{{ecp.NS['samlp']}}}Response")
    assert response.get("InResponseTo") == sp.requests[-1].id
    assert relay in etree.tostring(document[0])


def test_keystoneauth(proxy, site, sp):
    ecp_clients.keystone(proxy, sp.url, ALICE)
    assert_delivered(sp, b"relay-")
    # lxml has rewritten the envelope on the way.
    judge.assert_signed(sp.responses[-1], site.signing[0], "ID", "Assertion", ecp.NS["saml"])


@pytest.fixture
def pysaml2(proxy, sp, tmp_path):
    """pysaml2 as the service provider, with our metadata."""
    metadata = tmp_path / "idp.xml"
    metadata.write_bytes(proxy.get("/oamfed/idp/metadata").content)
    service = {"allow_unsolicited": True, "want_response_signed": False}
    return ecp_clients.pysaml2_provider(sp, metadata, service=service), metadata


def test_pysaml2_verifies_the_response(proxy, sp, pysaml2):
    need("/usr/bin/xmlsec1")
    configuration, _ = pysaml2
    ecp_clients.pysaml2_verified(configuration, lambda request: signed_in(proxy, request))


def test_pysaml2_ecp_client(proxy, sp, pysaml2):
    _, metadata = pysaml2
    client = ecp_clients.pysaml2_client(proxy, sp.url + "/page", metadata, ALICE)
    delivered = len(sp.responses)
    _, response = ecp_clients.pysaml2_signs_in(client, sp.url + "/page", ALICE)
    assert response.in_response_to == sp.requests[-1].id
    assert len(sp.responses) == delivered


def test_lasso_as_provider_and_client(proxy, sp, tmp_path):
    metadata = tmp_path / "idp.xml"
    metadata.write_bytes(proxy.get("/oamfed/idp/metadata").content)
    _, key = certificates.signing(tmp_path, "sp")
    arguments = [sp.metadata_file, key, metadata, ENTITY_ID, ALICE.upn, ALICE.password, proxy.ca]
    found = json.loads(lasso("lasso_ecp.py", *arguments).splitlines()[-1])
    assert "error" not in found, found
    assert found["consumer"] == sp.acs
    assert found["audience"] == sp.entity_id


# Metadata and certificate.


def test_metadata_is_valid_signed_and_names_the_endpoint(proxy, site):
    answer = proxy.get("/oamfed/idp/metadata")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/samlmetadata+xml")
    judge.assert_valid(answer.content)
    judge.assert_signed(
        answer.content, site.signing[0], "ID", "EntityDescriptor", "urn:oasis:names:tc:SAML:2.0:metadata"
    )
    document = etree.fromstring(answer.content)
    assert document.get("entityID") == ENTITY_ID
    names = {**ecp.NS, "md": "urn:oasis:names:tc:SAML:2.0:metadata"}
    soap = "//md:SingleSignOnService[@Binding='urn:oasis:names:tc:SAML:2.0:bindings:SOAP']/@Location"
    assert document.xpath(soap, namespaces=names) == [proxy.url + ecp.PATH]
    keys = document.xpath("//md:KeyDescriptor//ds:X509Certificate", namespaces=names)
    assert ["".join(key.text.split()) for key in keys] == [certificates.base64_of(site.signing[0])]
    etag = answer.headers["ETag"]
    assert proxy.get("/oamfed/idp/metadata", headers={"If-None-Match": etag}).status_code == 304


def test_certificate_is_served_as_pem(proxy, site):
    answer = proxy.get("/oamfed/idp/cert")
    assert "".join(answer.text.split()) == "".join(site.signing[0].read_text().split())


def test_federation_metadata_is_left_to_the_identity_provider(proxy):
    path = "/FederationMetadata/2007-06/FederationMetadata.xml"
    assert f"the identity provider at {path}" in proxy.get(path).text
