"""Two replicas count guesses together: the directory sees no more of them than of one, and both know where users are at home."""

import itertools
import json
import subprocess

import pytest

from support import fedfront, people, waiting
from support.fedfront import ldap
from support.guessing import BEHIND, HOME, QUICK, counted, guess_all, of, sign_in_from
from support.people import LOCKED, WRONG
from support.rst import Rst, fault, send, token

STRANGER = "203.0.113.9"
# What the directory counts would hold each replica back by itself.
ALONE = {**QUICK, "directory_count": False}


@pytest.fixture(scope="module")
def redis(own_redis):
    """Nobody's password or name is ever in it."""
    yield own_redis
    kept = own_redis.everything()
    everything = b"\n".join(part for pair in kept.items() for part in pair)
    assert any(key.startswith(b"fedfront:guard:") for key in kept)
    for secret in people.secrets():
        assert secret.encode() not in everything, secret
    for person in LOCKED:
        assert person.login.encode() not in everything


@pytest.fixture
def replicas(launch, policed, redis, nginx, tmp_path):
    """Two of them, without remembered binds, so that each sign-in asks."""

    def start(number):
        admin = {"socket": str(tmp_path / f"admin{number}.sock")}
        sections = {"guard": ALONE, "cache": {"bind": "off"}, "state": redis.state(), "admin": admin}
        return launch(ldap(policed), nginx.url, **sections, **BEHIND)

    both = [start(number) for number in range(2)]
    for replica in both:
        waiting.until(lambda replica=replica: replica.metric("state_shared") == 1, "state is shared")
    return both


def guess(replica, person, number, address=STRANGER):
    return send(replica, Rst(user=person.upn, password=f"{WRONG}-{number}"), **of(address))


def test_the_directory_sees_no_more_guesses_through_two_replicas_than_through_one(replicas, policed):
    person = LOCKED[0]
    for number in range(10):
        guess(replicas[number % 2], person, number)
    assert counted(policed, person) == (3, False)
    for replica in replicas:
        assert fault(sign_in_from(replica, person, STRANGER))[1] == "FailedAuthentication", "though it is right"


def test_guesses_at_both_at_once_are_no_more_than_the_threshold(replicas, policed):
    person = LOCKED[1]
    for replica, start in zip(replicas, (0, 1000), strict=True):
        guesses = [(person.upn, f"{WRONG}-{number}", STRANGER) for number in range(start, start + 100)]
        assert set(guess_all(replica, guesses)) == {500}
    assert counted(policed, person) == (3, False)


def test_where_a_user_is_at_home_is_known_to_both(replicas, policed):
    one, two = replicas
    person = LOCKED[2]
    token(sign_in_from(one, person, HOME))
    for number, replica in zip(range(6), itertools.cycle(replicas)):
        guess(replica, person, number)
    assert counted(policed, person) == (2, False), "one is left for whoever is at home"
    token(sign_in_from(two, person, HOME))
    assert fault(sign_in_from(one, person, STRANGER))[1] == "FailedAuthentication"
    token(sign_in_from(one, person, HOME))


def test_who_is_unlocked_at_one_is_unlocked_at_both(replicas):
    one, two = replicas
    person = LOCKED[3]
    for number in range(4):
        guess(one, person, number)
    assert fault(sign_in_from(two, person, STRANGER))[1] == "FailedAuthentication"
    unlock = [fedfront.binary(), "guard", "unlock", person.upn, "-c", one.file]
    assert b"3 failures forgotten" in subprocess.run(unlock, check=True, capture_output=True).stdout
    # A lock is believed for a second without asking Redis again.
    waiting.until(lambda: sign_in_from(two, person, STRANGER).status_code == 200, "the other replica's asking")


def guard(replica, *words):
    command = [fedfront.binary(), "guard", *map(str, words), "-c", replica.file]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_replica_that_has_not_seen_a_user_tells_what_is_counted_of_them(replicas):
    one, two = replicas
    person = LOCKED[5]
    for number in range(3):
        guess(one, person, number)
    for name in (person.upn, person.dn):
        assert guard(two, "show", name).splitlines()[1].split()[:2] == ["yes", "3"], name
    assert "of what this replica has seen" in guard(two, "list")
    assert "of what this replica has seen" in guard(two, "unlock", "--all")
    assert guard(one, "show", person.upn).splitlines()[1].split()[:2] == ["yes", "3"], "it was not unlocked"
    assert "3 failures forgotten" in guard(two, "unlock", person.dn)
    assert guard(one, "show", person.upn).splitlines()[1].split()[:2] == ["no", "0"]


def test_without_redis_each_goes_on_from_what_it_last_saw(replicas, policed, redis):
    one, two = replicas
    person = LOCKED[4]
    for number in range(2):
        guess(one, person, number)
    guess(two, person, 2)
    redis.freeze()
    try:
        for replica in replicas:
            guess(replica, person, 3)
            waiting.until(lambda replica=replica: replica.metric("state_shared") == 0, "it is away")
        assert counted(policed, person)[0] <= 4 and not counted(policed, person)[1]
    finally:
        redis.thaw()
    for replica in replicas:
        waiting.until(lambda replica=replica: replica.metric("state_shared") == 1, "state is shared again")
        assert fault(sign_in_from(replica, person, STRANGER))[1] == "FailedAuthentication"


def test_a_spray_shows_nobody_in_the_audit_log_of_the_other(replicas):
    """Networks and sprays are each replica's own."""
    one, two = replicas
    guess_all(one, [(f"nobody{number}@example.com", WRONG, STRANGER) for number in range(150)])
    waiting.until(lambda: one.metric("spray_active") == 1, "the spray being noticed")
    assert two.metric("spray_active") == 0
    told = [json.loads(line) for line in list(one.stdout) if '"event":"spray_begun"' in line]
    assert len(told) == 1 and told[0]["names_failed"] > 100
