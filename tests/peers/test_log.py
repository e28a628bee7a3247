"""The log while it runs: its format by a reload, its level for a while."""

import json
import subprocess
import time

import pytest

from support import rst, waiting
from support.fedfront import binary, ldap
from support.people import ALICE
from support.rst import Rst


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


def steps(proxy, answer):
    """What the log is told of a sign-in, once it is over."""
    identifier = answer.headers["X-Correlation-Id"]
    lines = lambda: [line for line in list(proxy.stderr) if identifier in line]
    waiting.until(lambda: any('"access"' in line for line in lines()), "its access line")
    told = [json.loads(line) for line in lines()]
    return [line for line in told if line["level"] == "DEBUG"]


def test_a_sign_in_left_no_line_at_debug(proxy):
    def ask(user, password):
        return steps(proxy, rst.send(proxy, Rst(user=user, password=password)))

    raised = log(proxy, "debug")
    assert raised.returncode == 0
    waiting.until(lambda: is_logged(proxy), "access lines")
    signed_in = ask(ALICE.upn, ALICE.password)
    messages = [line["message"] for line in signed_in]
    assert messages == [
        "chosen",
        "no remembered bind is of this name and password",
        "searched for the user",
        "asked who has the name",
        "bound: the password is right",
        "groups found",
    ]
    assert signed_in[0]["relying_party"] and "O365" in signed_in[5]["groups"]
    assert (signed_in[2]["found"].lower(), signed_in[2]["name"]) == (ALICE.dn, "as typed") and "{name}" in signed_in[2]["user_filter"]
    assert [line["message"] for line in ask(ALICE.upn, ALICE.password)] == ["chosen", "a remembered bind is asked for"]
    wrong = ask(ALICE.upn, "not-hers-either")
    assert [line.get("reason") for line in wrong][-2:] == ["wrong password"] * 2 and wrong[-1]["message"] == "not signed in"
    nobody = ask("nobody-of-that-name", "whatever-it-is")
    assert nobody[2]["found"] == "nobody" and nobody[-1]["result"] == "unknown_user"
    said = "\n".join(proxy.stderr)
    assert not [words for words in ("not-hers-either", "whatever-it-is", "nobody-of-that-name") if words in said]
    log(proxy, "info,fedfront::directory=debug")
    assert [line["message"] for line in ask(ALICE.login, ALICE.password)] == messages[2:]
    log(proxy, "info")
    assert ask(ALICE.login.upper(), ALICE.password) == []


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
