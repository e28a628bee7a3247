"""What a reload changes in a process that serves: how connections are received, how many there may be, and where state is shared."""

import http.client
import socket
import ssl

import pytest
import yaml
from hyperframe.frame import Frame, SettingsFrame

from support import fedfront, waiting
from support.fedfront import ldap
from support.http2_client import Http2
from support.load import Load
from support.operations import by_reference, cancel, subcode, validate, whole
from support.people import ALICE
from support.redis import Redis
from support.rst import sign_in, token
from test_replicas import PARTIES, details, drawn, issue, with_nonce


@pytest.fixture
def proxy(launch, slapd, nginx):
    return launch(ldap(slapd), nginx.url, relying_parties=PARTIES)


def configure(proxy, change, reload=True):
    """Has `change` edit the configuration as a dictionary, and has it read."""
    content = yaml.safe_load(proxy.file.read_text())
    change(content)
    proxy.file.write_text(yaml.safe_dump(content, sort_keys=False))
    if reload:
        assert proxy.reload()
        assert proxy.metric("config_restart_pending") == 0


def limits(**values):
    return lambda content: content["limits"].update(values)


def test_as_many_connections_as_the_limit_now_says(proxy):
    def is_taken():
        try:
            with proxy.wire() as wire:
                wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return wire.answer()[0] == 200
        except OSError:
            return False

    def has_room(expected):
        waiting.until(lambda: is_taken() == expected, f"a connection being taken: {expected}")

    proxy.http.close()
    configure(proxy, limits(connections=2))
    assert proxy.metric("connections_limit") == 2
    kept = [proxy.wire() for _ in range(2)]
    has_room(False)
    configure(proxy, limits(connections=3))
    has_room(True)
    configure(proxy, limits(connections=1))
    for wire in kept:
        wire.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer()[0] == 200, "what is open stays"
    has_room(False)
    kept.pop().socket.close()
    waiting.until(lambda: proxy.metric("connections_open") <= 1, "one connection less")
    has_room(False)
    kept.pop().socket.close()
    has_room(True)


def settings_of(proxy):
    """What a new connection of HTTP/2 is told."""
    context = ssl.create_default_context(cafile=str(proxy.ca))
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())
            read = connection.makefile("rb")
            frame, length = Frame.parse_frame_header(memoryview(read.read(9)))
            frame.parse_body(memoryview(read.read(length)))
            return frame.settings


def test_limits_of_http2_hold_for_new_connections(proxy):
    assert settings_of(proxy)[SettingsFrame.MAX_HEADER_LIST_SIZE] == 32 * 1024
    before = Http2(proxy.port, proxy.ca)
    assert before.request("GET", "/page")[0] == 200
    configure(proxy, limits(headers="8KiB", keep_alive="300ms"))
    assert settings_of(proxy)[SettingsFrame.MAX_HEADER_LIST_SIZE] == 8 * 1024
    after = Http2(proxy.port, proxy.ca)
    assert after.request("GET", "/page")[0] == 200
    with pytest.raises((OSError, AssertionError)):
        while True:
            after._receive()
            assert not after.leaving
    assert before.request("GET", "/page")[0] == 200
    before.close()


def test_tls_and_the_proxy_protocol_come_and_go(proxy):
    def plain():
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        connection.request("GET", "/page")
        return connection.getresponse().status

    tls = {}
    configure(proxy, lambda content: tls.update(content["listen"][0].pop("tls")))
    assert plain() == 200
    assert proxy.told("plain HTTP is served")[0]["key"] == "listen[0].tls"

    def balanced(content):
        content["trusted_proxies"] = ["127.0.0.1"]
        content["listen"][0]["proxy_protocol"] = "required"

    configure(proxy, balanced)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as connection:
        connection.sendall(b"PROXY TCP4 198.51.100.7 10.0.0.1 4711 8443\r\nGET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in connection.makefile("rb").readline()
    with pytest.raises((OSError, http.client.HTTPException)):
        plain()
    configure(proxy, lambda content: content["listen"][0].update(tls=tls, proxy_protocol="off"))
    proxy.http.close()
    assert proxy.get("/page").status_code == 200


@pytest.fixture(scope="module")
def servers(tmp_path_factory, site, own_redis):
    """Two that share nothing."""
    other = Redis(tmp_path_factory.mktemp("redis-2"), site.authority)
    other.start()
    yield own_redis, other
    other.stop()


def share(redis, **changes):
    state = redis and redis.state(**changes)

    def change(content):
        content.pop("state", None)
        content.update({"state": state} if state else {})

    return change


def shared_through(proxy, redis):
    waiting.until(lambda: proxy.metric("state_shared") == 1, "state is shared")
    assert f"state: shared through {redis.url}\n" in details(proxy)


def knows(proxy, issued):
    return validate(proxy, ALICE, by_reference(issued))[0] is True


def test_state_is_shared_by_another_server_or_none_while_it_serves(launch, slapd, nginx, servers):
    first, second = servers
    # The load is for Office 365.
    office = {"name": "office365", "preset": "office365", "issuer": "by_domain"}
    one, two = (launch(ldap(slapd), nginx.url, relying_parties=[*PARTIES, office]) for _ in range(2))
    nonces, tokens = [drawn()], [issue(one)]
    gone = issue(one)
    assert cancel(one, ALICE, by_reference(gone)) is True
    assert with_nonce(one, nonces[0]).status_code == 200
    assert "state:" not in details(one) and one.metric("state_shared") == 0
    with Load(lambda: (one.port, 1), one.ca) as load:
        for redis in (first, second, None, first):
            for proxy in (one, two):
                configure(proxy, share(redis))
            load.goes_on()
            for proxy in (one, two) if redis else ():
                shared_through(proxy, redis)
            if not redis:
                assert "state:" not in details(one) and one.metric("state_shared") == 0
            # What this replica knew it knows still; what it learns from now on the other learns.
            assert all(subcode(with_nonce(one, nonce)) == "wsse:InvalidSecurity" for nonce in nonces)
            assert all(knows(one, issued) for issued in tokens)
            nonces.append(drawn())
            tokens.append(issue(one))
            assert with_nonce(one, nonces[-1]).status_code == 200
            if redis:
                assert subcode(with_nonce(two, nonces[-1])) == "wsse:InvalidSecurity"
                assert knows(two, tokens[-1])
            cancelled = lambda: validate(two, ALICE, whole(gone)) == (False, "The token has been cancelled.")  # noqa: E731
            waiting.until(cancelled if redis else lambda: True, "the cancellation is known to the other")
    assert not load.failures, load.failures[:5]


def test_a_password_that_is_rotated_loses_nothing(launch, slapd, nginx, servers, tmp_path):
    redis = servers[0]
    password = tmp_path / "redis-password"
    password.write_text(fedfront.people.REDIS_PASSWORD + "\n")
    password.chmod(0o600)
    state = redis.state(password_file=str(password))
    one = launch(ldap(slapd), nginx.url, relying_parties=PARTIES, state=state, admin={"watch_files": True})
    two = launch(ldap(slapd), nginx.url, relying_parties=PARTIES, state=redis.state())
    for proxy in (one, two):
        shared_through(proxy, redis)
    nonce, issued = drawn(), issue(two)
    assert with_nonce(two, nonce).status_code == 200 and knows(one, issued)
    rotated = "canary-Redis-rotated-2"
    redis.ask("ACL", "SETUSER", "fedfront", f">{rotated}", f"<{fedfront.people.REDIS_PASSWORD}")
    try:
        password.write_text(rotated + "\n")
        waiting.until(lambda: one.told("state is shared by another connection"), "the new password")
        redis.ask("CLIENT", "KILL", "USER", "fedfront")
        shared_through(one, redis)
        assert subcode(with_nonce(one, nonce)) == "wsse:InvalidSecurity" and knows(one, issued)
        assert "what was shared before is there as before" in one.told("state is shared by another")[0]["message"]
        assert rotated not in one.output()
    finally:
        redis.ask("ACL", "SETUSER", "fedfront", f">{fedfront.people.REDIS_PASSWORD}", f"<{rotated}")


def test_a_server_that_cannot_be_had_is_no_reason_not_to_go_on(launch, slapd, nginx, servers, tmp_path):
    redis = servers[0]
    proxy = launch(ldap(slapd), nginx.url, relying_parties=PARTIES, state=redis.state())
    shared_through(proxy, redis)
    nonce = drawn()
    assert with_nonce(proxy, nonce).status_code == 200
    configure(proxy, share(redis, url=f"rediss://localhost:{waiting.free_port()}"))
    assert "in this process alone since" in details(proxy) and proxy.metric("state_shared") == 0
    assert subcode(with_nonce(proxy, nonce)) == "wsse:InvalidSecurity"
    token(sign_in(proxy, ALICE, applies_to="urn:app"))
    configure(proxy, share(redis))
    shared_through(proxy, redis)
