"""SIGHUP: everything is read again, nobody notices, and what is wrong changes nothing."""

import json
import os
import pathlib
import shutil
import signal

import pytest
import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from support import certificates, ecp, waiting
from support.ecp import Answer, of_sp
from support.fedfront import binary, ldap
from support.load import IDP, Load
from support.people import ALICE, BOB, WRONG
from support.process import Process
from support.rst import PATH13, Rst, send, sign_in, token

ROUNDS = 20


@pytest.fixture
def files(site, tmp_path):
    """The TLS and signing pairs of one deployment, in a folder where they can be replaced."""
    for pair in (site.tls, site.signing):
        for file in pair:
            shutil.copy(file, tmp_path / file.name)
    return tmp_path


@pytest.fixture
def proxy(launch, slapd, nginx, files):
    started = launch(ldap(slapd), nginx.url, issuer={"signing": pair(files, "signing")})
    configure(started, lambda whole: whole["listen"][0].update(tls=pair(files, "tls")))
    assert started.reload()
    return started


def pair(folder, name):
    return {"certificate_file": str(folder / f"{name}.crt"), "private_key_file": str(folder / f"{name}.key")}


def configure(proxy, change):
    """Has `change` edit the configuration as a dictionary, and writes it."""
    whole = yaml.safe_load(proxy.file.read_text())
    change(whole)
    proxy.file.write_text(yaml.safe_dump(whole, sort_keys=False))


def serial(proxy):
    """Of the certificate that a new handshake sees."""
    with proxy.wire() as wire:
        return x509.load_der_x509_certificate(wire.socket.getpeercert(binary_form=True)).serial_number


def replace(files, name, made):
    for suffix, file in zip((".crt", ".key"), made):
        os.replace(file, files / (name + suffix))


def errors(proxy):
    """The lines of the log at level ERROR, as objects."""
    lines = [json.loads(line) for line in list(proxy.stderr) if line.startswith("{")]
    return [line for line in lines if line["level"] == "ERROR"]


def test_certificates_are_replaced_under_load(proxy, site, files, tmp_path_factory):
    made = tmp_path_factory.mktemp("made")
    with Load(lambda: (proxy.port, 1), proxy.ca) as load:
        for number in range(ROUNDS):
            before = serial(proxy)
            fresh = site.authority.server(f"{made.name}-{number}", "localhost", "127.0.0.1")
            expected = x509.load_pem_x509_certificate(fresh[0].read_bytes()).serial_number
            replace(files, "tls", fresh)
            if number % 4 == 3:
                broken = (b"", b"not PEM", (files / "signing.key").read_bytes())[number // 4 % 3]
                key = (files / "tls.key").read_bytes()
                (files / "tls.key").write_bytes(broken)
                assert not proxy.reload()
                assert serial(proxy) == before
                assert proxy.metric("config_last_reload_successful") == 0
                (files / "tls.key").write_bytes(key)
            assert proxy.reload()
            assert serial(proxy) == expected != before
            assert proxy.metric("config_last_reload_successful") == 1
            load.goes_on()
    assert not load.failures, load.failures[:5]

    def wrong_files():
        return [line for line in errors(proxy) if line.get("key") == "listen[0].tls.private_key_file"]

    wrong = waiting.until(lambda: len(wrong_files()) >= 5 and wrong_files(), "the log telling of each")
    assert len(wrong) == 5
    listen = next(number for number, line in enumerate(proxy.file.read_text().splitlines(), 1) if "private_key_file" in line)
    for line in wrong:
        assert line["file"] == str(proxy.file) and line["line"] == listen, line
        assert str(files / "tls.") in line["message"] and line["help"], line
        assert line["message"].startswith("listen[0].tls.private_key_file: "), line


def test_configurations_are_replaced_under_load(proxy, nginx):
    def mex_answers():
        return IDP if IDP in proxy.get("/mex").content else b"definitions"

    original = proxy.file.read_text()
    changes = [
        (lambda whole: whole.update(endpoints={"mex": "forward", "sts": "forward"}), True),
        (lambda whole: whole.update(listne=[]), False),
        (lambda whole: whole.update(endpoints={"ecp": "forward", "metadata": "forward"}), True),
        (lambda whole: whole["relying_parties"][0].pop("name"), False),
        (lambda whole: whole.update(limits={"keep_alive": "20s", "body_deadline": "20s", "headers": "16KiB"}), True),
        (lambda whole: whole["issuer"]["signing"].update(private_key_file="gone.key"), False),
        (lambda whole: whole["upstream"].update(servers=[nginx.url, nginx.url.replace("127.0.0.1", "localhost")]), True),
        (lambda whole: whole.update(endpoints={"sts": "forward"}, telemetry={"level": "warn"}), True),
        (lambda whole: whole.update(cache={"bind": "off"}, guard={"threshold": 5}), True),
        (lambda whole: proxy.file.write_text("\t: not YAML"), False),
    ]
    with Load(lambda: (proxy.port, 1), proxy.ca) as load:
        for number in range(ROUNDS):
            change, valid = changes[number % len(changes)]
            proxy.file.write_text(original)
            before = mex_answers()
            whole = yaml.safe_load(original)
            change(whole)
            if "not YAML" not in proxy.file.read_text():
                proxy.file.write_text(yaml.safe_dump(whole, sort_keys=False))
            assert proxy.reload() == valid, number
            forwards = whole.get("endpoints", {}).get("mex") == "forward"
            assert mex_answers() == ((IDP if forwards else b"definitions") if valid else before)
            load.goes_on()
    assert not load.failures, load.failures[:5]
    assert proxy.metric("config_reloads_total", result="failure") == 2 * sum(not valid for _, valid in changes)


@pytest.mark.parametrize("change", ["endpoint", "key"])
def test_a_request_keeps_what_it_began_with(proxy, files, change):
    issuer = certificates.base64_of(files / "signing.crt")
    body = Rst(user=ALICE.upn, password=ALICE.password).text().encode()
    with proxy.wire() as wire:
        wire.send(f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n")
        wire.send(body[:100])
        waiting.until(lambda: proxy.metric("http_requests_in_flight", route="sts") == 1, "the request being known")
        if change == "endpoint":
            configure(proxy, lambda whole: whole.update(endpoints={"sts": "forward"}))
        else:
            replace(files, "signing", certificates.signing(files, "next"))
        assert proxy.reload()
        wire.send(body[100:])
        status, _, answer = wire.answer()
    assert status == 200 and issuer in answer.decode()
    after = sign_in(proxy, ALICE)
    assert issuer not in after.text and after.status_code == 200


def test_a_lockout_outlives_a_reload_and_heeds_the_new_policy(proxy):
    configure(proxy, lambda whole: whole.update(guard={"threshold": 2, "failure_delay": "10ms"}))
    assert proxy.reload()
    for number in range(2):
        sign_in(proxy, ALICE, password=f"{WRONG}{number}")
    assert proxy.audit_of(sign_in(proxy, ALICE).headers["X-Correlation-Id"])["result"] == "locked"
    assert proxy.reload()
    assert proxy.audit_of(sign_in(proxy, ALICE).headers["X-Correlation-Id"])["result"] == "locked"
    configure(proxy, lambda whole: whole.update(guard={"threshold": 9, "failure_delay": "10ms"}))
    assert proxy.reload()
    token(sign_in(proxy, ALICE))


def test_remembered_binds_are_forgotten_and_used_messages_are_not(proxy):
    rst = Rst(user=ALICE.upn, password=ALICE.password)
    token(send(proxy, rst))
    assert proxy.metric("cache_entries", cache="bind") == 1
    request = ecp.AuthnRequest()
    assert Answer(ecp.send(proxy, request, (ALICE.upn, ALICE.password))).statuses() == ["Success"]
    assert proxy.reload()
    assert proxy.metric("cache_entries", cache="bind") == 0
    token(sign_in(proxy, ALICE))
    assert proxy.metric("cache_requests_total", cache="bind", result="miss") == 2
    assert ecp.fault(ecp.send(proxy, request, (ALICE.upn, ALICE.password)))[:2] == (500, "Client")


def test_users_and_service_providers_are_read_again(launch, nginx, sp, tmp_path):
    users, metadata = tmp_path / "users.yaml", tmp_path / "sp.xml"
    directory = {"file": {"path": str(users)}}
    parties = [{"name": "cluster", "metadata_file": str(metadata), "ecp": True}]

    def provide(password, acs):
        hashed = Argon2id(salt=os.urandom(16), length=32, iterations=2, lanes=1, memory_cost=19456)
        phc = hashed.derive_phc_encoded(password.encode())
        users.write_text(yaml.safe_dump({"users": [{"name": "alice", "upn": ALICE.upn, "password_hash": phc}]}))
        users.chmod(0o600)
        metadata.write_text(sp.metadata_file.read_text().replace(sp.acs, acs))

    def goes_to(password):
        request = of_sp(sp, acs_index="1", acs_url=None, binding=None)
        answer = Answer(ecp.send(proxy, request, (ALICE.upn, password)))
        return answer.header_first().get("AssertionConsumerServiceURL") if answer.statuses()[0] == "Success" else None

    provide(ALICE.password, sp.url + "/before")
    proxy = launch(directory, nginx.url, relying_parties=parties)
    assert goes_to(ALICE.password) == sp.url + "/before"
    provide(BOB.password, sp.url + "/after")
    assert goes_to(ALICE.password) == sp.url + "/before"
    assert proxy.reload()
    assert goes_to(BOB.password) == sp.url + "/after"
    assert goes_to(ALICE.password) is None


def test_log_rotation_gets_the_audit_file_opened_again(proxy, tmp_path):
    file, rotated = tmp_path / "audit.json", tmp_path / "audit.json.1"
    configure(proxy, lambda whole: whole.update(telemetry={"audit_file": str(file)}))
    assert proxy.reload()

    def written(where):
        identity = sign_in(proxy, ALICE).headers["X-Correlation-Id"]
        waiting.until(lambda: where.exists() and identity in where.read_text(), f"a record in {where.name}")

    written(file)
    file.rename(rotated)
    written(rotated)
    assert proxy.reload()
    written(file)
    # Another signal does nothing else.
    reloads = proxy._reloads()
    file.unlink()
    proxy.send(signal.SIGUSR1)
    waiting.until(file.exists, "the file being there again")
    written(file)
    assert proxy._reloads() == reloads
    # A configuration that is wrong is no reason to write into a file that is about to be compressed.
    file.rename(rotated)
    configure(proxy, lambda whole: whole.update(nonsense=1))
    assert not proxy.reload()
    written(file)


def test_the_level_of_the_log_changes_and_passwords_stay_out(proxy):
    def told():
        return [line for line in list(proxy.stderr) if '"level":"INFO"' in line]

    configure(proxy, lambda whole: whole.update(telemetry={"level": "error"}))
    assert proxy.reload()
    configure(proxy, lambda whole: whole.update(nonsense=1))
    assert not proxy.reload()
    proxy.wait_for_line("nonsense")
    quiet = len(told())
    assert proxy.get("/page").status_code == 200
    configure(proxy, lambda whole: whole.update(telemetry={"level": "trace"}) or whole.pop("nonsense"))
    assert proxy.reload()
    waiting.until(lambda: len(told()) > quiet, "a line at level INFO")
    assert not any("/page" in line for line in told()[quiet:])
    sign_in(proxy, ALICE)


def test_what_cannot_change_is_named_once_and_the_rest_is_in_effect(proxy):
    def change(whole):
        whole["listen"].append({"address": "127.0.0.1:0"})
        whole["limits"] = {"threads": 3, "lame_duck": "0s"}
        whole["endpoints"] = {"mex": "forward"}

    configure(proxy, change)
    assert proxy.reload()
    assert IDP in proxy.get("/mex").content
    line = json.loads(proxy.wait_for_line("wait for a restart").string)
    keys = "listen[1], limits.threads"
    assert line["keys"] == keys
    for path in ("/readyz?verbose", "/"):
        assert f"; waits for a restart: {keys}\n" in requests.get(proxy.admin + path, timeout=10).text
    assert proxy.metric("config_restart_pending") == 1


def told(proxy, message):
    """The lines of the log with that in their message, as objects."""
    lines = [json.loads(line) for line in list(proxy.stderr) if line.startswith("{")]
    return [line for line in lines if message in line["message"]]


def sha256(file):
    """As OpenSSL prints a certificate's fingerprint."""
    return x509.load_pem_x509_certificate(file.read_bytes()).fingerprint(hashes.SHA256()).hex(":").upper()


def test_the_log_tells_what_was_taken_over(proxy, site, files, tmp_path_factory):
    def changes():
        return [line["changed"] for line in told(proxy, "the configuration was read again")]

    def listed(name):
        return f"{files / name}.crt, {files / name}.key"

    earlier = len(told(proxy, "another certificate is served"))
    assert proxy.reload()
    waiting.until(lambda: changes()[-1:] == ["nothing"], "the log telling that nothing changed")
    made = tmp_path_factory.mktemp("made")
    replace(files, "tls", site.authority.server(made.name, "localhost", "127.0.0.1"))
    assert proxy.reload()
    waiting.until(lambda: changes()[-1] == listed("tls"), "the files")
    (line,) = told(proxy, "another certificate is served")[earlier:]
    assert (line["level"], line["key"], line["sha256"]) == ("INFO", "listen[0].tls", sha256(files / "tls.crt")), line
    assert line["subject"] and line["ends"].startswith("20"), line
    assert not told(proxy, "register it")
    before = sha256(files / "signing.crt")
    replace(files, "signing", certificates.signing(files, "next"))
    assert proxy.reload()
    (line,) = waiting.until(lambda: told(proxy, "register it with every relying party"), "the warning")
    assert (line["level"], line["key"]) == ("WARN", "issuer.signing")
    assert (line["before"], line["now"]) == (before, sha256(files / "signing.crt"))
    assert changes()[-1] == listed("signing")
    assert len(told(proxy, "another certificate is served")) == earlier + 1


def test_reload_by_the_socket_prints_what_was_found(launch, slapd, nginx, files, tmp_path):
    socket = tmp_path / "admin.sock"
    signing = pair(files, "signing")
    proxy = launch(ldap(slapd), nginx.url, admin={"socket": str(socket)}, issuer={"signing": signing})

    def reload():
        command = Process("reload", [binary(), "reload", "-c", proxy.file])
        return command.wait(), "\n".join(command.stdout), "\n".join(command.stderr)

    status, out, wrong = reload()
    assert (status, out.splitlines()[-1], wrong) == (0, f"{proxy.file}: read again; changed: nothing", "")
    assert f"{proxy.file}:" in out and "warning: guard.threshold: " in out
    configure(proxy, lambda whole: whole["limits"].update(threads=3) or whole.update(endpoints={"mex": "forward"}))
    status, out, _ = reload()
    assert status == 0
    assert "read again; changed: endpoints, limits" in out and "waits for a restart: limits.threads" in out
    assert IDP in proxy.get("/mex").content
    # What only the process finds, and what the command itself would find.
    for file, key in ((files / "signing.crt", "issuer.signing.certificate_file"), (proxy.file, "nonsense")):
        before = file.read_text()
        file.write_text("nonsense: [1]\n" if file == proxy.file else "nonsense")
        status, out, wrong = reload()
        assert (status, out) == (78, "") and f"error: {key}: " in wrong and "help: " in wrong, wrong
        file.write_text(before)
    assert IDP in proxy.get("/mex").content
    assert reload()[0] == 0
    proxy.finish()
    status, _, wrong = reload()
    assert status == 1 and str(socket) in wrong
    configure(proxy, lambda whole: whole["admin"].pop("socket"))
    status, _, wrong = reload()
    assert status == 78 and "admin.socket" in wrong


def test_the_probes_tell_of_the_last_reload(proxy):
    def verbose():
        return requests.get(proxy.admin + "/readyz?verbose", timeout=10)

    assert "[i] configuration: read 20" in verbose().text
    configure(proxy, lambda whole: whole.update(nonsense=1))
    before = proxy.metric("config_last_reload_success_timestamp_seconds")
    assert not proxy.reload()
    assert "is wrong" in verbose().text and verbose().status_code == 200
    assert proxy.metric("config_last_reload_success_timestamp_seconds") == before
    configure(proxy, lambda whole: whole.pop("nonsense"))
    assert proxy.reload()
    assert "is wrong" not in verbose().text
    assert proxy.metric("config_last_reload_success_timestamp_seconds") > before


def test_nothing_piles_up(proxy):
    def held():
        process = pathlib.Path(f"/proc/{proxy.pid}")
        return [len(os.listdir(process / what)) for what in ("fd", "task")]

    def settled(most):
        return lambda: all(now <= limit for now, limit in zip(held(), most))

    sign_in(proxy, ALICE)
    assert proxy.reload()
    # A connection of the old directory's pool, one of this test's, threads that the runtime keeps for reading files.
    most = [count + 4 for count in held()]
    for _ in range(30):
        token(sign_in(proxy, ALICE))
        assert proxy.reload()
    waiting.until(settled(most), f"at most {most} descriptors and threads")
    assert proxy.metric("ldap_connections") <= 2


def test_signals_that_come_together_are_one_reload_or_two(proxy):
    def reloads():
        return proxy.metric("config_reloads_total", result="success")

    before = reloads()
    for _ in range(50):
        proxy.send(signal.SIGHUP)
    waiting.until(lambda: reloads() > before, "a reload")
    assert proxy.reload()
    assert reloads() < before + 50
