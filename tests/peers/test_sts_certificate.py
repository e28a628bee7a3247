"""WS-Trust with certificates for credentials: messages that xmlsec1 signed, and TLS clients."""

import base64
import re
import socket
import ssl
import subprocess

import pytest
import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree

from conftest import need
from support import certificates, fedfront, judge, waiting
from support.fedfront import ldap
from support.http2_client import Http2
from support.people import ALICE, BOB, CHANGING, SUBSIDIARY, WRONG
from support.rst import (
    NS,
    PASSWORD_DIGEST,
    PATH13,
    PATH2005,
    SAML1,
    SAML2,
    SOAP11,
    SOAP12,
    TRUST13,
    TRUST2005,
    WSA,
    WSSE,
    WSU,
    Rst,
    fault,
    send,
    sign_in,
    token,
)
from support.signed import ECDSA_SHA256, RSA_SHA1, SHA1, Signed
from support.slapd import Slapd

X509_PKI = "urn:oasis:names:tc:SAML:1.0:am:X509-PKI"
RFC2246 = "urn:ietf:rfc:2246"
TLS_CLIENT = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Certifies users, and nothing else."""
    return certificates.Authority(tmp_path_factory.mktemp("client-ca"), "users")


@pytest.fixture(scope="module")
def alice(authority):
    return authority.client("Alice Liddell", upn=ALICE.upn, usage=ExtendedKeyUsageOID.CLIENT_AUTH)


def credentials(authority, **more):
    return {"certificate": {"ca_file": str(authority.file), **more}}


@pytest.fixture
def proxy(launch, slapd, nginx, authority):
    return launch(ldap(slapd), nginx.url, credentials=credentials(authority))


def signed(proxy, pair, path=PATH13, **fields):
    rst = {"trust": TRUST2005 if "/2005/" in path else TRUST13, **fields.pop("rst", {})}
    return Signed(pair, proxy.url + path, rst=rst, **fields)


def ask(proxy, pair, path=PATH13, **fields):
    return send(proxy, signed(proxy, pair, path, **fields).text(), path)


def method(token):
    (statement,) = token.document.xpath("//saml:AuthenticationStatement", namespaces=NS)
    return statement.get("AuthenticationMethod")


def upn(token):
    return token.attributes()[("http://schemas.xmlsoap.org/claims", "UPN")]


@pytest.mark.parametrize("path", [PATH13, PATH2005])
def test_a_certificate_that_signs_timestamp_and_to_is_its_user(proxy, alice, path):
    answer = token(ask(proxy, alice, path))
    assert upn(answer) == [ALICE.upn]
    assert method(answer) == X509_PKI
    (record,) = waiting.until(proxy.audit, "an audit record")
    assert (record["result"], record["user"], record["upn"]) == ("success", ALICE.upn, ALICE.upn)


def test_a_certificate_may_sign_more_by_another_key(proxy, authority):
    pair = authority.client("alice", upn=ALICE.upn, key=ec.generate_private_key(ec.SECP384R1()))
    answer = token(ask(proxy, pair, covers=("_body", "_to", "_ts"), algorithm=ECDSA_SHA256, rst={"token_type": SAML2}))
    (context,) = answer.document.xpath("//saml2:AuthnContextClassRef", namespaces=NS)
    assert context.text == "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"


def test_to_is_compared_but_for_case_and_default_port(launch, slapd, nginx, authority, alice):
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), public_url="https://sts.example.com")
    for to, accepted in [
        ("https://STS.example.com:443/ADFS/services/trust/13/usernamemixed", True),
        ("https://sts.example.com/services/wso2carbon-sts", True),
        ("https://evil.example/adfs/services/trust/13/usernamemixed", False),
        (proxy.url + PATH13, False),
    ]:
        answer = send(proxy, Signed(alice, to).text())
        if accepted:
            token(answer)
        else:
            assert fault(answer)[1:3] == ("InvalidSecurity", WSSE)


def test_a_message_without_to_says_by_its_body_whom_it_is_for(proxy, alice):
    token(ask(proxy, alice, covers=("_ts", "_body"), rst={"wsa": None}))
    assert fault(ask(proxy, alice, covers=("_ts",), rst={"wsa": None}))[1] == "InvalidSecurity"


def test_a_signed_message_is_good_once(proxy, alice):
    message = signed(proxy, alice)
    text = message.text()
    # One that gave no token is not used up: its Body is not signed, so that this is the same message.
    assert fault(send(proxy, text.replace("urn:federation:MicrosoftOnline", "urn:nobody")))[1] == "InvalidScope"
    token(send(proxy, text))
    assert fault(send(proxy, text))[1:3] == ("InvalidSecurity", WSSE)
    token(ask(proxy, alice))


def test_two_honest_messages_in_one_second_are_told_apart_or_how_to(proxy, alice):
    """Timestamps in whole seconds make the same signed message twice."""
    text = signed(proxy, alice).text()
    token(send(proxy, text))
    answer = send(proxy, text)
    reason = fault(answer)[3]
    assert "wsa:MessageID" in reason and "milliseconds" in reason
    assert answer.content != text.encode() and ALICE.login not in reason


def test_audit_names_the_credential_and_the_certificate_also_when_refused(
    launch, slapd, nginx, authority, alice, listener, tmp_path
):
    stranger = certificates.Authority(tmp_path, "users")
    revoked = authority.client("gone", upn=ALICE.upn)
    crl = str(authority.revocations(revoked))
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority, crl_file=crl), listen=[{}, listener])

    def recorded(answer):
        record = proxy.audit_of(answer.headers["X-Correlation-Id"])
        return tuple(record[key] for key in ("result", "credential", "certificate_subject", "certificate_serial"))

    def serial(pair):
        number = f"{x509.load_pem_x509_certificate(pair[0].read_bytes()).serial_number:X}"
        return number.zfill(len(number) + len(number) % 2)

    thief = stranger.client("M, O=Evil", upn=ALICE.upn)
    for pair, name, result in [
        (alice, "CN=Alice Liddell", "success"),
        (revoked, "CN=gone", "bad_credentials"),
        (thief, r"CN=M\, O\=Evil", "bad_credentials"),
    ]:
        assert recorded(ask(proxy, pair)) == (result, "signed_message", name, serial(pair))
    for pair, name, result in [(alice, "CN=Alice Liddell", "success"), (revoked, "CN=gone", "bad_credentials")]:
        answer = post(proxy, listener, pair, Rst(user=None))
        assert recorded(answer) == (result, "tls_certificate", name, serial(pair))
    answer = post(proxy, listener, alice, Rst(user=SUBSIDIARY.upn, password=SUBSIDIARY.password))
    assert recorded(answer) == ("success", "password", None, None)


def test_a_refused_tls_certificate_is_told_of_at_info_and_once_a_minute(
    launch, slapd, nginx, authority, listener, tmp_path
):
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    server = authority.client("a server", upn=ALICE.upn, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    stranger = certificates.Authority(tmp_path, "strangers").client("stranger", upn=ALICE.upn)
    for pair in (server, stranger, stranger):
        with pytest.raises(requests.exceptions.ConnectionError):
            post(proxy, listener, pair, Rst(user=None))
    assert waiting.until(lambda: proxy.metric("tls_handshakes_total", result="failure") >= 3, "three failures")
    proxy.wait_for_line(r"a client's certificate was refused: .*purpose.*CN=a server.*127\.0\.0\.1:\d+")
    lines = [line for line in list(proxy.stderr) if "certificate was refused" in line]
    assert len(lines) == 1 and "INFO" in lines[0].upper(), lines


def test_each_thing_that_a_signed_message_lacks_is_named(proxy, alice):
    untimed = signed(proxy, alice).text()
    begin, end = untimed.index("<u:Timestamp"), untimed.index("</u:Timestamp>") + len("</u:Timestamp>")
    twice = Rst(password=ALICE.password).text()
    first, last = twice.index("<o:UsernameToken"), twice.index("</o:UsernameToken>") + len("</o:UsernameToken>")
    for message, told in [
        (untimed[:begin] + untimed[end:], "Timestamp"),
        (Rst(password=ALICE.password, timestamp=False).text(), "needs a wsu:Timestamp"),
        (signed(proxy, alice, covers=("_ts",)).text(), "must cover wsa:To"),
        (signed(proxy, alice, covers=("_to",)).text(), "must cover the Timestamp"),
        (signed(proxy, alice, covers=("_ts",), rst={"wsa": None}).text(), "must cover the Body"),
        (twice[:last] + re.sub(' u:Id="[^"]*"', "", twice[first:last]) + twice[last:], "more than one of an element"),
        (Rst(security="").text(), "needs a wsse:Security header"),
    ]:
        reason = fault(send(proxy, message))[3]
        assert told in reason and ALICE.login not in reason, (told, reason)


def test_a_tls_certificate_that_is_not_taken_is_named(launch, slapd, nginx, alice, listener):
    proxy = launch(ldap(slapd), nginx.url, listen=[{}, listener])
    for rst, code in [(Rst(user=None), "UnsupportedSecurityToken"), (Rst(security=""), "InvalidSecurity")]:
        answer = post(proxy, listener, alice, rst)
        assert fault(answer)[1] == code
        assert "certificate of a TLS client is not taken" in fault(answer)[3]
        record = proxy.audit_of(answer.headers["X-Correlation-Id"])
        assert "credentials.certificate" in record["reason"]
        assert (record["credential"], record["certificate_subject"]) == ("tls_certificate", "CN=Alice Liddell")


def test_a_signature_value_that_anybody_can_make_of_another_is_no_new_message(proxy, authority):
    """Of an ECDSA signature (r, s), (r, n - s) holds as well."""
    pair = authority.client("alice", upn=ALICE.upn, key=ec.generate_private_key(ec.SECP256R1()))
    text = signed(proxy, pair, algorithm=ECDSA_SHA256).text()
    (value,) = etree.fromstring(text.encode()).iter("{http://www.w3.org/2000/09/xmldsig#}SignatureValue")
    octets = base64.b64decode(value.text)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = octets[:32] + (order - int.from_bytes(octets[32:])).to_bytes(32)
    changed = text.replace(value.text, base64.b64encode(other).decode())
    assert changed != text
    token(send(proxy, changed))
    assert fault(send(proxy, text))[1:3] == ("InvalidSecurity", WSSE)
    assert fault(send(proxy, changed))[1:3] == ("InvalidSecurity", WSSE)


def test_whom_nobody_believes_or_knows_gets_the_bytes_of_a_wrong_password(
    launch, slapd, nginx, authority, alice, tmp_path
):
    stranger = certificates.Authority(tmp_path, "users")
    revoked = authority.client("alice", upn=ALICE.upn)
    crl = authority.revocations(revoked)
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority, crl_file=str(crl)))
    wrong = sign_in(proxy, ALICE, password=WRONG, message_id="urn:uuid:same")
    assert fault(wrong)[1] == "FailedAuthentication"
    for pair in [
        stranger.client("alice", upn=ALICE.upn),
        authority.client("alice", upn=ALICE.upn, days=(-30, -1)),
        authority.client("alice", upn=ALICE.upn, days=(1, 30)),
        authority.client("alice", upn=ALICE.upn, usage=ExtendedKeyUsageOID.SERVER_AUTH),
        revoked,
        authority.client("alice"),
        authority.client("alice", upn=[ALICE.upn, BOB.upn]),
        authority.client("nobody", upn="nobody@example.com"),
        authority.client("bob", upn=BOB.upn),
    ]:
        answer = ask(proxy, pair, rst={"message_id": "urn:uuid:same"})
        assert (answer.status_code, answer.content) == (wrong.status_code, wrong.content), pair
    token(ask(proxy, alice))
    records = [record for record in proxy.audit() if record["result"] != "success"]
    assert len({record["reason"] for record in records}) >= 7, [record["reason"] for record in records]


def test_nobody_learns_of_a_certificate_without_its_key(proxy, authority, alice, tmp_path):
    """A certificate is public: whether it is believed is told to its owner alone."""
    stranger = certificates.Authority(tmp_path, "users")
    thief = certificates.signing(tmp_path, "thief")
    for pair in [alice, stranger.client("alice", upn=ALICE.upn), authority.client("n", upn="nobody@example.com")]:
        answer = ask(proxy, (pair[0], thief[1]), rst={"message_id": "urn:uuid:same"})
        assert fault(answer)[1:3] == ("FailedCheck", WSSE)


def test_every_wrong_signature_has_its_own_fault(proxy, alice):
    honest = signed(proxy, alice).text()
    str_ = "<o:SecurityTokenReference>{}</o:SecurityTokenReference>"
    identifier = "<o:KeyIdentifier>AAAA</o:KeyIdentifier>"
    bst = '<o:BinarySecurityToken u:Id="_bst" ValueType="{}">{}</o:BinarySecurityToken>'
    octets = certificates.base64_of(alice[0])
    kerberos = "http://docs.oasis-open.org/wss/oasis-wss-kerberos-token-profile-1.1#GSS_Kerberosv5_AP_REQ"
    for message, expected in [
        (honest.replace("usernamemixed</a:To>", "other</a:To>"), "FailedCheck"),
        (signed(proxy, alice, covers=("_ts",)), "InvalidSecurity"),
        (signed(proxy, alice, covers=("_to",)), "InvalidSecurity"),
        (signed(proxy, alice, covers=("_body",)), "InvalidSecurity"),
        (signed(proxy, alice, algorithm=RSA_SHA1), "UnsupportedAlgorithm"),
        (signed(proxy, alice, digest=SHA1), "UnsupportedAlgorithm"),
        (signed(proxy, alice, key_info=str_.format('<o:Reference URI="#_absent"/>')), "SecurityTokenUnavailable"),
        (signed(proxy, alice, key_info=str_.format(identifier)), "SecurityTokenUnavailable"),
        (signed(proxy, alice, token=""), "SecurityTokenUnavailable"),
        (signed(proxy, alice, token=bst.format("urn:x#X509v3", octets[:-8])), "InvalidSecurityToken"),
        (signed(proxy, alice, token=bst.format("urn:x#X509v3", "!")), "InvalidSecurityToken"),
        (signed(proxy, alice, token=bst.format(kerberos, "AAAA")), "UnsupportedSecurityToken"),
        (signed(proxy, alice, created=600), "InvalidSecurity"),
    ]:
        text = message if isinstance(message, str) else message.text()
        assert fault(send(proxy, text))[1:3] == (expected, WSSE)
    expired = fault(send(proxy, signed(proxy, alice, created=-900, expires=-600).text()))
    assert expired[1:3] == ("MessageExpired", WSU)


def test_the_signed_timestamp_counts_wherever_another_stands(proxy, alice):
    """The signature holds: what it covers has only been moved, and something else put in its place."""
    text = signed(proxy, alice).text()
    begin, end = text.index("<u:Timestamp"), text.index("</u:Timestamp>") + len("</u:Timestamp>")
    timestamp = text[begin:end]
    forged = timestamp.replace("_ts", "_forged")
    moved = text.replace(timestamp, forged).replace("</s:Header>", f'<x:W xmlns:x="urn:x">{timestamp}</x:W></s:Header>')
    assert fault(send(proxy, moved))[1] == "InvalidSecurity"
    assert fault(send(proxy, text.replace(timestamp, forged + timestamp)))[1] == "InvalidSecurity"
    assert fault(send(proxy, text.replace(timestamp, forged.replace("_forged", "_ts") + timestamp)))[0] == "Sender"
    begin, end = text.index("<a:To"), text.index("</a:To>") + len("</a:To>")
    to = text[begin:end]
    second = to.replace("_to", "_second")
    assert fault(send(proxy, text.replace(to, second + to)))[1] == "InvalidSecurity"
    token(send(proxy, text))


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize("soap", [SOAP12, SOAP11])
def test_who_signs_the_body_gets_a_signed_answer(proxy, site, alice, path, soap):
    answer = ask(proxy, alice, path, covers=("_ts", "_to", "_body"), rst={"soap": soap})
    given = token(answer)
    parts = [f"{WSU}:Timestamp", f"{WSA}:Action", f"{WSA}:RelatesTo", f"{soap}:Body"]
    uris = given.document.xpath("/*/*[1]/o:Security/ds:Signature//ds:Reference/@URI", namespaces=NS)
    assert {uri.removeprefix("#") for uri in uris} == {"_0", "_action", "_relatesto", "_body"}
    assert judge.message_signature_holds(answer.content, site.signing[0], *parts)
    for was, becomes in [(ALICE.upn, "bobby@example.com"), ("urn:uuid:", "urn:UUID:"), ("Z</u:", "0</u:")]:
        changed = answer.content.replace(was.encode(), becomes.encode(), 1)
        assert changed != answer.content
        assert not judge.message_signature_holds(changed, site.signing[0], *parts)
    # The token in it holds by itself, as ever.
    judge.assert_signed(given.assertion_bytes, site.signing[0], "AssertionID", "Assertion", SAML1)
    assert not token(ask(proxy, alice, path)).document.xpath("/*/*[1]/o:Security/ds:Signature", namespaces=NS)


def test_a_password_with_a_signature_is_the_passwords_user(proxy, alice, authority):
    name = f"<o:Username>{SUBSIDIARY.upn}</o:Username>"
    stolen = f"<o:UsernameToken>{name}<o:Password>{{}}</o:Password></o:UsernameToken>"
    answer = token(ask(proxy, alice, covers=("_ts",), username_token=stolen.format(SUBSIDIARY.password)))
    assert upn(answer) == [SUBSIDIARY.upn]
    assert method(answer) == "urn:oasis:names:tc:SAML:1.0:am:password"
    refused = ask(proxy, alice, username_token=stolen.format(WRONG))
    assert fault(refused)[1] == "FailedAuthentication"
    text = signed(proxy, alice, username_token=stolen.format(SUBSIDIARY.password)).text()
    assert fault(send(proxy, text.replace("usernamemixed</a:To>", "other</a:To>")))[1] == "FailedCheck"


def test_what_is_not_taken_is_told_what_is(launch, slapd, nginx, proxy, alice):
    plain = launch(ldap(slapd), nginx.url)
    ours, both = "takes a UsernameToken", "X.509 BinarySecurityToken"
    xenc = "http://www.w3.org/2001/04/xmlenc#"
    encrypted = Rst(password=ALICE.password).text()
    begin, end = encrypted.index("<w:RequestSecurityToken"), encrypted.index("</s:Body>")
    encrypted = encrypted[:begin] + f'<x:EncryptedData xmlns:x="{xenc}"/>' + encrypted[end:]
    conversation = Rst(password=ALICE.password, token_type="http://schemas.xmlsoap.org/ws/2005/02/sc/sct")
    context_token = '<c:SecurityContextToken xmlns:c="http://schemas.xmlsoap.org/ws/2005/02/sc"/>'
    digest = Rst(password="AAAA", password_type=PASSWORD_DIGEST)
    assertion = '<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion"/>'
    for message in [
        signed(plain, alice).text(),
        encrypted,
        conversation,
        Rst(security=f'<o:Security xmlns:o="{WSSE}">{context_token}</o:Security>'),
        Rst(security=f'<o:Security xmlns:o="{WSSE}">{assertion}</o:Security>'),
        Rst(user=None),
        digest,
    ]:
        for proxied, certificate in [(plain, False), (proxy, True)]:
            if certificate and isinstance(message, str) and "X509v3" in message:
                continue
            code, local, namespace, reason = fault(send(proxied, message))
            assert (code, local, namespace) == ("Sender", "UnsupportedSecurityToken", WSSE)
            assert ours in reason and (both in reason) == certificate, reason
    assert "directory's bind" in fault(send(plain, digest))[3]
    assert "Encrypted messages" in fault(send(plain, encrypted))[3]
    assert "WS-SecureConversation" in fault(send(plain, conversation))[3]


@pytest.mark.parametrize(
    "name, fields",
    [("email", {"email": ALICE.upn}), ("common_name", {}), ("upn", {"upn": ALICE.upn.upper()})],
)
def test_the_configured_name_is_looked_up(launch, slapd, nginx, authority, name, fields):
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority, name=name))
    pair = authority.client(ALICE.login, **fields)
    assert upn(token(ask(proxy, pair))) == [ALICE.upn]


def test_an_account_that_could_not_bind_is_refused(tmp_path_factory, site, launch, nginx, authority):
    need("slapd", "ldapmodify")
    directory = Slapd(tmp_path_factory.mktemp("policed"), site.authority, policy=True)
    directory.start()
    try:
        proxy = launch(ldap(directory), nginx.url, credentials=credentials(authority))
        pair = authority.client("changing", upn=CHANGING.upn)
        wrong = sign_in(proxy, CHANGING, password=WRONG, message_id="urn:uuid:same").content

        def asked():
            return ask(proxy, pair, rst={"message_id": "urn:uuid:same"})

        token(asked())
        for attribute, value, refused in [
            ("userAccountControl", "512", False),
            ("userAccountControl", "514", True),
            ("accountExpires", "9223372036854775807", False),
            ("accountExpires", "132000000000000000", True),
            ("lockoutTime", "132000000000000000", False),
            ("nsAccountLock", "false", False),
            ("nsAccountLock", "true", True),
            ("pwdAccountLockedTime", "000001010000Z", True),
        ]:
            change = f"dn: {CHANGING.dn}\nchangetype: modify\n"
            directory.modify(f"{change}add: {attribute}\n{attribute}: {value}\n")
            answer = asked()
            if refused:
                assert answer.content == wrong, (attribute, value)
            else:
                token(answer)
            directory.modify(f"{change}delete: {attribute}\n")
        token(asked())
        # Nothing was bound for any of it: one bind is that of the wrong password.
        assert directory.binds(CHANGING.dn) == 1
    finally:
        directory.stop()


def test_a_revocation_list_is_read_again_and_must_not_have_ended(launch, slapd, nginx, authority, alice):
    listed, none = authority.revocations(alice), authority.revocations()
    ended = authority.revocations(days=(-10, -1))
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority, crl_file=str(none)))
    whole = yaml.safe_load(proxy.file.read_text())
    token(ask(proxy, alice))
    for crl, refused in [(listed, True), (none, False), (ended, True)]:
        whole["credentials"]["certificate"]["crl_file"] = str(crl)
        fedfront.write(proxy.file, whole)
        assert proxy.reload()
        answer = ask(proxy, alice)
        if refused:
            assert fault(answer)[1] == "FailedAuthentication"
        else:
            token(answer)
        checking = [fedfront.binary(), "check", "-c", proxy.file]
        checked = subprocess.run(checking, capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0
        assert ("revocation list of users ended" in checked.stdout + checked.stderr) == (crl == ended)


@pytest.fixture
def listener(site, authority):
    """A listener that asks every client for a certificate."""
    tls = {
        "certificate_file": str(site.tls[0]),
        "private_key_file": str(site.tls[1]),
        "client_ca_file": str(authority.file),
    }
    return {"address": f"127.0.0.1:{waiting.free_port()}", "tls": tls}


def url(listener):
    return "https://localhost:" + listener["address"].split(":")[1]


def post(proxy, listener, pair, message, more=None, path=PATH13):
    with requests.Session() as session:
        session.trust_env = False
        session.verify, session.cert = str(proxy.ca), tuple(str(file) for file in pair) if pair else None
        headers = {"Content-Type": "application/soap+xml; charset=utf-8", **(more or {})}
        return session.post(url(listener) + path, data=message.text().encode(), headers=headers, timeout=30)


def test_a_tls_client_is_its_certificates_user(launch, slapd, nginx, authority, alice, listener):
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    for rst in [Rst(user=None), Rst(security=""), Rst(security="", wsa=None)]:
        answer = token(post(proxy, listener, alice, rst))
        assert upn(answer) == [ALICE.upn]
        assert method(answer) == RFC2246
    answer = token(post(proxy, listener, alice, Rst(user=None, token_type=SAML2)))
    (context,) = answer.document.xpath("//saml2:AuthnContextClassRef", namespaces=NS)
    assert context.text == TLS_CLIENT
    # A name and a password say who asks, whosever the connection is.
    named = token(post(proxy, listener, alice, Rst(user=SUBSIDIARY.upn, password=SUBSIDIARY.password)))
    assert upn(named) == [SUBSIDIARY.upn] and method(named) != RFC2246
    assert fault(post(proxy, listener, alice, Rst(password=WRONG)))[1] == "FailedAuthentication"
    assert fault(post(proxy, listener, alice, Rst(user=None, created=-3600, expires=-3000)))[1] == "InvalidSecurity"
    nobody = authority.client("nobody", upn="nobody@example.com")
    assert fault(post(proxy, listener, nobody, Rst(user=None)))[1] == "FailedAuthentication"
    # The other listener asks nobody.
    assert fault(send(proxy, Rst(user=None)))[1] == "UnsupportedSecurityToken"
    assert fault(send(proxy, Rst(security="")))[1] == "InvalidSecurity"


def test_a_proxys_own_certificate_is_nobody_for_whom_it_speaks(launch, slapd, nginx, authority, alice, listener):
    proxy = launch(
        ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener], trusted_proxies=["127.0.0.0/8"]
    )
    assert upn(token(post(proxy, listener, alice, Rst(user=None)))) == [ALICE.upn]
    passed_on = {"X-Forwarded-For": "192.0.2.7"}
    assert fault(post(proxy, listener, alice, Rst(user=None), passed_on))[1] == "UnsupportedSecurityToken"


def test_a_tls_client_that_passes_on_anything_else_is_not_who_asks(launch, slapd, nginx, authority, alice, listener):
    """The token of somebody else, encrypted for somebody else, must not become the gateway's own sign-in."""
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    for other in [f"<EncryptedAssertion xmlns='{SAML2}'/>", "<o:Other/>"]:
        header = f"<o:Security xmlns:o='{WSSE}'>{other}</o:Security>"
        assert fault(post(proxy, listener, alice, Rst(user=None, security=header)))[1] == "UnsupportedSecurityToken"


def test_a_tls_client_is_its_certificates_user_over_http2(launch, slapd, nginx, authority, alice, listener):
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    port = int(listener["address"].split(":")[1])
    client = Http2(port, proxy.ca, pair=alice)
    headers = {"content-type": "application/soap+xml; charset=utf-8"}
    for _ in range(2):
        status, content = client.request("POST", PATH13, headers, Rst(user=None).text().encode())
        assert status == 200 and RFC2246.encode() in content
    client.close()


def test_a_listener_with_client_ca_takes_nobody_else(launch, slapd, nginx, authority, alice, listener, tmp_path):
    stranger = certificates.Authority(tmp_path, "users").client("alice", upn=ALICE.upn)
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    for pair in [None, stranger, authority.client("alice", upn=ALICE.upn, days=(-30, -1))]:
        with pytest.raises(requests.ConnectionError):
            post(proxy, listener, pair, Rst(user=None))
    token(post(proxy, listener, alice, Rst(user=None)))


def test_a_listener_with_client_ca_alone_takes_no_certificate_for_a_password(launch, slapd, nginx, alice, listener):
    proxy = launch(ldap(slapd), nginx.url, listen=[{}, listener])
    assert fault(post(proxy, listener, alice, Rst(user=None)))[1] == "UnsupportedSecurityToken"
    assert fault(post(proxy, listener, alice, Rst(security="")))[1] == "InvalidSecurity"
    token(post(proxy, listener, alice, Rst(password=ALICE.password)))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_of_a_tls_client_is_resumed(launch, slapd, nginx, authority, alice, listener, version):
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    context = ssl.create_default_context(cafile=str(proxy.ca))
    context.load_cert_chain(*alice)
    context.minimum_version = context.maximum_version = version
    session = None
    for _ in range(3):
        plain = socket.create_connection(("127.0.0.1", int(listener["address"].split(":")[1])), timeout=30)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
            assert tls.version() == version.name.replace("_", ".")
            body = Rst(user=None).text().encode()
            head = f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            tls.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
            answer = b"".join(iter(lambda tls=tls: tls.recv(65536), b""))
            assert b" 200 " in answer.split(b"\r\n")[0] and RFC2246.encode() in answer
            assert not tls.session_reused
            session = tls.session if tls.session and tls.session.has_ticket else None
            assert session is None


def test_the_listener_forwards_and_keeps_clients_words_about_certificates_out(
    launch, slapd, origin, authority, alice, listener
):
    proxy = launch(ldap(slapd), origin.url, credentials=credentials(authority), listen=[{}, listener])
    headers = {"SSL_CLIENT_CERT": "canary-certificate", "X-Seen": "yes"}
    with requests.Session() as session:
        session.trust_env = False
        session.verify, session.cert = str(proxy.ca), tuple(str(file) for file in alice)
        assert session.get(url(listener) + "/console", headers=headers, timeout=30).status_code == 200
        assert session.get(url(listener) + "/oamfed/idp/metadata", timeout=30).status_code == 200
        ecp = session.post(url(listener) + "/oamfed/idp/soap", b"x", auth=(ALICE.upn, WRONG), timeout=30)
        assert ecp.status_code in (400, 500)
    (headers,) = [headers for _, path, headers in origin.heads if path == "/console"]
    names = {name.lower() for name, _ in headers}
    assert "x-seen" in names and "ssl_client_cert" not in names


def test_the_client_ca_is_read_again(launch, slapd, nginx, authority, alice, listener, tmp_path):
    other = certificates.Authority(tmp_path, "other users")
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials(authority), listen=[{}, listener])
    whole = yaml.safe_load(proxy.file.read_text())
    token(post(proxy, listener, alice, Rst(user=None)))
    whole["listen"][1]["tls"]["client_ca_file"] = str(other.file)
    whole["credentials"]["certificate"]["ca_file"] = str(other.file)
    fedfront.write(proxy.file, whole)
    assert proxy.reload()
    with pytest.raises(requests.ConnectionError):
        post(proxy, listener, alice, Rst(user=None))
    token(post(proxy, listener, other.client("alice", upn=ALICE.upn), Rst(user=None)))
    assert fault(ask(proxy, alice))[1] == "FailedAuthentication"
