"""What it tells about itself: metrics, health and the audit log, and what it must not tell."""

import re
import uuid

import pytest
import requests

from support import ecp, waiting
from support.ecp import Answer, AuthnRequest
from support.fedfront import assert_no_secret, ldap
from support.people import ALICE, BOB, WRONG
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
