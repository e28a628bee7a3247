"""HTTP/2: what breaks its rules is refused and hurts nobody else, and nothing in it becomes a second request behind."""

import collections
import concurrent.futures
import contextlib
import socket
import threading

import pytest

from support import http2, waiting
from support.fedfront import ldap
from support.http2 import block, continuation, data, frame, headers, opened, pseudo, reset, start, window
from support.recorder import Recorder

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
HIDDEN = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(*more, **changes):
    """A request without a body. Its path is the case's, unless it is given."""
    return lambda path: headers([*pseudo(**{"path": path, **changes}), *more])


def post(*more, body=(b"hello",)):
    """A request whose body comes in these frames."""

    def sent(path):
        frames = [data(piece, end=number == len(body) - 1) for number, piece in enumerate(body)]
        return headers([*pseudo("POST", path), *more], end=not frames) + b"".join(frames)

    return sent


def fields(make):
    """A request of exactly these fields."""
    return lambda path: headers(make(path))


# What none may forward.
REFUSED = {
    "transfer-encoding": post(("transfer-encoding", "chunked"), body=(b"5\r\nhello\r\n0\r\n\r\n" + HIDDEN.encode(),)),
    "transfer-encoding identity": post(("transfer-encoding", "identity")),
    "connection": get(("connection", "keep-alive")),
    "connection that names a header": get(("connection", "x-hop"), ("x-hop", "1")),
    "keep-alive": get(("keep-alive", "1")),
    "proxy-connection": get(("proxy-connection", "keep-alive")),
    "upgrade": get(("upgrade", "websocket")),
    "te that is not trailers": get(("te", "gzip")),
    "name in capitals": get(("X-Upper", "1")),
    "capitals in the length": post(("Content-Length", "5")),
    "space in a name": get(("x y", "1")),
    "colon in a name": get(("x:y", "1")),
    "line in a name": get(("x: 1\r\ny", "1")),
    "NUL in a name": get(("x\0", "1")),
    "empty name": get(("", "1")),
    "line in a value": get(("x", f"1\r\n\r\n{HIDDEN}")),
    "LF in a value": get(("x", "1\ntransfer-encoding: chunked")),
    "CR in a value": get(("x", "1\ry: 2")),
    "NUL in a value": get(("x", "1\0")),
    "line in the path": lambda path: get(path=f"{path} HTTP/1.1\r\nHost: localhost\r\n\r\n{HIDDEN}")(path),
    "LF in the path": lambda path: get(path=f"{path}\nx: 1")(path),
    "CR in the path": lambda path: get(path=f"{path}\rx: 1")(path),
    "NUL in the path": lambda path: get(path=f"{path}\0")(path),
    "space in the path": lambda path: get(path=f"{path} x")(path),
    "tab in the path": lambda path: get(path=f"{path}\tx")(path),
    "empty path": get(path=""),
    "path without a slash": lambda path: get(path=path[1:])(path),
    "absolute path": lambda path: get(path=f"http://other.example{path}")(path),
    "line in the method": get(method=f"GET /hidden HTTP/1.1\r\nx: y\r\n\r\nGET"),
    "space in the method": get(method="GET /hidden"),
    "empty method": get(method=""),
    "line in the authority": get(authority="localhost\r\nx: 1"),
    "path in the authority": get(authority="localhost/hidden"),
    "name in the authority": get(authority="user@localhost"),
    "line in the scheme": get(scheme="https://x\r\ny: z\r\n"),
    "another host": get(("host", "other.example")),
    "two hosts": get(("host", "localhost"), ("host", "localhost")),
    "no authority": fields(lambda path: [(":method", "GET"), (":scheme", "https"), (":path", path)]),
    "no method": fields(lambda path: pseudo(path=path)[1:]),
    "no scheme": fields(lambda path: [field for field in pseudo(path=path) if field[0] != ":scheme"]),
    "no path": fields(lambda path: pseudo(path=path)[:-1]),
    "two paths": fields(lambda path: [*pseudo(path=path), (":path", "/hidden")]),
    "two methods": fields(lambda path: [(":method", "POST"), *pseudo(path=path)]),
    "two authorities": fields(lambda path: [*pseudo(path=path), (":authority", "other.example")]),
    "path after a header": fields(lambda path: [*pseudo(path=path)[:-1], ("x", "1"), (":path", path)]),
    "unknown pseudo-header": fields(lambda path: [*pseudo(path=path), (":x", "1")]),
    "pseudo-header of an answer": fields(lambda path: [*pseudo(path=path), (":status", "200")]),
    "extended CONNECT": fields(lambda path: [*pseudo("CONNECT", path), (":protocol", "websocket")]),
    "CONNECT": fields(lambda path: [(":method", "CONNECT"), (":authority", "localhost:22")]),
    "two lengths": post(("content-length", "5"), ("content-length", "5")),
    "two different lengths": post(("content-length", "5"), ("content-length", "0")),
    "lengths in a list": post(("content-length", "5, 0")),
    "length with a plus": post(("content-length", "+5")),
    "length that is negative": post(("content-length", "-5")),
    "length that overflows": post(("content-length", "18446744073709551621")),
}
# Whose end shows that they are none: a server may have seen the beginning, never a second request.
UNFINISHED = {
    "body shorter than said": post(("content-length", "50")),
    "body longer than said": post(("content-length", "3")),
    "body where none is said": post(("content-length", "0"), body=(HIDDEN.encode(),)),
    "no body where one is said": get(("content-length", "5"), method="POST"),
    "pieces longer than said": post(("content-length", "5"), body=(b"hel", b"lo!", b"")),
    "trailers that frame": lambda path: (
        headers(pseudo("POST", path), end=False) + data(b"x", end=False) + headers([("transfer-encoding", "chunked")])
    ),
    "trailers without an end": lambda path: (
        headers(pseudo("POST", path), end=False) + data(b"x", end=False) + headers([("x", "1")], end=False)
    ),
}
SERVED = {
    "request": get(),
    "te: trailers": get(("te", "trailers")),
    "body": post(),
    "body with its length": post(("content-length", "5")),
    "body in pieces": post(("content-length", "5"), body=(b"he", b"", b"llo")),
    "body that is a request": post(body=(HIDDEN.encode(),)),
    "body that is the end of chunks": post(body=(b"0\r\n\r\n" + HIDDEN.encode(),)),
    "GET with a body": lambda path: headers(pseudo("GET", path), end=False) + data(HIDDEN.encode()),
    "expect": post(("expect", "100-continue")),
    "http2-settings": get(("http2-settings", "AAMAAABkAAQAoAAA")),
    "the same host": get(("host", "localhost")),
    # Trailers go no further, whatever is in them.
    "trailers": lambda path: (
        headers(pseudo("POST", path), end=False) + data(b"hello", end=False) + headers([("x", "1"), ("content-length", "50")])
    ),
    "trailers with a pseudo-header": lambda path: (
        headers(pseudo("POST", path), end=False) + data(b"hello", end=False) + headers([(":path", "/hidden")])
    ),
}
REQUESTS = {**REFUSED, **UNFINISHED, **SERVED}

PAGE = headers(pseudo(path="/page"))
# What is sent behind each fault: who does not mind the fault answers it.
GOOD_STREAM = 201
GOOD = headers(pseudo(path="/page"), stream=GOOD_STREAM)
# What ends a connection, or the stream that it is on.
BROKEN = {
    "other preface": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + http2.SETTINGS,
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "frame that is too large": start() + frame(DATA, 0, 1, b"x" * 16385),
    "HEADERS that are too large": start() + frame(HEADERS, 5, 1, b"x" * 16385),
    "SETTINGS on a stream": start() + frame(SETTINGS, 0, 1),
    "SETTINGS of five bytes": start() + frame(SETTINGS, 0, 0, b"12345"),
    "SETTINGS acknowledged with something": start() + frame(SETTINGS, 1, 0, b"\0\1\0\0\0\0"),
    "SETTINGS with push 2": start() + frame(SETTINGS, 0, 0, b"\0\2\0\0\0\2"),
    "SETTINGS with a window too large": start() + frame(SETTINGS, 0, 0, b"\0\4\x80\0\0\0"),
    "SETTINGS with frames too small": start() + frame(SETTINGS, 0, 0, b"\0\5\0\0\0\1"),
    "WINDOW_UPDATE of nothing": start() + window(0),
    "WINDOW_UPDATE of nothing on a stream": start() + headers(pseudo(), end=False) + window(0, 1),
    "WINDOW_UPDATE too large": start() + window(2**31 - 1),
    "WINDOW_UPDATE too large on a stream": start() + headers(pseudo(), end=False) + window(2**31 - 1, 1),
    "WINDOW_UPDATE of three bytes": start() + frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"),
    "WINDOW_UPDATE on an idle stream": start() + window(1, 5),
    "DATA on no stream": start() + data(b"x", stream=0),
    "DATA on an idle stream": start() + data(b"x", stream=1),
    "DATA after the end": start() + PAGE + data(b"x"),
    "DATA after a reset": start() + headers(pseudo("POST"), end=False) + reset() + data(b"x") * 200,
    "DATA with too much padding": start() + headers(pseudo("POST"), end=False) + frame(DATA, 8, 1, b"\x09x"),
    "HEADERS on no stream": start() + headers(pseudo(), stream=0),
    "HEADERS on an even stream": start() + headers(pseudo(), stream=2),
    "HEADERS on an older stream": start() + headers(pseudo(), stream=5) + headers(pseudo(), stream=3),
    "HEADERS twice": start() + PAGE + PAGE,
    "HEADERS with too much padding": start() + frame(HEADERS, 13, 1, b"\xff" + block(pseudo())),
    "HEADERS that depend on themselves": start() + frame(HEADERS, 0x25, 1, b"\0\0\0\1\0" + block(pseudo())),
    "HPACK that is none": start() + frame(HEADERS, 5, 1, b"\xff" * 50),
    "HPACK with an unknown index": start() + frame(HEADERS, 5, 1, b"\xfe"),
    "HPACK with index 0": start() + frame(HEADERS, 5, 1, b"\x80"),
    "HPACK that ends early": start() + frame(HEADERS, 5, 1, block(pseudo())[:-3]),
    "HPACK with a table too large": start() + frame(HEADERS, 5, 1, b"\x3f\xff\xff\x0f" + block(pseudo())),
    "CONTINUATION of nothing": start() + continuation(b"", end=True),
    "CONTINUATION after the end": start() + PAGE + continuation(block([("x", "1")]), end=True),
    "CONTINUATION on another stream": start() + opened(pseudo()) + continuation(b"", stream=3, end=True),
    "something between HEADERS and CONTINUATION": start() + opened(pseudo()) + frame(PING, 0, 0, b"12345678"),
    "another's HEADERS between": start() + opened(pseudo()) + headers(pseudo(), stream=3),
    "PUSH_PROMISE": start() + frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + block(pseudo())),
    "PING of seven bytes": start() + frame(PING, 0, 0, b"1234567"),
    "PING on a stream": start() + frame(PING, 0, 1, b"12345678"),
    "RST_STREAM on no stream": start() + reset(stream=0),
    "RST_STREAM on an idle stream": start() + reset(stream=1),
    "RST_STREAM of three bytes": start() + PAGE + frame(RST_STREAM, 0, 1, b"\0\0\1"),
    "PRIORITY on no stream": start() + frame(PRIORITY, 0, 0, b"\0\0\0\1\0"),
    "PRIORITY of four bytes": start() + frame(PRIORITY, 0, 1, b"\0\0\0\1"),
    "GOAWAY on a stream": start() + frame(GOAWAY, 0, 1, b"\0" * 8),
}
# What is odd, but allowed.
ODD = {
    # A client must send them first, but nobody is misled by one that does not.
    "no SETTINGS": http2.PREFACE + PAGE,
    "unknown frame": start() + frame(0xEE, 0xFF, 0, b"what") + PAGE,
    "unknown setting": start() + frame(SETTINGS, 0, 0, b"\xff\xff\0\0\0\1") + PAGE,
    "unknown flags": start() + frame(HEADERS, 0x45, 1, block(pseudo(path="/page"))),
    "padding": start() + frame(HEADERS, 0x0D, 1, b"\x04" + block(pseudo(path="/page")) + b"\0" * 4),
    "priority": start() + frame(HEADERS, 0x25, 1, b"\0\0\0\0\x10" + block(pseudo(path="/page"))),
    "PRIORITY of an idle stream": start() + frame(PRIORITY, 0, 9, b"\0\0\0\1\0") + PAGE,
    "headers in pieces": (
        start() + frame(HEADERS, 1, 1, block(pseudo(path="/page"))[:5]) + continuation(block(pseudo(path="/page"))[5:], end=True)
    ),
    "streams that are passed over": start() + headers(pseudo(path="/page"), stream=101),
    "a hundred requests": start() + b"".join(headers(pseudo(path="/page"), stream=n) for n in range(1, 201, 2)),
}
# What costs a client little and must not cost us much.
FLOODS = {
    "CONTINUATION without end": start() + opened(pseudo()) + continuation(block([("x", "y" * 1000)])) * 20_000,
    "empty CONTINUATION without end": start() + opened(pseudo()) + continuation() * 200_000,
    "rapid reset": start() + b"".join(headers(pseudo(path="/page"), n) + reset(n) for n in range(1, 20_001, 2)),
    "resets that we must make": start() + b"".join(headers(pseudo(path="/page"), n) + window(0, n) for n in range(1, 20_001, 2)),
    "malformed requests": start() + b"".join(headers([("x", "1")], n) for n in range(1, 20_001, 2)),
    "PING": start() + frame(PING, 0, 0, b"12345678") * 200_000,
    "SETTINGS": start() + frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff") * 100_000,
    "PRIORITY": start() + frame(PRIORITY, 0, 1, b"\0\0\0\3\0") * 200_000,
    "empty DATA": start() + headers(pseudo("POST"), end=False) + data(b"", end=False) * 200_000,
    "padded DATA": start() + headers(pseudo("POST"), end=False) + frame(DATA, 8, 1, b"\xf0" + b"\0" * 240) * 20_000,
    "WINDOW_UPDATE": start() + headers(pseudo("POST"), end=False) + window(1, 1) * 200_000,
    "more streams than there may be": start() + b"".join(headers(pseudo("POST"), n, end=False) for n in range(1, 40_001, 2)),
    # 4 KiB once, and then by its index, one byte each.
    "header bomb": start() + frame(HEADERS, 5, 1, block(pseudo()) + b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000 + b"\xbe" * 12_000),
    "unknown frames": start() + frame(0xEE, 0, 0, b"x" * 16) * 200_000,
}


@pytest.fixture(scope="module")
def server():
    recorder = Recorder()
    yield recorder
    recorder.stop()


@pytest.fixture(scope="module")
def strict(launch_shared, slapd, server):
    limits = {"header_deadline": "1s", "keep_alive": "1s", "body_silence": "1s", "body_rate": 65536}
    process = launch_shared(ldap(slapd), server.url, limits=limits, upstream={"read_timeout": "3s"})
    yield process
    process.finish()


def all_at_once(ask, cases):
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        return dict(zip(cases, pool.map(ask, cases)))


def path_of(name):
    return f"/case-{list(REQUESTS).index(name)}"


@pytest.fixture(scope="module")
def asked(strict):
    """The answers to each of the requests, by its name."""
    return all_at_once(lambda name: http2.ask(strict, start() + REQUESTS[name](path_of(name))), REQUESTS)


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_requests_are_refused_and_not_forwarded(asked, server, name):
    assert asked[name].refused(), asked[name]
    assert not [each for each in server.seen() if each.split(" ")[1] == path_of(name)]


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_body_that_is_not_what_was_said_is_no_success(asked, name):
    assert asked[name].refused() or asked[name].statuses.get(1, 0) >= 400, asked[name]


@pytest.mark.parametrize("name", SERVED)
def test_requests_are_served(asked, server, name):
    assert asked[name].statuses == {1: 200}, asked[name]
    assert [each for each in server.seen() if each.split(" ")[1] == path_of(name)]


def test_the_server_behind_sees_what_is_logged(asked, strict, server):
    def of_cases(requests):
        return collections.Counter(each for each in requests if each.split(" ")[1].startswith("/case-"))

    def unlogged():
        logged = of_cases(f"{line['method']} {line['path']}" for line in strict.access() if line["route"] == "forward")
        return of_cases(server.seen()) - logged

    waiting.until(lambda: not unlogged(), "a line for each request")
    assert not [each for each in server.seen() if "hidden" in each]
    assert not server.broken, server.broken


@pytest.fixture(scope="module")
def broken(strict):
    cases = {**{name: sent + GOOD for name, sent in BROKEN.items()}, **ODD}
    return all_at_once(lambda name: http2.ask(strict, cases[name]), cases)


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_rules_ends_it(broken, name):
    """By GOAWAY, by a reset of the stream, or by closing; in any case it does not go on as if nothing were wrong."""
    answers = broken[name]
    assert answers.gave_up() or answers.resets or GOOD_STREAM not in answers.statuses, answers


@pytest.mark.parametrize("name", ODD)
def test_what_is_only_odd_is_served(broken, name):
    assert set(broken[name].statuses.values()) == {200} and not broken[name].gave_up(), broken[name]


def test_what_breaks_the_rules_is_counted(broken, strict):
    waiting.until(lambda: strict.metric("connections_rejected_total", reason="malformed") >= 20, "the counter")


@pytest.mark.parametrize("name", FLOODS)
def test_floods_hurt_nobody_else(strict, name):
    flooding = threading.Thread(target=http2.ask, args=(strict, FLOODS[name]), daemon=True)
    strict.forget_peak_memory()
    before = strict.memory("VmHWM")
    flooding.start()
    served = 0
    while flooding.is_alive() or not served:
        assert strict.get("/page").status_code == 200
        served += 1
    assert strict.memory("VmHWM") - before < 64 << 20


def test_a_header_that_drips_on_a_connection_in_use_is_cut(strict):
    before = strict.metric("connections_rejected_total", reason="header_timeout")
    with strict.wire(alpn=["h2"], timeout=30) as wire:
        wire.send(start() + PAGE + headers(pseudo(path="/page"), stream=3)[:-5])
        answers = http2.read(wire)
    assert answers.statuses == {1: 200}
    assert strict.metric("connections_rejected_total", reason="header_timeout") == before + 1


@pytest.mark.parametrize("piece", [data(b"x", end=False), data(b"", end=False)], ids=["a byte each", "nothing each"])
def test_a_body_that_drips_is_cut(strict, piece):
    before = strict.metric("connections_rejected_total", reason="slow_body")
    with strict.wire(alpn=["h2"], timeout=0.05) as wire:
        wire.send(start() + headers(pseudo("POST", "/drip"), end=False))
        ended = drip(wire, piece)
    assert ended.statuses.get(1) == 408 or 1 in ended.resets, ended
    assert strict.metric("connections_rejected_total", reason="slow_body") > before


def test_a_frame_that_drips_is_cut(strict):
    before = strict.metric("connections_rejected_total", reason="slow_body")
    with strict.wire(alpn=["h2"], timeout=0.05) as wire:
        wire.send(start() + headers(pseudo("POST", "/drip"), end=False) + data(b"x" * 16_000)[:20])
        drip(wire, b"x")
    assert strict.metric("connections_rejected_total", reason="slow_body") == before + 1


def test_a_body_that_stops_is_cut_while_others_are_served(launch, slapd, server):
    proxy = launch(ldap(slapd), server.url, limits={"body_silence": "1s"}, upstream={"read_timeout": "600s"})
    answers = http2.Answers({}, {})
    reader = http2.Reader(answers)
    nothing, something = headers(pseudo("POST", "/nothing"), end=False), headers(pseudo("POST", "/something"), 3, end=False)
    with proxy.wire(alpn=["h2"], timeout=60) as wire:
        wire.send(start() + nothing + something + data(b"x", stream=3, end=False) + headers(pseudo(path="/page"), 5))
        while not {1, 3} <= {*answers.resets, *answers.statuses}:
            came = wire.receive()
            assert came, answers
            reader.take(came)
        assert answers.statuses == {5: 200} and set(answers.resets) == {1, 3} and not answers.gave_up(), answers
        wire.send(headers(pseudo(path="/page"), 7))
        while 7 not in answers.statuses:
            reader.take(wire.receive())
    assert proxy.metric("connections_rejected_total", reason="slow_body") == 2
    assert {line["path"]: line["status"] for line in proxy.access()} == {"/nothing": 408, "/something": 408, "/page": 200}


def test_a_server_that_does_not_read_is_not_the_clients_fault(launch, slapd):
    with socket.socket() as listener:
        # What it does not read stays with us.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        proxy = launch(ldap(slapd), url, limits={"body_silence": "1s"}, upstream={"read_timeout": "60s"})
        with proxy.wire(alpn=["h2"], timeout=3) as wire:
            wire.send(start() + headers(pseudo("POST", "/slow"), end=False) + data(b"x" * 15_000, end=False) * 4)
            taken, _ = listener.accept()
            answers = http2.Answers({}, {})
            reader = http2.Reader(answers)
            with taken, pytest.raises(TimeoutError):
                while True:
                    reader.take(wire.receive())
                    assert not answers.resets and not answers.statuses
            wire.socket.settimeout(30)
            while 1 not in {*answers.resets, *answers.statuses}:
                reader.take(wire.receive())
    assert answers.statuses == {1: 502}
    assert proxy.metric("connections_rejected_total", reason="slow_body") == 0


def test_a_frame_that_comes_steadily_may_take_its_time(launch, slapd, server):
    """A server sees whole frames only: in between there is nothing, for longer than anybody may be silent."""
    proxy = launch(ldap(slapd), server.url, limits={"body_silence": "1s"}, upstream={"read_timeout": "600s"})
    answers = http2.Answers({}, {})
    reader = http2.Reader(answers)
    whole = data(b"x" * 1200)
    with proxy.wire(alpn=["h2"], timeout=0.05) as wire:
        wire.send(start() + headers(pseudo("POST", "/steady"), end=False) + whole[:9])
        # Three times as fast as it must be, in four seconds.
        for at in range(9, len(whole), 15):
            wire.send(whole[at : at + 15])
            with contextlib.suppress(TimeoutError):
                reader.take(wire.receive())
        wire.socket.settimeout(30)
        while 1 not in {*answers.resets, *answers.statuses}:
            reader.take(wire.receive())
    assert answers.statuses == {1: 200}, answers
    assert proxy.metric("connections_rejected_total", reason="slow_body") == 0


def test_an_answer_that_nobody_takes_is_cut(strict):
    before = strict.metric("connections_rejected_total", reason="slow_reader")
    no_window = http2.PREFACE + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0")
    answers = http2.ask(strict, no_window + PAGE + headers([*pseudo("HEAD", "/page")], stream=3))
    assert answers.statuses == {1: 200, 3: 200} and not answers.bodies.get(1), answers
    assert strict.metric("connections_rejected_total", reason="slow_reader") == before + 1


def drip(wire, piece):
    """Sends it over and over until the server answers or closes; what it said."""
    answers = http2.Answers({}, {})
    feed = http2.Reader(answers)

    def answered():
        try:
            wire.send(piece)
            came = wire.receive()
        except TimeoutError:
            return False
        except OSError:
            return True
        feed.take(came)
        return not came or answers.statuses or answers.resets

    waiting.until(answered, "the end of it")
    return answers
