"""What is bound, what the directory's refusals are called, and how often groups are searched."""

import pytest

from conftest import need
from support import ecp
from support.ad import Account
from support.ecp import Answer, AuthnRequest
from support.fedfront import ldap
from support.people import ALICE, BOB, CHANGED, CHANGING, LOCKED, UMLAUT, WIDE, WRONG
from support.rst import Rst, fault, send, sign_in, token
from support.slapd import GROUP_DN, Slapd

DN = "uid={name},ou=people,dc=example,dc=com"
NO_CACHE = {"bind": "off"}
SEARCHED_GROUPS = {"group_base_dn": "ou=groups,dc=example,dc=com", "group_filter": "(&(objectClass=groupOfNames)(member={dn}))"}


def unseen(slapd, **changes):
    """No service account: users are bound by their name."""
    section = ldap(slapd)
    for key in ("bind_dn", "bind_password_file", "user_filter"):
        del section["ldap"][key]
    section["ldap"].update({"user_dn": DN, "strip_domains": ["example.com"], **changes})
    return section


def changed(slapd, **changes):
    section = ldap(slapd)
    section["ldap"].update(changes)
    return section


def attempt(proxy, user, password):
    """The audit record of a sign-in, and its answer."""
    answer = send(proxy, Rst(user=user, password=password))
    return proxy.audit_of(answer.headers["X-Correlation-Id"]), answer


def refusals(proxy, reason):
    return proxy.metric("bind_refusals_total", reason=reason)


def test_users_sign_in_without_a_service_account(launch, slapd, nginx):
    proxy = launch(unseen(slapd), nginx.url, cache=NO_CACHE)
    for person in (ALICE, UMLAUT, WIDE):
        before = slapd.binds(person.dn)
        assert person.immutable_id in token(sign_in(proxy, person)).content.decode()
        assert slapd.binds_settled(proxy, person.dn, CHANGING) - before == 1
    assert fault(sign_in(proxy, BOB))[1] == "FailedAuthentication"
    record, _ = attempt(proxy, BOB.login, BOB.password)
    assert record["result"] == "wrong_group"
    record, _ = attempt(proxy, "nobody", WRONG)
    assert record["result"] == "bad_credentials"
    assert proxy.metric("ldap_operations_total", op="search") == 0


HOSTILE = ["*", "alice,ou=people", "alice+cn=x", "#616c696365", "\\61lice", "alice)(uid=*", '"alice"', "&lt;alice>;", "\u00ad", "a" * 1000]


def test_a_name_is_never_more_of_a_dn_than_a_value(launch, slapd, nginx):
    proxy = launch(unseen(slapd), nginx.url)
    before = slapd.binds(ALICE.dn)
    for name in HOSTILE:
        record, answer = attempt(proxy, name, ALICE.password)
        assert fault(answer)[1] == "FailedAuthentication", name
        assert record["result"] in ("bad_credentials", "unknown_user"), (name, record)
    assert slapd.binds_settled(proxy, ALICE.dn, CHANGING) == before


def test_spellings_of_a_name_that_nobody_looks_up_share_one_budget(launch, slapd, nginx):
    proxy = launch(unseen(slapd), nginx.url, cache=NO_CACHE, guard={"threshold": 3})
    person, other = LOCKED[0], LOCKED[1]
    before = slapd.binds(person.dn)
    for number, name in enumerate((person.login, person.upn.upper(), f"EXAMPLE\\{person.login}")):
        assert attempt(proxy, name, f"{WRONG}{number}")[0]["result"] == "bad_credentials"
    for name in (person.login, person.upn, f" {person.login.title()} "):
        assert attempt(proxy, name, person.password)[0]["result"] == "locked"
    assert slapd.binds_settled(proxy, person.dn, CHANGING) - before == 3
    # A right password in between gives the budget back, though its entry is known only then.
    for _ in range(2):
        for number in range(2):
            assert attempt(proxy, other.upn, f"{WRONG}{number}{_}")[0]["result"] == "bad_credentials"
        assert attempt(proxy, other.login, other.password)[0]["result"] == "success"


def test_a_user_is_looked_up_at_the_dn_of_their_name(launch, slapd, nginx):
    section = changed(slapd, user_dn=DN, user_filter="(memberOf=*)", strip_domains=["example.com"])
    proxy = launch(section, nginx.url)
    assert token(sign_in(proxy, ALICE))
    assert attempt(proxy, BOB.login, BOB.password)[0]["result"] == "unknown_user"
    assert attempt(proxy, "nobody", WRONG)[0]["result"] == "unknown_user"
    assert proxy.metric("ldap_operations_total", op="search", result="error") == 0


def test_users_are_bound_as_their_attributes_say(launch, slapd, nginx):
    before = slapd.binds(ALICE.dn)
    proxy = launch(changed(slapd, bind_as="uid={sAMAccountName},ou=people,dc=example,dc=com"), nginx.url)
    assert token(sign_in(proxy, ALICE))
    assert slapd.binds_settled(proxy, ALICE.dn, CHANGING) - before == 1
    proxy = launch(changed(slapd, bind_as="{title}@example.com"), nginx.url)
    record, answer = attempt(proxy, ALICE.upn, ALICE.password)
    assert fault(answer)[1] == "FailedAuthentication"
    assert record["result"] == "account" and "no single value of title" in record["reason"], record
    assert (refusals(proxy, "incomplete"), proxy.metric("ldap_operations_total", op="bind")) == (1, 0)


CODES = {
    "52e": ("bad_credentials", "wrong_password"),
    "525": ("unknown_user", "unknown_user"),
    "530": ("account", "hours"),
    "531": ("account", "workstation"),
    "532": ("expired", "password_expired"),
    "533": ("account", "disabled"),
    "701": ("expired", "account_expired"),
    "773": ("expired", "must_change"),
    "775": ("locked", "locked"),
    "57": ("account", "other"),
}


def test_active_directorys_refusals_are_told_apart_in_the_audit_log_and_in_metrics_alone(launch, active_directory, nginx):
    accounts = [Account(f"user{code}x", WRONG, code) for code in CODES]
    proxy = launch(active_directory(accounts).section(), nginx.url)
    faults = set()
    for account in accounts:
        result, reason = CODES[account.code]
        record, answer = attempt(proxy, account.upn, WRONG)
        assert (record["result"], refusals(proxy, reason)) == (result, 1), (account.code, record)
        assert f"49/{account.code}" in record["reason"]
        faults.add(fault(answer))
    assert len(faults) == 1, faults
    assert proxy.metric("bind_refusals_total") == len(CODES)


def test_a_password_that_must_be_changed_signs_nobody_in(tmp_path_factory, site, launch, nginx):
    need("slapd", "ldapmodify")
    directory = Slapd(tmp_path_factory.mktemp("policed"), site.authority, policy=True)
    directory.start()
    try:
        proxy = launch(ldap(directory), nginx.url, cache=NO_CACHE)
        assert token(sign_in(proxy, CHANGING))
        policy = "cn=policy,dc=example,dc=com"
        directory.modify(
            f"dn: {policy}\nchangetype: add\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\n"
            "pwdAttribute: userPassword\npwdMustChange: TRUE\n\n"
            f"dn: {CHANGING.dn}\nchangetype: modify\nadd: pwdPolicySubentry\npwdPolicySubentry: {policy}\n-\n"
            "add: pwdReset\npwdReset: TRUE\n"
        )
        record, answer = attempt(proxy, CHANGING.upn, CHANGING.password)
        assert fault(answer)[1] == "FailedAuthentication"
        assert record["result"] == "expired" and "changeAfterReset" in record["reason"], record
        assert refusals(proxy, "must_change") == 1
    finally:
        directory.stop()


def test_a_name_of_two_users_is_refused_and_both_are_named(launch, own_slapd, nginx):
    own_slapd.modify(f"dn: {BOB.dn}\nchangetype: modify\nreplace: mail\nmail: {ALICE.upn}\n")
    proxy = launch(changed(own_slapd, user_filter="(mail={name})"), nginx.url)
    record, answer = attempt(proxy, ALICE.upn, ALICE.password)
    assert fault(answer)[1] == "FailedAuthentication"
    assert record["result"] == "unknown_user" and ALICE.dn in record["reason"] and BOB.dn in record["reason"], record
    assert proxy.metric("ldap_operations_total", op="bind") == 0


@pytest.mark.parametrize("groups, searches", [({"ttl": "60s"}, 1), ("off", 3)])
def test_neither_force_authn_nor_a_new_password_searches_for_groups_again(launch, own_slapd, nginx, groups, searches):
    section = changed(own_slapd, **SEARCHED_GROUPS)
    section["ldap"]["attributes"]["groups"] = "title"
    proxy = launch(section, nginx.url, cache={"groups": groups})
    for _ in range(2):
        force = AuthnRequest(attributes=' ForceAuthn="true"')
        Answer(ecp.send(proxy, force, (CHANGING.upn, CHANGING.password)))
    own_slapd.change_password(CHANGING, CHANGED)
    assert token(sign_in(proxy, CHANGING, password=CHANGED))
    # Each found the user first.
    assert proxy.metric("ldap_operations_total", op="search", result="success") == 3 + searches
    cached = groups != "off"
    assert proxy.metric("cache_requests_total", cache="groups", result="hit") == (2 if cached else 0)
    assert proxy.metric("cache_entries", cache="groups") == (1 if cached else 0)
    own_slapd.modify(f"dn: {GROUP_DN}\nchangetype: modify\ndelete: member\nmember: {CHANGING.dn}\n")
    assert sign_in(proxy, CHANGING, password=CHANGED).status_code == 200, "remembered with the bind"
