"""Behind a balancer that passes bytes on: HAProxy, with both versions of its PROXY protocol."""

import re
import socket

import pytest

from conftest import need
from support import waiting
from support.fedfront import ldap
from support.haproxy import Haproxy
from support.people import ALICE
from support.rst import PATH13, Rst
from support.wire import Wire

# The last does as HAProxy's `check-send-proxy` does.
WAYS = ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn", "send-proxy-v2 check check-send-proxy inter 100ms"]
# Everything on 127.0.0.0/8 is this machine, so a client can have an address that the balancer has not.
CLIENT = "127.0.0.77"


@pytest.fixture(scope="module")
def behind(launch_shared, slapd, nginx):
    """A fedfront that wants a header, and trusts HAProxy's address alone."""
    process = launch_shared(ldap(slapd), nginx.url, listen=[{"proxy_protocol": "required"}], trusted_proxies=["127.0.0.1"])
    yield process
    process.finish()


@pytest.fixture(scope="module")
def haproxy(tmp_path_factory, behind):
    need("haproxy")
    balancer = Haproxy(tmp_path_factory.mktemp("haproxy"), behind.port, WAYS)
    yield balancer
    balancer.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("alpn", ["http/1.1", None])
def test_the_client_is_who_it_says(behind, haproxy, way, alpn):
    with Wire(haproxy.ports[way], behind.ca, alpn=[alpn] if alpn else [], source=CLIENT) as wire:
        wire.send("GET /headers HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
        _, headers, body = wire.answer()
        assert f"x-forwarded-for={CLIENT}\n".encode() in body, body
        request = headers["x-correlation-id"]
    line = waiting.until(lambda: [each for each in behind.access() if each["correlation_id"] == request], "its line")
    assert line[0]["client"] == CLIENT


@pytest.mark.parametrize("way", WAYS[:2])
def test_the_audit_record_has_the_client(behind, haproxy, way):
    body = Rst(user=ALICE.upn, password="canary-wrong-password").text()
    with Wire(haproxy.ports[way], behind.ca, source=CLIENT) as wire:
        wire.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        _, headers, _ = wire.answer()
    assert behind.audit_of(headers["x-correlation-id"])["client"] == CLIENT


def test_others_are_cut(behind):
    before = behind.metric("connections_rejected_total", reason="proxy_protocol")
    for address, sent in [
        ("127.0.0.1", b"\x16\x03\x01\x00\x05hello"),
        ("127.0.0.1", b"PROXY TCP4 198.51.100.7 10.0.0.1 4711\r\n"),
        (CLIENT, b"PROXY TCP4 198.51.100.7 10.0.0.1 4711 443\r\n"),
    ]:
        with socket.create_connection(("127.0.0.1", behind.port), timeout=20, source_address=(address, 0)) as plain:
            plain.sendall(sent)
            try:
                assert plain.recv(1) == b""
            except ConnectionResetError:
                pass
    assert behind.metric("connections_rejected_total", reason="proxy_protocol") == before + 3
    for told in (
        f"a connection was cut: {CLIENT} is not in trusted_proxies",
        "a connection was cut: no PROXY protocol header from 127.0.0.1",
    ):
        behind.wait_for_line(re.escape(told))
        assert sum(told in line for line in list(behind.stderr)) == 1
