"""Clients that do not stop asking: forwarded pages, MEX, sign-ins, slow downloads; by HTTP/1.1 and HTTP/2, on connections that
are kept and on fresh ones. Whatever is not answered as it should be is a failure."""

import collections
import http.client
import ssl
import threading

from . import people, waiting
from .http2_client import Http2
from .rst import PATH13, Rst

IDP = b"the identity provider at"


class Load:
    """Asks until `stop`. `target()` says where to connect next, as (port, which life of the process there); a connection is
    kept until the server says that it ends, as behind a balancer of connections. What nobody accepted may be asked of
    another where the load is `balanced`."""

    def __init__(self, target, ca, balanced=False):
        self.balanced = balanced
        self.target = target
        self.ca = str(ca)
        self.failures = []
        self.answers = collections.Counter()
        self._ended = threading.Event()
        askers = [
            lambda: _Http1(self, _page),
            lambda: _Http1(self, _post),
            lambda: _Http1(self, _mex),
            lambda: _Http1(self, _sign_in),
            lambda: _Http1(self, _slow),
            lambda: _Http1(self, _page, fresh=True),
            lambda: _Http2(self, (_page, _post, _mex)),
            lambda: _Http2(self, (_slow, _sign_in)),
        ]
        self._threads = [threading.Thread(target=self._run, args=(make,), daemon=True) for make in askers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Lets every request that was sent be answered, and ends."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a request is not answered"

    def goes_on(self, life=None, requests=25):
        """Waits until so many more requests were answered, by the process of that life if one is given."""
        count = lambda: self.answers[life] if life else self.answers.total()  # noqa: E731
        enough = count() + requests
        waiting.until(lambda: count() >= enough or self.failures, "answers under load")

    def _run(self, make):
        asker = make()
        try:
            while not self._ended.is_set():
                target = asker.connected_to() or self.target()
                if target is None:
                    self._ended.wait(0.005)
                    continue
                try:
                    asker.ask(target)
                    self.answers[target[1]] += 1
                except (OSError, http.client.HTTPException, AssertionError) as error:
                    asker.forget()
                    if not (self.balanced and isinstance(error, ConnectionRefusedError)):
                        self.failures.append(f"{asker.name} to {target}: {error!r}")
        finally:
            asker.forget()


class _Asker:
    _kept = None

    def connected_to(self):
        return self._kept and self._kept[0]

    def connection(self, target, connect):
        if not self._kept:
            self._kept = target, connect()
        return self._kept[1]

    def forget(self):
        if self._kept:
            self._kept[1].close()
            self._kept = None


class _Http1(_Asker):
    def __init__(self, load, request, fresh=False):
        self.name = f"HTTP/1.1 {request.__name__}{' afresh' if fresh else ''}"
        self._request, self._fresh = request, fresh
        self._tls = ssl.create_default_context(cafile=load.ca)

    def ask(self, target):
        method, path, headers, body, judge = self._request()
        connection = self.connection(target, lambda: self._connect(target[0]))
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        judge(answer.status, content)
        if self._fresh or answer.will_close:
            self.forget()

    def _connect(self, port):
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=self._tls)
        connection.connect()
        # It would connect again by itself, and hide that a connection was lost.
        connection.auto_open = 0
        return connection


class _Http2(_Asker):
    def __init__(self, load, requests):
        self.name = f"HTTP/2 {' '.join(request.__name__ for request in requests)}"
        self._requests = collections.deque(requests)
        self._ca = load.ca

    def ask(self, target):
        connection = self.connection(target, lambda: Http2(target[0], self._ca))
        method, path, headers, body, judge = self._requests[0]()
        self._requests.rotate()
        judge(*connection.request(method, path, headers, body))
        if connection.leaving:
            self.forget()


def _page():
    return "GET", "/page", {}, None, _judge(b"a page")


def _post():
    return "POST", "/somewhere", {"Content-Type": "text/plain"}, b"x" * 20_000, _judge(IDP)


def _slow():
    return "GET", "/slow/file", {}, None, _judge(b"\0" * 1000)


def _mex():
    return "GET", "/mex", {}, None, _judge(b"definitions>", IDP)


def _sign_in():
    body = Rst(user=people.ALICE.upn, password=people.ALICE.password).text().encode()
    headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
    return "POST", PATH13, headers, body, _judge(b"RequestedSecurityToken>", IDP)


def _judge(*wanted):
    def judge(status, content):
        assert status == 200 and any(part in content for part in wanted), (status, content[:300])

    return judge
