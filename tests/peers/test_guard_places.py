"""Strangers who guess lock themselves out, and not the user; what comes of many names or of one network is noticed."""

import itertools
import json

import pytest

from support import waiting
from support.fedfront import ldap
from support.guessing import BEHIND, HOME, QUICK, counted, guess_all, of, sign_in_from
from support.people import ALICE, BOB, LOCKED, TEXTUAL, UMLAUT, WRONG
from support.rst import Rst, fault, send, sign_in, token

MANY = 10_000


def sprays(proxy):
    """The audit lines of password sprays so far."""
    return [json.loads(line) for line in list(proxy.stdout) if '"event":"spray_' in line]


def audited(proxy, answer):
    return proxy.audit_of(answer.headers["X-Correlation-Id"])


def test_ten_thousand_guesses_at_one_user_lock_strangers_out_and_nobody_else(launch, policed, nginx):
    person = LOCKED[0]
    guarded = launch(ldap(policed), nginx.url, guard=QUICK, **BEHIND)
    token(sign_in_from(guarded, person, HOME))
    addresses = itertools.cycle(f"203.{number}.113.9" for number in range(100))
    guesses = ((person.upn, f"{WRONG}-{number}", next(addresses)) for number in range(MANY))
    assert set(guess_all(guarded, guesses)) == {500}
    assert counted(policed, person) == (2, False)
    stranger = sign_in_from(guarded, person, "203.1.113.9")
    assert fault(stranger)[1] == "FailedAuthentication", "though the password is right"
    record = audited(guarded, stranger)
    assert (record["result"], record["place"], record["guard"]) == ("locked", "unknown", "unknown_threshold")
    home = sign_in_from(guarded, person, HOME)
    token(home)
    record = audited(guarded, home)
    assert (record["result"], record["place"], record["guard"]) == ("success", "familiar", None)
    assert guarded.metric("guard_refusals_total", reason="locked", mode="enforced") == MANY - 2 + 1
    waiting.until(lambda: guarded.metric("lockouts_active", scope="unknown") == 1, "the lock being counted")
    assert guarded.metric("lockouts_active", scope="entry") == 0


def test_a_spray_of_ten_thousand_names_is_told(launch, policed, nginx):
    guarded = launch(ldap(policed), nginx.url, guard=QUICK, **BEHIND)
    token(sign_in_from(guarded, ALICE, HOME))
    networks = itertools.cycle(["203.0.113.9", "203.0.113.10", "192.0.2.1"])
    guesses = ((f"sprayed{number}@example.com", f"{WRONG}-1", next(networks)) for number in range(MANY))
    assert set(guess_all(guarded, guesses)) == {500}
    waiting.until(lambda: guarded.metric("spray_active") == 1, "the spray being noticed")
    assert guarded.metric("sprays_detected_total") == 1
    [told] = waiting.until(lambda: sprays(guarded), "the spray in the audit log")
    assert (told["event"], told["names_failed"] > 100, told["names_succeeded"]) == ("spray_begun", True, 1)
    assert [network["network"] for network in told["networks"]] == ["203.0.113.0/24", "192.0.2.0/24"]
    assert token(sign_in_from(guarded, ALICE, HOME))


def test_a_spray_ends_and_meanwhile_strangers_wait_longer(launch, policed, nginx):
    spray = {"names": 5, "window": "3s", "slow_down": "1s"}
    guarded = launch(ldap(policed), nginx.url, guard={**QUICK, "spray": spray}, **BEHIND)
    person = LOCKED[1]
    token(sign_in_from(guarded, person, HOME))
    took = lambda address, number: send(  # noqa: E731
        guarded, Rst(user=person.upn, password=f"{WRONG}-{number}"), **of(address)
    ).elapsed.total_seconds()

    def spraying():
        guess_all(guarded, ((f"sprayed{number}@example.com", WRONG, "203.0.113.9") for number in range(8)))
        return guarded.metric("spray_active") == 1

    waiting.until(spraying, "the spray being noticed")
    assert took("203.0.113.9", 1) >= 1
    assert took(HOME, 2) < 1
    waiting.until(lambda: guarded.metric("spray_active") == 0, "its end", timeout=40)
    assert [told["event"] for told in sprays(guarded)] == ["spray_begun", "spray_ended"]
    assert guarded.metric("sprays_detected_total") == 1


def test_a_network_that_fails_too_often_is_refused_but_for_whom_it_is_familiar(launch, policed, nginx):
    guard = {**QUICK, "networks": {"failures": 5, "window": "10m"}}
    guarded = launch(ldap(policed), nginx.url, guard=guard, cache={"bind": "off"}, **BEHIND)
    token(sign_in_from(guarded, TEXTUAL, "203.0.113.50"))
    guess_all(guarded, ((f"nobody{number}@example.com", WRONG, f"203.0.113.{number}") for number in range(5)))
    before = policed.binds(UMLAUT.dn)
    refused = sign_in_from(guarded, UMLAUT, "203.0.113.200")
    assert fault(refused)[1] == "FailedAuthentication"
    record = audited(guarded, refused)
    assert (record["result"], record["place"], record["guard"]) == ("throttled", "unknown", "networks")
    assert policed.binds_settled(guarded, UMLAUT.dn, ALICE) == before
    assert guarded.metric("authentications_total", result="throttled") == 1
    token(sign_in_from(guarded, TEXTUAL, "203.0.113.50"))
    token(sign_in_from(guarded, UMLAUT, HOME))
    guess_all(guarded, ((f"nobody{number}@example.com", WRONG, "127.0.0.1") for number in range(10)))
    token(sign_in(guarded, UMLAUT))


def test_observing_tells_what_would_be_refused_and_refuses_nobody(launch, policed, nginx):
    guarded = launch(ldap(policed), nginx.url, guard={**QUICK, "mode": "observe", "threshold": 2}, **BEHIND)
    answers = [send(guarded, Rst(user=BOB.upn, password=f"{WRONG}-{number}"), **of(HOME)) for number in range(4)]
    records = [audited(guarded, answer) for answer in answers]
    assert [record["result"] for record in records] == ["bad_credentials"] * 4
    assert [record["guard"] for record in records] == [None, None, "observed:threshold", "observed:threshold"]
    assert policed.binds_settled(guarded, BOB.dn, ALICE) == 4
    assert guarded.metric("guard_refusals_total", reason="locked", mode="observed") == 2
    assert guarded.metric("guard_refusals_total", mode="enforced") == 0


def test_without_familiar_places_nobody_is_told_apart(launch, policed, nginx):
    guarded = launch(ldap(policed), nginx.url, guard={**QUICK, "familiar_for": "off"}, **BEHIND)
    person = LOCKED[2]
    token(sign_in_from(guarded, person, HOME))
    guess_all(guarded, ((person.upn, f"{WRONG}-{number}", "203.0.113.9") for number in range(4)))
    refused = sign_in_from(guarded, person, HOME)
    record = audited(guarded, refused)
    assert (record["result"], record["place"], record["guard"]) == ("locked", None, "threshold")
