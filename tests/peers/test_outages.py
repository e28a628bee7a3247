"""Directories that hang, die and lose packets under load: nobody is told that their password is wrong, nobody waits for what is
known to be away, and all is well as soon as it is back."""

import collections
import threading
import time

import pytest
import requests

from support import ecp, fedfront, waiting
from support.people import ALICE, COLON, LOCKED, TEXTUAL, WRONG
from support.relay import Relay
from support.rst import Rst, fault, send, sign_in, token

# What is promised within a second, on a busy machine.
RETURN = 5.0
# Far below what it takes to wait for a directory: `connect_timeout` or `operation_timeout`.
AT_ONCE = 1.0


@pytest.fixture
def relay(own_slapd):
    relay = Relay(own_slapd.tls_port)
    yield relay
    relay.stop()


@pytest.fixture
def swallower():
    """A directory server that takes connections and answers nothing."""
    relay = Relay()
    relay.drop()
    yield relay
    relay.stop()


def behind(relay, slapd, **keys):
    section = fedfront.ldap(slapd)
    section["ldap"].update(
        {"urls": [f"ldaps://localhost:{relay.port}"], "connect_timeout": "1500ms", "operation_timeout": "1500ms"}
    )
    return {**section, **keys}


def directories(proxy):
    """The line of each directory in `/readyz?verbose`, by its name."""
    answer = requests.get(proxy.admin + "/readyz?verbose", timeout=10)
    assert answer.status_code == 200, answer.text
    lines = [line.split(": ", 2)[1:] for line in answer.text.splitlines() if line.startswith("[i] directory: ")]
    return dict(lines)


def is_away(proxy, name="ldap"):
    return waiting.until(lambda: " has not answered for " in directories(proxy)[name], f"{name} being away")


class Load:
    """Asks with right passwords until the end, each asker again as soon as it is answered."""

    def __init__(self, *askers):
        self.answers = collections.Counter()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=asker, daemon=True) for asker in askers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a request is not answered"

    def goes_on(self, *names, answers=5):
        """Waits until each asker of these names was answered as often again."""
        wanted = {name: self._of(name) + answers for name in names}
        waiting.until(lambda: all(self._of(name) >= count for name, count in wanted.items()), "answers under load")

    def _of(self, name):
        return sum(count for (asker, _), count in list(self.answers.items()) if asker == name)

    def _run(self, name, ask):
        while not self._ended.is_set():
            self.answers[name, ask()] += 1
            # Steady, and no more than two cores can do.
            self._ended.wait(0.02)


def outcome(answer):
    """`token`, or what the fault says."""
    return "token" if answer.status_code == 200 else fault(answer)[0 if answer.status_code == 503 else 1]


def ecp_outcome(proxy, person):
    request = ecp.AuthnRequest(attributes=' ForceAuthn="true"')
    reply = ecp.send(proxy, request, (person.upn, person.password))
    if reply.status_code == 200:
        statuses = ecp.Answer(reply).statuses()
        return "token" if statuses == ["Success"] else statuses[-1]
    return "Receiver" if ecp.fault(reply)[:2] == (500, "Server") else str(ecp.fault(reply))


def outages(slapd, relay):
    """Each outage as what begins it, and what ends it."""
    return [
        (slapd.freeze, slapd.thaw),
        (slapd.kill, slapd.start),
        (relay.drop, relay.heal),
        (relay.reset, relay.heal),
    ]


def test_no_outage_is_a_bad_password_nor_lasts_longer_than_its_cause(launch, own_slapd, relay, nginx):
    remembering = launch(behind(relay, own_slapd), nginx.url)
    asking = launch(behind(relay, own_slapd), nginx.url, cache={"bind": "off"})
    token(sign_in(remembering, ALICE))
    askers = [
        ("remembered", lambda: outcome(sign_in(remembering, ALICE))),
        ("fresh", lambda: ecp_outcome(remembering, COLON)),
        ("asked", lambda: outcome(sign_in(asking, TEXTUAL))),
        ("asked", lambda: outcome(sign_in(asking, ALICE))),
        ("page", lambda: asking.get("/page").text),
        ("mex", lambda: asking.get("/mex").status_code),
    ]
    names = {name for name, _ in askers}
    with Load(*askers) as load:
        load.goes_on(*names)
        for number, (begin, end) in enumerate(outages(own_slapd, relay)):
            begin()
            for proxy in (remembering, asking):
                is_away(proxy)
            assert quickest(lambda: outcome(sign_in(asking, LOCKED[number]))) < AT_ONCE
            load.goes_on(*names)
            end()
            for proxy in (remembering, asking):
                # Whose bind was under way may have been counted as a failure by the directory, and waits: here nobody's was.
                back = lambda: outcome(sign_in(proxy, LOCKED[number])) == "token"  # noqa: B023, E731
                waiting.until(back, f"sign-ins after outage {number}", RETURN)
            load.goes_on(*names)
        relay.lose()
        load.goes_on(*names, answers=20)
        relay.heal()
        for proxy in (remembering, asking):
            assert outcome(sign_in(proxy, LOCKED[5])) == "token"
    assert {answer for name, answer in load.answers if name == "remembered"} == {"token"}
    assert {answer for name, answer in load.answers if name in ("fresh", "asked")} == {"token", "Receiver"}
    assert {answer for name, answer in load.answers if name in ("page", "mex")} == {"a page\n", 200}
    for proxy in (remembering, asking):
        assert proxy.metric("authentications_total", result="bad_credentials") == 0
        assert proxy.metric("authentications_total", result="locked") == 0
        assert proxy.metric("ldap_outages_total") == 4


def quickest(ask):
    """How long an outage takes to be told, of three times."""

    def timed():
        started = time.monotonic()
        assert ask() == "Receiver"
        return time.monotonic() - started

    return min(timed() for _ in range(3))


def test_a_directory_that_hangs_delays_nobody_else_once_that_is_known(launch, slapd, swallower, nginx):
    hung = behind(swallower, slapd, name="hung")
    proxy = launch([hung, {**fedfront.ldap(slapd), "name": "people"}], nginx.url, cache={"bind": "off"})
    # The first finds out.
    token(sign_in(proxy, ALICE))
    is_away(proxy, "hung")
    started = time.monotonic()
    for _ in range(3):
        token(sign_in(proxy, ALICE))
    assert time.monotonic() - started < 3 * AT_ONCE
    # It may be the right one of a namesake.
    assert outcome(sign_in(proxy, ALICE, password=WRONG)) == "Receiver"
    assert directories(proxy)["people"] == f"{slapd.url} answers"
    waiting.until(lambda: proxy.metric("directory_available", directory="hung") == 0, "the gauge")
    assert proxy.metric("directory_available", directory="people") == 1
    assert proxy.metric("ldap_outages_total") == 1


def test_a_directory_concerns_its_own_domains_only(launch, slapd, swallower, nginx):
    hung = behind(swallower, slapd, name="hung", domains=["other.example", "OTHER"])
    people = {**fedfront.ldap(slapd), "name": "people", "domains": ["Example.com", "EXAMPLE"]}
    proxy = launch([hung, people], nginx.url, cache={"bind": "off"})

    def ask(user, password=WRONG):
        return outcome(send(proxy, Rst(user=user, password=password)))

    started = time.monotonic()
    for user in (ALICE.upn, "EXAMPLE\\alice", "example/alice"):
        assert ask(user, ALICE.password) == "token"
        assert ask(user) == "FailedAuthentication"
    assert ask("nobody@example.com") == "FailedAuthentication"
    assert time.monotonic() - started < 7 * AT_ONCE
    assert directories(proxy)["hung"].endswith(" not asked yet")
    for user in ("bob@other.example", "OTHER\\alice", "nobody"):
        assert ask(user, ALICE.password) == "Receiver"
    is_away(proxy, "hung")
    assert ask("alice", ALICE.password) == "token"
    assert ask("nobody@unlisted.example") == "Receiver"


def test_another_name_of_a_directory_takes_the_place_of_the_first_in_the_metrics(launch, slapd, nginx):
    proxy = launch({**fedfront.ldap(slapd), "name": "before"}, nginx.url)
    assert proxy.metrics()['fedfront_directory_available{directory="before"}'] == 1
    text = proxy.file.read_text()
    proxy.file.write_text(text.replace("name: before", "name: after"))
    assert proxy.reload()
    names = [name for name in proxy.metrics() if name.startswith("fedfront_directory_available")]
    assert names == ['fedfront_directory_available{directory="after"}']
