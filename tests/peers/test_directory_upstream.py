"""Users who are in no LDAP: the identity provider behind checks their passwords itself."""

import concurrent.futures
import itertools
import subprocess

import pytest

from support import ecp, fedfront, waiting
from support.ecp import Answer, AuthnRequest
from support.people import WRONG
from support.rst import Rst, fault, send, token
from support.wso2_me import TRYING, Account, Wso2

ALICE = Account("alice", "canary-Alice-8Kq2!")
UMLAUT = Account("ümlaut", "canary:pässwörd: é")
BOB = Account("bob", "canary-Bob-Rx71", groups=("staff",))
GUESSED = Account("guessed", "canary-Guessed-1")
REFUSED = {
    "locked": (Account("locked", "canary-L", error=(401, TRYING + "17003 Account is locked for user: locked")), "locked"),
    "locked, before the mend of issue 18433": (
        Account("old", "canary-O", error=(503, TRYING + "Account is locked for user: old in user store: JDBC")),
        "locked",
    ),
    "disabled": (Account("off", "canary-D", error=(401, TRYING + "Account is disabled for user: off")), "account"),
    "not confirmed": (Account("new", "canary-N", error=(401, "17005")), "account"),
    "must change": (Account("reset", "canary-R", error=(401, "17006")), "expired"),
    "forbidden": (Account("small", "canary-F", error=(403, "Operation is not permitted.")), "account"),
    "wrong group": (BOB, "wrong_group"),
}
MOODS = ["html", "redirect", "large", "gone", "cached", "somebody", 500, 502, 503, 504, 404, 429]
# One whom each mood concerns.
MOODY = {mood: Account(f"moody{number}", f"canary-M{number}") for number, mood in enumerate(MOODS)}
EVERYONE = [*MOODY.values(), ALICE, UMLAUT, BOB, GUESSED, *(account for account, _ in REFUSED.values())]
DIRECTORY = {
    "upstream": {
        "strip_domains": ["example.com"],
        "attributes": {"upn": "emails", "immutable_id_encoding": "guid"},
        # A machine under load is no outage.
        "connect_timeout": "10s",
        "operation_timeout": "30s",
    }
}
PATIENT = {"sign_in_deadline": "60s"}


def hasty(**changes):
    return {"upstream": {**DIRECTORY["upstream"], "connect_timeout": "300ms", "operation_timeout": "300ms", **changes}}


@pytest.fixture
def idp():
    server = Wso2(EVERYONE)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared_idp():
    server = Wso2(EVERYONE)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def refusing(launch_shared, shared_idp):
    shared = launch_shared(DIRECTORY, shared_idp.url, limits=PATIENT)
    yield shared
    shared.finish()


@pytest.fixture(scope="module")
def guarded(launch_shared, shared_idp):
    shared = launch_shared(DIRECTORY, shared_idp.url, guard={"threshold": 3}, limits=PATIENT)
    yield shared
    shared.finish()


@pytest.fixture
def proxy(launch, idp):
    return launch(DIRECTORY, idp.url, limits=PATIENT)


def sign_in(proxy, account, **fields):
    return send(proxy, Rst(user=account.upn, password=account.password, **fields))


def audited(proxy, answer):
    return proxy.audit_of(answer.headers["X-Correlation-Id"])


@pytest.mark.parametrize("account", [ALICE, UMLAUT], ids=lambda account: account.login)
def test_a_user_of_the_identity_provider_signs_in_by_both_protocols(proxy, idp, account):
    issued = sign_in(proxy, account)
    assert account.upn in issued.text and account.immutable_id in issued.text
    assert token(issued) is not None
    assert audited(proxy, issued)["result"] == "success"
    assert idp.times_asked(account.login) == 1
    # By another spelling, so that no remembered bind stands in.
    assertion = Answer(ecp.send(proxy, AuthnRequest(), (f"JDBC/{account.login}", account.password)))
    assert assertion.statuses() == ["Success"]
    assert account.immutable_id in assertion.content.decode()
    assert len(idp.asked) == 2
    # And now it does.
    sign_in(proxy, account)
    assert len(idp.asked) == 2
    assert not any("cookie" in head for head in idp.heads)
    assert {head["cache-control"] for head in idp.heads} == {"no-cache, no-store"}


@pytest.mark.parametrize("kind", REFUSED)
def test_who_is_refused_for_another_reason_gets_the_bytes_of_a_wrong_password(refusing, shared_idp, kind):
    (account, result), proxy = REFUSED[kind], refusing
    shared_idp.mood = None
    answer, wrong = sign_in(proxy, account), send(proxy, Rst(user=ALICE.upn, password=WRONG))
    assert audited(proxy, answer)["result"] == result
    assert audited(proxy, wrong)["result"] == "bad_credentials"
    assert fault(answer) == fault(wrong)
    assert len(answer.content) == len(wrong.content)


def test_all_spellings_share_one_budget(launch, idp):
    guarded = launch(DIRECTORY, idp.url, guard={"threshold": 3}, limits=PATIENT)
    login = GUESSED.login
    names = [login, GUESSED.upn, login.upper(), f"{login}@carbon.super", f"JDBC/{login}", f"X\\{login}", "güessed", "g​uessed"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        guesses = (Rst(user=name, password=f"{WRONG}-{number}") for number, name in zip(range(200), itertools.cycle(names)))
        codes = {fault(answer)[1] for answer in pool.map(lambda rst: send(guarded, rst), guesses)}
    assert codes == {"FailedAuthentication"}
    assert len(idp.asked) == 3
    assert fault(sign_in(guarded, GUESSED))[1] == "FailedAuthentication"
    assert len(idp.asked) == 3
    assert token(sign_in(guarded, ALICE)) is not None


def test_names_that_cannot_be_sent_are_nobodys(proxy, idp):
    for name in ("al:ice", "alice\nx", "@example.com", "x" * 300):
        answer = send(proxy, Rst(user=name, password=WRONG))
        assert audited(proxy, answer)["result"] == "unknown_user", name
    answer = send(proxy, Rst(user=ALICE.login, password="x" * 3000))
    assert audited(proxy, answer)["result"] == "account"
    assert idp.asked == []
    # A domain that WSO2 takes for a tenant it does not have: no password was tried.
    answer = send(proxy, Rst(user="alice@elsewhere.example", password=WRONG))
    assert audited(proxy, answer)["result"] == "account"


@pytest.mark.parametrize("mood", MOODS)
def test_an_answer_that_tells_nothing_is_an_outage(guarded, shared_idp, mood):
    idp, user, before = shared_idp, MOODY[mood], len(shared_idp.asked)
    idp.mood = mood
    answer = sign_in(guarded, user)
    assert answer.status_code == 503
    assert audited(guarded, answer)["result"] == "unavailable"
    assert ecp.fault(ecp.send(guarded, AuthnRequest(), (user.login, f"{WRONG}-2")))[:2] == (500, "Server")
    for number in range(8):
        assert send(guarded, Rst(user=user.upn, password=f"{WRONG}-{number}")).status_code == 503
    counted = mood not in (503, 429)
    assert len(idp.asked) - before == (3 if counted else 10), "what may have been counted is no more than the threshold"
    idp.mood = None
    assert sign_in(guarded, user).status_code == (503 if counted else 200)
    assert guarded.metric("authentications_total", result="bad_credentials") == 0


def test_a_server_that_hangs_holds_nobody_for_long_and_users_in_the_cache_sign_in(launch, idp):
    proxy = launch(hasty(pool_size=2), idp.url)
    assert token(sign_in(proxy, ALICE)) is not None
    idp.mood = "hung"
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        guesses = [pool.submit(send, proxy, Rst(user=f"user{number}", password=WRONG)) for number in range(12)]
        assert {guess.result().status_code for guess in guesses} == {503}
        assert len(idp.asked) - 1 < 12, "the pool holds the rest back"
    assert sign_in(proxy, ALICE).status_code == 200, "remembered"
    idp.mood = None
    waiting.until(lambda: sign_in(proxy, UMLAUT).status_code == 200, "signing in again", timeout=10)
    assert proxy.metric("upstream_sign_ins_total", result="unanswered") > 0


def test_a_server_that_is_not_there_costs_nobody_a_failure(launch, idp):
    url = f"http://127.0.0.1:{waiting.free_port()}"
    away = launch({"upstream": {**DIRECTORY["upstream"], "url": url}}, idp.url, guard={"threshold": 2})
    for number in range(5):
        assert send(away, Rst(user=ALICE.upn, password=f"{WRONG}-{number}")).status_code == 503
    assert away.metric("lockouts_active") == 0
    assert away.metric("upstream_sign_ins_total", result="unavailable") == 5


def check(proxy, *arguments):
    command = [fedfront.binary(), "check", "-c", proxy.file, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_check_tries_the_server_and_says_that_nobody_can_be_looked_up(launch, idp):
    proxy = launch(DIRECTORY, idp.url)
    ran = check(proxy, "--online", "--user", ALICE.upn)
    assert "reached, and /scim2/Me wants a password (status 401)" in ran.stdout, ran.stdout + ran.stderr
    assert "nobody can be looked up in directory upstream" in ran.stdout
    assert idp.asked == []
    for mood, what in (("html", "answers without a password"), ("redirect", "sends elsewhere"), (500, "fails")):
        idp.mood = mood
        ran = check(proxy, "--online")
        assert ran.returncode == 1 and what in ran.stdout, ran.stdout
