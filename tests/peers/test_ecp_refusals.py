"""SAML ECP: every refusal, and that the fault tells nothing."""

import pytest

from support import ecp, judge
from support.ecp import Answer, AuthnRequest, of_sp
from support.fedfront import ldap
from support.people import ALICE, BOB, LOCKED, WRONG
from support.rst import instant


def signed_in(proxy, request):
    return Answer(ecp.send(proxy, request, (ALICE.upn, ALICE.password)))


def test_bad_password_is_a_response_that_says_so(proxy):
    request = AuthnRequest()
    answer = Answer(ecp.send(proxy, request, (ALICE.upn, WRONG)))
    judge.assert_valid(answer.response)
    assert answer.header_first().tag == f"{{{ecp.ECP}}}Response"
    assert answer.header_first().get("AssertionConsumerServiceURL") == ecp.LOGIN_SRF
    assert answer.statuses()[0] in ("Requester", "Responder") and answer.statuses()[1:] == ["AuthnFailed"]
    assert answer.response.get("InResponseTo") == request.id
    assert not answer.document.findall(f".//{{{ecp.NS['saml']}}}Assertion")


def test_whoever_may_not_sign_in_is_told_the_same(launch, slapd, nginx, sp):
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 3})

    def refused(user, password):
        reply = ecp.send(guarded, AuthnRequest(id="_same"), (user, password))
        answer = Answer(reply)
        own = [answer.response.get("ID"), answer.response.get("IssueInstant")]
        return reply.content.replace(own[0].encode(), b"ID").replace(own[1].encode(), b"NOW")

    expected = refused(ALICE.upn, WRONG)
    assert refused("nobody@example.com", WRONG) == expected
    assert refused(BOB.upn, BOB.password) == expected
    assert refused(ALICE.upn, "") == expected
    for attempt in range(4):
        refused(LOCKED[5].upn, f"{WRONG}-{attempt}")
    assert refused(LOCKED[5].upn, LOCKED[5].password) == expected


@pytest.mark.parametrize("header", [None, "Negotiate YII=", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer x"])
def test_without_credentials_there_is_a_challenge(proxy, header):
    headers = {"Authorization": header} if header else {}
    reply = ecp.send(proxy, AuthnRequest(), **headers)
    assert reply.status_code == 401
    challenge = reply.headers["WWW-Authenticate"]
    assert challenge.startswith("Basic realm=") and 'charset="UTF-8"' in challenge


BAD = {
    "unknown party": {"issuer": "urn:unknown"},
    "no issuer": {"issuer": None},
    "consumer not in the metadata": {"acs_index": None, "acs_url": "https://attacker.example/acs", "binding": ecp.PAOS},
    "unknown index": {"acs_index": "77"},
    "consumer of another binding": {"acs_index": "0"},
    "index and address": {"acs_url": ecp.LOGIN_SRF},
    "version": {"version": "1.1"},
    "stale": {"issue_instant": instant(-3600)},
    "from the future": {"issue_instant": instant(3600)},
    "no instant": {"issue_instant": None},
    "no time zone": {"issue_instant": "2026-01-01T00:00:00"},
    "destination elsewhere": {"destination": "https://other.example/oamfed/idp/soap"},
    "two requests": {"siblings": '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>'},
    "bad id": {"id": "a b"},
    "no id": {"id": ""},
    "header to understand": {"header": '<S:Header><x:Odd xmlns:x="urn:x" S:mustUnderstand="1"/></S:Header>'},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
def test_request_that_does_not_hold(proxy, fields):
    """Nothing in the fault tells one from another: CVE-2026-9794."""
    reply = ecp.send(proxy, AuthnRequest(**fields), (ALICE.upn, ALICE.password))
    status, code, text = ecp.fault(reply)
    assert status == 500
    assert code in ("Client", "VersionMismatch", "MustUnderstand")
    reference = ecp.send(proxy, AuthnRequest(issuer="urn:reference"), (ALICE.upn, ALICE.password))
    assert text == ecp.fault(reference)[2]
    if code == "Client":
        assert reply.content == reference.content


@pytest.mark.parametrize("body", ["", "text", "<a/>", f'<S:Envelope xmlns:S="{ecp.SOAP}"><S:Body/></S:Envelope>'])
def test_message_that_is_no_request(proxy, body):
    assert ecp.fault(ecp.send(proxy, body, (ALICE.upn, ALICE.password)))[:2] == (500, "Client")


def test_request_answered_once_is_not_answered_again(proxy):
    request = AuthnRequest()
    assert ecp.send(proxy, request).status_code == 401
    assert Answer(ecp.send(proxy, request, (ALICE.upn, WRONG))).statuses()[-1] == "AuthnFailed"
    assert signed_in(proxy, request).statuses() == ["Success"]
    assert ecp.fault(ecp.send(proxy, request, (ALICE.upn, ALICE.password)))[:2] == (500, "Client")


def test_name_id_policy_that_cannot_be_met(proxy, sp):
    policy = '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"/>'
    answer = signed_in(proxy, of_sp(sp, children=policy))
    assert answer.statuses()[-1] == "InvalidNameIDPolicy"


def test_authentication_context_that_cannot_be_met(proxy, sp):
    context = (
        "<samlp:RequestedAuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
        "</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
    )
    assert signed_in(proxy, of_sp(sp, children=context)).statuses()[-1] == "NoAuthnContext"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post(proxy, method):
    reply = proxy.http.request(method, proxy.url + ecp.PATH, timeout=30)
    assert reply.status_code == 405
    assert reply.headers["Allow"] == "POST"


def test_ecp_is_off_unless_it_is_turned_on(launch, slapd, nginx, sp):
    parties = [
        {"name": "quiet", "preset": "office365", "ecp": False},
        {"name": "sp", "applies_to": [sp.entity_id], "metadata_file": str(sp.metadata_file)},
    ]
    off = launch(ldap(slapd), nginx.url, relying_parties=parties)
    for request in (AuthnRequest(), of_sp(sp)):
        assert ecp.fault(ecp.send(off, request, (ALICE.upn, ALICE.password)))[:2] == (500, "Client")
