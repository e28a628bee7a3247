"""Attackers that cost themselves little: bytes that drip, answers that nobody takes, more connections than there may be."""

import concurrent.futures
import contextlib
import socket
import ssl
import time

import pytest
import requests

from support import http2, waiting
from support.fedfront import ldap
from support.recorder import Recorder

HEAD = b"POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
LIMIT = 1.0
# So long the slowest may take to be cut: its limit, and what a busy machine and a goodbye take.
AT_MOST = 10.0
EACH = 8


@pytest.fixture(scope="module")
def strict(launch_shared, slapd, nginx):
    limits = {"header_deadline": "1s", "handshake_deadline": "1s", "keep_alive": "1s", "body_silence": "1s"}
    process = launch_shared(ldap(slapd), nginx.url, limits=limits)
    yield process
    process.finish()


def client_hello():
    """What a TLS client begins with."""
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


def seconds_kept(connection, drip=()):
    """How long the other side keeps a connection on which a byte comes at a time."""
    started, drip = time.monotonic(), iter(drip)
    connection.settimeout(0.05)
    while time.monotonic() - started < 60:
        try:
            if not connection.recv(4096):
                break
        except TimeoutError:
            byte = next(drip, b"")
            try:
                connection.sendall(byte)
            except OSError:
                break
        except OSError:
            break
    return time.monotonic() - started


def drip_handshake(process):
    hello = client_hello()
    with socket.create_connection(("127.0.0.1", process.port), timeout=20) as plain:
        return seconds_kept(plain, (bytes([byte]) for byte in hello))


def drip(begun):
    def dripping(process):
        with process.wire() as wire:
            wire.send(begun)
            return seconds_kept(wire.socket, iter(lambda: b"x", None))

    return dripping


def take_nothing(process):
    """Asks for more than sockets hold, and reads none of it until the server has given up all who do so."""
    started = time.monotonic()
    with process.wire() as wire:
        wire.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        waiting.until(
            lambda: process.metric("connections_rejected_total", reason="slow_reader") == EACH, "being cut", timeout=60
        )
        return time.monotonic() - started


ATTACKS = {
    "handshake": drip_handshake,
    "silence": drip(b""),
    "headers": drip(b"GET /page HTTP/1.1\r\nX: "),
    "body": drip(HEAD),
    "chunks": drip(HEAD.replace(b"Content-Length: 1000000", b"Transfer-Encoding: chunked") + b"fffff\r\n"),
    "headers of a second request": drip(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\nGET /page HTTP/1.1\r\nX: "),
    "answer": take_nothing,
}


def test_who_drips_is_cut_in_time_while_others_are_served(strict, nginx):
    nginx.sparse_file("large", 1 << 30)
    served = []
    with concurrent.futures.ThreadPoolExecutor(EACH * len(ATTACKS)) as pool:
        attacks = [(name, pool.submit(attack, strict)) for name, attack in ATTACKS.items() for _ in range(EACH)]
        while not all(attack.done() for _, attack in attacks):
            served.append(strict.get("/page").status_code)
    kept = [(name, attack.result()) for name, attack in attacks]
    assert set(served) == {200} and len(served) > 10
    wrong = [(name, seconds) for name, seconds in kept if not LIMIT / 2 < seconds < AT_MOST]
    assert not wrong, wrong
    for reason in ("handshake_timeout", "header_timeout", "slow_body", "slow_reader"):
        assert strict.metric("connections_rejected_total", reason=reason) >= EACH, reason


def test_who_waits_for_a_slow_server_is_not_cut(launch, slapd, origin):
    proxy = launch(ldap(slapd), origin.url, limits={"body_silence": "1s"})
    with proxy.wire() as wire:
        wire.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.head()[0] == 200
        assert wire.raw(5) == b"first"
        wire.socket.settimeout(3)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
        wire.socket.settimeout(20)
        origin.release.set()
        assert wire.raw(5) == b"+last"


def test_more_clients_than_descriptors_do_not_take_it_down(launch, slapd, nginx):
    limits = {"header_deadline": "30s"}
    proxy = launch(ldap(slapd), nginx.url, under=("prlimit", "--nofile=256:256"), limits=limits)
    with contextlib.ExitStack() as held:
        wires = []
        for _ in range(400):
            with contextlib.suppress(OSError):
                wires.append(held.enter_context(proxy.wire(timeout=5)))
        assert 50 <= len(wires) <= 102
        assert proxy.metric("connections_rejected_total", reason="limit") >= 400 - len(wires)
        # It is full, and more keep coming: it must not spin, nor be out of reach.
        before, started = proxy.cpu_seconds(), time.monotonic()
        asked = 0
        while time.monotonic() - started < 2:
            assert requests.get(proxy.admin + "/readyz", timeout=5).status_code == 200
            asked += 1
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as more:
                more.recv(1)
            time.sleep(0.02)
        assert asked > 10 and proxy.cpu_seconds() - before < 1.0
    waiting.until(lambda: proxy.metric("connections_open") == 0, "the connections being given back")
    assert proxy.get("/page").status_code == 200


def test_more_streams_than_descriptors_do_not_take_it_down(launch, slapd):
    """A few connections of HTTP/2 bring more requests than may be forwarded, whose bodies never come."""
    server = Recorder()
    limits = {"header_deadline": "30s", "body_silence": "30s"}
    proxy = launch(ldap(slapd), server.url, under=("prlimit", "--nofile=256:256"), limits=limits)
    silent = (http2.headers(http2.pseudo("POST", "/silent"), stream, end=False) for stream in range(1, 201, 2))
    begun = http2.start() + b"".join(silent)
    with contextlib.ExitStack() as held:
        for _ in range(4):
            held.enter_context(proxy.wire(alpn=["h2"])).send(begun)
        refused = lambda: proxy.metric("connections_rejected_total", reason="requests")
        waiting.until(lambda: len(server.requests) + refused() >= 400, "each stream being forwarded or refused")
        assert 50 <= len(server.requests) <= 102
        assert requests.get(proxy.admin + "/readyz", timeout=5).status_code == 200
        # There are descriptors left for clients, and for what we answer ourselves.
        assert proxy.get("/mex").status_code == 200
        busy = proxy.get("/page")
        assert busy.status_code == 503 and int(busy.headers["Retry-After"]) > 0
    waiting.until(lambda: proxy.get("/page").status_code == 200, "the requests being given back")
    server.stop()
