"""The directory is never locked out through us, and nobody learns from a refusal whom it concerns."""

import concurrent.futures
import itertools
import math
import statistics
import time

import pytest

from support import ecp, waiting
from support.ad import Account
from support.ecp import Answer, AuthnRequest
from support.fedfront import ldap
from support.people import ALICE, LOCKED, TEXTUAL, WRONG
from support.rst import PATH13, PATH2005, SOAP11, SOAP12, TRUST13, TRUST2005, WSO2, Rst, fault, send, sign_in, token

ALIAS = "first.last@alias.example"
AT_ONCE = 64


def spellings(person):
    """What one person may type."""
    return [person.login, person.upn, person.login.upper(), person.upn.title(), f"EXAMPLE\\{person.login}", ALIAS]


# A machine under load is no outage of the directory.
PATIENT = {"sign_in_deadline": "60s"}


def by_alias(slapd):
    section = ldap(slapd)
    section["ldap"]["user_filter"] = "(|(userPrincipalName={name})(sAMAccountName={name})(mail={name}))"
    return section


def all_at_once(act, items):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, items))


def results(proxy, number):
    """The results of the last `number` audit records."""
    records = waiting.until(lambda: proxy.audit()[-number:] if len(proxy.audit()) >= number else None, "audit records")
    return [record["result"] for record in records]


def test_a_thousand_wrong_guesses_at_once_are_no_more_binds_than_the_threshold(launch, own_slapd, nginx):
    person = LOCKED[0]
    own_slapd.modify(f"dn: {person.dn}\nchangetype: modify\nadd: mail\nmail: {ALIAS}\n")
    guarded = launch(by_alias(own_slapd), nginx.url, guard={"threshold": 3}, limits=PATIENT)
    names = itertools.cycle(spellings(person))

    def guess(number_and_name):
        number, name = number_and_name
        if number % 10 == 5:
            return sign_in(guarded, person).status_code  # The right password meanwhile.
        if number % 2:
            reply = ecp.send(guarded, AuthnRequest(), (name, f"{WRONG}-{number}"))
            return Answer(reply).statuses()[-1]
        return fault(send(guarded, Rst(user=name, password=f"{WRONG}-{number}")))[1]

    # Locked before the right password comes among them, which would begin the count anew.
    for number in range(3):
        guess((2 * number, next(names)))
    outcomes = all_at_once(guess, zip(range(1000), names))
    assert set(outcomes) == {"FailedAuthentication", "AuthnFailed", 500}
    assert own_slapd.binds_settled(guarded, person.dn, ALICE) == 3
    assert guarded.metric("ldap_operations_total", op="bind", result="refused") == 3
    assert guarded.metric("authentications_total", result="locked") == 1000
    answer = sign_in(guarded, person)
    assert fault(answer)[1] == "FailedAuthentication"
    assert guarded.audit_of(answer.headers["X-Correlation-Id"])["result"] == "locked"


def test_guesses_that_arrive_at_once_are_no_more_binds_than_the_threshold(launch, slapd, nginx):
    """None has failed yet when the others arrive: only reservations hold them back."""
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 3}, limits=PATIENT)
    person = LOCKED[1]
    before = slapd.binds(person.dn)
    names = itertools.cycle(spellings(person)[:5])
    guesses = (Rst(user=name, password=f"{WRONG}-{number}") for number, name in zip(range(1000), names))
    codes = {fault(answer)[1] for answer in all_at_once(lambda rst: send(guarded, rst), guesses)}
    assert codes == {"FailedAuthentication"}
    assert slapd.binds_settled(guarded, person.dn, ALICE) - before == 3


def test_the_window_ends_the_lock(launch, slapd, nginx):
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 2, "window": "8s"})
    person = LOCKED[2]
    for attempt in range(2):
        send(guarded, Rst(user=person.upn, password=f"{WRONG}-{attempt}"))
    assert fault(sign_in(guarded, person))[1] == "FailedAuthentication"
    assert results(guarded, 3) == ["bad_credentials", "bad_credentials", "locked"]
    waiting.until(lambda: guarded.metric("lockouts_active", scope="entry") == 1, "the lock being counted")
    waiting.until(lambda: sign_in(guarded, person).status_code == 200, "the end of the window", timeout=60)
    waiting.until(lambda: guarded.metric("lockouts_active") == 0, "no lock being counted")


def test_one_wrong_password_by_many_at_once_is_one_bind(launch, slapd, nginx):
    guarded = launch(ldap(slapd), nginx.url, guard={"threshold": 3}, limits=PATIENT)
    person = LOCKED[3]
    before = slapd.binds(person.dn)

    def guess(name):
        assert fault(send(guarded, Rst(user=name, password=WRONG)))[1] == "FailedAuthentication"
        assert Answer(ecp.send(guarded, AuthnRequest(), (name, WRONG))).statuses()[-1] == "AuthnFailed"

    all_at_once(guess, spellings(person)[:5] * 60)
    assert slapd.binds_settled(guarded, person.dn, ALICE) - before == 1
    assert token(sign_in(guarded, person)), "and one failure is no lock"


def test_directory_that_is_killed_costs_nobody_a_failure(launch, own_slapd, nginx):
    guarded = launch(ldap(own_slapd), nginx.url, guard={"threshold": 3}, limits=PATIENT)
    person = LOCKED[4]
    token(sign_in(guarded, ALICE))
    own_slapd.freeze()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        guesses = [Rst(user=person.upn, password=f"{WRONG}-{number}") for number in range(20)]
        answers = [pool.submit(send, guarded, guess) for guess in guesses]
        waiting.until(lambda: guarded.metric("ldap_connections", state="busy") > 0, "the directory being asked")
        own_slapd.kill()
        assert {answer.result().status_code for answer in answers} == {503}
    assert guarded.metric("ldap_connections", state="busy") == 0
    own_slapd.start()
    waiting.until(lambda: sign_in(guarded, TEXTUAL).status_code == 200, "the directory's return")
    assert_the_whole_threshold_is_there(guarded, person.upn)


def test_binds_that_are_not_answered_are_no_more_than_the_threshold(launch, active_directory, nginx):
    directory = active_directory(REFUSED)
    guarded = launch(directory.section(), nginx.url, guard={"threshold": 3, "window": "8s"}, limits=PATIENT)
    directory.holding = True
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(refused, guarded, "1.3", "plain", f"{WRONG}-{number}") for number in range(20)]
        waiting.until(lambda: len(directory.binds) == 3, "as many binds as the threshold")
        directory.released.set()
        assert {answer.result().status_code for answer in answers} == {503}
    directory.holding = False
    again = Rst(user="plain@example.com", password=RIGHT)
    assert send(guarded, again).status_code == 503, "the directory may have counted, and nobody knows"
    assert len(directory.binds) == 3
    waiting.until(lambda: send(guarded, again).status_code == 200, "the end of the window", timeout=60)
    assert len(directory.binds) == 4


def assert_the_whole_threshold_is_there(guarded, user):
    answers = [send(guarded, Rst(user=user, password=f"{WRONG}-after-{number}")) for number in range(4)]
    records = [guarded.audit_of(answer.headers["x-correlation-id"]) for answer in answers]
    assert [record["result"] for record in records] == ["bad_credentials"] * 3 + ["locked"]


def test_invented_names_leave_no_record(launch, slapd, nginx):
    guarded = launch(ldap(slapd), nginx.url)
    all_at_once(lambda number: send(guarded, Rst(user=f"nobody{number}@example.com", password=WRONG)), range(300))
    send(guarded, Rst(user=ALICE.upn, password=WRONG))
    waiting.until(lambda: guarded.metric("cache_entries", cache="guard") > 0, "the one record")
    assert guarded.metric("cache_entries", cache="guard") == 1


def test_a_nonce_that_many_send_at_once_counts_once(launch, slapd, nginx):
    guarded = launch(ldap(slapd), nginx.url, limits=PATIENT)
    extra = "<o:Nonce>AAECAwQFBgcICQoLDA0ODw==</o:Nonce>"
    statuses = all_at_once(lambda _: sign_in(guarded, ALICE, token_extra=extra).status_code, range(100))
    assert sorted(statuses) == [200] + [500] * 99


def test_a_request_over_ecp_that_many_send_at_once_counts_once(launch, slapd, nginx):
    guarded = launch(ldap(slapd), nginx.url, limits=PATIENT)
    request = AuthnRequest()
    answers = all_at_once(lambda _: ecp.send(guarded, request, (ALICE.upn, ALICE.password)), range(100))
    assert sorted(answer.status_code for answer in answers) == [200] + [500] * 99


RIGHT = "canary-right"
REFUSED = [
    Account("plain", RIGHT),
    Account("guessed", RIGHT),
    Account("stranger", RIGHT, member=False),
    Account("homeless", RIGHT, anchored=False),
    Account("disabled", RIGHT, "533"),
    Account("locked", RIGHT, "775"),
    Account("elapsed", RIGHT, "701"),
    Account("outdated", RIGHT, "532"),
    Account("mustchange", RIGHT, "773"),
    Account("nightly", RIGHT, "530"),
    Account("twin", RIGHT),
    Account("twin", RIGHT, unit="Others"),
]

# What is typed, and what the audit log says about it.
KINDS = {
    "wrong password": ("plain", WRONG, "bad_credentials"),
    "the same again": ("plain", WRONG, "bad_credentials"),
    "no password": ("plain", "", "bad_credentials"),
    "unknown": ("nobody", RIGHT, "unknown_user"),
    "more than one": ("twin", RIGHT, "unknown_user"),
    "locked by the guard": ("guessed", RIGHT, "locked"),
    "locked by the directory": ("locked", RIGHT, "locked"),
    "wrong group": ("stranger", RIGHT, "wrong_group"),
    "no ImmutableID": ("homeless", RIGHT, "account"),
    "disabled": ("disabled", RIGHT, "account"),
    "not at this hour": ("nightly", RIGHT, "account"),
    "account expired": ("elapsed", RIGHT, "expired"),
    "password expired": ("outdated", RIGHT, "expired"),
    "password to be changed": ("mustchange", RIGHT, "expired"),
}
PROTOCOLS = {
    "1.3": (PATH13, TRUST13, SOAP12),
    "2005/02": (PATH2005, TRUST2005, SOAP12),
    "SOAP 1.1": (WSO2, TRUST13, SOAP11),
    "SOAP 1.2": (WSO2, TRUST13, SOAP12),
    "2005/02 in SOAP 1.1": (WSO2, TRUST2005, SOAP11),
    "ECP": None,
}
VOLATILE = ("date", "x-correlation-id")


def refused(proxy, protocol, login, password):
    """A sign-in by this protocol that is refused."""
    user = f"{login}@example.com"
    if PROTOCOLS[protocol]:
        path, trust, soap = PROTOCOLS[protocol]
        return send(proxy, Rst(user=user, password=password, trust=trust, soap=soap, message_id="urn:uuid:same"), path)
    return ecp.send(proxy, AuthnRequest(id="_same"), (user, password))


def lock(proxy):
    for attempt in range(3):
        assert refused(proxy, "1.3", "guessed", f"{WRONG}-{attempt}").status_code == 500


def shown(protocol, answer):
    """All that a client sees of an answer, but what differs from one answer to the next by its nature."""
    content = answer.content
    if not PROTOCOLS[protocol]:
        response = Answer(answer).response
        for own in ("ID", "IssueInstant"):
            content = content.replace(response.get(own).encode(), own.encode())
    headers = [(name, value) for name, value in answer.raw.headers.items() if name.lower() not in VOLATILE]
    return answer.status_code, headers, content


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_failed_sign_ins_are_the_same_bytes_whatever_failed(launch, active_directory, nginx, protocol):
    directory = active_directory(REFUSED)
    guarded = launch(directory.section(), nginx.url, guard={"threshold": 3})
    lock(guarded)
    seen = {}
    for kind, (login, password, result) in KINDS.items():
        answer = refused(guarded, protocol, login, password)
        assert guarded.audit_of(answer.headers["X-Correlation-Id"])["result"] == result, kind
        seen.setdefault(repr(shown(protocol, answer)), []).append(kind)
    assert len(seen) == 1, seen
    told = guarded.metrics()
    for result in {result for _, _, result in KINDS.values()}:
        assert told[f'fedfront_authentications_total{{result="{result}"}}'] > 0


def test_only_a_wrong_password_counts(launch, active_directory, nginx):
    directory = active_directory(REFUSED)
    guarded = launch(directory.section(), nginx.url, guard={"threshold": 1}, cache={"bind": "off"})
    for login in ("stranger", "homeless", "disabled", "locked", "elapsed", "outdated", "mustchange", "nightly"):
        for _ in range(3):
            refused(guarded, "1.3", login, RIGHT)
        assert directory.binds.count(login) == 3, login
    for _ in range(2):
        refused(guarded, "1.3", "plain", WRONG)
    assert directory.binds.count("plain") == 1


@pytest.mark.parametrize("protocol", ["1.3", "ECP"])
@pytest.mark.parametrize("pace", [0.0, 0.5], ids=["fast directory", "slow directory"])
def test_failed_sign_ins_are_answered_after_whole_delays(launch, active_directory, nginx, protocol, pace):
    """A directory slower than the delay makes two of it of every refusal, whether it was asked to bind or not."""
    directory = active_directory(REFUSED)
    guarded = launch(directory.section(), nginx.url, guard={"threshold": 3, "failure_delay": "400ms"})
    directory.bind_seconds = pace
    lock(guarded)
    delays = 2 if pace else 1
    took = {}
    for kind, (login, password, _) in KINDS.items():
        started = time.monotonic()
        refused(guarded, protocol, login, password)
        took[kind] = (time.monotonic() - started) / 0.4
    assert took.pop("no password") >= 1, "refused before anybody is looked up"
    assert min(took.values()) >= delays, took
    assert statistics.median(took.values()) < delays + 1, took


def test_binds_that_time_out_lock_nobody_and_do_not_tell_who_is_known(launch, active_directory, nginx):
    directory = active_directory(REFUSED)
    section = directory.section()
    section["ldap"]["operation_timeout"] = "1s"
    guarded = launch(section, nginx.url, guard={"threshold": 3, "failure_delay": "400ms"})
    directory.holding = True
    guesses = ["plain", "nobody", "twin", *["plain"] * 4, "nobody"]
    for number, login in enumerate(guesses):
        started = time.monotonic()
        assert refused(guarded, "1.3", login, f"{WRONG}-{number}").status_code == 503, login
        assert time.monotonic() - started >= 3 * 0.4, login
    assert directory.binds == ["plain"] * 3
    directory.holding = False
    directory.released.set()
    for login in ("guessed", "nobody"):
        assert refused(guarded, "1.3", login, WRONG).status_code == 500, "the directory has answered again"


def test_a_directory_that_is_down_does_not_tell_whom_another_knows(launch, active_directory, nginx):
    directory = active_directory(REFUSED)
    live, dead = directory.section(), directory.section()
    live["name"], dead["name"] = "live", "dead"
    dead["ldap"]["urls"] = [f"ldap://127.0.0.1:{waiting.free_port()}"]
    guarded = launch([dead, live], nginx.url, guard={"failure_delay": "400ms"})
    for number, login in enumerate(["nobody", "plain"] * 2):
        started = time.monotonic()
        assert refused(guarded, "1.3", login, f"{WRONG}-{number}").status_code == 503, login
        assert time.monotonic() - started >= 0.4, login


def test_who_is_kept_waiting_holds_nothing_that_others_need(launch, slapd, nginx):
    section = ldap(slapd)
    section["ldap"]["pool_size"] = 1
    guarded = launch(section, nginx.url, guard={"failure_delay": "10s"}, limits={**PATIENT, "threads": 1})
    kept = lambda: guarded.metric("http_requests_in_flight", route="sts")
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        for number in range(40):
            pool.submit(send, guarded, Rst(user=f"nobody{number}@example.com", password=WRONG))
        waiting.until(lambda: kept() == 40, "all of them being kept waiting")
        assert token(sign_in(guarded, TEXTUAL))
        assert guarded.get("/page").text == "a page\n"
        assert kept() == 40
        assert guarded.metric("connections_open") >= 40, "a connection each, which is what bounds their number"
    waiting.until(lambda: kept() == 0, "nothing being in flight")


def test_report_how_much_the_kinds_of_failure_differ_in_time(launch, active_directory, nginx, record_property):
    """Asserts nothing: run with -s to see it. |z| above 4 or so in run after run would be a difference that can be heard."""
    directory = active_directory(REFUSED)
    guarded = launch(directory.section(), nginx.url, guard={"threshold": 3, "failure_delay": "20ms"})
    lock(guarded)
    kinds = ["wrong password", "unknown", "locked by the guard", "wrong group", "disabled"]
    times = {kind: [] for kind in kinds}
    for _ in range(40):
        for kind in kinds:
            login, password, _ = KINDS[kind]
            if kind == "wrong password":
                refused(guarded, "1.3", "plain", WRONG)
            started = time.perf_counter()
            refused(guarded, "1.3", login, password)
            times[kind].append(time.perf_counter() - started)
    for kind in kinds:
        z = _rank_sum(times["unknown"], times[kind])
        line = f"{kind:20} median {1000 * statistics.median(times[kind]):8.3f} ms  z against unknown {z:+.2f}"
        record_property(kind, line)
        print(line)


def _rank_sum(first, second):
    """The standard score of the Mann-Whitney U test."""
    above = sum((b > a) + 0.5 * (b == a) for a in first for b in second)
    mean = len(first) * len(second) / 2
    return (above - mean) / math.sqrt(mean * (len(first) + len(second) + 1) / 6)
