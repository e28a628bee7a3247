"""One process takes the place of another: nobody loses a connection, and what cannot serve changes nothing."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import sys
import threading

import pytest
import requests
import yaml

from conftest import need
from support import fedfront, waiting
from support.fedfront import Fedfront, binary, ldap
from support.generations import Generations, adopting
from support.guessing import BEHIND, HOME, QUICK, counted, of, sign_in_from
from support.http2_client import Http2
from support.load import Load
from support.people import ALICE, LOCKED, WRONG
from support.process import Process
from support.rst import PATH13, Rst, fault, send, token

ROUNDS = 20 if os.environ.get("PEERS_LONG") else 5
ACTIVATE = pathlib.Path(__file__).parent / "support/activate.py"


@pytest.fixture
def generations(launch, slapd, nginx, tmp_path):
    """`generations(behind, **sections)` runs a fedfront whose place others take; all have ended well at the end of the test."""
    running = []

    def start(behind=None, directory=None, env=None, under=(), admin=None, **sections):
        admin = {"socket": str(tmp_path / "admin.sock"), **(admin or {})}
        proxy = launch(directory or ldap(slapd), behind or nginx.url, env=env, under=under, admin=admin, **sections)
        running.append(Generations(proxy))
        return running[-1]

    with adopting():
        try:
            yield start
            for each in running:
                each.finish()
        finally:
            for each in running:
                each.kill()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Where the program that is started lies, for another to be put there."""
    link = tmp_path / "fedfront"
    link.symlink_to(binary())
    monkeypatch.setenv("FEDFRONT_BIN", str(link))
    return link


def reinstall(path, content=None, mode=0o755):
    """Puts a script, or what was there at first, in the place of the program."""
    new = path.with_suffix(".new")
    if content is None:
        new.symlink_to(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", fedfront.REPOSITORY / "target")) / "debug/fedfront")
    else:
        new.write_text(content)
        new.chmod(mode)
    new.rename(path)


def change(proxy, **sections):
    whole = yaml.safe_load(proxy.file.read_text())
    for section, values in sections.items():
        if isinstance(values, dict):
            whole[section] = {**whole.get(section, {}), **values}
        else:
            whole[section] = values
    proxy.file.write_text(yaml.safe_dump(whole, sort_keys=False))


def test_processes_take_each_others_place_under_load(generations):
    served = generations(limits={"lame_duck": "1h", "drain": "20s"})
    proxy = served.proxy
    with Load(lambda: (proxy.port, served.number), proxy.ca) as load:
        for number in range(ROUNDS):
            load.goes_on(served.number)
            if number % 2:
                served.signalled()
            else:
                served.upgrade()
        load.goes_on(served.number)
    assert not load.failures, load.failures[:5]
    print(f"{ROUNDS} upgrades, {load.answers.total()} answers, {len(load.failures)} failures")


def test_what_is_under_way_is_finished_by_who_began_it(generations, origin):
    served = generations(origin.url, limits={"drain": "20s"})
    proxy = served.proxy
    body = Rst(user=ALICE.upn, password=ALICE.password).text()
    half = len(body) // 2
    http2 = Http2(proxy.port, proxy.ca)
    stream = http2.send("POST", "/elsewhere/z", body=b"first", ends=False)
    with contextlib.ExitStack() as open_:
        native, upload, download, websocket, idle = (open_.enter_context(proxy.wire()) for _ in range(5))
        native.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body[:half]}")
        upload.send("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst")
        download.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        websocket.send("GET /s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert websocket.head()[0] == 101
        assert download.head()[0] == 200
        flight = [proxy.metric("http_requests_in_flight", route=route) for route in ("sts", "forward")]
        assert flight == [1, 4]
        served.upgrade()
        # Who answers now knows of none of them.
        assert proxy.metric("http_requests_in_flight") == 0
        websocket.send(b"are you there?")
        assert websocket.receive() == b"are you there?"
        assert proxy.alive()
        native.send(body[half:])
        upload.send("+last")
        origin.release.set()
        http2.send_body(stream, b"+last")
        status, headers, content = native.answer()
        assert status == 200 and b"RequestedSecurityToken" in content and headers["connection"].lower() == "close"
        assert upload.answer()[0] == 200
        assert b"first+last" in download._buffer + download.receive()
        assert http2.answer(stream)[0] == 200 and http2.leaving
        # A connection on which nothing was asked yet may still be used once.
        idle.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers, _ = idle.answer()
        assert (status, headers["connection"].lower()) == (200, "close")
        websocket.send(b"still?")
        assert websocket.receive() == b"still?"
    http2.close()
    assert served.ended(1) == 0


def test_a_wrong_configuration_is_told_and_changes_nothing(generations):
    served = generations()
    right = served.proxy.file.read_text()
    change(served.proxy, nonsense=1)
    refused = served.command("upgrade")
    assert refused.wait() == 78 and "nonsense" in refused.output() and "proxy.yaml:" in refused.output()
    # What only the new process finds.
    change(served.proxy, telemetry={"audit_file": "nowhere/audit.json"})
    served.proxy.file.write_text(served.proxy.file.read_text().replace("nonsense: 1\n", ""))
    refused = served.command("upgrade")
    assert refused.wait() == 78, refused.output()
    assert "error: telemetry.audit_file: " in refused.output() and "help: make its folder" in refused.output()
    assert "the old process serves on" in refused.output()
    assert served.children() == [] and served.proxy.get("/page").status_code == 200
    served.proxy.file.write_text(right)
    served.upgrade()
    assert served.proxy.get("/page").status_code == 200


def test_an_address_that_is_taken_changes_nothing(generations):
    served = generations()
    right = served.proxy.file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = yaml.safe_load(right)["listen"]
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        change(served.proxy, listen=[*listen, {"address": address}])
        refused = served.command("upgrade")
        assert refused.wait() == 1 and f"listen {address}: " in refused.output(), refused.output()
        assert "end what listens there" in refused.output()
        assert served.proxy.get("/page").status_code == 200
    served.upgrade()


@pytest.mark.parametrize(
    "content, mode, within, told",
    [
        ("#!/bin/sh\nexit 3\n", 0o755, 30, "it ended before it was ready: exit status: 3"),
        ("#!/bin/sh\nkill -SEGV $$\n", 0o755, 30, "it ended before it was ready: signal: 11"),
        ("#!/bin/sh\nexec 0<&-\nexec sleep 1000\n", 0o755, 30, "it ended before it was ready"),
        ("#!/bin/sh\nexec sleep 1000\n", 0o755, 1, "it was not ready in time, and was ended"),
        ("no program\n", 0o755, 30, "Exec format error"),
        ("#!/bin/sh\n", 0o644, 30, "it must be a file that the user running fedfront may execute"),
        (None, 0, 30, "install the new version there"),
    ],
    ids=["ends", "crashes", "goes away", "hangs", "no program", "not executable", "missing"],
)
def test_a_program_that_does_not_serve_changes_nothing(generations, installed, content, mode, within, told):
    served = generations()
    reinstall(installed, content or "", mode)
    if content is None:
        installed.unlink()
    with monkeypatched_binary():
        refused = served.command("upgrade", "--within", within)
        assert refused.wait() == 1 and told in refused.output(), refused.output()
        assert str(installed) in refused.output() and "the old process serves on" in refused.output()
        assert served.children() == []
        assert served.proxy.get("/page").status_code == 200
        reinstall(installed)
        served.upgrade()
        assert served.proxy.get("/page").status_code == 200


@contextlib.contextmanager
def monkeypatched_binary():
    """The commands are those of the first program, whatever was put in its place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FEDFRONT_BIN")
        yield


def test_what_waits_for_a_restart_is_taken_over(generations):
    served = generations()
    proxy = served.proxy
    whole = yaml.safe_load(proxy.file.read_text())
    first, second, admin = proxy.port, waiting.free_port(), waiting.free_port()
    moved = {**whole["listen"][0], "address": f"127.0.0.1:{second}"}
    change(proxy, listen=[whole["listen"][0], moved])
    assert proxy.reload()
    assert proxy.metric("config_restart_pending") == 1
    served.upgrade()
    assert proxy.metric("config_restart_pending") == 0
    for port in (first, second):
        assert proxy.http.get(f"https://localhost:{port}/page", timeout=10).status_code == 200
    change(proxy, listen=[moved], admin={"address": f"127.0.0.1:{admin}"}, limits={"threads": 3})
    served.upgrade()
    assert proxy.http.get(f"https://localhost:{second}/page", timeout=10).status_code == 200
    proxy.admin = f"http://127.0.0.1:{admin}"
    assert requests.get(proxy.admin + "/readyz", timeout=10).status_code == 200
    assert served.ended(1) == served.ended(2) == 0
    for port in (first, whole["admin"]["address"].rsplit(":", 1)[1]):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def test_commands_are_for_the_process_that_serves(generations, tmp_path):
    served = generations()
    proxy, file = served.proxy, tmp_path / "admin.sock"
    inode = file.stat().st_ino
    served.upgrade()
    reloaded = served.command("reload")
    assert reloaded.wait() == 0 and "read again; changed: nothing" in reloaded.output()
    assert served.ended(1) == 0
    assert file.stat().st_ino == inode and file.stat().st_mode & 0o777 == 0o600
    served.upgrade()
    assert served.ended(2) == 0
    assert served.command("drain").wait() == 0
    assert requests.get(proxy.admin + "/readyz", timeout=5).status_code == 503
    refused = served.command("upgrade")
    assert refused.wait() == 1 and "told to drain" in refused.output(), refused.output()
    served.finish()
    assert not file.exists()


def test_probes_are_never_told_no(generations):
    served = generations()
    answers = []
    ended = False

    def ask():
        with socket.create_connection(("127.0.0.1", int(served.proxy.admin.rsplit(":", 1)[1])), timeout=10) as probe:
            probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return probe.recv(100).split(b"\r\n")[0]

    def watch():
        while not ended:
            try:
                answers.append(ask())
            except OSError as error:
                answers.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            served.upgrade()
    finally:
        ended = True
        watcher.join(20)
    assert len(answers) > 3 and set(answers) == {b"HTTP/1.1 200 OK"}, set(map(repr, answers))


def test_one_at_a_time_and_an_end_meanwhile_ends_both(generations, installed):
    served = generations(limits={"lame_duck": "0s", "drain": "5s"})
    reinstall(installed, "#!/bin/sh\nexec sleep 1000\n")
    with monkeypatched_binary():
        first = Process("upgrade", [binary(), "upgrade", "-c", served.proxy.file])
        (child,) = waiting.until(served.children, "a successor")
        second = served.command("upgrade")
        assert second.wait() == 1 and "another upgrade is under way" in second.output()
        served.proxy.send(signal.SIGTERM)
        assert served.ended(1) == 0
        assert first.wait() == 1 and "told to end" in first.output(), first.output()
    assert not pathlib.Path(f"/proc/{child}").exists()


def test_a_successor_whose_predecessor_is_killed_ends(generations, installed, tmp_path):
    """Whoever killed the one would not look for another."""
    served = generations()
    told = tmp_path / "told"
    first, program = served.pid, pathlib.Path(binary()).resolve()
    waits = f"while kill -0 {first} 2> {os.devnull}; do sleep 0.05; done"
    reinstall(installed, f'#!/bin/sh\necho $$ > {told}.new; mv {told}.new {told}\n{waits}\nexec {program} "$@"\n')
    with monkeypatched_binary():
        served.send(signal.SIGUSR2)
        waiting.until(told.exists, "a successor")
        served.pids.append(int(told.read_text()))
        served.proxy.send(signal.SIGKILL)
        assert served.ended(1) == -signal.SIGKILL
        assert served.ended(2) == 1
    assert "the process that started this one has ended" in served.proxy.output()
    served.pids = []


def test_the_service_manager_follows(generations, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

        def told():
            """Who says what."""
            message, control, _, _ = manager.recvmsg(4096, 1024)
            pid = None
            for level, kind, data in control:
                if kind == socket.SCM_RIGHTS:
                    for descriptor in struct.unpack(f"{len(data) // 4}i", data):
                        os.close(descriptor)
                else:
                    pid = struct.unpack("3i", data)[0]
            return pid, dict(line.split("=", 1) for line in message.decode().splitlines())

        served = generations(env={"NOTIFY_SOCKET": str(tmp_path / "notify")}, limits={"lame_duck": "100ms"})
        assert told() == (served.pid, {"READY": "1", "STATUS": "serving"})
        for upgrade in (served.signalled, served.upgrade):
            before = served.pid
            upgrading = threading.Thread(target=upgrade)
            upgrading.start()
            pid, message = told()
            follows = int(message.pop("MAINPID"))
            assert (pid, message) == (before, {"READY": "1", "STATUS": "serving"})
            assert told() == (before, {"BARRIER": "1"})
            assert told() == (follows, {"READY": "1", "STATUS": "serving"})
            upgrading.join(20)
            assert served.pid == follows
        served.send(signal.SIGTERM)
        assert told() == (served.pid, {"STATUS": "lame duck"})
        assert told() == (served.pid, {"STOPPING": "1", "STATUS": "draining"})


@contextlib.contextmanager
def barred(generations, tmp_path, **sections):
    """A fedfront, its upgrade, and what lets that go on: until then its successor is ready, and waits to be told so. The last
    waits for the next line that the service manager is told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        served = generations(env={"NOTIFY_SOCKET": str(tmp_path / "notify")}, **sections)
        assert manager.recv(4096).startswith(b"READY=1")
        upgrading = Process("upgrade", [binary(), "upgrade", "-c", served.proxy.file])
        assert manager.recv(4096).startswith(b"MAINPID=")
        # Who tells it to go on waits for this descriptor to be closed.
        message, (descriptor,), _, _ = socket.recv_fds(manager, 4096, 1)
        assert message == b"BARRIER=1"
        yield served, upgrading, lambda: os.close(descriptor), lambda: manager.recv(4096)


def half_sent(proxy, open_, number):
    """Sign-ins of which half has been sent, and what sends the other half and returns the statuses."""
    body = Rst(user=ALICE.upn, password=ALICE.password).text()
    half = len(body) // 2
    wires = [open_.enter_context(proxy.wire()) for _ in range(number)]
    for wire in wires:
        wire.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body[:half]}")

    def finished():
        for wire in wires:
            wire.send(body[half:])
        return [wire.answer()[0] for wire in wires]

    return finished


def successes(audit):
    return [record for record in map(json.loads, audit.read_text().splitlines()) if record["result"] == "success"]


@pytest.mark.parametrize("how", ["drain", "TERM"])
def test_what_ends_the_service_was_lost_while_another_process_took_over(generations, tmp_path, how):
    """One process heard it, and the other served on. What both had accepted is answered, and recorded."""
    audit = tmp_path / "audit.json"
    limits, telemetry = {"lame_duck": "1s", "drain": "5s"}, {"audit_file": str(audit)}
    with contextlib.ExitStack() as open_:
        entering = barred(generations, tmp_path, limits=limits, telemetry=telemetry)
        served, upgrading, go_on, told = open_.enter_context(entering)
        (child,) = served.children()
        served.freeze()
        of_the_successor = half_sent(served.proxy, open_, 8)
        served.send(signal.SIGCONT)
        of_both = half_sent(served.proxy, open_, 8)
        if how == "drain":
            assert served.command("drain").wait() == 0
        else:
            served.send(signal.SIGTERM)
        waiting.until(lambda: requests.get(served.proxy.admin + "/readyz", timeout=5).status_code == 503, "leaving")
        go_on()
        assert upgrading.wait() == 1 and "told to end, or to drain" in upgrading.output(), upgrading.output()
        said = b""
        while not said.startswith(b"MAINPID="):
            said = told()
        assert said.startswith(f"MAINPID={served.pid}\n".encode())
        assert set(of_the_successor() + of_both()) == {200}, "whoever of both accepted it"
    waiting.until(lambda: not pathlib.Path(f"/proc/{child}").exists(), "the successor's end")
    if how == "drain":
        assert served.proxy.get("/page").status_code == 200
        served.send(signal.SIGTERM)
    assert served.ended(1) == 0
    assert len(successes(audit)) == 16


def test_a_successor_was_killed_with_what_it_had_accepted(generations, installed, tmp_path):
    """Told to end in the moment before it heard that the successor serves."""
    audit, told, begin = (tmp_path / name for name in ("audit.json", "told", "begin"))
    served = generations(limits={"lame_duck": "0s", "drain": "10s"}, telemetry={"audit_file": str(audit)})
    program = pathlib.Path(binary()).resolve()
    waits = f"while [ ! -e {begin} ]; do sleep 0.05; done"
    reinstall(installed, f'#!/bin/sh\necho $$ > {told}.new; mv {told}.new {told}\n{waits}\nexec {program} "$@"\n')
    with monkeypatched_binary(), contextlib.ExitStack() as open_:
        served.send(signal.SIGUSR2)
        child = int(waiting.until(told.exists, "a successor") and told.read_text())
        served.freeze()
        begin.touch()
        finished = half_sent(served.proxy, open_, 4)
        served.send(signal.SIGTERM)
        served.send(signal.SIGCONT)
        decided = re.compile("(this process serves on: )|serves now; ")
        dismissed = waiting.until(lambda: decided.search(served.proxy.output()), "what is decided").group(1)
        assert set(finished()) == {200}
    assert served.ended(1) == 0
    served.pids.append(child)
    # It may have heard that first, as rarely as it is.
    if not dismissed:
        served.send(signal.SIGINT)
    assert served.ended(2) == (1 if dismissed else 0)
    assert len(successes(audit)) == 4
    served.pids = []


def test_the_next_process_did_not_hear_what_was_to_be_opened_or_read_again(generations, tmp_path):
    """A signal in that moment came to the one before alone: the other wrote on into the file that was put aside."""
    audit, aside = tmp_path / "audit.json", tmp_path / "audit.json.1"
    sections = {"telemetry": {"audit_file": str(audit)}, "admin": {"watch_files": False}}
    with barred(generations, tmp_path, **sections) as (served, upgrading, go_on, _):
        (child,) = served.children()
        audit.rename(aside)
        served.send(signal.SIGUSR1)
        change(served.proxy, endpoints={"mex": "forward"})
        served.send(signal.SIGHUP)
        go_on()
        assert upgrading.wait() == 0, upgrading.output()
        served.pids.append(child)
        waiting.until(lambda: b"definitions" not in served.proxy.get("/mex").content, "reading it again")
        waiting.until(lambda: audit.exists(), "the new file")
        token(send(served.proxy, Rst(user=ALICE.upn, password=ALICE.password)))
        assert len(waiting.until(lambda: successes(audit), "its record")) == 1
        assert not successes(aside)


def test_a_process_leaves_no_descriptor_and_no_secret_more_to_the_next(generations):
    served = generations(env={"LISTEN_FDNAMES": "x", "SECRET_OF_MINE": "kept"})
    served.upgrade()
    assert served.proxy.get("/page").status_code == 200
    second = served.descriptors()
    environment = dict(
        entry.split(b"=", 1) for entry in pathlib.Path(f"/proc/{served.pid}/environ").read_bytes().split(b"\0") if entry
    )
    assert environment[b"SECRET_OF_MINE"] == b"kept"
    assert b"LISTEN_FDNAMES" not in environment
    assert environment[b"FEDFRONT_PREDECESSOR"] == str(served.proxy.pid).encode()
    assert re.search(r"^Max core file size +0 +0 ", pathlib.Path(f"/proc/{served.pid}/limits").read_text(), re.M)
    for _ in range(3):
        served.upgrade()
    served.proxy.http.close()
    assert served.proxy.get("/page").status_code == 200
    kinds = lambda found: sorted(re.sub(r"[\d]+", "", where) for where in found.values())  # noqa: E731
    assert kinds(served.descriptors()) == kinds(second)
    assert served.descriptors()[0] == "/dev/null"


def test_two_processes_write_one_audit_file_in_whole_lines(generations, tmp_path):
    audit = tmp_path / "audit.json"
    served = generations(telemetry={"audit_file": str(audit)}, cache={"bind": {"ttl": "60s"}})
    proxy = served.proxy
    with Load(lambda: (proxy.port, served.number), proxy.ca) as load:
        for _ in range(2):
            load.goes_on(served.number)
            served.upgrade()
        load.goes_on(served.number)
    assert not load.failures, load.failures[:5]
    served.finish()
    lines = audit.read_text().splitlines()
    assert len({json.loads(line)["correlation_id"] for line in lines}) == len(lines) > 10


def test_an_upgrade_gives_nobody_another_guess(generations, policed):
    person = LOCKED[0]
    served = generations(directory=ldap(policed), guard=QUICK, **BEHIND)
    proxy = served.proxy
    token(sign_in_from(proxy, person, HOME))
    for number in range(4):
        guess = send(proxy, Rst(user=person.upn, password=f"{WRONG}-{number}"), **of(f"203.0.{number}.9"))
        assert fault(guess)[1] == "FailedAuthentication"
        served.upgrade()
    assert counted(policed, person) == (2, False)
    listed = served.command("guard", "list")
    assert person.dn.lower() in listed.output().lower(), listed.output()
    # Who is at home still is: that goes over, too.
    token(sign_in_from(proxy, person, HOME))
    stranger = sign_in_from(proxy, person, "203.0.113.9")
    record = proxy.audit_of(stranger.headers["X-Correlation-Id"])
    assert (record["result"], record["place"], record["guard"]) == ("locked", "unknown", "unknown_threshold")


def test_what_comes_of_a_try_under_way_is_heard_by_the_next(generations, policed):
    person = LOCKED[1]
    served = generations(directory=ldap(policed), guard=QUICK, **BEHIND)
    proxy = served.proxy
    token(sign_in_from(proxy, person, HOME))
    answers = []
    guess = threading.Thread(
        target=lambda: answers.append(send(proxy, Rst(user=person.upn, password=WRONG), **of("203.0.113.9")))
    )
    policed.freeze()
    try:
        guess.start()
        waiting.until(lambda: proxy.metric("http_requests_in_flight", route="sts") == 1, "a guess under way")
        served.upgrade()
    finally:
        policed.thaw()
    guess.join(30)
    assert fault(answers[0])[1] == "FailedAuthentication"

    def shown():
        """What the process that serves counts of her."""
        told = json.loads("".join(served.command("guard", "show", person.upn, "--json").stdout))
        return [entry["failures"] for entry in told["entries"]] == [1]

    waiting.until(shown, "the failure being counted")


@pytest.fixture
def activated(site, slapd, nginx, tmp_path, binary_built):
    """A listening socket that somebody holds, and `start()` for a fedfront that is given it."""
    holder = socket.create_server(("127.0.0.1", 0), backlog=128)
    commands = socket.socket(socket.AF_UNIX)
    commands.bind(str(tmp_path / "commands.sock"))
    commands.listen(16)
    port, admin_port = holder.getsockname()[1], waiting.free_port()
    admin = {"socket": str(tmp_path / "commands.sock")}
    whole = fedfront.configuration(port, admin_port, site, ldap(slapd), nginx.url, admin=admin)
    file = fedfront.write(tmp_path / "proxy.yaml", whole)
    numbers = [holder.fileno(), commands.fileno()]
    env = {"SOCKETS": ",".join(map(str, numbers))}
    started = []

    def start():
        under = (sys.executable, ACTIVATE)
        started.append(Fedfront(file, port, admin_port, site.ca, env, under, pass_fds=numbers))
        return started[-1]

    start.port, start.file, start.ca = port, file, site.ca
    yield start
    for each in started:
        each.finish()
    holder.close()
    commands.close()


def test_a_socket_of_the_service_manager_outlives_processes(activated, tmp_path):
    life = 1
    proxy = activated()
    with Load(lambda: (activated.port, life), activated.ca) as load:
        for _ in range(3):
            load.goes_on(life)
            proxy.send(signal.SIGTERM)
            assert proxy.wait(timeout=25) == 0, proxy.output()
            life += 1
            proxy = activated()
        load.goes_on(life)
    assert not load.failures, load.failures[:5]
    reloaded = Process("reload", [binary(), "reload", "-c", activated.file])
    assert reloaded.wait() == 0, reloaded.output()
    proxy.send(signal.SIGTERM)
    assert proxy.wait(timeout=25) == 0, proxy.output()
    assert (tmp_path / "commands.sock").exists(), "it is the service manager's"


def test_a_socket_of_the_service_manager_goes_on_to_the_next(activated, tmp_path):
    with adopting():
        served = Generations(activated())
        try:
            served.upgrade()
            assert served.ended(1) == 0
            assert served.proxy.get("/page").status_code == 200
            assert (tmp_path / "commands.sock").exists()
            served.upgrade()
            served.finish()
            assert (tmp_path / "commands.sock").exists()
        finally:
            served.kill()


def test_systemds_own_socket_is_taken(activated):
    need("systemd-socket-activate")
    port = waiting.free_port()
    whole = yaml.safe_load(activated.file.read_text())
    whole["listen"][0]["address"] = f"127.0.0.1:{port}"
    whole["admin"].pop("socket")
    activated.file.write_text(yaml.safe_dump(whole, sort_keys=False))
    command = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", binary(), "run", "-c", activated.file]
    started = Process("systemd-socket-activate", command, cwd=activated.file.parent)
    try:
        started.wait_for_line(f"^Listening on 127.0.0.1:{port}")
        # It starts with the first connection, which waits for it.
        answer = requests.get(f"https://localhost:{port}/page", verify=str(activated.ca), timeout=30)
        assert (answer.status_code, answer.text) == (200, "a page\n")
    finally:
        assert started.stop(signal.SIGINT) == 0, started.output()


def test_a_socket_that_is_elsewhere_is_named(activated):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        other = elsewhere.getsockname()[1]
        whole = yaml.safe_load(activated.file.read_text())
        whole["listen"][0]["address"] = f"0.0.0.0:{other}"
        activated.file.write_text(yaml.safe_dump(whole, sort_keys=False))
        env = {"SOCKETS": str(elsewhere.fileno())}
        command = [sys.executable, ACTIVATE, binary(), "run", "-c", activated.file]
        started = Process("run", command, cwd=activated.file.parent, env=env, pass_fds=[elsewhere.fileno()])
        assert started.wait() == 1, started.output()
        assert f"write ListenStream=0.0.0.0:{other} in its .socket unit" in started.output(), started.output()


def test_the_first_process_of_a_container_is_not_replaced(launch, slapd, nginx, tmp_path):
    need("unshare")
    own = ("unshare", "--pid", "--fork", "--kill-child")
    if Process("unshare", [*own, "true"]).wait():
        pytest.skip("no PID namespace may be made here")
    proxy = launch(ldap(slapd), nginx.url, admin={"socket": str(tmp_path / "admin.sock")}, under=own)
    refused = Process("upgrade", [binary(), "upgrade", "-c", proxy.file])
    assert refused.wait() == 1 and "first process of a container" in refused.output(), refused.output()
    (pid,) = pathlib.Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text().split()
    os.kill(int(pid), signal.SIGTERM)
    assert proxy.wait(timeout=10) == 0
