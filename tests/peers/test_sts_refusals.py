"""WS-Trust: every refusal, and that whoever may not sign in cannot tell why."""

import base64
import os

import pytest
from lxml import etree

from support.fedfront import ldap
from support.people import (
    ALICE,
    BOB,
    LOCKED,
    WRONG,
)
from support.rst import (
    NS,
    PASSWORD_DIGEST,
    PASSWORD_TEXT,
    PATH13,
    PATH2005,
    SOAP11,
    SOAP12,
    TRUST13,
    TRUST2005,
    WSO2,
    WSSE,
    Rst,
    fault,
    instant,
    send,
    sign_in,
    token,
)

VERSIONS = pytest.mark.parametrize("path", [PATH13, PATH2005])


@VERSIONS
def test_whoever_may_not_sign_in_gets_the_same_bytes(launch, slapd, nginx, path):
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 3})
    locked = LOCKED[0 if path == PATH13 else 1]

    def refused(user, password):
        trust = TRUST2005 if path == PATH2005 else TRUST13
        answer = send(guarded, Rst(user=user, password=password, trust=trust, message_id="urn:uuid:same"), path)
        assert answer.status_code == 500
        assert int(answer.headers["Retry-After"]) > 0
        assert fault(answer)[:3] == ("Sender", "FailedAuthentication", WSSE)
        volatile = ("date", "x-correlation-id", "x-request-id", "client-request-id")
        return answer.content, {name: value for name, value in answer.headers.items() if name.lower() not in volatile}

    expected = refused(ALICE.upn, WRONG)
    assert b"ID3242" in expected[0]
    assert refused("nobody@example.com", WRONG) == expected
    assert refused("alice@unknown.example", WRONG) == expected
    assert refused(BOB.upn, BOB.password) == expected
    assert refused(ALICE.upn, "") == expected
    assert refused("", "x") == expected
    for attempt in range(4):
        assert refused(locked.upn, f"{WRONG}-{attempt}") == expected
    assert refused(locked.upn, locked.password) == expected


def test_locked_user_cannot_be_told_by_another_spelling_of_the_name(launch, slapd, nginx):
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 3})
    person = LOCKED[2]
    before = slapd.binds(person.dn)
    for attempt, name in enumerate([person.login, person.upn, person.login.upper(), person.upn.title(), person.upn]):
        send(guarded, Rst(user=name, password=f"{WRONG}-{attempt}"))
    assert fault(sign_in(guarded, person))[1] == "FailedAuthentication"
    assert slapd.binds(person.dn) - before == 3


def test_same_wrong_password_is_bound_once(launch, slapd, nginx):
    """MSAL.NET and MSAL4J send the same wrong password twice."""
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 3})
    person = LOCKED[3]
    before = slapd.binds(person.dn)
    for _ in range(6):
        assert fault(send(guarded, Rst(user=person.upn, password=WRONG)))[1] == "FailedAuthentication"
    assert slapd.binds(person.dn) - before == 1
    assert token(sign_in(guarded, person))


def test_status_of_a_bad_password_is_configurable(launch, slapd, nginx):
    quiet = launch(ldap(slapd), nginx.url, faults={"bad_password_status": 400})
    answer = send(quiet, Rst(user=ALICE.upn, password=WRONG))
    assert answer.status_code == 400
    assert fault(answer)[1] == "FailedAuthentication"


SECURITY = {
    "expired": {"created": -1200.0, "expires": -600.0},
    "from the future": {"created": 1200.0, "expires": 1800.0},
    "too old": {"created": -1500.0, "expires": 600.0},
    "expires before it begins": {"created": 0.0, "expires": -3000.0},
    "not a time": {"created": "yesterday"},
    "no Timestamp": {"timestamp": False},
    "no Security": {"security": ""},
    "no UsernameToken": {"user": None},
    "digest": {"password_type": PASSWORD_DIGEST},
}


@VERSIONS
@pytest.mark.parametrize("fields", SECURITY.values(), ids=SECURITY.keys())
def test_security_header_that_does_not_hold(proxy, path, fields):
    answer = sign_in(proxy, ALICE, path, **fields)
    assert answer.status_code >= 400
    code, subcode, namespace, _ = fault(answer)
    assert code == "Sender"
    assert namespace == WSSE, subcode


def test_clock_skew_of_five_minutes_is_forgiven(proxy):
    assert token(sign_in(proxy, ALICE, created=240.0, expires=840.0))
    assert token(sign_in(proxy, ALICE, created=-840.0, expires=-240.0))


def test_nonce_counts_once_and_only_when_a_token_was_issued(proxy):
    def with_nonce(nonce, password):
        extra = f"<o:Nonce>{nonce}</o:Nonce><u:Created>{instant()}</u:Created>"
        return sign_in(proxy, ALICE, password=password, password_type=PASSWORD_TEXT, token_extra=extra)

    nonce, another = (base64.b64encode(os.urandom(16)).decode() for _ in range(2))
    assert fault(with_nonce(nonce, WRONG))[1] == "FailedAuthentication"
    assert token(with_nonce(nonce, ALICE.password))
    assert fault(with_nonce(nonce, ALICE.password))[2] == WSSE
    assert token(with_nonce(another, ALICE.password))


def test_message_id_is_no_replay_key(proxy):
    for _ in range(2):
        assert token(sign_in(proxy, ALICE, message_id="urn:uuid:again"))


@VERSIONS
def test_unknown_relying_party(proxy, path):
    answer = sign_in(proxy, ALICE, path, applies_to="urn:someone:else")
    code, subcode, namespace, reason = fault(answer)
    assert (code, subcode) == ("Sender", "InvalidScope")
    assert namespace == (TRUST2005 if path == PATH2005 else TRUST13)
    assert "ID3082" in reason and "someone" not in answer.text


def test_unknown_relying_party_asks_no_directory(proxy, slapd):
    before = slapd.binds(LOCKED[4].dn)
    sign_in(proxy, LOCKED[4], applies_to="urn:someone:else")
    assert slapd.binds(LOCKED[4].dn) == before


MALFORMED = {
    "no RequestType": {"request_type": None},
    "unknown RequestType": {"request_type": "Burn"},
    "no AppliesTo": {"applies_to": None},
    "holder of key": {"key_type": f"{TRUST13}/SymmetricKey"},
    "unknown TokenType": {"token_type": "urn:ietf:params:oauth:token-type:jwt"},
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
def test_request_that_asks_for_nothing_we_have(proxy, fields):
    answer = sign_in(proxy, ALICE, **fields)
    assert 400 <= answer.status_code < 600
    assert fault(answer)[0] == "Sender"


NOT_RST = {
    "empty": b"",
    "text": b"hello",
    "not an envelope": b"<a/>",
    "empty body": f'<s:Envelope xmlns:s="{SOAP12}"><s:Body/></s:Envelope>'.encode(),
    "cut": Rst().text().encode()[:-20],
    "trailing": Rst().text().encode() + b"<more/>",
    "other soap": b'<s:Envelope xmlns:s="urn:soap"><s:Body/></s:Envelope>',
}


@pytest.mark.parametrize("body", NOT_RST.values(), ids=NOT_RST.keys())
def test_message_that_is_no_rst(proxy, body):
    answer = send(proxy, body)
    assert answer.status_code in (400, 500)
    document = etree.fromstring(answer.content)
    assert document.findall(".//{*}Fault"), answer.text


def test_two_requests_in_one_body(proxy):
    text = Rst(user=ALICE.upn, password=ALICE.password).text()
    start, end = text.index("<w:RequestSecurityToken"), text.index("</s:Body>")
    doubled = text[:end] + text[start:end] + text[end:]
    answer = send(proxy, doubled)
    assert answer.status_code >= 400 and b"Assertion" not in answer.content


def test_header_that_must_be_understood(proxy):
    answer = sign_in(proxy, ALICE, header_extra='<x:Odd xmlns:x="urn:x" s:mustUnderstand="1">1</x:Odd>')
    document = etree.fromstring(answer.content)
    assert answer.status_code == 500
    assert document.xpath("string(//s:Fault/s:Code/s:Value)", namespaces=NS).endswith(":MustUnderstand")


def test_soap_11_fault_for_a_soap_11_request(proxy):
    rst = Rst(user=ALICE.upn, password=WRONG, soap=SOAP11)
    answer = send(proxy, rst, WSO2)
    assert answer.headers["Content-Type"].startswith("text/xml")
    (element,) = etree.fromstring(answer.content).xpath("/s11:Envelope/s11:Body/s11:Fault", namespaces=NS)
    prefix, _, code = element.find("faultcode").text.partition(":")
    assert (element.find("faultcode").nsmap[prefix], code) == (WSSE, "FailedAuthentication")


def test_body_over_the_limit(launch, slapd, nginx):
    small = launch(ldap(slapd), nginx.url, limits={"rst_body": "16KiB"})
    padding = "<x:Pad xmlns:x='urn:x'>" + "x" * 20_000 + "</x:Pad>"
    rst = Rst(user=ALICE.upn, password=ALICE.password, header_extra=padding)
    refused = send(small, rst)
    assert refused.status_code == 413
    assert etree.fromstring(refused.content).xpath("//*[local-name() = 'Fault']")
    chunked = small.post(PATH13, iter([rst.text().encode()]), headers={"Content-Type": "application/soap+xml"})
    assert chunked.status_code == 413
    assert token(sign_in(small, ALICE))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(proxy, method):
    answer = proxy.http.request(method, proxy.url + PATH13, timeout=30)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
