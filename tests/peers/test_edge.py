"""Connections: slow ones are cut, secure ones only, and nothing in flight is lost at the end."""

import json
import signal
import socket
import ssl
import threading
import time

import pytest
import requests

from support import waiting
from support.fedfront import ldap
from support.people import ALICE
from support.rst import PATH13, Rst, sign_in, token


@pytest.fixture(scope="module")
def strict(launch_shared, slapd, nginx):
    """Short deadlines, so that tests need not wait for long ones."""
    limits = {
        "header_deadline": "1s",
        "body_deadline": "1s",
        "keep_alive": "1s",
        "handshake_deadline": "1s",
        "headers": "8KiB",
        "connections": 64,
    }
    process = launch_shared(ldap(slapd), nginx.url, limits=limits)
    yield process
    process.finish()


def seconds_until_closed(wire, drip=None):
    """How long the other side keeps the connection, fed one byte at a time; and what it says."""
    started = time.monotonic()
    wire.socket.settimeout(0.1)
    said = b""
    while time.monotonic() - started < 30:
        try:
            data = wire.socket.recv(4096)
            if not data:
                return time.monotonic() - started, said
            said += data
        except TimeoutError:
            if drip:
                try:
                    wire.send(drip)
                except OSError:
                    return time.monotonic() - started, said
        except OSError:
            return time.monotonic() - started, said
    raise AssertionError("still open after 30 s")


def test_header_that_drips_is_cut(strict):
    with strict.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\nX-Drip: ")
        elapsed, _ = seconds_until_closed(wire, drip=b"x")
    assert 0.5 < elapsed < 6


def test_header_that_drips_after_a_request_is_cut(strict):
    with strict.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer()[0] == 200
        wire.send("GET /page HTTP/1.1\r\nX-Drip: ")
        elapsed, _ = seconds_until_closed(wire, drip=b"x")
    assert elapsed < 6


def test_cut_headers_are_counted(strict):
    before = strict.metric("connections_rejected_total", reason="header_timeout")
    with strict.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\n")
        seconds_until_closed(wire, drip=b"x")
    waiting.until(lambda: strict.metric("connections_rejected_total", reason="header_timeout") > before, "the counter")


def test_body_that_drips_is_408(strict):
    with strict.wire() as wire:
        wire.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n<s:Env")
        elapsed, said = seconds_until_closed(wire, drip=b"x")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert 0.5 < elapsed < 6


def test_idle_connection_is_closed(strict):
    for opening in (b"", b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        with strict.wire() as wire:
            if opening:
                wire.send(opening)
                assert wire.answer()[0] == 200
            elapsed, said = seconds_until_closed(wire)
        assert 0.5 < elapsed < 6 and not said


def test_connection_is_kept_for_the_next_request(strict):
    with strict.wire() as wire:
        for path in ("/page", "/mex", "/page", "/oamfed/idp/metadata"):
            wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.answer()[0] == 200


def test_pipelined_requests_are_answered_in_order(strict):
    with strict.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\nGET /missing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer()[0] == 200
        try:
            assert wire.answer()[0] == 404
        except EOFError:
            pass  # closing is a client's signal to send it again


def test_a_failed_handshake_is_told_at_debug_with_its_reason(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, telemetry={"level": "debug"})
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as plain:
        peer = "127.0.0.1:%d" % plain.getsockname()[1]
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        line = json.loads(proxy.wait_for_line(".*a TLS handshake failed.*").group())
    assert (line["level"], line["peer"]) == ("DEBUG", peer)
    assert "http request" in line["reason"], line


def test_handshake_that_never_ends_is_cut(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as silent:
        started = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - started < 6


def test_headers_over_the_limit_are_431(strict):
    with strict.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "x" * 10_000 + "\r\n\r\n")
        assert wire.head()[0] in (400, 431)
    with strict.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "x" * 6_000 + "\r\n\r\n")
        assert wire.head()[0] == 200


def test_connections_over_the_limit_do_not_take_it_down(strict):
    before = strict.metric("connections_rejected_total", reason="limit")
    silent = [socket.create_connection(("127.0.0.1", strict.port)) for _ in range(100)]
    try:
        refused = lambda: strict.metric("connections_rejected_total", reason="limit") - before
        waiting.until(lambda: refused() > 0, "connections over the limit being refused")
        assert strict.metric("connections_open") <= 64
    finally:
        for connection in silent:
            connection.close()
    waiting.until(lambda: strict.metric("connections_open") <= 4, "the connections being given back")
    assert strict.get("/page").status_code == 200


def context(strict, lowest, highest):
    made = ssl.create_default_context(cafile=str(strict.ca))
    made.minimum_version, made.maximum_version = lowest, highest
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(strict, version):
    with pytest.raises(OSError):
        strict.wire(tls=context(strict, version, version))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_new_tls_is_spoken(strict, version):
    with strict.wire(tls=context(strict, version, version)) as wire:
        assert wire.socket.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    "offered, chosen",
    [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["http/1.1", "h2"], "h2"), (["odd"], None)],
)
def test_alpn(strict, offered, chosen):
    try:
        with strict.wire(alpn=offered) as wire:
            assert wire.socket.selected_alpn_protocol() == chosen
    except ssl.SSLError:
        assert chosen is None


def test_plain_http_on_the_tls_port_is_no_harm(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            plain.recv(100)
        except OSError:
            pass
    assert strict.get("/page").status_code == 200


def test_request_in_flight_is_finished_at_sigterm(launch, slapd, origin):
    proxy = launch(ldap(slapd), origin.url, limits={"lame_duck": "0s", "drain": "20s"})
    with proxy.wire() as wire:
        wire.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.head()[0] == 200
        assert wire.raw(5) == b"first"
        proxy.send(signal.SIGTERM)
        waiting.until(lambda: refused(proxy), "new connections being refused")
        assert proxy.alive()
        origin.release.set()
        assert wire.raw(5) == b"+last"
    assert proxy.wait(timeout=10) == 0, proxy.output()


def refused(proxy):
    try:
        with proxy.wire(timeout=1):
            return False
    except OSError:
        return True


def test_readiness_says_no_before_connections_are_refused(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, limits={"lame_duck": "2s", "drain": "5s"})
    assert requests.get(proxy.admin + "/readyz", timeout=5).status_code == 200
    with proxy.wire() as wire:
        proxy.send(signal.SIGTERM)
        waiting.until(lambda: requests.get(proxy.admin + "/readyz", timeout=5).status_code == 503, "readyz saying no")
        assert requests.get(proxy.admin + "/livez", timeout=5).status_code == 200
        assert proxy.metric("draining") == 1
        assert proxy.get("/page").status_code == 200
        assert token(sign_in(proxy, ALICE))
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers, _ = wire.answer()
        assert status == 200 and headers.get("connection", "").lower() == "close"
    assert proxy.wait(timeout=15) == 0, proxy.output()


def test_sign_ins_under_way_at_sigterm_all_get_their_token(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, cache={"bind": "off"}, limits={"lame_duck": "1s", "drain": "10s"})
    statuses, stop = [], threading.Event()

    def keep_signing_in():
        body = Rst(user=ALICE.upn, password=ALICE.password).text()
        request = f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        while not stop.is_set():
            try:
                wire = proxy.wire()
            except OSError:
                return  # not accepted any more: a balancer sends it elsewhere
            with wire:
                closing = False
                while not closing and not stop.is_set():
                    try:
                        wire.send(request)
                        status, headers, _ = wire.answer()
                    except (EOFError, OSError) as error:
                        statuses.append(f"lost: {error!r}")
                        return
                    statuses.append(status)
                    closing = headers.get("connection", "").lower() == "close"

    threads = [threading.Thread(target=keep_signing_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    waiting.until(lambda: len(statuses) > 20, "some sign-ins")
    proxy.send(signal.SIGTERM)
    status = proxy.wait(timeout=20)
    stop.set()
    for thread in threads:
        thread.join()
    assert status == 0, proxy.output()
    assert set(statuses) == {200}, set(statuses)


def test_sigint_ends_it_at_once(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, limits={"lame_duck": "30s", "drain": "60s"})
    proxy.send(signal.SIGTERM)
    proxy.send(signal.SIGINT)
    proxy.wait(timeout=10)
