"""What `check --online` says of the directory's own lockout policy, and of what it has counted."""

import subprocess

import pytest

from support import domain, fedfront
from support.domain import STRICT, VICTIMS
from support.people import ALICE, BOB, WRONG
from support.samba import ADMINISTRATOR
from support.slapd import POLICY_DN
from test_check import check  # noqa: F401  a fixture

POLICY = "directory ldap, lockout policy"
DOMAIN = f"{POLICY} {domain.BASE}: "


@pytest.fixture
def in_domain(samba):
    """`in_domain(attribute, value)` changes the domain's policy until the end of the test."""
    before = {}

    def change(attribute, value):
        before.setdefault(attribute, samba.attributes(domain.BASE, attribute)[attribute][0].decode())
        samba.replace(domain.BASE, attribute, value)

    yield change
    for attribute, value in before.items():
        samba.replace(domain.BASE, attribute, value)


def test_a_guard_below_active_directory_is_fine(check, samba, nginx):
    checked = check(directory=samba.section(), behind=nginx.url)
    assert checked.status == 0, checked.text
    told = checked.one("ok", DOMAIN)
    assert told == f"{DOMAIN}5 wrong passwords lock an account for 30m (within 30m); the guard stays below"


LET_THROUGH = "guard.threshold lets 3 through: strangers can lock users out -- set guard.threshold to 2 or less"
FORGOTTEN = "guard.window forgets after 10m what still counts there -- set guard.window to 30m or more"


@pytest.mark.parametrize(
    "threshold, guard, warning",
    [(3, {}, LET_THROUGH), (1, {}, "raise it in the directory to 2 or more"), (5, {"window": "10m"}, FORGOTTEN)],
)
def test_a_guard_that_is_not_below_active_directory_is_warned_of(
    check, samba, nginx, in_domain, threshold, guard, warning
):
    in_domain("lockoutThreshold", threshold)
    checked = check(directory=samba.section(), behind=nginx.url, guard=guard)
    assert checked.status == 0, checked.text
    assert warning in checked.one("warning", DOMAIN)


def test_a_domain_that_locks_nobody_is_told(check, samba, nginx, in_domain):
    in_domain("lockoutThreshold", 0)
    checked = check(directory=samba.section(), behind=nginx.url)
    assert "locks no account" in checked.one("ok", DOMAIN)


def test_a_stricter_fine_grained_policy_is_warned_of_where_it_can_be_read(check, samba, nginx, tmp_path):
    checked = check(directory=samba.section(), behind=nginx.url)
    told = checked.one("note", f"{POLICY}: ")
    assert "there may be fine-grained password policies, of which bind_dn sees none" in told and "see to it yourself" in told
    password = tmp_path / "administrator"
    password.write_text(domain.ADMINISTRATOR.password)
    password.chmod(0o600)
    reader = {"bind_dn": ADMINISTRATOR, "bind_password_file": str(password)}
    checked = check(directory=samba.section(**reader), behind=nginx.url)
    told = checked.one("warning", f"{POLICY} {STRICT}: ")
    assert "2 wrong passwords lock an account for 1h (within 1h), and guard.threshold lets 3 through" in told
    assert "set guard.threshold to 1; set guard.window to 1h or more" in told
    assert checked.of("note", POLICY) == [] and checked.one("ok", DOMAIN)


def test_a_directory_without_a_policy_says_nothing(check, slapd, nginx):
    checked = check(behind=nginx.url)
    told = checked.one("note", POLICY)
    assert "shows no password policy that bind_dn may read; see to it yourself that guard.threshold (3)" in told


def test_without_a_service_account_it_is_told_that_nobody_has_read_the_policy(check, slapd, samba, nginx):
    for server, user_dn in ((slapd, "uid={name},ou=people,dc=example,dc=com"), (samba, "{name}@example.test")):
        section = fedfront.ldap(slapd) if server is slapd else samba.section()
        for key in ("bind_dn", "bind_password_file", "user_filter"):
            section["ldap"].pop(key, None)
        section["ldap"]["user_dn"] = user_dn
        checked = check(directory=section, behind=nginx.url)
        (told,) = checked.of("note", POLICY)
        assert "an anonymous client" in told and "bind_dn" not in told and "see to it yourself" in told, checked.text


def test_a_password_policy_is_compared(check, policed_slapd, nginx):
    section = fedfront.ldap(policed_slapd)
    # Users may be below another part of the tree than their policy.
    section["ldap"]["base_dn"] = "ou=people,dc=example,dc=com"
    told, silent = check(directory=section, behind=nginx.url).of("note", POLICY)
    assert "ppolicy_use_lockout" in silent
    assert "the server has password policies, and bind_dn may read none" in told
    policed_slapd.set_policy(cn="default", pwdLockout="TRUE", pwdMaxFailure=5, pwdFailureCountInterval=1800)
    for change, outcome, said in (
        ("pwdMaxFailure: 5", "ok", "5 wrong passwords lock an account until it is unlocked (within 30m); the guard stays below"),
        ("pwdMaxFailure: 3", "warning", "set guard.threshold to 2 or less"),
        ("pwdMaxFailure: 5", "ok", "the guard stays below"),
        ("pwdFailureCountInterval: 7200", "warning", "set guard.window to 2h or more"),
        ("pwdFailureCountInterval: 0", "warning", "let the directory too forget"),
        ("pwdLockout: FALSE", "ok", "locks no account"),
    ):
        attribute = change.split(":")[0]
        policed_slapd.modify(f"dn: {POLICY_DN}\nchangetype: modify\nreplace: {attribute}\n{change}\n")
        checked = check(directory=section, behind=nginx.url)
        assert said in checked.one(outcome, POLICY), change
        assert "ppolicy_use_lockout" in checked.one("note", POLICY)


def counted(checked, name):
    lines = checked.of("note", f"user {name}: wrong passwords that the directory has counted")
    return lines[0].split("counted: ")[1].split(",")[0] if lines else "none"


def test_what_active_directory_has_counted_is_told(check, samba, nginx):
    victim = VICTIMS[3]
    for number, expected in enumerate(("none", "1", "2")):
        checked = check("--user", victim.login, directory=samba.section(), behind=nginx.url)
        assert counted(checked, victim.login) == expected, checked.text
        assert not samba.bind(victim, f"{WRONG}-{number}")
    assert samba.bind(victim, victim.password)
    checked = check("--user", victim.login, directory=samba.section(), behind=nginx.url)
    assert counted(checked, victim.login) == "none"


def test_what_a_password_policy_has_counted_is_told(check, policed_slapd, nginx):
    policed_slapd.set_policy(cn="default", pwdLockout="TRUE", pwdMaxFailure=5)
    for number, expected in enumerate(("none", "1", "2")):
        checked = check("--user", ALICE.login, directory=fedfront.ldap(policed_slapd), behind=nginx.url)
        assert counted(checked, ALICE.login) == expected, checked.text
        assert not binds(policed_slapd, ALICE.dn, f"{WRONG}-{number}")
    assert binds(policed_slapd, ALICE.dn, ALICE.password)
    checked = check("--user", ALICE.login, directory=fedfront.ldap(policed_slapd), behind=nginx.url)
    assert counted(checked, ALICE.login) == "none"


def test_whoever_is_refused_for_what_the_directory_has_counted_is_a_warning(check, policed_slapd, nginx):
    policed_slapd.set_policy(cn="default", pwdLockout="TRUE", pwdMaxFailure=5)
    for number in range(3):
        assert not binds(policed_slapd, BOB.dn, f"{WRONG}-{number}")
    told = check("--user", BOB.login, directory=fedfront.ldap(policed_slapd), behind=nginx.url)
    (refused,) = [line for line in told.of("warning", f"user {BOB.login}") if "has counted: 3" in line]
    assert "refuses each password until" in refused and "pwdFailureTime" in refused, refused


def binds(slapd, dn, password):
    argv = ["ldapwhoami", "-x", "-H", slapd.plain_url, "-D", dn, "-w", password]
    return subprocess.run(argv, capture_output=True).returncode == 0
