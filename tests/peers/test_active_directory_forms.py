"""The other ways to ask a domain controller of Active Directory: whom to bind as, how to find groups, which anchor."""

import pytest

from support import domain
from support.domain import ADA, ELSEWHERE, GRACE, JUERGEN, NIGHTLY, OTTO, VICTIMS
from support.people import WRONG
from support.rst import Rst, send, sign_in, token
from test_active_directory import anchor, immutable_id, reason

UNSEEN = {"bind_dn": None, "bind_password_file": None}


@pytest.mark.parametrize("form", ["{dn}", "{userPrincipalName}", "FEAS\\{sAMAccountName}"])
def test_who_was_found_is_bound_by_another_name(launch, samba, nginx, form):
    proxy = launch(samba.section(bind_as=form), nginx.url)
    for account in (ADA, JUERGEN):
        assert immutable_id(sign_in(proxy, account)) == anchor(samba, account)
    answer = sign_in(proxy, ADA, password=WRONG)
    assert reason(proxy, answer)[0] == "bad_credentials"


@pytest.mark.parametrize("form", ["{name}@example.com", "FEAS\\{name}"])
def test_without_a_service_account_users_read_their_own_entry(launch, samba, nginx, form):
    proxy = launch(samba.section(user_dn=form, user_filter=None, **UNSEEN), nginx.url)
    names = [ADA.login, ADA.login.upper(), f"FEAS\\{ADA.login}"]
    for name in names + ([ADA.upn] if "@" in form else []):
        assert immutable_id(send(proxy, Rst(user=name, password=ADA.password))) == anchor(samba, ADA), name
    answer = send(proxy, Rst(user=OTTO.login, password=OTTO.password))
    assert reason(proxy, answer)[0] == "wrong_group"
    for name in (ADA.login, "nobody"):
        answer = send(proxy, Rst(user=name, password=WRONG))
        assert reason(proxy, answer)[0] == "bad_credentials", "nobody knows whether there is such a user"
    assert proxy.metric("ldap_operations_total", op="bind", result="error") == 0


def test_without_a_service_account_the_directory_locks_nobody_either(launch, samba, nginx):
    guard = {"threshold": 2, "failure_delay": "10ms"}
    proxy = launch(samba.section(user_dn="{name}@example.com", user_filter=None, **UNSEEN), nginx.url, guard=guard)
    victim = VICTIMS[4]
    names = [victim.login, victim.upn, victim.login.upper(), f"feas/{victim.login}", f" {victim.login} "]
    for number in range(20):
        send(proxy, Rst(user=names[number % len(names)], password=f"{WRONG}-{number}"))
    assert samba.number(victim, "badPwdCount") == 2
    assert samba.number(victim, "lockoutTime") == 0


def test_a_pattern_of_dns_needs_no_search_of_the_tree(launch, samba, nginx):
    proxy = launch(samba.section(user_dn=f"CN={{name}},OU=People,{domain.BASE}", user_filter=None), nginx.url)
    assert immutable_id(send(proxy, Rst(user=ADA.login, password=ADA.password))) == anchor(samba, ADA)
    answer = send(proxy, Rst(user=f"{ADA.login},OU=People", password=ADA.password))
    assert reason(proxy, answer)[0] == "unknown_user"


@pytest.mark.parametrize("how", ["matching_rule", "token_groups"])
def test_groups_of_groups_are_found_either_way(launch, samba, nginx, how):
    proxy = launch(samba.section(nested_groups=how), nginx.url)
    for account, expected in ((ADA, 200), (GRACE, 200), (JUERGEN, 200), (OTTO, 500)):
        answer = sign_in(proxy, account)
        assert answer.status_code == expected, account.login
    assert reason(proxy, answer)[0] == "wrong_group"


def test_the_immutable_id_is_the_first_anchor_that_the_entry_has(launch, samba, nginx):
    anchors = ["mS-DS-ConsistencyGuid", "objectGUID"]
    attributes = {"upn": "userPrincipalName", "immutable_id": anchors, "groups": "memberOf"}
    proxy = launch(samba.section(nested_groups=True, attributes=attributes), nginx.url)
    assert immutable_id(sign_in(proxy, GRACE)) == anchor(samba, GRACE, "mS-DS-ConsistencyGuid")
    assert immutable_id(sign_in(proxy, ADA)) == anchor(samba, ADA)


def test_hours_and_workstations_are_told_apart(launch, samba, nginx):
    proxy = launch(samba.section(), nginx.url)
    for account, said in ((NIGHTLY, "at this time (49/530)"), (ELSEWHERE, "from here (49/531)")):
        result, why = reason(proxy, sign_in(proxy, account))
        assert result == "account" and why.endswith(said), why
