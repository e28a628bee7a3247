"""From the start to the end: what the service manager is told, and that nobody loses a request when a process goes."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests
import yaml

from support import waiting
from support.fedfront import Fedfront, binary, ldap
from support.http2_client import Http2
from support.load import Load
from support.people import ALICE
from support.process import Process
from support.rst import PATH13, Rst

ROUNDS = 20


class Balancer:
    """Asks each replica's /readyz often, and turns away from who does not say yes."""

    def __init__(self, replicas):
        self._replicas = replicas
        self._ready = set()
        self._turn = 0
        self._lives = dict.fromkeys(replicas, 0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(20)

    def target(self):
        """(port, life) of the next replica in turn that is ready."""
        ready = sorted(self._ready)
        self._turn += 1
        return ready[self._turn % len(ready)] if ready else None

    def life(self, port):
        """The life of the replica that is ready there, once it is."""
        return waiting.until(lambda: next((it for it in self._ready if it[0] == port), None), "a replica being ready")

    def _watch(self):
        while not self._ended.is_set():
            for port, admin in self._replicas.items():
                known = next((it for it in self._ready if it[0] == port), None)
                ready = _says_ready(admin)
                if ready and not known:
                    self._lives[port] += 1
                    self._ready = self._ready | {(port, (port, self._lives[port]))}
                elif known and not ready:
                    self._ready = self._ready - {known}
            self._ended.wait(0.02)


def _says_ready(admin_port):
    try:
        with socket.create_connection(("127.0.0.1", admin_port), timeout=5) as probe:
            probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return probe.recv(100).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def admin_port(proxy):
    return int(proxy.admin.rsplit(":", 1)[1])


def again(proxy):
    """The same fedfront, started afresh."""
    return Fedfront(proxy.file, proxy.port, admin_port(proxy), proxy.ca)


def test_replicas_end_in_turn_under_load(launch, slapd, nginx):
    limits = {"lame_duck": "1s", "drain": "20s"}
    replicas = [launch(ldap(slapd), nginx.url, limits=limits) for _ in range(2)]
    started = []
    try:
        with Balancer({replica.port: admin_port(replica) for replica in replicas}) as balancer:
            with Load(balancer.target, replicas[0].ca, balanced=True) as load:
                for number in range(ROUNDS):
                    replica = replicas[number % 2]
                    _, life = balancer.life(replica.port)
                    balancer.life(replicas[1 - number % 2].port)
                    load.goes_on(life)
                    replica.send(signal.SIGTERM)
                    assert replica.wait(timeout=25) == 0, replica.output()
                    replicas[number % 2] = again(replica)
                    started.append(replicas[number % 2])
            assert not load.failures, load.failures[:5]
    finally:
        for replica in started:
            replica.stop()


def test_bodies_and_streams_under_way_at_sigterm_are_answered(launch, slapd, origin):
    proxy = launch(ldap(slapd), origin.url, limits={"lame_duck": "100ms", "drain": "20s"})
    body = Rst(user=ALICE.upn, password=ALICE.password).text()
    half = len(body) // 2
    http2 = Http2(proxy.port, proxy.ca)
    stream = http2.send("POST", "/elsewhere/z", body=b"first", ends=False)
    with proxy.wire() as native, proxy.wire() as forwarded, proxy.wire() as chunked:
        native.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body[:half]}")
        forwarded.send("POST /elsewhere/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst")
        chunked.send("POST /elsewhere/y HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        waiting.until(lambda: [under_way(proxy, route) for route in ("sts", "forward")] == [1, 3], "requests under way")
        proxy.send(signal.SIGTERM)
        waiting.until(lambda: not listens(proxy.port), "new connections being refused")
        native.send(body[half:])
        forwarded.send("+last")
        chunked.send("5\r\n+last\r\n0\r\n\r\n")
        http2.send_body(stream, b"+last")
        answers = [wire.answer() for wire in (native, forwarded, chunked)]
        assert http2.answer(stream)[0] == 200 and http2.leaving
        http2.close()
    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert b"RequestedSecurityToken" in answers[0][2]
    assert all(headers["connection"].lower() == "close" for _, headers, _ in answers)
    assert origin.received == [10, 10, 10]
    assert proxy.wait(timeout=10) == 0, proxy.output()


def test_a_connection_whose_answer_ends_late_may_ask_once_more(launch, slapd, nginx):
    (nginx.directory / "site/slow/long").write_bytes(bytes(300_000))
    proxy = launch(ldap(slapd), nginx.url, limits={"lame_duck": "100ms", "drain": "20s"})
    with proxy.wire() as late:
        late.send("GET /slow/long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers = late.head()
        proxy.send(signal.SIGTERM)
        assert (status, len(late.body(headers))) == (200, 300_000)
        assert not listens(proxy.port)
        late.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers, _ = late.answer()
        assert (status, headers["connection"].lower()) == (200, "close")
    assert proxy.wait(timeout=10) == 0, proxy.output()


def under_way(proxy, route):
    return proxy.metric("http_requests_in_flight", route=route)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except OSError:
        return False


def test_it_is_gone_in_time_whatever_hangs(launch, slapd, origin):
    proxy = launch(ldap(slapd), origin.url, limits={"lame_duck": "200ms", "drain": "1s"})
    with proxy.wire() as waits, proxy.wire() as _, proxy.wire() as drips:
        waits.send("GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n")
        drips.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1")
        waiting.until(lambda: under_way(proxy, "forward") == 2, "requests under way")
        proxy.send(signal.SIGTERM)
        began = time.monotonic()
        assert proxy.wait(timeout=25) == 0, proxy.output()
        assert time.monotonic() - began < 20
    assert "limits.drain is over" in proxy.output()
    assert "ending: lame duck 200ms, then 1s at most" in proxy.output()


@pytest.mark.parametrize(
    "key, section", [("telemetry.audit_file", "telemetry"), ("admin.socket", "admin")], ids=["audit_file", "socket"]
)
def test_a_file_that_cannot_be_made_is_a_wrong_configuration(launch, slapd, nginx, tmp_path, key, section):
    proxy = launch(ldap(slapd), nginx.url)
    proxy.finish()
    whole = yaml.safe_load(proxy.file.read_text())
    whole.setdefault(section, {})[key.split(".")[1]] = str(tmp_path / "nowhere" / "file")
    proxy.file.write_text(yaml.safe_dump(whole, sort_keys=False))
    started = Process("run", [binary(), "run", "-c", proxy.file], cwd=proxy.file.parent)
    assert started.wait() == 78, started.output()
    errors = [line for line in started.stderr if f": error: {key}: " in line]
    assert len(errors) == 1 and "nowhere/file" in errors[0], started.output()
    assert "help: make its folder" in started.output()


def test_double_free_at_exit(launch, slapd, nginx, tmp_path):
    """OpenSSL's cleanup at exit frees what threads still use: it must not be among what runs then."""
    tells = tmp_path / "exit_handlers.so"
    source = pathlib.Path(__file__).parent / "support/exit_handlers.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tells, source, "-ldl"], check=True)
    proxy = launch(ldap(slapd), nginx.url, env={"LD_PRELOAD": str(tells)})
    assert proxy.get("/mex").status_code == 200
    proxy.send(signal.SIGTERM)
    assert proxy.wait(timeout=25) == 0, proxy.output()
    offsets = {int(line.split()[2], 16) for line in proxy.stderr if line.startswith("exit handler ")}
    symbols = subprocess.run(["nm", binary()], check=True, capture_output=True, text=True).stdout
    named = {int(line.split()[0], 16): line.split()[2] for line in symbols.splitlines() if len(line.split()) == 3}
    handlers = {named.get(offset, hex(offset)) for offset in offsets}
    assert "exit handlers are told" in proxy.stderr
    assert "OPENSSL_cleanup" not in handlers


def test_drain_leaves_the_balancer_and_serves_on(launch, slapd, nginx, tmp_path):
    proxy = launch(ldap(slapd), nginx.url, admin={"socket": str(tmp_path / "admin.sock")})
    with proxy.wire() as kept:
        drained = Process("drain", [binary(), "drain", "-c", proxy.file])
        assert drained.wait() == 0, drained.output()
        assert drained.stdout == ["drained: readyz says no, serving goes on until it is ended"]
        assert requests.get(proxy.admin + "/readyz", timeout=5).status_code == 503
        kept.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers, _ = kept.answer()
        assert (status, headers["connection"].lower()) == (200, "close")
    assert proxy.get("/page").status_code == 200
    assert proxy.reload()
    assert requests.get(proxy.admin + "/readyz", timeout=5).status_code == 503
    proxy.send(signal.SIGTERM)
    assert proxy.wait(timeout=10) == 0, proxy.output()


def test_http2_connections_outlived_a_drain(launch, slapd, nginx, tmp_path):
    """Who is told to drain must not keep connections on which a client goes on asking when the identity provider has gone."""
    proxy = launch(ldap(slapd), nginx.url, admin={"socket": str(tmp_path / "admin.sock")}, limits={"lame_duck": "1h"})
    before = Http2(proxy.port, proxy.ca)
    assert before.request("GET", "/page")[0] == 200 and not before.leaving
    drained = Process("drain", [binary(), "drain", "-c", proxy.file])
    assert drained.wait() == 0, drained.output()
    assert before.request("GET", "/page")[0] == 200
    assert before.leaving
    # Whoever comes now may ask, and is told then.
    after = Http2(proxy.port, proxy.ca)
    assert after.request("GET", "/page")[0] == 200
    waiting.until(after.goes_away, "a connection that came late being told to go")
    before.close()
    after.close()
    proxy.send(signal.SIGINT)
    assert proxy.wait(timeout=10) == 0, proxy.output()


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_is_told_each_step(launch, slapd, nginx, tmp_path, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@fedfront-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(20)

        def told():
            lines = manager.recv(4096).decode().splitlines()
            return dict(line.split("=", 1) for line in lines)

        proxy = launch(ldap(slapd), nginx.url, env={"NOTIFY_SOCKET": name}, limits={"lame_duck": "100ms"})
        assert told() == {"READY": "1", "STATUS": "serving"}
        assert proxy.get("/page").status_code == 200
        for valid in (True, False):
            if not valid:
                proxy.file.write_text(yaml.safe_dump({"nonsense": 1}))
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert proxy.reload() == valid
            reloading = told()
            assert reloading.pop("RELOADING") == "1"
            assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            ready = told()
            assert ready["READY"] == "1" and ("wrong" in ready["STATUS"]) != valid
        proxy.send(signal.SIGTERM)
        assert told() == {"STATUS": "lame duck"}
        assert told() == {"STOPPING": "1", "STATUS": "draining"}
        assert proxy.wait(timeout=10) == 0, proxy.output()


def test_a_service_manager_that_is_gone_does_no_harm(launch, slapd, nginx, tmp_path):
    proxy = launch(ldap(slapd), nginx.url, env={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert proxy.get("/page").status_code == 200
    assert proxy.reload()


def test_build_information(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url)
    proxy.metrics()
    version = Process("version", [binary(), "version"])
    assert version.wait() == 0
    number = version.stdout[0].removeprefix("fedfront ")
    assert re.search(rf'fedfront_build_info{{revision="[^"]+",version="{re.escape(number)}"}} 1', proxy.last_metrics)
