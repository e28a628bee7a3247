"""What a directory has counted itself, and the guard that heeds it."""

from support.domain import THRESHOLD, VICTIMS
from support.fedfront import ldap
from support.people import ALICE, LOCKED, WRONG
from support.rst import Rst, send, sign_in, token
from test_check_lockout import binds

GUARD = {"threshold": 3, "failure_delay": "10ms"}


def guess(proxy, person, number=4 * THRESHOLD):
    for each in range(number):
        send(proxy, Rst(user=person.upn, password=f"{WRONG}-through-us-{each}"))


def test_guesses_made_elsewhere_and_here_lock_nobody_out_of_active_directory(launch, samba, nginx):
    proxy = launch(samba.section(), nginx.url, guard=GUARD)
    victim = VICTIMS[5]
    for number in range(2):
        assert not samba.bind(victim, f"{WRONG}-{number}")
    guess(proxy, victim)
    assert samba.number(victim, "badPwdCount") == 3
    assert samba.number(victim, "lockoutTime") == 0
    # As many as could not lock it, and none of them through us.
    victim = VICTIMS[6]
    for number in range(THRESHOLD - 1):
        assert not samba.bind(victim, f"{WRONG}-{number}")
    guess(proxy, victim)
    assert samba.number(victim, "badPwdCount") == THRESHOLD - 1
    assert samba.bind(victim, victim.password)
    assert token(sign_in(proxy, victim)), "a right password elsewhere ends what was counted there"


def test_guesses_made_elsewhere_and_here_lock_nobody_out_of_openldap(launch, policed_slapd, nginx):
    policed_slapd.set_policy(cn="default", pwdLockout="TRUE", pwdMaxFailure=5)
    proxy = launch(ldap(policed_slapd), nginx.url, guard=GUARD)
    person = LOCKED[0]
    for number in range(2):
        assert not binds(policed_slapd, person.dn, f"{WRONG}-{number}")
    guess(proxy, person)
    assert policed_slapd.binds_settled(proxy, person.dn, ALICE) == 3
    assert binds(policed_slapd, person.dn, person.password)
