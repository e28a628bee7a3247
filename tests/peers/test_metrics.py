"""What it tells about itself: metrics, health and the audit log, and what it must not tell."""

import pathlib
import re
import signal
import socket
import subprocess
import uuid

import pytest
import requests

from conftest import need
from support import ecp, waiting
from support.ecp import Answer, AuthnRequest
from support.fedfront import REPOSITORY, assert_no_secret, ldap
from support.people import ALICE, BOB, CHANGED, CHANGING, MARKUP, TEXTUAL, WRONG
from support.rst import Rst, send, sign_in, token

SAMPLE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]+="[^"\n]*",?)*\})? -?[0-9.eE+-]+(inf|nan)?$', re.I)
FIELDS = {"correlation_id", "relying_party", "user", "client", "result", "reason"}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_health(proxy, path):
    assert requests.get(proxy.admin + path, timeout=10).status_code == 200
    assert requests.get(proxy.admin + path + "?verbose", timeout=10).status_code == 200


def test_status_page_and_nothing_else(proxy):
    assert requests.get(proxy.admin + "/", timeout=10).status_code == 200
    assert requests.get(proxy.admin + "/other", timeout=10).status_code == 404
    assert requests.post(proxy.admin + "/metrics", timeout=10).status_code == 405


def test_admin_is_not_on_the_public_listener(proxy):
    for path in ("/metrics", "/readyz", "/drain"):
        assert "the identity provider at" in proxy.get(path).text


def test_exposition_is_well_formed(proxy):
    answer = requests.get(proxy.admin + "/metrics", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain")
    names = set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE"):
            names.add(line.split()[2])
        elif line and not line.startswith("#"):
            assert SAMPLE.match(line), line
    assert {name for name in names if not name.startswith(("fedfront_", "process_"))} == set()
    for name in (
        "http_requests_total",
        "http_request_duration_seconds",
        "tokens_issued_total",
        "authentications_total",
    ):
        assert f"fedfront_{name}" in names


@pytest.fixture
def counted(launch, slapd, nginx):
    """A fedfront that nobody else uses: its counters begin at 0."""
    return launch(ldap(slapd), nginx.url)


COUNTERS = {
    "token over 1.3": (
        lambda p: sign_in(p, ALICE),
        "tokens_issued_total",
        {"protocol": "wstrust13", "token": "saml11"},
    ),
    "token over 2005/02": (
        lambda p: sign_in(p, ALICE, "/adfs/services/trust/2005/usernamemixed"),
        "tokens_issued_total",
        {"protocol": "wstrust2005", "token": "saml11"},
    ),
    "token over ECP": (
        lambda p: ecp.send(p, AuthnRequest(), (ALICE.upn, ALICE.password)),
        "tokens_issued_total",
        {"protocol": "ecp", "token": "saml20"},
    ),
    "success": (lambda p: sign_in(p, ALICE), "authentications_total", {"result": "success"}),
    "bad password": (
        lambda p: sign_in(p, ALICE, password=WRONG),
        "authentications_total",
        {"result": "bad_credentials"},
    ),
    "unknown user": (
        lambda p: send(p, Rst(user="nobody@example.com", password=WRONG)),
        "authentications_total",
        {"result": "unknown_user"},
    ),
    "wrong group": (lambda p: sign_in(p, BOB), "authentications_total", {"result": "wrong_group"}),
    "bind": (lambda p: sign_in(p, ALICE), "ldap_operations_total", {"op": "bind", "result": "success"}),
    "MEX": (lambda p: p.get("/mex"), "http_requests_total", {"route": "mex", "method": "GET", "code": "2xx"}),
    "forwarded": (
        lambda p: p.get("/page"),
        "http_requests_total",
        {"route": "forward", "method": "GET", "code": "2xx"},
    ),
    "fault": (
        lambda p: sign_in(p, ALICE, password=WRONG),
        "http_requests_total",
        {"route": "sts", "method": "POST", "code": "5xx"},
    ),
    "odd method": (lambda p: p.http.request("BREW", p.url + "/page"), "http_requests_total", {"method": "other"}),
    "duration": (lambda p: p.get("/page"), "http_request_duration_seconds_count", {"route": "forward"}),
    "upstream": (lambda p: p.get("/page"), "upstream_request_duration_seconds_count", {}),
    "handshake": (lambda p: p.get("/page"), "tls_handshakes_total", {"result": "success"}),
}


@pytest.mark.parametrize("act, name, labels", COUNTERS.values(), ids=COUNTERS.keys())
def test_counter_moves_by_one(counted, act, name, labels):
    before = counted.metric(name, **labels)
    act(counted)
    # Some are counted when the answer has been sent.
    waiting.until(lambda: counted.metric(name, **labels) > before, name)
    assert counted.metric(name, **labels) - before == 1, counted.last_metrics


def test_second_sign_in_is_a_hit(counted):
    sign_in(counted, ALICE)
    sign_in(counted, ALICE)
    assert counted.metric("cache_requests_total", cache="bind", result="miss") == 1
    assert counted.metric("cache_requests_total", cache="bind", result="hit") == 1
    waiting.until(lambda: counted.metric("cache_entries", cache="bind") == 1, "the entry being counted", timeout=5)


def test_what_the_cache_gives_up_is_counted(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, cache={"bind": {"ttl": "1h", "capacity": 1}})
    for person in (ALICE, TEXTUAL, MARKUP):
        token(sign_in(proxy, person))
    waiting.until(lambda: proxy.metric("cache_evictions_total", cache="bind", reason="size") == 2, "evictions by size")
    waiting.until(lambda: proxy.metric("cache_entries", cache="bind") == 1, "one entry being left")
    assert proxy.metric("cache_requests_total", cache="bind", result="miss") == 3
    proxy = launch(ldap(slapd), nginx.url, cache={"bind": {"ttl": "1s"}})
    token(sign_in(proxy, ALICE))
    waiting.until(lambda: proxy.metric("cache_evictions_total", cache="bind", reason="expired") == 1, "one by time")
    waiting.until(lambda: proxy.metric("cache_entries", cache="bind") == 0, "no entry being left")


def test_a_remembered_bind_that_is_refuted_is_counted(launch, own_slapd, nginx):
    proxy = launch(ldap(own_slapd), nginx.url)
    fresh = AuthnRequest(attributes=' ForceAuthn="true"')
    token(sign_in(proxy, CHANGING))
    own_slapd.change_password(CHANGING, CHANGED)
    assert Answer(ecp.send(proxy, fresh, (CHANGING.upn, CHANGING.password))).statuses()[-1] == "AuthnFailed"
    waiting.until(lambda: proxy.metric("cache_evictions_total", reason="invalidated") == 1, "the counter")


UPSTREAM = {"timeout": "/silent", "reset": "/gone", "other": "/garbage"}


@pytest.mark.parametrize("kind, path", UPSTREAM.items(), ids=UPSTREAM.keys())
def test_each_way_in_which_the_upstream_fails_is_counted_as_itself(launch, slapd, origin, kind, path):
    proxy = launch(ldap(slapd), origin.url, upstream={"read_timeout": "1s"})
    assert proxy.post(path, b"x").status_code in (502, 504)
    waiting.until(lambda: proxy.metric("upstream_errors_total") > 0, "the failure being counted")
    assert proxy.metric("upstream_errors_total", kind=kind) == proxy.metric("upstream_errors_total") == 1
    assert proxy.metric("http_requests_total", route="forward", code="5xx") == 1
    assert proxy.metric("http_request_duration_seconds_count", route="forward") == 1
    assert proxy.metric("upstream_request_duration_seconds_count") == 0, "there was no answer"


def test_upstream_that_cannot_be_reached_is_counted_as_such(launch, slapd):
    proxy = launch(ldap(slapd), f"http://127.0.0.1:{waiting.free_port()}", upstream={"connect_timeout": "1s"})
    assert proxy.get("/page").status_code == 502
    waiting.until(lambda: proxy.metric("upstream_errors_total") > 0, "the failure being counted")
    assert proxy.metric("upstream_errors_total", kind="connect") == 1


def test_every_answer_has_its_duration_whatever_came_of_it(counted):
    acts = [
        ("mex", lambda: counted.get("/mex")),
        ("sts", lambda: sign_in(counted, ALICE)),
        ("sts", lambda: sign_in(counted, ALICE, password=WRONG)),
        ("sts", lambda: send(counted, b"<a/>")),
        ("sts", lambda: counted.get("/services/wso2carbon-sts")),
        ("ecp", lambda: ecp.send(counted, AuthnRequest())),
        ("metadata", lambda: counted.get("/oamfed/idp/metadata")),
        ("certificate", lambda: counted.get("/oamfed/idp/cert")),
        ("forward", lambda: counted.get("/page")),
        ("forward", lambda: counted.get("/missing")),
        ("refused", lambda: counted.get("/services/t/x/wso2carbon-sts")),
    ]
    for _, act in acts:
        act()
    for route in {route for route, _ in acts}:
        expected = sum(1 for of, _ in acts if of == route)
        counts = ("http_requests_total", "http_request_duration_seconds_count")
        for name in counts:
            waiting.until(lambda: counted.metric(name, route=route) >= expected, f"{name} of {route}")
            assert counted.metric(name, route=route) == expected, route


def test_what_is_open_or_in_flight_returns_to_nothing(launch, slapd, origin):
    proxy = launch(ldap(slapd), origin.url)
    limit = proxy.metric("connections_limit")
    assert limit > 0
    wires = [proxy.wire() for _ in range(5)]
    for wire in wires:
        wire.send("GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n")
    waiting.until(lambda: proxy.metric("http_requests_in_flight", route="forward") == 5, "five in flight")
    token(sign_in(proxy, ALICE))
    assert 5 <= proxy.metric("connections_open") <= limit
    for wire in wires[:3]:
        wire.socket.close()
    origin.release.set()
    wires[3].rest()
    wires[4].rest()
    proxy.http.close()
    waiting.until(lambda: proxy.metric("http_requests_in_flight") == 0, "nothing in flight")
    waiting.until(lambda: proxy.metric("connections_open") == 0, "nothing open")
    assert proxy.metric("ldap_connections", state="busy") == 0
    assert proxy.metric("ldap_connections", state="idle") == 2
    assert proxy.metric("signing_queue") == 0


def test_directory_that_is_away_is_counted(launch, own_slapd, nginx):
    proxy = launch(ldap(own_slapd), nginx.url)
    token(sign_in(proxy, ALICE))
    assert proxy.metric("ldap_operations_total", op="connect", result="success") == 2
    assert proxy.metric("ldap_operation_duration_seconds_count", op="search") == 1
    own_slapd.stop()
    assert sign_in(proxy, BOB).status_code == 503
    assert proxy.metric("authentications_total", result="unavailable") == 1
    assert proxy.metric("ldap_operations_total", op="connect", result="error") == 1
    waiting.until(lambda: proxy.metric("ldap_connections") <= 1, "the dead connection being gone")


def test_handshake_that_is_none_is_counted(counted):
    before = counted.metric("tls_handshakes_total", result="success")
    with socket.create_connection(("127.0.0.1", counted.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        waiting.until(lambda: counted.metric("tls_handshakes_total", result="failure") == 1, "the failure")
    assert counted.metric("tls_handshakes_total", result="success") == before


def test_malformed_is_counted(counted):
    send(counted, b"<a/>")
    sign_in(counted, ALICE, created=-3600.0, expires=-3000.0)
    sign_in(counted, ALICE, applies_to="urn:else")
    assert counted.metric("authentications_total", result="malformed") == 3
    assert counted.metric("authentications_total") == 3


def test_draining_is_told(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, limits={"lame_duck": "8s"})
    assert proxy.metric("draining") == 0
    proxy.send(signal.SIGTERM)
    waiting.until(lambda: proxy.metric("draining") == 1, "the metric")


def test_audit_records_that_a_full_disk_takes_are_counted(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_file": "/dev/full"})

    def lost():
        for _ in range(20):
            send(proxy, Rst(user="x" * 256, password=WRONG, applies_to="urn:" + "x" * 500))
        return proxy.metric("audit_records_lost_total")

    waiting.until(lost, "a loss being counted", timeout=60)


def test_process_metrics_are_there(proxy):
    metrics = proxy.metrics()
    assert "process_cpu_seconds_total" in metrics
    for name in ("open_fds", "max_fds", "resident_memory_bytes", "start_time_seconds", "threads"):
        assert metrics[f"process_{name}"] > 0, name


def test_prometheus_takes_the_metrics(proxy):
    need("promtool")
    proxy.metrics()
    checked = subprocess.run(["promtool", "check", "metrics"], input=proxy.last_metrics, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("kind, file", [("rules", "alerts.yaml"), ("config", "scrape.yaml")])
def test_prometheus_takes_what_it_is_given(kind, file):
    need("promtool")
    file = REPOSITORY / "deploy/prometheus" / file
    checked = subprocess.run(["promtool", "check", kind, file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_fire_when_they_should():
    need("promtool")
    file = pathlib.Path(__file__).parent / "data" / "alerts_test.yaml"
    checked = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_certificates_tell_their_end(proxy):
    for name in ("tls_certificate_not_after_timestamp_seconds", "signing_certificate_not_after_timestamp_seconds"):
        assert proxy.metric(name) > 1_700_000_000


def test_nobody_is_named_in_the_metrics(counted):
    marker = f"marker-{uuid.uuid4().hex}"
    sign_in(counted, ALICE)
    send(counted, Rst(user=f"{marker}@example.com", password=WRONG))
    sign_in(counted, ALICE, applies_to=f"urn:{marker}")
    ecp.send(counted, AuthnRequest(issuer=f"urn:{marker}"), (marker, WRONG))
    counted.get(f"/{marker}", headers={"Host": marker, "User-Agent": marker})
    counted.http.request("PURGE", counted.url + "/" + marker)
    counted.metrics()
    for word in (marker, "alice", "127.0.0.1", "PURGE", "/page"):
        assert word not in counted.last_metrics, word


def test_correlation_id_of_the_answer_is_that_of_the_audit_record(counted):
    answer = sign_in(counted, ALICE)
    record = counted.audit_of(answer.headers["X-Correlation-Id"])
    assert FIELDS <= record.keys()
    assert record["relying_party"] == "office365"
    assert record["user"] == ALICE.upn
    assert record["client"].startswith("127.0.0.1")
    assert record["result"] == "success"


REFUSED = {
    "bad password": (lambda p: sign_in(p, ALICE, password=WRONG), "office365"),
    "unknown user": (lambda p: send(p, Rst(user="nobody@example.com", password=WRONG)), "office365"),
    "wrong group": (lambda p: sign_in(p, BOB), "office365"),
    "over ECP": (lambda p: ecp.send(p, AuthnRequest(), (ALICE.upn, WRONG)), "office365"),
    "unknown party": (lambda p: sign_in(p, ALICE, applies_to="urn:else"), None),
    "malformed": (lambda p: send(p, b"<a/>"), None),
}


@pytest.mark.parametrize("act, party", REFUSED.values(), ids=REFUSED.keys())
def test_every_refusal_is_in_the_audit_log_with_its_reason(counted, act, party):
    answer = act(counted)
    record = counted.audit_of(answer.headers["X-Correlation-Id"])
    assert FIELDS <= record.keys()
    assert record["result"] != "success" and record["reason"]
    if party:
        assert record["relying_party"] == party


def test_reasons_tell_apart_what_the_client_may_not(counted):
    acts = [REFUSED[name][0] for name in ("bad password", "unknown user", "wrong group")]
    records = [counted.audit_of(act(counted).headers["X-Correlation-Id"]) for act in acts]
    assert len({(record["result"], record["reason"]) for record in records}) == 3


def test_clients_own_identifier_is_no_correlation_id_that_it_may_choose_freely(counted):
    forged = 'x"}\n{"result":"success'
    answer = counted.post(
        "/adfs/services/trust/13/usernamemixed",
        Rst(user=ALICE.upn, password=ALICE.password).text(),
        headers={"client-request-id": forged.replace("\n", " ")},
    )
    assert answer.headers["X-Correlation-Id"] != forged
    assert token(answer)


def test_forwarded_client_of_a_trusted_proxy_is_in_the_audit_log(launch, slapd, nginx):
    trusting = launch(ldap(slapd), nginx.url, trusted_proxies=["127.0.0.1"])
    rst = Rst(user=ALICE.upn, password=ALICE.password)
    answer = send(trusting, rst, **{"X-Forwarded-For": "10.9.9.9, 203.0.113.7"})
    assert trusting.audit_of(answer.headers["X-Correlation-Id"])["client"].startswith("203.0.113.7")


def test_audit_file(launch, slapd, nginx, tmp_path):
    file = tmp_path / "audit.jsonl"
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_file": str(file)})
    answer = sign_in(proxy, ALICE)
    waiting.until(lambda: answer.headers["X-Correlation-Id"] in file.read_text(), "the record")
    assert not proxy.audit()


@pytest.mark.parametrize("level", ["trace", "debug"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_password_at_any_level(launch, slapd, nginx, level, form):
    proxy = launch(ldap(slapd), nginx.url, telemetry={"level": level, "format": form}, cache={"bind": "off"})
    token(sign_in(proxy, ALICE))
    sign_in(proxy, ALICE, password=WRONG)
    Answer(ecp.send(proxy, AuthnRequest(), (ALICE.upn, ALICE.password)))
    send(proxy, Rst(user=ALICE.upn, password=ALICE.password).text().replace("</s:Body>", "<broken>").encode())
    ecp.send(proxy, "<broken>", (ALICE.upn, ALICE.password))
    proxy.get("/page", auth=(ALICE.upn, ALICE.password))
    proxy.metrics()
    assert len(proxy.output()) > 0
    assert_no_secret(proxy.output() + proxy.last_metrics, f"{form} at {level}")
