"""Audit records to syslog, by each transport: what arrives, what waits while nobody takes it, and what is said of losses."""

import json
import signal

import pytest
import requests

from support import waiting
from support.fedfront import ldap
from support.people import ALICE, WRONG
from support.rst import sign_in
from support.syslog import Datagrams, Stream

TRANSPORTS = ["unix", "udp", "tcp", "tls"]


class Server:
    """A syslog server of one transport, started anew at the same place."""

    def __init__(self, transport, site, folder):
        self.transport, self.site = transport, site
        self.path = folder / "log"
        self._running = None
        self.port = 0
        self.start()

    def start(self):
        if self.transport == "unix":
            self._running = Datagrams(self.path)
        elif self.transport == "udp":
            self._running = Datagrams(port=self.port)
        else:
            self._running = Stream(self.port, self.site.tls if self.transport == "tls" else None)
        self.port = getattr(self._running, "port", 0)

    def stop(self):
        if self._running:
            self._running.stop()
            self._running = None
        self.path.unlink(missing_ok=True)

    @property
    def messages(self):
        return self._running.messages

    def configuration(self):
        if self.transport == "unix":
            return {"socket": str(self.path)}
        whole = {"server": f"{self.transport}://localhost:{self.port}"}
        return {**whole, "ca_file": str(self.site.ca)} if self.transport == "tls" else whole


@pytest.fixture(params=TRANSPORTS)
def server(request, site, tmp_path):
    started = Server(request.param, site, tmp_path)
    yield started
    started.stop()


def records(server):
    return [json.loads(message.text) for message in server.messages]


def arrives(server, answer):
    """The one record of a request, and its message."""
    identifier = answer.headers["X-Correlation-Id"]
    found = lambda: [m for m in server.messages if identifier in m.text]  # noqa: E731
    message = waiting.until(found, "the record in syslog")[0]
    assert len(found()) == 1
    return message, json.loads(message.text)


def test_records_are_messages(launch, slapd, nginx, server):
    syslog = {**server.configuration(), "facility": "local3", "app_name": "sts"}
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": syslog})
    message, record = arrives(server, sign_in(proxy, ALICE))
    assert (record["result"], record["user"]) == ("success", ALICE.upn)
    assert message.priority == 19 * 8 + 6
    assert (message.app, message.kind, message.time) == ("sts", "sign_in", record["time"])
    assert message.process == str(proxy.pid) and "\n" not in message.text
    message, record = arrives(server, sign_in(proxy, ALICE, password=WRONG))
    assert record["result"] == "bad_credentials" and message.priority == 19 * 8 + 5
    assert not proxy.audit(), "nothing is written to standard output as well"
    assert proxy.metric("audit_records_lost_total") == 0 and proxy.metric("audit_available") == 1


def test_what_waits_while_the_server_is_started_anew_arrives(launch, slapd, nginx, server):
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": server.configuration()})
    arrives(server, sign_in(proxy, ALICE))
    server.stop()
    if server.transport == "udp":
        # Nobody knows what becomes of a datagram; of the next one the system may say that nobody took the first.
        server.start()
        waiting.until(lambda: sign_in(proxy, ALICE) and server.messages, "records again")
        return
    answers = [sign_in(proxy, ALICE) for _ in range(5)]
    assert all(answer.status_code == 200 for answer in answers), "nobody waits for syslog"
    waiting.until(lambda: proxy.metric("audit_available") == 0, "the metric")
    server.start()
    for answer in answers:
        arrives(server, answer)
    waiting.until(lambda: proxy.metric("audit_available") == 1, "the metric")
    assert proxy.metric("audit_records_lost_total") == 0
    proxy.wait_for_line("the audit log cannot be written")
    proxy.wait_for_line("the audit log is written again")


def test_an_audit_log_that_waits_is_told_where_an_operator_looks(launch, slapd, nginx):
    """The status page said that every record was written, for as long as somebody looked."""
    nobody = f"tcp://127.0.0.1:{waiting.free_port()}"
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": {"server": nobody}})
    told = lambda: requests.get(proxy.admin + "/status.json", timeout=10).json()
    audit = lambda: [part for part in told()["parts"] if part["kind"] == "audit"][0]
    sign_in(proxy, ALICE)
    waiting.until(lambda: audit()["level"] == "failed", "the audit log's failure")
    assert audit()["says"].startswith("Cannot be written: records wait"), audit()
    assert [problem["what"] for problem in told()["problems"]] == ["Audit log"]
    ready = requests.get(proxy.admin + "/readyz?verbose", timeout=10)
    assert ready.status_code == 200, "that is no matter of readiness"
    assert "[i] audit: cannot be written: records wait" in ready.text, ready.text


def test_a_connection_that_was_closed_loses_nothing(launch, slapd, nginx, site, tmp_path):
    server = Server("tcp", site, tmp_path)
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": server.configuration()})
    for _ in range(3):
        arrives(server, sign_in(proxy, ALICE))
        server.stop()
        server.start()
    arrives(server, sign_in(proxy, ALICE))
    assert proxy.metric("audit_records_lost_total") == 0
    server.stop()


def test_a_server_whose_certificate_is_anothers_gets_nothing(launch, slapd, nginx, site, tmp_path):
    server = Server("tls", site, tmp_path)
    stranger = {**server.configuration(), "ca_file": str(site.signing[0])}
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": stranger})
    assert sign_in(proxy, ALICE).status_code == 200
    proxy.wait_for_line("the audit log cannot be written.*certificate")
    assert not server.messages
    server.stop()


def test_a_reload_moves_what_waits_and_what_comes(launch, slapd, nginx, site, tmp_path):
    server, file = Server("tcp", site, tmp_path), tmp_path / "audit.json"
    server.stop()
    port = server.port
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": {"server": f"tcp://127.0.0.1:{port}"}})
    waits = sign_in(proxy, ALICE)
    waiting.until(lambda: proxy.metric("audit_available") == 0, "the metric")
    text = proxy.file.read_text()
    before = text[text.index("telemetry:") :]
    proxy.file.write_text(text.replace(before, f"telemetry:\n  audit_file: {file}\n"))
    assert proxy.reload()
    waiting.until(lambda: waits.headers["X-Correlation-Id"] in file.read_text(), "the record in the file")
    server.start()
    proxy.file.write_text(text)
    assert proxy.reload()
    arrives(server, sign_in(proxy, ALICE))
    proxy.send(signal.SIGUSR1)
    arrives(server, sign_in(proxy, ALICE))
    server.stop()


def test_the_end_does_not_wait_for_a_server_that_is_gone(launch, slapd, nginx, site, tmp_path):
    server = Server("unix", site, tmp_path)
    server.stop()
    proxy = launch(ldap(slapd), nginx.url, telemetry={"audit_syslog": server.configuration()})
    sign_in(proxy, ALICE)
    assert proxy.stop(signal.SIGTERM, timeout=5) == 0
    assert "the audit log ends with records that nobody took" in proxy.output()
