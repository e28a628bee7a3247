"""Request smuggling: whatever is sent, a server behind sees requests that are in our access log, and no others."""

import collections
import concurrent.futures

import pytest

from support import framing, waiting
from support.fedfront import ldap
from support.recorder import Recorder


@pytest.fixture(scope="module")
def recorder():
    server = Recorder()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["recorder", "nginx"])
def corpus(request, launch_shared, slapd):
    """Every case, each on a connection of its own: the answers by name, what the server saw, what was logged."""
    server = request.getfixturevalue(request.param)
    limits = {"header_deadline": "1s", "keep_alive": "1s", "body_silence": "1s"}
    process = launch_shared(ldap(slapd), server.url, limits=limits)
    seen = server.seen if request.param == "recorder" else server.requests
    before = len(seen())

    def send(name):
        with process.wire(timeout=60) as wire:
            try:
                wire.send(framing.message(name))
            except OSError:
                pass
            return wire.rest()

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = dict(zip(framing.ALL, pool.map(send, framing.ALL)))
    yield Corpus(process, answers, lambda: seen()[before:])
    process.finish()


class Corpus:
    def __init__(self, process, answers, seen):
        self.answers = answers
        self._process = process
        self._seen = seen

    def seen(self, name):
        """What the server saw of a case."""
        return self._of(name, self._seen())

    def logged(self, name):
        """What the access log says was forwarded."""
        return self._of(name, (f"{line['method']} {line['path']}" for line in self._process.access() if line["route"] == "forward"))

    @staticmethod
    def _of(name, requests):
        own = framing.paths(name)
        return collections.Counter(each for each in requests if each.split(" ", 1)[1].split("?")[0] in own)


@pytest.mark.parametrize("name", framing.ALL)
def test_servers_see_what_is_logged_and_nothing_else(corpus, name):
    def the_same():
        seen, logged = corpus.seen(name), corpus.logged(name)
        return not seen - logged and (name in framing.DOUBTFUL or seen == logged)

    try:
        waiting.until(the_same, name, timeout=5)
    except AssertionError:
        pytest.fail(f"seen {corpus.seen(name)}, logged {corpus.logged(name)}, answered {corpus.answers[name]!r}")


@pytest.mark.parametrize("name", framing.REFUSED)
def test_what_is_ambiguous_is_refused_and_ends_the_connection(corpus, name):
    answer = corpus.answers[name]
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 ")), answer
    assert answer.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answer.lower(), answer
    assert not corpus.seen(name)


@pytest.mark.parametrize("name", framing.SERVED)
def test_what_is_clear_is_served(corpus, name):
    assert corpus.answers[name].startswith(b"HTTP/1.1 200 "), corpus.answers[name]
    assert corpus.seen(name)


def test_no_server_gets_what_is_no_request(corpus, recorder):
    assert not recorder.broken, recorder.broken


# What a connection begins with before the case: it must not matter.
BEFORE = {
    "chunks": "POST /before HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "a pipelined request": "GET /before HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.fixture(scope="module", params=BEFORE)
def behind(request, launch_shared, slapd):
    """The answers to each case behind another request, and what the server saw."""
    server = Recorder()
    limits = {"header_deadline": "1s", "keep_alive": "1s", "body_silence": "1s"}
    process = launch_shared(ldap(slapd), server.url, limits=limits)

    def send(name):
        with process.wire(timeout=60) as wire:
            try:
                if request.param == "chunks":
                    wire.send(BEFORE[request.param])
                    assert wire.answer()[0] == 200
                    wire.send(framing.message(name))
                else:
                    wire.send(BEFORE[request.param].encode() + framing.message(name))
                    assert wire.answer()[0] == 200
            except OSError:
                pass
            return wire.rest()

    cases = [*framing.REFUSED, *framing.SERVED]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = dict(zip(cases, pool.map(send, cases)))
    yield answers, server
    process.finish()
    server.stop()


@pytest.mark.parametrize("name", framing.REFUSED)
def test_what_is_ambiguous_is_refused_behind_another_request(behind, name):
    answers, server = behind
    assert answers[name].startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 ")), answers[name]
    assert not [each for each in server.seen() if each.split(" ", 1)[1].split("?")[0] in framing.paths(name)]


@pytest.mark.parametrize("name", framing.SERVED)
def test_what_is_clear_is_served_behind_another_request(behind, name):
    assert behind[0][name].startswith(b"HTTP/1.1 200 "), behind[0][name]
