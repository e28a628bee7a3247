"""The directory away, silent or changed, and how often it is asked."""

import concurrent.futures
import time

import pytest

from support import ecp, waiting
from support.ecp import Answer, AuthnRequest
from support.fedfront import ldap
from support.people import ALICE, BOB, CHANGED, CHANGING, TEXTUAL, WRONG
from support.rst import Rst, fault, send, sign_in, token

# Far above what the proxy promises, below what a client waits.
PATIENCE = 6.0


def short_timeouts(slapd, **changes):
    section = ldap(slapd)
    section["ldap"].update({"connect_timeout": "1s", "operation_timeout": "1s", **changes})
    return section


def assert_unavailable(proxy):
    """Both protocols say that it is not the password, soon, and forwarding does not notice."""
    started = time.monotonic()
    answer = sign_in(proxy, ALICE)
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert fault(answer)[0] == "Receiver"
    reply = ecp.send(proxy, AuthnRequest(), (ALICE.upn, ALICE.password))
    assert ecp.fault(reply)[:2] == (500, "Server")
    assert time.monotonic() - started < 2 * PATIENCE
    assert proxy.get("/page").text == "a page\n"
    assert proxy.get("/mex").status_code == 200


def recovered(proxy):
    return waiting.until(lambda: sign_in(proxy, ALICE).status_code == 200, "a sign-in after the outage")


def test_stopped_directory_is_an_outage_and_its_return_is_noticed(launch, own_slapd, nginx):
    proxy = launch(short_timeouts(own_slapd), nginx.url, cache={"bind": "off"})
    assert token(sign_in(proxy, ALICE))
    own_slapd.stop()
    assert_unavailable(proxy)
    assert proxy.metric("authentications_total", result="unavailable") >= 2
    assert proxy.metric("authentications_total", result="bad_credentials") == 0
    own_slapd.start()
    assert recovered(proxy)


def test_silent_directory_is_an_outage_and_its_return_is_noticed(launch, own_slapd, nginx):
    proxy = launch(short_timeouts(own_slapd), nginx.url, cache={"bind": "off"})
    assert token(sign_in(proxy, ALICE))
    own_slapd.freeze()
    try:
        assert_unavailable(proxy)
    finally:
        own_slapd.thaw()
    assert recovered(proxy)


def test_directory_may_be_away_at_the_start(launch, own_slapd, nginx):
    own_slapd.stop()
    proxy = launch(short_timeouts(own_slapd), nginx.url)
    assert_unavailable(proxy)
    own_slapd.start()
    assert recovered(proxy)


def test_outage_is_not_a_failure_of_the_user(launch, own_slapd, nginx):
    proxy = launch(short_timeouts(own_slapd), nginx.url, cache={"bind": "off"}, guard={"threshold": 2})
    own_slapd.stop()
    for _ in range(4):
        assert sign_in(proxy, ALICE).status_code == 503
    own_slapd.start()
    assert recovered(proxy)


def test_second_server_takes_over(launch, own_slapd, nginx):
    section = short_timeouts(own_slapd)
    section["ldap"]["urls"].insert(0, f"ldaps://localhost:{waiting.free_port()}")
    assert token(sign_in(launch(section, nginx.url), ALICE))


def test_start_tls_and_groups_by_search(launch, slapd, nginx):
    section = ldap(slapd)
    section["ldap"].update(
        {
            "urls": [slapd.plain_url],
            "start_tls": True,
            "group_base_dn": "ou=groups,dc=example,dc=com",
            "group_filter": "(&(objectClass=groupOfNames)(member={dn}))",
        }
    )
    proxy = launch(section, nginx.url)
    assert token(sign_in(proxy, ALICE))
    assert fault(sign_in(proxy, BOB))[1] == "FailedAuthentication"


def test_certificate_of_another_authority_is_an_outage(launch, slapd, nginx, site):
    section = short_timeouts(slapd, ca_file=str(site.signing[0]))
    before = slapd.binds(ALICE.dn)
    assert_unavailable(launch(section, nginx.url))
    assert slapd.binds(ALICE.dn) == before


def test_stripped_domain(launch, slapd, nginx):
    section = ldap(slapd)
    section["ldap"].update({"user_filter": "(uid={name})", "strip_domains": ["example.com", "alias.example"]})
    proxy = launch(section, nginx.url)
    for name in ("alice@example.com", "ALICE@alias.example", "alice"):
        assert token(send(proxy, Rst(user=name, password=ALICE.password)))
    answer = send(proxy, Rst(user="alice@other.example", password=ALICE.password))
    assert fault(answer)[1] == "FailedAuthentication"


INJECTIONS = [
    "*",
    "ali*",
    "alice)(uid=*",
    "*)(objectClass=*",
    "alice\\2a",
    "\\",
    "alice\0",
    "(",
    "uid=alice,ou=people",
    ")(|(uid=*",
]


@pytest.mark.parametrize("name", INJECTIONS)
def test_name_is_no_filter(proxy, name):
    reply = ecp.send(proxy, AuthnRequest(), (name, ALICE.password))
    assert Answer(reply).statuses()[-1] == "AuthnFailed"


def test_a_thousand_sign_ins_of_one_user_are_one_bind(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url)
    before = slapd.binds(TEXTUAL.dn)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda _: sign_in(proxy, TEXTUAL).status_code, range(1000)))
    assert statuses == [200] * 1000
    assert slapd.binds(TEXTUAL.dn) - before == 1
    hits = proxy.metric("cache_requests_total", cache="bind", result="hit")
    coalesced = proxy.metric("cache_requests_total", cache="bind", result="coalesced")
    assert hits + coalesced == 999
    assert proxy.metric("tokens_issued_total") == 1000


def test_both_protocols_share_the_bind(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url)
    before = slapd.binds(ALICE.dn)
    token(sign_in(proxy, ALICE))
    token(send(proxy, Rst(user=ALICE.upn, password=ALICE.password), "/services/wso2carbon-sts"))
    Answer(ecp.send(proxy, AuthnRequest(), (ALICE.upn, ALICE.password)))
    assert slapd.binds(ALICE.dn) - before == 1


def test_every_sign_in_binds_without_the_cache(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, cache={"bind": "off"})
    before = slapd.binds(ALICE.dn)
    for _ in range(3):
        token(sign_in(proxy, ALICE))
    assert slapd.binds(ALICE.dn) - before == 3


def test_force_authn_asks_the_directory(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url)
    before = slapd.binds(ALICE.dn)
    for _ in range(2):
        Answer(ecp.send(proxy, AuthnRequest(attributes=' ForceAuthn="true"'), (ALICE.upn, ALICE.password)))
    assert slapd.binds(ALICE.dn) - before == 2


def test_another_password_never_hits_the_cache(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url)
    token(sign_in(proxy, ALICE))
    assert fault(sign_in(proxy, ALICE, password=WRONG))[1] == "FailedAuthentication"
    assert fault(sign_in(proxy, ALICE, password=ALICE.password + " "))[1] == "FailedAuthentication"
    token(sign_in(proxy, ALICE))


def test_changed_password_is_noticed_after_the_time_to_live(launch, own_slapd, nginx):
    proxy = launch(ldap(own_slapd), nginx.url, cache={"bind": {"ttl": "1s"}})
    token(sign_in(proxy, CHANGING))
    own_slapd.change_password(CHANGING, CHANGED)
    token(sign_in(proxy, CHANGING, password=CHANGED))
    waiting.until(lambda: sign_in(proxy, CHANGING).status_code == 500, "the old password being refused")
    token(sign_in(proxy, CHANGING, password=CHANGED))


def test_unknown_user_is_searched_but_not_bound(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url)
    before = proxy.metric("ldap_operations_total", op="bind")
    assert fault(send(proxy, Rst(user="nobody@example.com", password=WRONG)))[1] == "FailedAuthentication"
    assert proxy.metric("ldap_operations_total", op="bind") == before


def test_failures_take_the_same_time_whatever_the_reason(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, guard={"failure_delay": "400ms"})
    for user, password in ((ALICE.upn, WRONG), ("nobody@example.com", WRONG), (BOB.upn, BOB.password), (ALICE.upn, "")):
        started = time.monotonic()
        send(proxy, Rst(user=user, password=password))
        assert time.monotonic() - started >= 0.4, user
