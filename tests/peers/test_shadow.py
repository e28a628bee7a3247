"""Shadow mode: the identity provider answers, and what fedfront would have answered is compared, without a trace for the client,
the directory or the memory of either. The identity provider behind is another fedfront with one thing changed, or a server that
answers what it is told."""

import base64
import gzip
import json
import socketserver
import threading

import pytest
import requests
import yaml

from support import canary, ecp, waiting
from support.canary import PASSWORD
from support.ecp import AuthnRequest
from support.fedfront import ldap
from support.load import Load
from support.people import ALICE, BOB, TEXTUAL, UMLAUT, WRONG
from support.rst import PATH13, PATH2005, SOAP11, TRUST2005, WSO2, Rst, send, sign_in, token
from support.server import ThreadedServer

SHADOW = {"mex": "shadow", "sts": "shadow", "ecp": "shadow", "metadata": "shadow"}
PUBLIC = "https://sts.example.com"


def differences(proxy):
    """The audit records of differences so far."""
    lines = [line for line in list(proxy.stdout) if '"event":"shadow_difference"' in line]
    return [json.loads(line) for line in lines]


def named(proxy):
    """How often each difference was counted, by endpoint and name."""
    found = {}
    for sample, value in proxy.metrics().items():
        if sample.startswith("fedfront_shadow_differences_total") and value:
            endpoint, difference = sample.split('"')[1::2]
            found[tuple(sorted((endpoint, difference), key=lambda word: word not in SHADOW))] = int(value)
    return found


def tally(proxy, endpoint):
    """What came of the comparisons of one endpoint."""
    results = ("same", "different", "not_compared", "failed")
    return tuple(int(proxy.metric("shadow_comparisons_total", endpoint=endpoint, result=each)) for each in results)


def compared(proxy, endpoint, number):
    """Waits for so many results, and says what they are."""
    waiting.until(lambda: sum(tally(proxy, endpoint)) >= number, f"{number} comparisons of {endpoint}")
    return tally(proxy, endpoint)


def reason(proxy, name, endpoint="sts"):
    return proxy.metric("shadow_not_compared_total", endpoint=endpoint, reason=name)


def change(proxy, edit):
    """Edits the configuration of one that runs, and has it read."""
    whole = yaml.safe_load(proxy.file.read_text())
    edit(whole)
    proxy.file.write_text(yaml.safe_dump(whole, sort_keys=False))
    assert proxy.reload(), proxy.output()[-3000:]


@pytest.fixture(scope="module")
def idp(launch_shared, slapd):
    """A fedfront that is the identity provider behind, at the address that both publish."""
    process = launch_shared(ldap(slapd), "http://127.0.0.1:9", public_url=PUBLIC, cache={"bind": "off"})
    yield process
    process.finish()


@pytest.fixture(scope="module")
def pair(launch_shared, slapd, idp):
    """The same before it, in shadow of it."""
    upstream = {"tls": {"ca_file": str(idp.ca), "server_name": "localhost"}}
    process = launch_shared(ldap(slapd), idp.url, public_url=PUBLIC, upstream=upstream, endpoints=SHADOW, cache={"bind": "off"})
    yield process, idp
    process.finish()


@pytest.fixture
def front(launch, slapd):
    """`front(url)` runs one in shadow of what is there."""

    def start(url, **changes):
        changes = {"public_url": PUBLIC, "endpoints": SHADOW, **changes}
        return launch(ldap(slapd), url, **changes)

    return start


def everything(proxy):
    """One request of each kind that is compared."""
    yield "mex", proxy.get("/mex")
    yield "sts", sign_in(proxy, ALICE)
    yield "sts", sign_in(proxy, ALICE, PATH2005)
    yield "sts", sign_in(proxy, ALICE, WSO2, token_type="urn:oasis:names:tc:SAML:2.0:assertion")
    yield "sts", send(proxy, Rst(user=ALICE.upn, password=ALICE.password, trust=TRUST2005, soap=SOAP11), PATH2005)
    yield "sts", send(proxy, Rst(user=ALICE.upn, password=WRONG))
    yield "sts", send(proxy, Rst(user="nobody@example.com", password=WRONG))
    yield "sts", send(proxy, Rst(user=ALICE.upn, password=ALICE.password, applies_to="urn:nobody"))
    yield "sts", send(proxy, Rst(user=BOB.upn, password=BOB.password))
    yield "sts", send(proxy, "<broken")
    yield "ecp", ecp.send(proxy, AuthnRequest(), (ALICE.upn, ALICE.password))
    yield "ecp", ecp.send(proxy, AuthnRequest(), (ALICE.upn, WRONG))
    yield "ecp", ecp.send(proxy, AuthnRequest(issuer="urn:nobody"), (ALICE.upn, ALICE.password))
    yield "ecp", ecp.send(proxy, AuthnRequest())
    yield "metadata", proxy.get("/oamfed/idp/metadata")


def test_the_same_configuration_has_no_differences(pair):
    proxy, _ = pair
    before = {endpoint: tally(proxy, endpoint) for endpoint in SHADOW}
    expected = {endpoint: 0 for endpoint in SHADOW}
    for endpoint, answer in everything(proxy):
        assert answer.status_code < 502, answer.text
        expected[endpoint] += 1
    for endpoint, number in expected.items():
        found = compared(proxy, endpoint, sum(before[endpoint]) + number)
        assert found == (before[endpoint][0] + number, *before[endpoint][1:]), (endpoint, differences(proxy))
    lines = requests.get(proxy.admin + "/readyz?verbose", timeout=10).text.splitlines()
    assert [line for line in lines if line.startswith("[i] shadow: sts: ")], lines


def test_what_a_decision_leaves_is_left_by_none(pair):
    """No audit record of a decision, no token, no sign-in is counted, and nothing is remembered."""
    proxy, _ = pair

    def left():
        names = ("tokens_issued_total", "authentications_total", "wstrust_requests_total", "cache_entries")
        return [len(proxy.audit()), *(proxy.metric(name) for name in names)]

    before, number = left(), sum(tally(proxy, "sts"))
    sign_in(proxy, ALICE)
    compared(proxy, "sts", number + 1)
    assert left() == before


def test_what_was_used_in_shadow_is_good_after_the_switch(pair):
    proxy, _ = pair
    request, number, original = AuthnRequest(), sum(tally(proxy, "ecp")), proxy.file.read_text()
    credentials = (ALICE.upn, ALICE.password)
    assert b"status:Success" in ecp.send(proxy, request, credentials).content
    compared(proxy, "ecp", number + 1)
    try:
        change(proxy, lambda whole: whole["endpoints"].pop("ecp"))
        assert b"status:Success" in ecp.send(proxy, request, credentials).content
        assert ecp.send(proxy, request, credentials).status_code == 500, "it was used now"
        assert sum(tally(proxy, "ecp")) == number + 1
    finally:
        proxy.file.write_text(original)
        assert proxy.reload()


CHANGES = {
    "issuer": (("sts", "issuer"), lambda whole: whole["issuer"]["domains"].update({"example.com": "http://other.example/"})),
    "issued by nobody": (("sts", "refused"), lambda whole: whole["relying_parties"][0].update(required_group="Nobody")),
    "lifetime": (("sts", "lifetime"), lambda whole: whole["relying_parties"][0].update(lifetime="10m")),
    "signature": (("sts", "signature_algorithm"), lambda whole: whole["relying_parties"][0].update(signature="rsa-sha1")),
    "name": (("sts", "name_identifier"), lambda whole: whole["relying_parties"][0].update(name_identifier={"from": "upn"})),
    "directory": (("sts", "directory"), lambda whole: whole["directory"]["ldap"].update(user_filter="(uid={name})")),
    "status": (("sts", "http_status"), lambda whole: whole.update(faults={"bad_password_status": "400"})),
    "entity": (("metadata", "entity_id"), lambda whole: whole["issuer"].update(entity_id="urn:other")),
    "mex": (("mex", "mex_endpoint"), lambda whole: whole["endpoints"].update(sts={"shadow": [WSO2]})),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_setting_that_is_another_is_a_difference_with_its_name(pair, case):
    proxy, _ = pair
    (endpoint, difference), edit = CHANGES[case]
    original = proxy.file.read_text()
    known = named(proxy)
    try:
        change(proxy, edit)
        if difference == "http_status":
            send(proxy, Rst(user=ALICE.upn, password=WRONG))
        elif endpoint == "sts":
            sign_in(proxy, ALICE)
        else:
            proxy.get({"mex": "/mex", "metadata": "/oamfed/idp/metadata"}[endpoint])
        waiting.until(lambda: named(proxy).get((endpoint, difference), 0) > known.get((endpoint, difference), 0), case)
        record = waiting.until(
            lambda: [each for each in differences(proxy) if difference in [d["difference"] for d in each["differences"]]], case
        )[-1]
        assert record["endpoint"] == endpoint
        (told,) = [each for each in record["differences"] if each["difference"] == difference]
        assert told["fedfront"] != told["idp"]
        if endpoint == "sts":
            assert record["user"] == ALICE.upn
        if difference == "name_identifier":
            assert ALICE.immutable_id not in json.dumps(record), "whose value the audit log does not have"
    finally:
        proxy.file.write_text(original)
        assert proxy.reload()


def test_a_path_that_would_be_refused_is_forwarded_and_told(pair):
    proxy, _ = pair
    known = named(proxy).get(("sts", "address"), 0)
    # The one behind refuses it as well; then both do the same.
    before = sum(tally(proxy, "sts"))
    assert send(proxy, Rst(), "/services/t/x/wso2carbon-sts").status_code == 404
    compared(proxy, "sts", before + 1)
    assert named(proxy).get(("sts", "address"), 0) == known


class Told(ThreadedServer):
    """An identity provider that answers what it is told: `answer` is called with the method, path and body."""

    def __init__(self, answer):
        self.answer = answer
        super().__init__(_Told, told=self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class _Told(socketserver.StreamRequestHandler):
    told = None

    def handle(self):
        try:
            while line := self.rfile.readline():
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = {}
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                answer = self.told.answer(method, path, body)
                if answer is None:
                    return
                self.wfile.write(answer)
        except OSError:
            return


def http(status, body, kind="text/html", **headers):
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


SOAP_FAULT = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
    b'<s:Subcode><s:Value xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">'
    b'w:FailedAuthentication</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">no</s:Text></s:Reason></s:Fault>'
    b"</s:Body></s:Envelope>"
)
SOAP_XML = "application/soap+xml"


@pytest.fixture
def told():
    """`told(answer)` runs a `Told` until the end of the test."""
    running = []

    def start(answer):
        running.append(Told(answer))
        return running[-1]

    yield start
    for server in running:
        server.stop()


def test_the_client_gets_the_same_bytes_with_and_without_shadow(front, told):
    """Statuses, headers, codings and bodies are the identity provider's own."""
    bodies = {
        "/mex": http(405, b"<h1>POST only</h1>", Allow="POST", X_Idp="wso2"),
        PATH13: http(500, gzip.compress(SOAP_FAULT, mtime=0), SOAP_XML, Content_Encoding="gzip", Set_Cookie="a=b"),
        "/oamfed/idp/soap": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/xml\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "/services/t/x/wso2carbon-sts": http(200, b"a tenant's"),
        "//mex": http(200, b"twice"),
    }
    idp = told(lambda method, path, body: bodies[path])
    shadowed, forwarded = front(idp.url), front(idp.url, endpoints={name: "forward" for name in SHADOW})

    def heard(proxy):
        answers = []
        for path in bodies:
            with proxy.wire() as wire:
                body = Rst(user=ALICE.upn, password=WRONG).text().encode() if path != "/mex" else b""
                method = "GET" if path == "/mex" else "POST"
                wire.send(f"{method} {path} HTTP/1.1\r\nHost: sts.example.com\r\nContent-Length: {len(body)}\r\n".encode())
                wire.send(b"Content-Type: application/soap+xml\r\nX-Request-Id: 0123456789\r\nConnection: close\r\n\r\n" + body)
                answers.append(wire.rest())
        return answers

    def alike(raw):
        """But for what is never the same."""
        return [line for line in raw.split(b"\r\n") if not line.lower().startswith((b"x-correlation-id:", b"date:"))]

    one, other = heard(shadowed), heard(forwarded)
    assert [alike(raw) for raw in one] == [alike(raw) for raw in other]
    assert all(raw.startswith(b"HTTP/1.1 ") for raw in one), one
    assert compared(shadowed, "mex", 2) == (0, 2, 0, 0)
    assert named(shadowed)[("mex", "answer")] == 1 and named(shadowed)[("sts", "address")] == 1
    assert compared(shadowed, "sts", 2) == (1, 1, 0, 0), differences(shadowed)


def test_wrong_passwords_are_not_tried_at_the_directory(front, told, own_slapd, launch):
    """The identity provider counts each at the directory: ten of them, and ours has seen none."""
    idp = told(lambda method, path, body: http(500, SOAP_FAULT, SOAP_XML))
    proxy = launch(ldap(own_slapd), idp.url, public_url=PUBLIC, endpoints=SHADOW)
    for number in range(10):
        assert send(proxy, Rst(user=ALICE.upn, password=f"{WRONG}{number}")).status_code == 500
        assert ecp.send(proxy, AuthnRequest(), (ALICE.upn, f"{WRONG}{number}")).status_code == 500
    assert compared(proxy, "sts", 10) == (10, 0, 0, 0), differences(proxy)
    compared(proxy, "ecp", 10)
    waiting.until(lambda: own_slapd.lines_with(ALICE.login), "a search for the user")
    assert own_slapd.binds(ALICE.dn) == 0
    assert proxy.metric("lockouts_active") == 0


def test_whom_the_directory_refuses_though_the_identity_provider_does_not_is_bound_once(launch, told, own_slapd):
    """The identity provider has another directory, where any password is right."""
    idp = told(lambda method, path, body: http(200, sample_token(), SOAP_XML))
    proxy = launch(ldap(own_slapd), idp.url, public_url=PUBLIC, endpoints=SHADOW, cache={"bind": "off"})
    for number in range(5):
        send(proxy, Rst(user=ALICE.upn, password=f"{WRONG}{number}"))
        compared(proxy, "sts", number + 1)
    assert tally(proxy, "sts") == (0, 1, 4, 0), differences(proxy)
    assert reason(proxy, "paused") == 4
    (record,) = waiting.until(lambda: differences(proxy), "a record")
    assert [each["difference"] for each in record["differences"]] == ["directory"]
    assert (record["result"], record["user"]) == ("bad_credentials", ALICE.upn)
    # Others are not concerned; and what slapd logged before them is all of it.
    sign_in(proxy, TEXTUAL)
    compared(proxy, "sts", 6)
    waiting.until(lambda: own_slapd.binds(TEXTUAL.dn), "slapd logging")
    assert own_slapd.binds(ALICE.dn) == 1
    # A restart of nothing, a reload, does not begin again.
    assert proxy.reload()
    send(proxy, Rst(user=ALICE.upn, password=f"{WRONG}5"))
    compared(proxy, "sts", 7)
    assert reason(proxy, "paused") == 5


def test_a_password_beside_a_cookie_or_another_credential_is_not_bound(launch, told, own_slapd):
    """The identity provider went by a session, and its token says nothing of the password, which is wrong."""
    idp = told(lambda method, path, body: http(200, sample_token(), SOAP_XML))
    proxy = launch(ldap(own_slapd), idp.url, public_url=PUBLIC, endpoints=SHADOW)
    rst = Rst(user=ALICE.upn, password=WRONG)
    send(proxy, rst, Cookie="JSESSIONID=1")
    send(proxy, rst, Authorization="Basic " + base64.b64encode(f"{ALICE.upn}:{WRONG}".encode()).decode())
    send(proxy, rst, **{"OAM-Remote-User": "alice"})
    assert compared(proxy, "sts", 3) == (0, 0, 3, 0), differences(proxy)
    assert reason(proxy, "credentials") == 3
    # What does not follow from the password is told all the same.
    send(proxy, Rst(user="nobody@example.com", password=WRONG), Cookie="JSESSIONID=1")
    assert compared(proxy, "sts", 4) == (0, 1, 3, 0)
    sign_in(proxy, TEXTUAL)
    waiting.until(lambda: own_slapd.binds(TEXTUAL.dn), "slapd logging")
    assert own_slapd.binds(ALICE.dn) == 0


def test_whom_the_directory_refused_at_one_replica_is_not_bound_at_another(launch, told, own_slapd, own_redis):
    """Nor after a restart: the failure counts where replicas share it."""
    idp = told(lambda method, path, body: http(200, sample_token(), SOAP_XML))

    def replica():
        shared = {"cache": {"bind": "off"}, "state": own_redis.state()}
        started = launch(ldap(own_slapd), idp.url, public_url=PUBLIC, endpoints=SHADOW, **shared)
        waiting.until(lambda: started.metric("state_shared") == 1, "state is shared")
        return started

    one, other = replica(), replica()
    for number, (proxy, expected) in enumerate(((one, (0, 1, 0, 0)), (other, (0, 0, 1, 0)), (replica(), (0, 0, 1, 0)))):
        send(proxy, Rst(user=ALICE.upn, password=f"{WRONG}{number}"))
        assert compared(proxy, "sts", 1) == expected, differences(proxy)
        assert reason(proxy, "paused") == expected[2]
    sign_in(other, TEXTUAL)
    waiting.until(lambda: own_slapd.binds(TEXTUAL.dn), "slapd logging")
    assert own_slapd.binds(ALICE.dn) == 1


def test_a_slow_identity_provider_is_waited_for_and_holds_up_nobody(front, told):
    released = threading.Event()

    def answer(method, path, body):
        if method == "POST":
            released.wait(30)
        return http(405, b"no")

    idp = told(answer)
    proxy = front(idp.url, shadow={"concurrency": 1})
    answers = []
    slow = threading.Thread(target=lambda: answers.append(send(proxy, Rst(user=ALICE.upn, password=WRONG)).status_code))
    slow.start()
    waiting.until(lambda: proxy.metric("http_requests_in_flight", route="forward") == 1, "a request under way")
    for _ in range(5):
        requests.get(proxy.url + "/mex", verify=str(proxy.ca), timeout=10)
    assert compared(proxy, "mex", 5) == (0, 5, 0, 0)
    assert answers == [] and tally(proxy, "sts") == (0, 0, 0, 0)
    released.set()
    slow.join(30)
    assert answers == [405] and compared(proxy, "sts", 1) == (0, 1, 0, 0)


def test_what_cannot_be_compared_says_why(front, told):
    large = b"x" * (1 << 20) + b"x"
    answers = {
        "br": http(200, b"?", SOAP_XML, Content_Encoding="br"),
        "large": http(200, large),
        "gone": None,
        "away": http(503, b"later"),
    }
    mood = {}
    idp = told(lambda method, path, body: answers[mood["is"]])
    proxy = front(idp.url)
    for mood["is"], why in (("br", "coding"), ("large", "too_large"), ("gone", "no_answer"), ("away", "no_answer")):
        before = reason(proxy, why)
        send(proxy, Rst(user=ALICE.upn, password=ALICE.password))
        waiting.until(lambda: reason(proxy, why) == before + 1, f"{mood['is']}: {proxy.last_metrics}")
    mood["is"] = "away"
    before = reason(proxy, "operation")
    answers["away"] = http(200, b"<wsdl/>", "text/xml")
    proxy.get(WSO2 + "?wsdl")
    send(proxy, Rst(user=ALICE.upn, password=ALICE.password, request_type="Validate", applies_to=None))
    waiting.until(lambda: reason(proxy, "operation") == before + 2, "descriptions and other operations")
    big = Rst(user=ALICE.upn, password=ALICE.password).text().encode() + b" " * (64 << 10)
    assert send(proxy, big).text == "<wsdl/>", "it is forwarded whole"
    waiting.until(lambda: reason(proxy, "too_large") == 2, "a request over our limit")
    assert tally(proxy, "sts")[:2] == (0, 0) and tally(proxy, "sts")[3] == 0


def test_a_client_or_server_that_breaks_off_leaves_nothing(front, told):
    """The identity provider breaks off in the middle of an answer, and a client in the middle of its request."""
    class Breaking(_Told):
        def handle(self):
            if self.rfile.readline().startswith(b"POST"):
                self.rfile.read()
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")

    server = ThreadedServer(Breaking)
    try:
        proxy = front(f"http://127.0.0.1:{server.port}")
        with pytest.raises(requests.RequestException):
            proxy.get("/mex")
        waiting.until(lambda: reason(proxy, "cut", "mex") + reason(proxy, "no_answer", "mex") == 1, "an answer that was cut")
        with proxy.wire() as wire:
            wire.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n<s:Env".encode())
            waiting.until(lambda: proxy.metric("http_requests_in_flight", route="forward") == 1, "it is forwarded")
        waiting.until(lambda: sum(tally(proxy, "sts")) == 1, "a request that was cut")
        assert tally(proxy, "sts") == (0, 0, 1, 0)
        assert differences(proxy) == []
    finally:
        server.stop()


def test_more_than_can_be_compared_is_forwarded_and_counted(front, told, own_slapd, launch):
    """The directory stands still, so that comparisons wait: nobody who is forwarded does."""
    body = sample_token()
    idp = told(lambda method, path, asked: http(200, body, SOAP_XML))
    proxy = launch(ldap(own_slapd), idp.url, public_url=PUBLIC, endpoints=SHADOW, shadow={"concurrency": 1})
    own_slapd.freeze()
    try:
        for number in range(300):
            assert send(proxy, Rst(user=ALICE.upn, password=ALICE.password)).content == body
        assert reason(proxy, "overload") >= 300 - 256 - 10
    finally:
        own_slapd.thaw()


def sample_token():
    """What looks like an answer with a token."""
    trust = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
    return (
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><w:RequestSecurityTokenResponseCollection '
        f'xmlns:w="{trust}"><w:RequestSecurityTokenResponse><w:RequestedSecurityToken><saml:Assertion '
        f'xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" MajorVersion="1" MinorVersion="1" AssertionID="_1" Issuer="urn:idp" '
        f'IssueInstant="2026-01-01T00:00:00Z"/></w:RequestedSecurityToken></w:RequestSecurityTokenResponse>'
        f"</w:RequestSecurityTokenResponseCollection></s:Body></s:Envelope>"
    ).encode()


def test_a_sample_is_compared(front, told):
    idp = told(lambda method, path, body: http(405, b"no"))
    proxy = front(idp.url, shadow={"sample": 20})
    for _ in range(200):
        proxy.get("/mex")
    waiting.until(lambda: 10 <= sum(tally(proxy, "mex")) <= 80, f"about a fifth of 200: {tally(proxy, 'mex')}")


def test_an_upload_elsewhere_is_not_kept(front, origin):
    proxy = front(origin.url)
    before = resident(proxy)
    size = 1 << 30

    def pieces():
        for _ in range(size >> 20):
            yield b"\0" * (1 << 20)

    proxy.post("/upload", pieces())
    assert origin.received[-1] == size
    assert resident(proxy) - before < 32 << 20


def resident(proxy):
    """Bytes in memory."""
    with open(f"/proc/{proxy.pid}/status") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def test_a_password_leaves_no_trace(launch, own_slapd, idp, tmp_path):
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    own_slapd.modify(f"dn: {UMLAUT.dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {encoded}\n")
    audit_file = tmp_path / "audit.json"
    idp_of_it = launch(ldap(own_slapd), "http://127.0.0.1:9", public_url=PUBLIC)
    upstream = {"tls": {"ca_file": str(idp_of_it.ca), "server_name": "localhost"}}
    issuer = {"domains": {"example.com": "http://other.example/"}}
    telemetry = {"level": "trace", "audit_file": str(audit_file)}
    proxy = launch(
        ldap(own_slapd), idp_of_it.url, public_url=PUBLIC, upstream=upstream, endpoints=SHADOW, issuer=issuer, telemetry=telemetry
    )
    hunt = canary.Hunt(proxy, audit_file)
    text = Rst(user=UMLAUT.upn, password=PASSWORD).text()
    for answer in (
        send(proxy, text),
        ecp.send(proxy, AuthnRequest(), (UMLAUT.upn, PASSWORD)),
        send(proxy, Rst(user=UMLAUT.login + "x", password=PASSWORD)),
        send(proxy, text.replace("<o:Password>", "<o:Password><b/>")),
        send(proxy, f"password={PASSWORD}"),
        ecp.send(proxy, "<no envelope", (UMLAUT.upn, PASSWORD)),
        proxy.post(WSO2, text.encode(), headers={"Content-Encoding": "gzip"}),
    ):
        hunt.answered(answer)
    compared(proxy, "sts", 5)
    compared(proxy, "ecp", 2)
    waiting.until(lambda: audit_file.exists() and b"shadow_difference" in audit_file.read_bytes(), "a difference")
    places = hunt.places(lambda path: requests.get(proxy.admin + path, timeout=10).content)
    assert canary.leaks(places, PASSWORD) == []


def test_from_shadow_to_answering_and_back_under_load(launch, slapd, nginx):
    """Each request is answered by one of the two, and none is lost."""
    proxy = launch(ldap(slapd), nginx.url, endpoints={"sts": "shadow", "mex": "shadow"})
    with Load(lambda: (proxy.port, 1), proxy.ca) as load:
        for number in range(6):
            shadow = number % 2
            change(proxy, lambda whole: whole.update(endpoints={"sts": "shadow", "mex": "shadow"} if shadow else {}))
            load.goes_on()
    assert load.failures == []
    assert load.answers.total() > 100
