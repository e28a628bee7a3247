"""A domain controller of Active Directory as the directory."""

import base64

import pytest

from support import domain, ecp
from support.domain import ADA, ELSEWHERE, GRACE, JUERGEN, LOCKED, NIGHTLY, OTTO, REFUSED, TEXTUAL, THRESHOLD, VICTIMS
from support.ecp import Answer, AuthnRequest
from support.people import WRONG
from support.rst import SAML1, Rst, send, sign_in, token

# None of ours, so that it is the directory's own that is seen.
UNGUARDED = {"threshold": 1000, "failure_delay": "10ms"}


@pytest.fixture(scope="module")
def proxy(launch_shared, samba, nginx):
    """One that finds groups of groups, and asks the directory each time."""
    process = launch_shared(samba.section(nested_groups=True), nginx.url, guard=UNGUARDED, cache={"bind": "off"})
    yield process
    process.finish()


def immutable_id(answer):
    """Office 365 has it as name identifier."""
    (name,) = {element.text for element in token(answer).assertion.iter(f"{{{SAML1}}}NameIdentifier")}
    return name


def anchor(samba, account, attribute="objectGUID"):
    """The octets in the directory as Entra Connect writes them."""
    (octets,) = samba.attributes(account.dn, attribute)[attribute]
    assert len(octets) == 16
    return base64.b64encode(octets).decode()


def reason(proxy, answer):
    record = proxy.audit_of(answer.headers["X-Correlation-Id"])
    return record["result"], record["reason"]


@pytest.mark.parametrize("name", ["ada@example.com", "ADA@Example.COM", "FEAS\\ada", "feas/ADA", "ada", " Ada "])
def test_one_user_signs_in_by_every_name_that_windows_takes(proxy, samba, name):
    answer = send(proxy, Rst(user=name, password=ADA.password))
    assert immutable_id(answer) == anchor(samba, ADA)
    reply = ecp.send(proxy, AuthnRequest(), (name, ADA.password))
    assert Answer(reply).statuses() == ["Success"]


@pytest.mark.parametrize("account", [ADA, GRACE, JUERGEN, TEXTUAL], ids=lambda account: account.login)
def test_the_immutable_id_is_the_object_guid(proxy, samba, account):
    answer = sign_in(proxy, account)
    assert immutable_id(answer) == anchor(samba, account)
    assert token(answer).attributes()["http://schemas.xmlsoap.org/claims", "UPN"] == [account.upn]


def test_the_immutable_id_may_be_the_consistency_guid(launch, samba, nginx):
    attributes = {"upn": "userPrincipalName", "immutable_id": "mS-DS-ConsistencyGuid", "groups": "memberOf"}
    proxy = launch(samba.section(nested_groups=True, attributes=attributes), nginx.url)
    assert immutable_id(sign_in(proxy, GRACE)) == anchor(samba, GRACE, "mS-DS-ConsistencyGuid")
    assert immutable_id(sign_in(proxy, GRACE)) == base64.b64encode(domain.CONSISTENCY).decode()
    answer = sign_in(proxy, ADA)
    assert (answer.status_code, reason(proxy, answer)[0]) == (500, "account"), "they have none"


def test_start_tls(launch, samba, nginx):
    proxy = launch(samba.section(urls=[samba.plain_url], start_tls=True), nginx.url)
    assert immutable_id(sign_in(proxy, ADA)) == anchor(samba, ADA)


def test_the_service_account_may_be_named_by_its_upn(launch, samba, nginx):
    assert token(sign_in(launch(samba.section(bind_dn=domain.SERVICE.upn), nginx.url), ADA))


def test_groups_of_groups_count_where_they_are_asked_for(launch, samba, nginx, proxy):
    direct = launch(samba.section(), nginx.url)
    for account, directly, nested in ((ADA, 200, 200), (JUERGEN, 200, 200), (GRACE, 500, 200), (OTTO, 500, 500)):
        for asked, expected in ((direct, directly), (proxy, nested)):
            answer = sign_in(asked, account)
            assert answer.status_code == expected, account.login
            if expected == 500:
                assert reason(asked, answer)[0] == "wrong_group"


def test_groups_may_be_searched_by_a_filter(launch, samba, nginx):
    """Level by level, whatever characters their names have."""
    groups = {"group_base_dn": f"OU=Groups,{domain.BASE}", "group_filter": "(&(objectClass=group)(member={dn}))"}
    proxy = launch(samba.section(nested_groups=True, **groups), nginx.url)
    assert token(sign_in(proxy, GRACE))
    assert sign_in(proxy, OTTO).status_code == 500


def test_referrals_of_the_domains_base_are_ignored(proxy, samba):
    assert b"# refldaps://feas.test/CN=Configuration" in samba.search(domain.BASE, f"(sAMAccountName={ADA.login})")
    assert token(sign_in(proxy, ADA))
    for operation in ("search", "bind", "connect"):
        assert proxy.metric("ldap_operations_total", op=operation, result="error") == 0
    assert proxy.metric("ldap_operations_total", op="search", result="success") > 0


def shown(protocol, proxy, account, password):
    """All that a client sees of a refusal but what differs by its nature; and what the audit log says."""
    if protocol == "ECP":
        answer = ecp.send(proxy, AuthnRequest(id="_same"), (account.upn, password))
    else:
        answer = send(proxy, Rst(user=account.upn, password=password, message_id="urn:uuid:same"))
    content = answer.content
    if protocol == "ECP":
        response = Answer(answer).response
        for own in ("ID", "IssueInstant"):
            content = content.replace(response.get(own).encode(), own.encode())
    volatile = ("date", "x-correlation-id")
    headers = [(name, value) for name, value in answer.raw.headers.items() if name.lower() not in volatile]
    return (answer.status_code, headers, content), reason(proxy, answer)


@pytest.fixture
def locked(samba):
    """Somebody whom the directory itself has locked out."""
    for number in range(THRESHOLD):
        assert not samba.bind(LOCKED, f"{WRONG}-{number}")
    assert samba.number(LOCKED, "lockoutTime") > 0
    yield LOCKED
    samba.replace(LOCKED.dn, "lockoutTime", 0)


@pytest.mark.parametrize("protocol", ["RST 1.3", "ECP"])
def test_each_refusal_has_its_reason_in_the_audit_log_and_none_for_the_client(proxy, samba, locked, protocol):
    bytes_of_a_wrong_password, (result, said) = shown(protocol, proxy, OTTO, f"{WRONG}-{protocol}")
    assert result == "bad_credentials" and said.startswith("wrong password")
    results = {"the account is disabled": "account", "the directory has locked the account": "locked"}
    for account in [*REFUSED, locked]:
        told, (result, said) = shown(protocol, proxy, account, account.password)
        assert result == results.get(account.reason, "expired") and said.startswith(account.reason), account.login
        assert told == bytes_of_a_wrong_password, account.login
    nobody = domain.Account("nobody", "canary-Nobody-1")
    for account, expected in ((NIGHTLY, "account"), (ELSEWHERE, "account"), (nobody, "unknown_user")):
        told, (result, _) = shown(protocol, proxy, account, account.password)
        assert (told, result) == (bytes_of_a_wrong_password, expected), account.login


def test_whatever_is_guessed_the_directory_locks_nobody(launch, samba, nginx):
    proxy = launch(samba.section(), nginx.url, guard={"threshold": 3, "failure_delay": "10ms"})
    victim = VICTIMS[0]
    names = [victim.upn, victim.login, f"FEAS\\{victim.login}", victim.upn.upper(), f"feas/{victim.login}"]
    for number in range(4 * THRESHOLD):
        answer = send(proxy, Rst(user=names[number % len(names)], password=f"{WRONG}-{number}"))
        expected = "bad_credentials" if number < 3 else "locked"
        assert reason(proxy, answer)[0] == expected, number
    assert samba.number(victim, "badPwdCount") == 3
    assert samba.number(victim, "lockoutTime") == 0
    assert samba.bind(victim, victim.password), "elsewhere they still sign in"


def test_without_the_guard_the_directory_does_lock(samba, proxy):
    """The test before this could not fail if it did not."""
    victim = VICTIMS[1]
    for number in range(THRESHOLD):
        send(proxy, Rst(user=victim.upn, password=f"{WRONG}-{number}"))
    assert samba.number(victim, "lockoutTime") > 0
    answer = sign_in(proxy, victim)
    assert reason(proxy, answer)[0] == "locked"


def test_what_stands_for_a_bind_counts_for_nobody(launch, samba, nginx):
    proxy = launch(samba.section(), nginx.url, guard={"threshold": 2, "failure_delay": "10ms"})
    victim = VICTIMS[2]
    for password in (WRONG, WRONG, "", WRONG):
        answer = send(proxy, Rst(user=victim.upn, password=password))
        assert reason(proxy, answer)[0] == "bad_credentials"
    assert samba.number(victim, "badPwdCount") == 1, "the same again, and none at all, are not tried"
    send(proxy, Rst(user="nobody@example.com", password=WRONG))
    assert proxy.metric("ldap_operations_total", op="bind", result="refused") == 1
    assert token(sign_in(proxy, victim))
    assert samba.number(victim, "badPwdCount") == 0, "the right one ends the directory's count as well"
