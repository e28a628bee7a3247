"""OpenTelemetry traces: which spans there are, how they hang together, whom they name, and what happens without a collector."""

import json
import re
import signal
import time

import pytest

from support import ecp, waiting
from support.collector import CLIENT, INTERNAL, SERVER, Collector
from support.ecp import AuthnRequest
from support.fedfront import assert_no_secret, ldap
from support.load import Load
from support.people import ALICE, WRONG
from support.rst import PATH13, Rst, sign_in, token

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(scope="module")
def collector():
    running = Collector()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def traced(launch_shared, slapd, collector):
    """A fedfront that sends every trace, and believes this machine."""
    from support.origin import Origin

    origin = Origin()
    traces = {"endpoint": collector.url, "sample_ratio": 1}
    process = launch_shared(
        ldap(slapd),
        origin.url,
        telemetry={"traces": traces},
        trusted_proxies=["127.0.0.1"],
        cache={"bind": "off"},
    )
    process.origin = origin
    yield process
    process.finish()
    origin.stop()


def identifier(answer):
    return answer.headers["X-Correlation-Id"]


def seen_behind(proxy, path):
    """The headers that the server behind was sent for a path."""
    return [
        {name.lower(): value for name, value in headers}
        for _, asked, headers in proxy.origin.heads
        if asked.startswith(path)
    ][-1]


def test_a_sign_in_is_told_step_by_step(traced, collector):
    answer = sign_in(traced, ALICE)
    token(answer)
    span = collector.server_span(identifier(answer))
    assert (span.name, span.kind, span.parent, span.failed) == ("POST sts", SERVER, "", False)
    assert span.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.scheme": "https",
        "url.path": PATH13,
        "network.protocol.version": "1.1",
        "fedfront.route": "sts",
        "fedfront.correlation_id": identifier(answer),
        "fedfront.result": "success",
    }
    steps = collector.below(span)
    assert [step.name for step in steps] == ["body", "sign_in", "sign"]
    assert all(step.kind == INTERNAL and step.trace == span.trace for step in steps)
    asked = collector.below(steps[1])
    assert [step.name for step in asked if step.name != "ldap connect"] == ["ldap search", "ldap bind"]
    assert all(step.kind == CLIENT and not step.failed for step in asked)
    for one, parent in [(step, span) for step in steps] + [(step, steps[1]) for step in asked]:
        # What is told in retrospect is told to the microsecond.
        assert parent.begin - 1e6 <= one.begin <= one.end <= parent.end + 1e6, (one, parent)
    record = traced.audit_of(identifier(answer))
    assert record["trace_id"] == span.trace
    line = [line for line in traced.access() if line["correlation_id"] == identifier(answer)]
    assert [each["trace_id"] for each in line] == [span.trace]


def test_a_refusal_says_what_it_was_and_what_it_waited_for(traced, collector):
    answer = sign_in(traced, ALICE, password=WRONG)
    span = collector.server_span(identifier(answer))
    assert span.failed and span.attributes["error.type"] == "500"
    assert span.attributes["fedfront.result"] == "bad_credentials"
    assert "failure_delay" in [step.name for step in collector.below(span)]
    answer = ecp.send(traced, AuthnRequest(), (ALICE.upn, ALICE.password))
    assert collector.server_span(identifier(answer)).name == "POST ecp"


def test_the_identity_provider_is_asked_within_the_trace(traced, collector):
    answer = traced.get("/users/alice?token=secret-of-the-query")
    span = collector.server_span(identifier(answer))
    assert span.name == "GET forward" and "url.path" not in span.attributes
    (hop,) = collector.below(span)
    assert (hop.name, hop.kind, hop.failed) == ("GET", CLIENT, False)
    assert hop.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": traced.origin.port,
    }
    headers = seen_behind(traced, "/users/alice")
    assert headers["traceparent"] == f"00-{span.trace}-{hop.id}-01"
    assert "tracestate" not in headers


@pytest.mark.parametrize("sampled", [True, False])
def test_the_trace_of_a_trusted_proxy_goes_on(traced, collector, sampled):
    given = TRACEPARENT if sampled else TRACEPARENT[:-1] + "0"
    path = f"/continued/{sampled}"
    answer = traced.get(path, headers={"traceparent": given, "tracestate": "vendor=1,other=2"})
    headers = seen_behind(traced, path)
    version, trace, parent, flags = headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01" if sampled else "00")
    assert parent != PARENT and headers["tracestate"] == "vendor=1,other=2"
    waiting.until(
        lambda: [line for line in traced.access() if line["correlation_id"] == identifier(answer)], "the access line"
    )
    (line,) = [line for line in traced.access() if line["correlation_id"] == identifier(answer)]
    assert line["trace_id"] == TRACE, "what was begun by somebody else is told, sampled or not"
    if sampled:
        span = collector.server_span(identifier(answer))
        assert (span.trace, span.parent) == (TRACE, PARENT)
        (hop,) = collector.below(span)
        assert hop.id == parent
    else:
        collector.server_span(identifier(traced.get("/later")))
        assert not [s for s in collector.spans if s.attributes.get("fedfront.correlation_id") == identifier(answer)]


@pytest.mark.parametrize("given", ["00-0-0-01", TRACEPARENT.upper(), "garbage", f"00-{'0' * 32}-{PARENT}-01"])
def test_a_malformed_parent_is_none(traced, collector, given):
    answer = traced.get("/malformed", headers={"traceparent": given, "tracestate": "vendor=1"})
    span = collector.server_span(identifier(answer))
    assert span.parent == "" and span.trace != TRACE
    assert "tracestate" not in seen_behind(traced, "/malformed")


def test_a_stranger_begins_a_trace_of_its_own(launch, slapd, origin, collector):
    proxy = launch(ldap(slapd), origin.url, telemetry={"traces": {"endpoint": collector.url, "sample_ratio": 1}})
    proxy.origin = origin
    answer = proxy.get("/stranger", headers={"traceparent": TRACEPARENT, "tracestate": "vendor=1"})
    span = collector.server_span(identifier(answer))
    assert span.trace != TRACE and span.parent == ""
    headers = seen_behind(proxy, "/stranger")
    assert span.trace in headers["traceparent"] and "tracestate" not in headers
    # Also by HTTP/2, and in what is refused.
    refused = proxy.get("/services/t/x/wso2carbon-sts")
    assert collector.server_span(identifier(refused)).name == "GET refused"


def test_each_attempt_is_a_span(launch, slapd, origin, collector):
    gone = f"http://127.0.0.1:{waiting.free_port()}"
    traces = {"endpoint": collector.url, "sample_ratio": 1}
    proxy = launch(ldap(slapd), origin.url, upstream={"servers": [gone, origin.url]}, telemetry={"traces": traces})
    proxy.origin = origin

    def again():
        span = collector.server_span(identifier(proxy.get("/attempts")))
        return len(collector.below(span)) == 2 and collector.below(span)

    first, second = waiting.until(again, "a request that was tried twice")
    assert first.failed and first.attributes["error.type"] == "no answer"
    assert second.attributes["http.request.resend_count"] == 1 and not second.failed


def test_nobody_is_named(traced, collector):
    sign_in(traced, ALICE)
    ecp.send(traced, AuthnRequest(), (ALICE.upn, WRONG))
    traced.get("/users/alice?token=secret-of-the-query", auth=(ALICE.upn, ALICE.password))
    collector.server_span(identifier(traced.post(PATH13 + "?user=alice", Rst(user=ALICE.upn, password=WRONG).text())))
    text = collector.raw.decode("latin-1")
    assert_no_secret(text, "traces")
    for word in (ALICE.upn, "alice", "secret-of-the-query", "dc=example", "/users"):
        assert word not in text, word


def test_the_resource_and_the_headers_are_as_configured(launch, slapd, nginx, site, monkeypatch):
    secured = Collector(tls=site.tls)
    traces = {
        "endpoint": f"https://localhost:{secured.port}/otlp/",
        "sample_ratio": 1,
        "headers": {"Authorization": "Bearer ${COLLECTOR_TOKEN}"},
        "ca_file": str(site.ca),
        "service_name": "sts",
    }
    proxy = launch(ldap(slapd), nginx.url, {"COLLECTOR_TOKEN": "t0ken"}, telemetry={"traces": traces})
    secured.server_span(identifier(proxy.get("/page")))
    assert secured.headers[0]["authorization"] == "Bearer t0ken" and secured.headers[0]["path"] == "/otlp/v1/traces"
    assert secured.resources[0]["service.name"] == "sts" and secured.resources[0]["service.version"]
    assert "t0ken" not in proxy.output()
    secured.stop()


def test_some_are_sampled(launch, slapd, nginx, collector):
    proxy = launch(ldap(slapd), nginx.url, telemetry={"traces": {"endpoint": collector.url, "sample_ratio": 0.5}})
    answers = [identifier(proxy.get("/page")) for _ in range(200)]
    waiting.until(lambda: set(answers) <= {line["correlation_id"] for line in proxy.access()}, "each access line")
    told = {line["correlation_id"] for line in proxy.access() if line.get("trace_id")}
    assert 50 < len(told & set(answers)) < 150
    sent = lambda: {s.attributes.get("fedfront.correlation_id") for s in collector.spans}  # noqa: E731
    waiting.until(lambda: told <= sent(), "each that is told")
    assert not (set(answers) - told) & sent()


@pytest.mark.parametrize("ratio", [None, 0])
def test_without_traces_nothing_is_sent(launch, slapd, origin, collector, ratio):
    telemetry = {} if ratio is None else {"traces": {"endpoint": collector.url, "sample_ratio": ratio}}
    proxy = launch(ldap(slapd), origin.url, telemetry=telemetry)
    proxy.origin = origin
    proxy.get("/off", headers={"traceparent": TRACEPARENT})
    given = seen_behind(proxy, "/off")["traceparent"]
    if ratio is None:
        assert given == TRACEPARENT, "what is forwarded is forwarded as it is"
    else:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", given) and TRACE not in given
    assert proxy.audit_of(identifier(sign_in(proxy, ALICE)))["trace_id"] is None
    assert proxy.metric("trace_spans_total") == 0


def test_a_collector_that_is_gone_costs_nobody_anything(launch, slapd, nginx):
    gone = f"http://127.0.0.1:{waiting.free_port()}"
    proxy = launch(ldap(slapd), nginx.url, telemetry={"traces": {"endpoint": gone, "sample_ratio": 1}})
    with Load(lambda: (proxy.port, "one"), proxy.ca) as load:
        load.goes_on(requests=50)
    assert not load.failures
    waiting.until(lambda: proxy.metric("trace_spans_total", result="failed") > 0, "the metric")
    assert len([line for line in proxy.stderr if "takes no spans" in line]) == 1, "said once"
    assert proxy.stop(signal.SIGTERM, timeout=5) == 0


def test_a_collector_that_hangs_fills_a_queue_and_nothing_else(launch, slapd, nginx):
    hanging = Collector()
    hanging.answer = None
    traces = {"endpoint": hanging.url, "sample_ratio": 1}
    proxy = launch(ldap(slapd), nginx.url, telemetry={"traces": traces, "level": "warn"})
    with Load(lambda: (proxy.port, "one"), proxy.ca) as load:
        waiting.until(lambda: proxy.metric("trace_spans_total", result="dropped") > 0 or load.failures, "drops", 60)
    assert not load.failures
    began = time.monotonic()
    assert proxy.stop(signal.SIGTERM, timeout=8) == 0
    assert time.monotonic() - began < 4, "the end waits a second for it"
    hanging.stop()


def test_the_end_sends_what_there_is(launch, slapd, nginx):
    own = Collector()
    proxy = launch(ldap(slapd), nginx.url, telemetry={"traces": {"endpoint": own.url, "sample_ratio": 1}})
    answer = identifier(proxy.get("/page"))
    assert proxy.stop(signal.SIGTERM, timeout=5) == 0
    assert [s for s in own.spans if s.attributes.get("fedfront.correlation_id") == answer]
    own.stop()


def test_a_reload_begins_and_ends_it(launch, slapd, nginx):
    own = Collector()
    proxy = launch(ldap(slapd), nginx.url)
    text = proxy.file.read_text()
    traces = {"endpoint": own.url, "sample_ratio": 1}
    proxy.file.write_text(f"{text}\ntelemetry: {json.dumps({'traces': traces})}\n")
    assert proxy.reload()
    own.server_span(identifier(proxy.get("/page")))
    proxy.file.write_text(text)
    assert proxy.reload()
    last = identifier(proxy.get("/page"))
    (line,) = waiting.until(lambda: [line for line in proxy.access() if line["correlation_id"] == last], "its line")
    assert "trace_id" not in line
    assert not [s for s in own.spans if s.attributes.get("fedfront.correlation_id") == last]
    own.stop()
