"""Who helps a user that is locked out is told what keeps them out, and what to do about it."""

import json
import subprocess

import pytest

from support import waiting
from support.fedfront import ldap
from support.guessing import BEHIND, HOME, QUICK, of, sign_in_from
from support.people import ALICE, BOB, LOCKED, WRONG
from support.rst import Rst, fault, send, sign_in, token
from support.slapd import ROOT_DN, ROOT_PASSWORD
from test_cache import operate, operator_events, run

STRANGER = "203.0.113.9"


@pytest.fixture
def helped(launch, policed, nginx, tmp_path):
    """Of a directory that locks accounts after five wrong passwords, operated by its admin socket."""

    def run(section=None, guard=None):
        admin = {"socket": str(tmp_path / "admin.sock")}
        sections = {"guard": {**QUICK, **(guard or {})}, "admin": admin, "cache": {"bind": "off"}}
        return launch(section or ldap(policed), nginx.url, **sections, **BEHIND)

    return run


def guess(proxy, person, number, address=HOME):
    return send(proxy, Rst(user=person.upn, password=f"{WRONG}-{number}"), **of(address))


def modify(directory, ldif, *options):
    command = ["ldapmodify", "-x", "-H", directory.plain_url, "-D", ROOT_DN, "-w", ROOT_PASSWORD, *options]
    subprocess.run(command, input=ldif.encode(), check=True, capture_output=True)


def audited(proxy, answer):
    return proxy.audit_of(answer.headers["X-Correlation-Id"])


def test_what_the_directory_has_counted_is_told_and_how_it_is_reset(helped, policed):
    proxy, person = helped(), LOCKED[0]
    token(sign_in_from(proxy, person, HOME))
    for number in range(3):
        guess(proxy, person, number)
    code, told = operate(proxy, "guard", "unlock", person.upn)
    assert code == 0 and "3 failures forgotten" in told
    assert "the directory itself has counted 3 wrong passwords" in told and "pwdFailureTime" in told, told
    assert audited(proxy, sign_in_from(proxy, person, HOME))["guard"] == "directory_count"
    code, told = operate(proxy, "guard", "show", person.upn)
    assert code == 0 and told.splitlines()[1].startswith("directory  0"), told
    assert "guard unlock does not change that" in told and "-e relax" in told, told
    (shown,) = json.loads(operate(proxy, "guard", "show", person.upn, "--json")[1])["entries"]
    assert (shown["locked"], shown["directory_count"]["failures"]) == ("directory", 3)
    # What it says that helps does.
    modify(policed, f"dn: {person.dn}\nchangetype: modify\ndelete: pwdFailureTime\n", "-e", "relax")
    token(sign_in_from(proxy, person, HOME))
    assert operate(proxy, "guard", "show", person.upn)[1].splitlines()[1].startswith("no ")


def test_whom_the_directory_has_locked_was_shown_as_not_locked_and_nothing_else(helped, policed):
    proxy, person = helped(), LOCKED[0]
    lock = f"dn: {person.dn}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"
    modify(policed, lock, "-e", "relax")
    code, told = operate(proxy, "guard", "show", person.upn)
    assert code == 0 and "the directory has locked the account, says the entry's pwdAccountLockedTime" in told, told
    (shown,) = json.loads(operate(proxy, "guard", "show", person.upn, "--json")[1])["entries"]
    assert (shown["locked"], shown["directory_refuses"]) == ("no", "the directory has locked the account")
    modify(policed, f"dn: {person.dn}\nchangetype: modify\ndelete: pwdAccountLockedTime\n", "-e", "relax")
    told = operate(proxy, "guard", "show", person.upn)[1]
    assert "pwdAccountLockedTime" not in told, told


def test_failures_from_unknown_places_are_said_when_they_are_forgotten(helped):
    proxy, person = helped(), LOCKED[1]
    token(sign_in_from(proxy, person, HOME))
    for number in range(2):
        guess(proxy, person, number, STRANGER)
    token(sign_in_from(proxy, person, HOME))
    assert fault(sign_in_from(proxy, person, STRANGER))[1] == "FailedAuthentication"
    code, told = operate(proxy, "guard", "unlock", person.upn)
    assert code == 0 and "2 failures from unknown places forgotten" in told, told
    (event,) = waiting.until(lambda: operator_events(proxy), "the audit log's word of it")
    assert event["forgotten"] == 2
    token(sign_in_from(proxy, person, STRANGER))


def test_an_account_that_the_directory_shows_as_locked_is_told_as_such_and_counts(helped, policed):
    proxy, person, other = helped(), LOCKED[2], LOCKED[3]
    modify(policed, f"dn: {person.dn}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n")
    refused, wrong = sign_in_from(proxy, person, HOME), guess(proxy, other, 0)
    assert (refused.status_code, fault(refused)) == (wrong.status_code, fault(wrong)), "the client is not told"
    record = audited(proxy, refused)
    assert record["result"] == "locked" and "pwdAccountLockedTime" in record["reason"], record
    code, told = operate(proxy, "guard", "show", person.upn)
    assert code == 0 and told.splitlines()[1].split()[:2] == ["no", "1"], "the directory may have counted it"
    # Once it is unlocked there, the password that was right is not known to be wrong.
    modify(policed, f"dn: {person.dn}\nchangetype: modify\ndelete: pwdAccountLockedTime\n")
    assert audited(proxy, sign_in_from(proxy, person, HOME))["guard"] == "same_password"
    assert operate(proxy, "guard", "unlock", person.upn)[0] == 0
    token(sign_in_from(proxy, person, HOME))


def test_who_is_flushed_may_try_a_password_again_that_was_wrong_a_moment_ago(helped, policed):
    proxy, person = helped(), LOCKED[4]
    answer = send(proxy, Rst(user=person.upn, password="canary-New-4"), **of(HOME))
    assert audited(proxy, answer)["result"] == "bad_credentials"
    policed.change_password(person, "canary-New-4")
    try:
        again = Rst(user=person.upn, password="canary-New-4")
        assert audited(proxy, send(proxy, again, **of(HOME)))["guard"] == "same_password"
        assert operate(proxy, "cache", "flush", "--user", person.upn)[0] == 0
        token(send(proxy, again, **of(HOME)))
    finally:
        policed.change_password(person, person.password)


def test_an_entry_named_by_its_dn_is_shown_while_the_directory_is_down(launch, own_slapd, nginx, tmp_path):
    proxy = launch(ldap(own_slapd), nginx.url, admin={"socket": str(tmp_path / "admin.sock")})
    own_slapd.stop()
    for words in ("show", "unlock"):
        code, told = operate(proxy, "guard", words, ALICE.dn)
        assert code == 0 and ALICE.dn in told, told
    assert operate(proxy, "guard", "show", ALICE.upn)[0] == 1
    own_slapd.start()


def test_who_would_be_refused_is_told_as_observed(helped):
    proxy = helped(guard={"mode": "observe"})
    for number in range(4):
        guess(proxy, BOB, number)
    code, told = operate(proxy, "guard", "list")
    assert code == 0 and told.splitlines()[1].startswith("observed  "), told
    assert told.splitlines()[-1].endswith("1 would be locked, and nobody is: guard.mode is observe")
    code, told = operate(proxy, "guard", "show", BOB.upn)
    assert code == 0 and told.splitlines()[1].startswith("observed  ") and "nobody is refused" in told, told


def test_a_bind_as_that_makes_no_dn_is_told_in_words(launch, slapd, nginx):
    section = ldap(slapd)
    section["ldap"]["bind_as"] = "{userPrincipalName}"
    proxy = launch(section, nginx.url)
    answer = sign_in(proxy, ALICE)
    assert answer.status_code == 503
    reason = audited(proxy, answer)["reason"]
    assert "result 34 (invalidDNSyntax): bind_as makes no DN" in reason and "{dn}" in reason, reason


def test_commands_say_what_is_missing(helped, tmp_path):
    code, _, complaint = run("guard", "list", "--socket", tmp_path / "nobody.sock")
    assert code == 1 and "it does not run, or was started with another" in complaint, complaint
    code, _, complaint = run("guard", "unlock", "--socket", tmp_path / "nobody.sock")
    assert code == 64 and "--all" in complaint, complaint
