"""WS-Trust: tokens through the clients' own code, judged by others' verifiers, and every refusal."""

import datetime
import json
import subprocess

import adal.constants
import adal.log
import adal.wstrust_request
import msal.wstrust_request
import pytest
from lxml import etree

from support import certificates, judge
from support.fedfront import ENTITY_ID, ISSUERS, OFFICE, REPOSITORY, ldap
from support.people import (
    ALICE,
    BOB,
    HOMELESS,
    MARKUP,
    QUOTE,
    SUBSIDIARY,
    TEXTUAL,
    UMLAUT,
    WIDE,
    WRONG,
)
from support.rst import (
    NS,
    PASSWORD_TEXT,
    PATH13,
    PATH2005,
    PROFILE,
    SAML1,
    SAML2,
    SOAP11,
    SOAP12,
    TRUST13,
    TRUST2005,
    WSA,
    WSA2004,
    WSO2,
    WSSE,
    WSU,
    Rst,
    fault,
    instant,
    send,
    sign_in,
    token,
)

UPN = ("http://schemas.xmlsoap.org/claims", "UPN")
IMMUTABLE_ID = ("http://schemas.microsoft.com/LiveID/Federation/2008/05", "ImmutableID")
VERSIONS = pytest.mark.parametrize("path", [PATH13, PATH2005])


# The clients' own code.


@VERSIONS
def test_msal_python(proxy, path):
    answer = msal.wstrust_request.send_request(ALICE.upn, ALICE.password, OFFICE, proxy.url + path, None, proxy.http)
    assert answer["type"] == SAML1  # from which it takes the grant
    judge.assert_valid(answer["token"])


def test_msal_python_reads_our_fault(proxy):
    with pytest.raises(RuntimeError, match="FailedAuthentication"):
        msal.wstrust_request.send_request(ALICE.upn, WRONG, OFFICE, proxy.url + PATH13, None, proxy.http)


def adal_request(proxy, path):
    context = {"log_context": adal.log.create_log_context(), "verify_ssl": str(proxy.ca)}
    versions = adal.constants.WSTrustVersion
    version = versions.WSTRUST2005 if path == PATH2005 else versions.WSTRUST13
    return adal.wstrust_request.WSTrustRequest(context, proxy.url + path, OFFICE, version)


@VERSIONS
def test_adal_python(proxy, path):
    response = adal_request(proxy, path).acquire_token(ALICE.upn, ALICE.password)
    assert response.token_type == SAML1
    judge.assert_valid(response.token)


@pytest.mark.parametrize("person", [ALICE, UMLAUT, MARKUP], ids=lambda person: person.login)
def test_adal_node_from_mex_to_token(proxy, node, person):
    found = adal_node(proxy, node, person.upn, person.password)
    assert found["tokenType"] == SAML1
    assert person.immutable_id in found["token"]


def test_adal_node_reads_our_fault(proxy, node):
    assert "FailedAuthentication" in adal_node(proxy, node, ALICE.upn, WRONG)["error"]


def adal_node(proxy, node, user, password):
    ran = subprocess.run(
        ["node", REPOSITORY / "tests/peers/clients/adal.js", proxy.url + "/mex", user, password],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(node), "NODE_EXTRA_CA_CERTS": str(proxy.ca)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


# Every spelling of a request that is in the field.


SHAPES = {
    "messageID as ADAL, MSAL4J and MSAL Go write it": {"message_id_name": "messageID"},
    "no MessageID": {"message_id": None},
    "a MessageID that is no URN": {"message_id": "1303795308"},
    "no KeyType": {"key_type": None},
    "PasswordText": {"password_type": PASSWORD_TEXT},
    "mustUnderstand true": {"must_understand": "true"},
    "another To": {"to": "https://internal.example:9443/services/wso2carbon-sts"},
    "login name": {"user": ALICE.login},
    "upper case": {"user": ALICE.upn.upper()},
    "unknown headers": {"header_extra": '<x:Trace xmlns:x="urn:x">1</x:Trace>'},
}

ELSEWHERE = datetime.timezone(datetime.timedelta(hours=2))
# Of now: when all tests are collected is long before.
TIMES = {
    "seconds": lambda: {"created": instant(digits=0), "expires": instant(600, digits=0)},
    "seven digits": lambda: {"created": instant(digits=6)[:-1] + "1Z"},
    "no fraction, offset": lambda: {"created": datetime.datetime.now(ELSEWHERE).isoformat(timespec="seconds")},
}


@VERSIONS
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_shapes_of_requests(proxy, path, shape):
    assert token(sign_in(proxy, ALICE, path, **shape)).attributes()[UPN] == [ALICE.upn]


@VERSIONS
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_spellings_of_times(proxy, path, times):
    assert token(sign_in(proxy, ALICE, path, **times())).attributes()[UPN] == [ALICE.upn]


@pytest.mark.parametrize("soap", [SOAP12, SOAP11])
@pytest.mark.parametrize("wsa", [WSA, WSA2004, None], ids=["2005/08", "2004/08", "none"])
@pytest.mark.parametrize("trust", [TRUST13, TRUST2005])
def test_wso2_path_answers_in_the_versions_of_the_request(proxy, soap, wsa, trust):
    rst = Rst(user=ALICE.upn, password=ALICE.password, soap=soap, wsa=wsa, trust=trust)
    issued = token(send(proxy, rst, WSO2))
    assert issued.document.tag == f"{{{soap}}}Envelope"
    response = "RequestSecurityTokenResponseCollection" if trust == TRUST13 else "RequestSecurityTokenResponse"
    (body,) = issued.document.iter(f"{{{soap}}}Body")
    assert body[0].tag == f"{{{trust}}}{response}"
    if wsa:
        (relates,) = issued.document.iter(f"{{{wsa}}}RelatesTo")
        assert relates.text == rst.message_id


SOAP12_ENDPOINT, SOAP11_ENDPOINT = (f".wso2carbon-stsHttpsSoap{version}Endpoint" for version in (12, 11))


# With the / behind it that Axis2's own description has, and with it whatever was generated from that.
@pytest.mark.parametrize("suffix", ["", SOAP12_ENDPOINT, SOAP11_ENDPOINT, f"{SOAP12_ENDPOINT}/", f"{SOAP11_ENDPOINT}/"])
def test_wso2_endpoints(proxy, suffix):
    assert token(sign_in(proxy, ALICE, WSO2 + suffix))


@pytest.mark.parametrize(
    "media", ["text/xml", "application/soap+xml", 'application/soap+xml; action="x"', "text/plain"]
)
def test_content_type_does_not_decide(proxy, media):
    rst = Rst(user=ALICE.upn, password=ALICE.password)
    assert token(send(proxy, rst, **{"Content-Type": media}))


def test_wso2_sample_client(proxy):
    """Axis2: chunked, WS-Addressing 2004/08, Lifetime, Claims with a qualified Dialect, SAML 2.0 by its profile's name."""
    extra = (
        f"<w:Lifetime><u:Created>{instant()}</u:Created><u:Expires>{instant(300)}</u:Expires></w:Lifetime>"
        '<w:Claims xmlns:q="http://schemas.xmlsoap.org/ws/2005/02/trust" q:Dialect="http://wso2.org/claims">'
        '<i:ClaimType xmlns:i="http://schemas.xmlsoap.org/ws/2005/05/identity" Uri="http://wso2.org/claims/givenname"/>'
        "</w:Claims>"
    )
    rst = Rst(
        user=ALICE.upn,
        password=ALICE.password,
        trust=TRUST2005,
        wsa=WSA2004,
        must_understand="true",
        password_type=PASSWORD_TEXT,
        token_type=f"{PROFILE}#SAMLV2.0",
        key_type=f"{TRUST2005}/Bearer",
        body_extra=extra,
    )
    media = f'application/soap+xml; charset=UTF-8; action="{rst.envelope_action}"'
    answer = proxy.post(WSO2, iter([rst.text().encode()]), headers={"Content-Type": media})
    assert token(answer).assertion.tag == f"{{{SAML2}}}Assertion"


def test_lync_style(proxy):
    """MSOIDCLI: attributes and order of its own, an unqualified Id on the Timestamp."""
    message = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="{SOAP12}" xmlns:wsse="{WSSE}" xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy"
 xmlns:wsu="{WSU}" xmlns:wsa="{WSA}" xmlns:wst="{TRUST2005}" xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL">
<s:Header><wsa:Action s:mustUnderstand="1">{TRUST2005}/RST/Issue</wsa:Action>
<wsa:To s:mustUnderstand="1">{proxy.url}{PATH2005}</wsa:To><wsa:MessageID>1303795308</wsa:MessageID>
<wsse:Security><wsse:UsernameToken wsu:Id="user"><wsse:Username>{ALICE.upn}</wsse:Username>
<wsse:Password>{ALICE.password}</wsse:Password></wsse:UsernameToken>
<wsu:Timestamp Id="Timestamp"><wsu:Created>{instant(digits=0)}</wsu:Created><wsu:Expires>{instant(300, 0)}</wsu:Expires></wsu:Timestamp>
</wsse:Security></s:Header><s:Body><wst:RequestSecurityToken Id="RST0">
<wst:RequestType>{TRUST2005}/Issue</wst:RequestType>
<wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{OFFICE}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>
<wst:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</wst:KeyType>
</wst:RequestSecurityToken></s:Body></s:Envelope>"""
    assert token(send(proxy, message, PATH2005)).attributes()[IMMUTABLE_ID] == [ALICE.immutable_id]


# The token.


@VERSIONS
@pytest.mark.parametrize("signed_in", [ALICE, TEXTUAL, UMLAUT, WIDE, MARKUP, QUOTE], ids=lambda person: person.login)
def test_assertion_is_what_entra_wants(proxy, site, path, signed_in):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    issued = token(sign_in(proxy, signed_in, path))
    judge.assert_valid(issued.assertion_bytes)
    judge.assert_signed(issued.assertion_bytes, site.signing[0], "AssertionID", "Assertion", SAML1)
    judge.assert_signed(issued.content, site.signing[0], "AssertionID", "Assertion", SAML1)

    assertion = issued.assertion
    assert assertion.get("Issuer") == ISSUERS["example.com"]
    assert issued.text("//saml:Audience") == OFFICE
    assert issued.attributes()[UPN] == [signed_in.upn]
    assert issued.attributes()[IMMUTABLE_ID] == [signed_in.immutable_id]
    names = issued.document.findall(f".//{{{SAML1}}}NameIdentifier")
    assert len(names) == 2
    for name in names:
        assert name.text == signed_in.immutable_id
        assert name.get("Format") == "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    for method in issued.document.findall(f".//{{{SAML1}}}ConfirmationMethod"):
        assert method.text == "urn:oasis:names:tc:SAML:1.0:cm:bearer"
    statement = assertion.find(f"{{{SAML1}}}AuthenticationStatement")
    assert statement.get("AuthenticationMethod") == "urn:oasis:names:tc:SAML:1.0:am:password"
    assert "".join(issued.text("//ds:X509Certificate").split()) == certificates.base64_of(site.signing[0])
    assert assertion[-1].tag == f"{{{NS['ds']}}}Signature"

    conditions = assertion.find(f"{{{SAML1}}}Conditions")
    start, end = (parsed(conditions.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
    now = datetime.datetime.now(datetime.timezone.utc)
    assert start <= now and before - datetime.timedelta(minutes=10) <= start
    assert datetime.timedelta(minutes=55) <= end - now <= datetime.timedelta(minutes=61)
    # When the directory was asked, which the bind cache remembers.
    assert now - datetime.timedelta(minutes=5) <= parsed(statement.get("AuthenticationInstant")) <= now


def parsed(value):
    assert value.endswith("Z"), value
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


def test_signature_does_not_survive_a_change(proxy, site):
    issued = token(sign_in(proxy, ALICE))
    forged = issued.assertion_bytes.replace(ALICE.upn.encode(), b"mallory@example.com")
    assert judge.xmlsec_accepts(issued.assertion_bytes, site.signing[0], "AssertionID", "Assertion", SAML1)
    assert not judge.xmlsec_accepts(forged, site.signing[0], "AssertionID", "Assertion", SAML1)


def test_issuer_follows_the_domain_of_the_user(proxy):
    assert token(sign_in(proxy, SUBSIDIARY)).assertion.get("Issuer") == ISSUERS["subsidiary.example"]


def test_user_of_an_unlisted_domain_is_refused(proxy):
    assert fault(sign_in(proxy, HOMELESS))[1] == "FailedAuthentication"


def test_ids_are_fresh(proxy):
    ids = {token(sign_in(proxy, ALICE)).assertion.get("AssertionID") for _ in range(5)}
    assert len(ids) == 5


@VERSIONS
def test_response_is_read_alike_by_regular_expressions_and_parsers(proxy, path):
    issued = token(sign_in(proxy, ALICE, path))
    text = issued.content.decode()
    # MSAL Python matches greedily: one of each, nothing else of that name.
    for name in ("TokenType", "RequestedSecurityToken", "RequestSecurityTokenResponse"):
        assert len(issued.document.findall(f".//{{*}}{name}")) == 1, name
    assert text.count("TokenType>") == 2
    assert issued.document.find(".//{*}TokenType").text == SAML1
    # MSAL4J copies the assertion once for each text node beside it.
    assert issued.assertion_bytes.startswith(b"<saml:Assertion ") and issued.assertion_bytes.endswith(
        b"</saml:Assertion>"
    )
    # MSAL Python and MSAL Go cut the assertion's bytes out: it must stand alone, with the prefix that MSAL Go looks for.
    assert issued.assertion.nsmap["saml"] == SAML1
    for parent in issued.document.iter():
        if parent.tag == issued.document.find(".//{*}RequestSecurityTokenResponse").tag:
            assert not any((child.tail or "").strip() == "" and child.tail for child in parent), (
                "whitespace between elements"
            )


@pytest.mark.parametrize(
    "path, action, collection",
    [
        (PATH13, f"{TRUST13}/RSTRC/IssueFinal", True),
        (PATH2005, "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Issue", False),
    ],
)
def test_envelope(proxy, path, action, collection):
    answer = sign_in(proxy, ALICE, path, message_id="urn:uuid:6c1c0000-0000-4000-8000-000000000001")
    assert answer.headers["Content-Type"].replace(" ", "").lower().startswith("application/soap+xml;charset=utf-8")
    assert "no-store" in answer.headers.get("Cache-Control", "")
    issued = token(answer)
    assert issued.text("/s:Envelope/s:Header/a:Action") == action
    assert issued.text("/s:Envelope/s:Header/a:RelatesTo") == "urn:uuid:6c1c0000-0000-4000-8000-000000000001"
    assert bool(issued.document.findall(f".//{{{TRUST13}}}RequestSecurityTokenResponseCollection")) == collection
    reference = f"//o:KeyIdentifier[.='{issued.assertion.get('AssertionID')}']"
    assert len(issued.document.xpath(reference, namespaces=NS)) == 2
    assert issued.text("//p:AppliesTo//a:Address") == OFFICE
    assert issued.document.findall(".//{*}KeyType")[0].text.rsplit("/", 1)[1] in ("Bearer", "NoProofKey")


@pytest.mark.parametrize("asked", [SAML2, f"{PROFILE}#SAMLV2.0"])
def test_saml_2_when_asked(proxy, site, asked):
    issued = token(sign_in(proxy, ALICE, token_type=asked))
    assert issued.assertion.tag == f"{{{SAML2}}}Assertion"
    judge.assert_valid(issued.assertion_bytes)
    judge.assert_signed(issued.content, site.signing[0], "ID", "Assertion", SAML2)
    assert issued.text("//saml2:Audience") == OFFICE
    assert issued.document.findall(".//{*}TokenType")[0].text in (SAML2, f"{PROFILE}#SAMLV2.0")


@pytest.mark.parametrize("asked", [SAML1, f"{PROFILE}#SAMLV1.1"])
def test_saml_11_when_asked_is_spelled_so_that_every_client_knows_it(proxy, asked):
    issued = token(sign_in(proxy, ALICE, token_type=asked))
    assert issued.document.find(".//{*}TokenType").text == SAML1


def test_rsa_sha1_and_entity_id_for_a_party_that_wants_them(launch, slapd, nginx):
    party = {"name": "old", "preset": "office365", "issuer": "entity_id", "signature": "rsa-sha1"}
    old = launch(ldap(slapd), nginx.url, relying_parties=[party])
    issued = token(sign_in(old, BOB))  # nor does it require a group
    assert issued.assertion.get("Issuer") == ENTITY_ID
    assert issued.document.xpath("//ds:SignatureMethod/@Algorithm", namespaces=NS) == [NS["ds"] + "rsa-sha1"]


# The endpoint.


def test_expect_100_continue_is_answered_before_the_body(proxy):
    body = Rst(user=ALICE.upn, password=ALICE.password).text().encode()
    with proxy.wire() as wire:
        wire.send(
            f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        )
        assert wire.head()[0] == 100
        wire.send(body)
        status, _, answer = wire.answer()
    assert status == 200 and b"Assertion" in answer


def test_forwarding_the_sts_gives_it_back_to_the_identity_provider(launch, slapd, nginx):
    rolled_back = launch(ldap(slapd), nginx.url, endpoints={"sts": "forward"})
    assert "the identity provider at" in send(rolled_back, Rst(user=ALICE.upn, password=ALICE.password)).text
    assert rolled_back.get("/mex").status_code == 200
