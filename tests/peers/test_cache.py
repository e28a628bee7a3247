"""What ends a remembered sign-in before its time, and what operators see and do by the admin socket."""

import concurrent.futures
import json
import subprocess

import pytest
import requests

from support import waiting
from support.ad import Account
from support.fedfront import binary, ldap
from support.people import ALICE, BOB, CHANGED, CHANGING, TEXTUAL, WRONG
from support.rst import Rst, send, sign_in

RIGHT = "canary-right"
PATIENT = {"sign_in_deadline": "60s"}


@pytest.fixture
def operated(launch, nginx, tmp_path):
    """`operated(directory, **sections)`: a fedfront with an admin socket."""

    def start(directory, **sections):
        return launch(directory, nginx.url, admin={"socket": str(tmp_path / "admin.sock")}, **sections)

    return start


def run(*words):
    ran = subprocess.run([binary(), *words], capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout, ran.stderr


def operate(proxy, *words):
    """Exit code, and what it prints."""
    code, told, complaints = run(*words, "-c", proxy.file)
    return code, told + complaints


def ask(proxy, name, password):
    """A sign-in's audit record."""
    answer = send(proxy, Rst(user=name, password=password))
    return proxy.audit_of(answer.headers["X-Correlation-Id"])


def outcome(proxy, name, password):
    record = ask(proxy, name, password)
    return "remembered" if record["cached"] else record["result"]


def remember(proxy, password, *names):
    for name in names:
        assert [outcome(proxy, name, password) for _ in range(2)] == ["success", "remembered"]


def cache(proxy):
    """What the metrics say of remembered binds."""
    told = proxy.metrics()
    requests_of = ("hit", "miss", "coalesced")
    counts = {kind: told[f'fedfront_cache_requests_total{{cache="bind",result="{kind}"}}'] for kind in requests_of}
    counts["entries"] = told['fedfront_cache_entries{cache="bind"}']
    counts["invalidated"] = told['fedfront_cache_evictions_total{cache="bind",reason="invalidated"}']
    return counts


def socket_of(proxy):
    (line,) = [line for line in proxy.file.read_text().splitlines() if line.strip().startswith("socket: ")]
    return line.split(": ", 1)[1]


def operator_events(proxy):
    """What the audit log says of operators."""
    lines = [line for line in list(proxy.stdout) if '"event":"' in line]
    return [json.loads(line) for line in lines]


def test_a_changed_password_ends_the_old_one_as_soon_as_the_new_one_was_used_by_any_name(operated, own_slapd):
    proxy = operated(ldap(own_slapd))
    remember(proxy, CHANGING.password, CHANGING.upn, CHANGING.login)
    remember(proxy, ALICE.password, ALICE.upn)
    own_slapd.change_password(CHANGING, CHANGED)
    assert outcome(proxy, CHANGING.upn, CHANGING.password) == "remembered", "nobody has shown the new one yet"
    assert outcome(proxy, CHANGING.upn.upper(), CHANGED) == "success"
    for name in (CHANGING.upn, CHANGING.login):
        assert outcome(proxy, name, CHANGING.password) == "bad_credentials"
    assert outcome(proxy, CHANGING.upn.upper(), CHANGED) == "remembered", "what is refused says nothing about the others"
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered", "nor what another does"
    assert cache(proxy) == {"hit": 6, "miss": 6, "coalesced": 0, "entries": 2, "invalidated": 2}


def test_an_old_password_that_is_refused_by_one_name_is_forgotten_by_every_other(operated, own_slapd):
    proxy = operated(ldap(own_slapd))
    remember(proxy, CHANGING.password, CHANGING.upn, CHANGING.login)
    own_slapd.change_password(CHANGING, CHANGED)
    assert outcome(proxy, CHANGING.upn.upper(), CHANGING.password) == "bad_credentials"
    for name in (CHANGING.upn, CHANGING.login):
        assert outcome(proxy, name, CHANGING.password) == "bad_credentials"


@pytest.mark.parametrize("code", ["533", "775", "701", "532", "773"])
def test_who_may_not_sign_in_any_more_is_forgotten_as_soon_as_a_bind_shows_it(operated, active_directory, code):
    account = Account("alice", RIGHT)
    proxy = operated(active_directory([account, Account("bob", RIGHT)]).section())
    remember(proxy, RIGHT, "alice", "alice@example.com", "bob")
    account.code = code
    assert outcome(proxy, "alice", RIGHT) == "remembered"
    refused = outcome(proxy, "ALICE", RIGHT)
    assert refused in ("account", "locked", "expired")
    for name in ("alice", "alice@example.com"):
        assert outcome(proxy, name, RIGHT) == refused
    assert outcome(proxy, "bob", RIGHT) == "remembered"
    assert cache(proxy)["invalidated"] == 2


def test_who_is_gone_is_forgotten_as_soon_as_a_search_shows_it(operated, active_directory):
    directory = active_directory([Account("alice", RIGHT), Account("bob", RIGHT)])
    proxy = operated(directory.section())
    remember(proxy, RIGHT, "alice", "alice@example.com", "bob")
    alice = directory.accounts.pop(0)
    assert outcome(proxy, "alice", RIGHT) == "remembered"
    assert outcome(proxy, "alice", WRONG) == "unknown_user"
    for name in ("alice", "alice@example.com"):
        assert outcome(proxy, name, RIGHT) == "unknown_user"
    directory.accounts += [alice, Account("bob", RIGHT, unit="Others")]
    assert outcome(proxy, "bob", RIGHT) == "remembered"
    assert outcome(proxy, "bob", WRONG) == "unknown_user", "two have the name now"
    assert outcome(proxy, "bob", RIGHT) == "unknown_user"


def test_a_look_up_without_a_bind_ends_what_is_remembered_of_a_disabled_account(operated, own_slapd):
    proxy = operated(ldap(own_slapd), credentials={"issued_token": {}})
    remember(proxy, ALICE.password, ALICE.upn)
    own_slapd.modify(f"dn: {ALICE.dn}\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: TRUE\n")
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered"
    assert outcome(proxy, TEXTUAL.upn, TEXTUAL.password) == "success"
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered", "another's look-up says nothing"
    assert outcome(proxy, ALICE.login, WRONG) == "bad_credentials"
    assert cache(proxy)["invalidated"] == 1, "the search for her showed it, before any bind"


def test_a_directory_may_be_left_out(operated, slapd):
    uncached, cached = ldap(slapd), ldap(slapd)
    uncached["ldap"]["user_filter"] = "(&(uid=alice)(|(userPrincipalName={name})(sAMAccountName={name})))"
    proxy = operated([{**uncached, "name": "strict", "cache": "off"}, {**cached, "name": "corp"}], limits=PATIENT)
    before = slapd.binds(ALICE.dn)
    assert [outcome(proxy, ALICE.upn, ALICE.password) for _ in range(3)] == ["success"] * 3
    assert slapd.binds_settled(proxy, ALICE.dn, TEXTUAL) - before == 3
    assert outcome(proxy, TEXTUAL.upn, TEXTUAL.password) == "remembered"
    before = cache(proxy)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: sign_in(proxy, ALICE).status_code, range(200)))
    assert statuses == [200] * 200
    after = cache(proxy)
    assert after["coalesced"] > before["coalesced"], "those at the same time share one bind"
    assert after["hit"] == before["hit"] and after["entries"] == 1
    assert operate(proxy, "cache", "flush") == (0, "forgotten: 1 remembered sign-in\n")


def test_one_user_or_all_are_flushed(operated, slapd):
    proxy = operated(ldap(slapd))
    remember(proxy, ALICE.password, ALICE.upn, ALICE.login)
    remember(proxy, TEXTUAL.password, TEXTUAL.upn)
    assert operate(proxy, "cache", "flush", "--user", ALICE.upn.upper()) == (
        0, f"forgotten: 2 remembered sign-ins of ldap: {ALICE.dn}\n"
    )
    assert cache(proxy)["invalidated"] == 2
    assert outcome(proxy, TEXTUAL.upn, TEXTUAL.password) == "remembered"
    remember(proxy, ALICE.password, ALICE.upn)
    assert operate(proxy, "cache", "flush", "--user", ALICE.dn.upper())[0] == 0, "by the entry's own name"
    remember(proxy, ALICE.password, ALICE.upn, ALICE.login)
    assert run("cache", "flush", "--socket", socket_of(proxy)) == (0, "forgotten: 3 remembered sign-ins\n", "")
    assert cache(proxy)["entries"] == 0
    remember(proxy, ALICE.password, ALICE.upn)
    code, told = operate(proxy, "cache", "flush", "--user", "nobody@example.com")
    assert (code, told) == (1, "forgotten: 0 remembered sign-ins\nno directory has this name\n")
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered"
    events = operator_events(proxy)
    assert [(event["event"], event["user"], event["forgotten"]) for event in events] == [
        ("cache_flush", ALICE.upn.upper(), 2),
        ("cache_flush", ALICE.dn.upper(), 1),
        ("cache_flush", None, 3),
        ("cache_flush", "nobody@example.com", 0),
    ]
    assert all(event["by"] == "local operator" for event in events)


def test_who_is_remembered_signs_in_while_the_directory_is_down_until_the_end_of_their_time(operated, own_slapd):
    proxy = operated(ldap(own_slapd), cache={"bind": {"ttl": "4s"}})
    remember(proxy, ALICE.password, ALICE.upn, ALICE.login)
    own_slapd.stop()
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered"
    assert outcome(proxy, ALICE.upn, WRONG) == "unavailable"
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered", "an outage says nothing"
    waiting.until(lambda: outcome(proxy, ALICE.upn, ALICE.password) == "unavailable", "the end of what is remembered")
    own_slapd.start()
    waiting.until(lambda: sign_in(proxy, ALICE).status_code == 200, "a sign-in after the outage")
    assert proxy.metric("cache_evictions_total", cache="bind", reason="invalidated") == 0


def test_a_flush_while_the_directory_is_down_tells_what_it_cannot_know(operated, own_slapd):
    proxy = operated(ldap(own_slapd), cache={"bind": {"ttl": "5m"}})
    remember(proxy, ALICE.password, ALICE.upn, ALICE.login)
    remember(proxy, TEXTUAL.password, TEXTUAL.upn)
    own_slapd.stop()
    code, told = operate(proxy, "cache", "flush", "--user", ALICE.login.upper())
    assert code == 1
    assert told.startswith(f"forgotten: 2 remembered sign-ins of ldap: {ALICE.dn}\nldap: "), told
    assert "cannot be told now" in told
    assert outcome(proxy, ALICE.upn, ALICE.password) == "unavailable", "by each of her names"
    code, told = operate(proxy, "cache", "flush", "--user", TEXTUAL.login)
    assert code == 1 and told.startswith("forgotten: 0 remembered sign-ins\nldap: "), told
    assert outcome(proxy, TEXTUAL.upn, TEXTUAL.password) == "remembered"
    assert operate(proxy, "cache", "flush", "--user", TEXTUAL.dn)[1].startswith("forgotten: 1 remembered sign-in of")
    assert operate(proxy, "cache", "flush") == (0, "forgotten: 0 remembered sign-ins\n")


STAYS = "what the directory itself may have counted stays, and counts here (guard.directory_count): reset it there\n"


def test_the_locked_are_listed_shown_and_unlocked(operated, slapd):
    proxy = operated(ldap(slapd), guard={"threshold": 3}, limits=PATIENT)
    assert operate(proxy, "guard", "list") == (0, "no entry has failures that count\n")
    for number in range(3):
        assert outcome(proxy, ALICE.upn, f"{WRONG}-{number}") == "bad_credentials"
    assert outcome(proxy, BOB.upn, WRONG) == "bad_credentials"
    assert outcome(proxy, ALICE.upn, ALICE.password) == "locked"

    code, told = operate(proxy, "guard", "list", "--json")
    listed = json.loads(told)
    assert code == 0 and (listed["total"], listed["locked"]) == (2, 1)
    alice, bob = listed["entries"]
    assert (alice["directory"], alice["entry"], alice["failures"], alice["locked"]) == ("ldap", ALICE.dn, 3, "yes")
    assert (bob["entry"], bob["failures"], bob["locked"]) == (BOB.dn, 1, "no")
    assert all(one["last_failure"] < one["until"] for one in (alice, bob)), "until when its failures count"
    code, told = operate(proxy, "guard", "list", "--limit", "1")
    assert code == 0 and ALICE.dn in told and BOB.dn not in told
    assert told.splitlines()[-1] == "1 of 2 entries with failures; 1 locked"

    for name in (ALICE.login.upper(), ALICE.dn):
        code, told = operate(proxy, "guard", "show", name, "--json")
        assert (code, json.loads(told)) == (0, {"entries": [alice], "doubt": None})
    assert operate(proxy, "guard", "show", "nobody") == (1, "no directory has this name\n")
    code, told = operate(proxy, "guard", "show", TEXTUAL.upn)
    assert code == 0 and told.splitlines()[1].split()[:2] == ["no", "0"], told

    assert operate(proxy, "guard", "unlock", "nobody") == (1, "no directory has this name\n")
    assert operate(proxy, "guard", "unlock", ALICE.upn) == (0, f"ldap: {ALICE.dn}: 3 failures forgotten\n")
    assert outcome(proxy, ALICE.upn, ALICE.password) == "success"
    assert operate(proxy, "guard", "unlock", ALICE.upn) == (0, f"ldap: {ALICE.dn}: has no failures that count\n")
    assert operate(proxy, "guard", "unlock", "--all") == (0, f"failures forgotten of 1 entry, 0 of them locked\n{STAYS}")
    assert operate(proxy, "guard", "list") == (0, "no entry has failures that count\n")
    told = [(event["event"], event["user"], event["entry"], event["forgotten"]) for event in operator_events(proxy)]
    assert told == [
        ("guard_unlock", ALICE.upn, ALICE.dn, 3),
        ("guard_unlock", ALICE.upn, ALICE.dn, 0),
        ("guard_unlock", None, None, 1),
    ]
    assert any("told to unlock an entry" in line for line in proxy.stderr), "in the log too"
    assert not any("told to unlock" in line and ALICE.login in line for line in proxy.stderr), "which names nobody"


def test_whose_failures_they_are_is_not_told_while_the_directory_is_down_but_by_the_entrys_own_name(operated, own_slapd):
    proxy = operated(ldap(own_slapd), guard={"threshold": 1})
    assert outcome(proxy, ALICE.upn, WRONG) == "bad_credentials"
    own_slapd.stop()
    for words in (("show", ALICE.upn), ("unlock", ALICE.upn)):
        code, told = operate(proxy, "guard", *words)
        assert code == 1 and told.startswith("ldap: ") and "guard list" in told, told
    assert operate(proxy, "guard", "show", ALICE.dn)[0] == 0
    assert operate(proxy, "guard", "unlock", ALICE.dn) == (0, f"ldap: {ALICE.dn}: 1 failure forgotten\n{STAYS}")
    own_slapd.start()
    waiting.until(lambda: sign_in(proxy, ALICE).status_code == 200, "a sign-in after the outage")


def test_only_the_socket_tells_of_users_and_forgets(operated, slapd):
    proxy = operated(ldap(slapd), guard={"threshold": 1})
    remember(proxy, ALICE.password, ALICE.upn)
    outcome(proxy, BOB.upn, WRONG)
    for path in ("/guard", "/guard/show", "/guard/unlock", "/cache/flush"):
        assert requests.get(proxy.admin + path, timeout=5).status_code == 404
        assert requests.post(proxy.admin + path, json={"all": True}, timeout=5).status_code == 405
    assert outcome(proxy, ALICE.upn, ALICE.password) == "remembered"
    assert json.loads(operate(proxy, "guard", "list", "--json")[1])["total"] == 1


def test_what_is_missing_is_told_by_its_exit_code(launch, slapd, nginx, tmp_path):
    proxy = launch(ldap(slapd), nginx.url)
    for words in (["cache", "flush"], ["guard", "list"], ["guard", "show", "alice"], ["guard", "unlock", "--all"]):
        code, told = operate(proxy, *words)
        assert code == 78 and "admin.socket" in told and "admin.sock," in told, told
        assert run(*words)[0] == 64, "neither a file nor a socket"
        assert run(*words, "-c", proxy.file, "--socket", "x")[0] == 64
        code, _, complaint = run(*words, "--socket", tmp_path / "nobody.sock")
        assert code == 1 and "nobody.sock" in complaint
    for words in (["guard", "unlock"], ["guard", "unlock", "a", "--all"], ["guard", "list", "--limit", "0"]):
        assert run(*words, "-c", proxy.file)[0] == 64
