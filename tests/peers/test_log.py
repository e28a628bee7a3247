"""The log while it runs: its format by a reload, its level for a while."""

import json
import subprocess
import time

import pytest

from support import waiting
from support.fedfront import binary, ldap


@pytest.fixture
def proxy(launch, slapd, nginx, tmp_path):
    running = launch(ldap(slapd), nginx.url, admin={"socket": str(tmp_path / "admin.sock")}, telemetry={"level": "warn"})
    running.socket = str(tmp_path / "admin.sock")
    return running


def log(proxy, *words):
    command = [binary(), "log", "level", *words, "--socket", proxy.socket]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def is_logged(proxy):
    """Whether a request is, by now."""
    identifier = proxy.get("/page").headers["X-Correlation-Id"]
    proxy.get("/page")
    return any(identifier in line for line in proxy.stderr)


def test_the_level_is_another_for_a_while_and_goes_back_by_itself(proxy):
    assert log(proxy).stdout == "warn\n"
    assert not is_logged(proxy)
    raised = log(proxy, "info", "--for", "3s")
    assert raised.returncode == 0 and raised.stdout.startswith("info until ") and "then warn again" in raised.stdout
    assert log(proxy).stdout == raised.stdout
    waiting.until(lambda: is_logged(proxy), "access lines")
    waiting.until(lambda: log(proxy).stdout == "warn\n", "the level going back")
    assert not is_logged(proxy)


def test_a_reload_goes_back_at_once(proxy):
    log(proxy, "info,fedfront::directory=debug")
    waiting.until(lambda: is_logged(proxy), "access lines")
    assert proxy.reload()
    assert log(proxy).stdout == "warn\n"
    assert not is_logged(proxy)


def test_only_the_last_change_ends(proxy):
    log(proxy, "debug", "--for", "1s")
    log(proxy, "info", "--for", "10m")
    waiting.until(lambda: is_logged(proxy), "access lines")
    began = time.monotonic()
    waiting.until(lambda: is_logged(proxy) and time.monotonic() > began + 1.5, "the first one's end")
    assert log(proxy).stdout.startswith("info until ")


@pytest.mark.parametrize("words", [["loud"], ["info,"], ["info", "--for", "0s"], ["info", "--for", "25h"]])
def test_what_is_no_level_or_no_while_is_a_usage_error(proxy, words):
    refused = log(proxy, *words)
    assert refused.returncode == 64 and words[-1].rstrip(",") in refused.stderr


def test_no_level_shows_passwords(proxy):
    from support.people import ALICE
    from support.rst import sign_in, token

    log(proxy, "trace,ldap3=trace,pingora_proxy=trace,hyper=trace")
    waiting.until(lambda: is_logged(proxy), "access lines")
    token(sign_in(proxy, ALICE))
    # `finish` looks for every secret in all that was written.


def test_the_format_changes_with_a_reload_and_waits_for_no_restart(proxy):
    text = proxy.file.read_text()
    proxy.file.write_text(text.replace("level: warn", "level: info\n  format: text"))
    assert proxy.reload()
    assert proxy.metric("config_restart_pending") == 0
    identifier = proxy.get("/page").headers["X-Correlation-Id"]
    line = waiting.until(lambda: [line for line in proxy.stderr if identifier in line], "the line")[0]
    assert " INFO access: " in line and not line.startswith("{")
    proxy.file.write_text(text.replace("level: warn", "level: info\n  format: json"))
    assert proxy.reload()
    identifier = proxy.get("/page").headers["X-Correlation-Id"]
    line = waiting.until(lambda: [line for line in proxy.stderr if identifier in line], "the line")[0]
    assert json.loads(line)["target"] == "access"


def test_the_configured_level_for_a_while_is_no_change(proxy):
    """It said `warn until …, then warn again`."""
    log(proxy, "info", "--for", "10m")
    assert log(proxy, "warn", "--for", "10m").stdout == "warn\n"
    assert log(proxy).stdout == "warn\n"
    assert not is_logged(proxy)


def test_warnings_of_the_start_are_json_where_the_log_is(launch, slapd, nginx, tmp_path):
    """They stood before it as text, which no collector of JSON reads."""
    file = str(tmp_path / "audit.json")
    party = {"name": "old", "applies_to": ["urn:old"], "signature": "rsa-sha1"}
    running = launch(ldap(slapd), nginx.url, relying_parties=[party], telemetry={"format": "json", "audit_file": file})
    lines = [json.loads(line) for line in list(running.stderr)]
    warnings = [line for line in lines if line["level"] == "WARN" and "SHA-1" in json.dumps(line)]
    assert warnings and str(running.file) in json.dumps(warnings[0]), lines
