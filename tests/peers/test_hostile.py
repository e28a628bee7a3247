"""Messages made to hurt: each gets an answer, and the next good request works."""

import pytest
from lxml import etree

from support import ecp, hostile
from support.ecp import Answer, AuthnRequest
from support.people import ALICE
from support.rst import NS, PATH13, Rst, send, sign_in, token

MEX = "/mex"


def good_rst():
    return Rst(user=ALICE.upn, password=ALICE.password).text()


def post(proxy, path, message):
    """A post of which only the answer counts: a server may answer before the body ends, and close."""
    body = hostile.encoded(message)
    with proxy.wire(timeout=60) as wire:
        basic = "QWxpY2U6bm9uZQ=="
        wire.send(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml\r\n"
            f"Authorization: Basic {basic}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        try:
            wire.send(body)
        except OSError:
            pass
        return wire.answer()


def assert_fault(answer, what):
    status, _, body = answer
    assert 400 <= status < 600, what
    assert b"Assertion" not in body and b"root:" not in body
    if body.lstrip().startswith(b"<"):
        etree.fromstring(body)


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_sts_refuses(proxy, name):
    assert_fault(post(proxy, PATH13, hostile.REFUSED[name](good_rst())), name)
    assert token(sign_in(proxy, ALICE))


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_ecp_refuses(proxy, name):
    message = hostile.REFUSED[name](AuthnRequest().text().replace("</samlp:AuthnRequest>", " </samlp:AuthnRequest>"))
    status, _, body = post(proxy, ecp.PATH, message)
    assert status >= 400, body
    assert Answer(ecp.send(proxy, AuthnRequest(), (ALICE.upn, ALICE.password))).statuses() == ["Success"]


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_mex_refuses(proxy, name):
    assert_fault(post(proxy, MEX, hostile.REFUSED[name](good_rst())), name)
    assert proxy.get(MEX).status_code == 200


@pytest.mark.parametrize("name", hostile.ODD)
def test_odd_but_xml(proxy, name):
    answer = send(proxy, hostile.encoded(hostile.ODD[name](good_rst())))
    assert token(answer).document.findall(f".//{{{NS['saml']}}}Attribute")


def test_comment_and_cdata_do_not_cut_a_name_short(proxy):
    """CVE-2017-11427 and its kin: text around a comment is one text, or the message is refused."""
    whole = good_rst()
    for split in ("alice@<!-- -->example.com", "<![CDATA[alice@example.com]]>", "alice<![CDATA[@]]>example.com"):
        answer = send(proxy, whole.replace(ALICE.upn, split))
        if answer.status_code == 200:
            assert token(answer).attributes()["http://schemas.xmlsoap.org/claims", "UPN"] == [ALICE.upn]
    shortened = send(proxy, whole.replace(ALICE.upn, "alice@example.com<!-- -->.attacker.example"))
    assert shortened.status_code != 200


MARKUP = [
    "\"'<>&",
    "]]>",
    "</a:RelatesTo><evil/>",
    "<![CDATA[x]]>",
    "<!-- x -->",
    "a\r\nb",
    "a\tb\nc",
    "&#13;&#10;",
    "é漢字😀",
    "x" * 2000,
    "${env:HOME} {{7*7}} %s %n",
    "\u2028\u202e",
]


@pytest.mark.parametrize("text", MARKUP)
def test_message_id_comes_back_as_text(proxy, text):
    for answer in (
        sign_in(proxy, ALICE, message_id=text),
        sign_in(proxy, ALICE, message_id=text, password="canary-wrong-password"),
    ):
        document = etree.fromstring(answer.content)
        assert not document.findall(".//evil")
        relates = document.xpath("/s:Envelope/s:Header/a:RelatesTo", namespaces=NS)
        if relates:
            assert relates[0].text.split() == text.split() and len(relates[0]) == 0


@pytest.mark.parametrize("text", MARKUP)
def test_user_name_comes_back_nowhere(proxy, text):
    for user in (text, f"{text}@example.com"):
        answer = send(proxy, Rst(user=user, password="canary-wrong-password"))
        document = etree.fromstring(answer.content)
        assert document.findall(".//{*}Fault")
        reply = ecp.send(proxy, AuthnRequest(), (user.replace(":", ""), "canary-wrong-password"))
        etree.fromstring(reply.content)


@pytest.mark.parametrize("text", MARKUP)
def test_identifier_of_a_request_is_escaped_or_refused(proxy, text):
    reply = ecp.send(proxy, AuthnRequest(id=text), (ALICE.upn, ALICE.password))
    document = etree.fromstring(reply.content)
    assert not document.findall(".//evil")
    if reply.status_code == 200:
        assert Answer(reply).response.get("InResponseTo") == text


@pytest.mark.parametrize("text", MARKUP)
def test_relying_party_and_issuer_come_back_nowhere(proxy, text):
    answer = sign_in(proxy, ALICE, applies_to=text)
    etree.fromstring(answer.content)
    reply = ecp.send(proxy, AuthnRequest(issuer=text), (ALICE.upn, ALICE.password))
    etree.fromstring(reply.content)
    assert reply.status_code == 500
    for body in (answer.text, reply.text):
        assert len(text) < 6 or text not in body


HEADERS = {
    "a megabyte": "X-Long: " + "x" * (1 << 20),
    "forty kibibytes": "X-Long: " + "x" * (40 << 10),
    "a thousand": "\r\n".join(f"X-{number}: 1" for number in range(1000)),
    "two lengths": "Content-Length: 1\r\nContent-Length: 2",
    "length and chunks": "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "negative length": "Content-Length: -1",
    "length with a sign": "Content-Length: +5",
    "chunks twice": "Transfer-Encoding: chunked, chunked",
    "unknown coding": "Transfer-Encoding: xchunked",
    "space before the colon": "X-Odd : 1",
    "folded": "X-Odd: 1\r\n 2",
    "no colon": "nonsense",
    "NUL": "X-Odd: a\0b",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("path", [PATH13, "/page"])
def test_hostile_headers(proxy, path, name):
    with proxy.wire() as wire:
        try:
            wire.send(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{HEADERS[name]}\r\nConnection: close\r\n\r\n0\r\n\r\n"
            )
        except OSError:
            pass
        # A status or a closed connection: both are answers.
        wire.rest()
    assert token(sign_in(proxy, ALICE))


def test_second_request_smuggled_in_a_body_is_not_served(proxy, nginx):
    before = len(nginx.requests())
    with proxy.wire() as wire:
        wire.send(
            "POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        try:
            wire.answer()
        except EOFError:
            pass
    proxy.get("/after-smuggling")
    assert not [line for line in nginx.requests()[before:] if "smuggled" in line]


def test_bytes_that_are_no_http(proxy):
    for noise in (
        b"\x16\x03\x01\x00\x05hello",
        b"\0" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n" * 100,
    ):
        with proxy.wire(timeout=30) as wire:
            wire.send(noise + b"\r\n\r\n")
            wire.socket.shutdown(1)
            wire.rest()
    assert token(sign_in(proxy, ALICE))
