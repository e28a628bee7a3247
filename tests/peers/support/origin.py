"""A small server behind the proxy for what nginx cannot be made to do: upgrades, silence, counting, odd answers."""

import socket
import socketserver
import threading

from .server import ThreadedServer


class Origin(ThreadedServer):
    """Answers by path: see `_Connection.handle`. `received` counts the body bytes of each request in order."""

    def __init__(self):
        self.heads = []
        self.received = []
        self.release = threading.Event()
        super().__init__(_Connection, origin=self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.release.set()
        super().stop()


class _Connection(socketserver.BaseRequestHandler):
    origin = None

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.request.makefile("rb", buffering=1 << 16)
        try:
            while True:
                head = self._head()
                if not head:
                    return
                method, path, headers = head
                self.origin.heads.append(head)
                if not self._answer(method, path.partition("?")[0], headers):
                    return
        except OSError:
            return

    def _head(self):
        line = self.stream.readline()
        if not line:
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        for line in iter(self.stream.readline, b"\r\n"):
            if not line:
                return None
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        return method, path, headers

    def _answer(self, method, path, headers):
        named = {name.lower(): value for name, value in headers}
        if named.get("upgrade", "").lower() == "websocket":
            return self._echo_forever(named)
        if path == "/silent":  # takes the request, says nothing until released
            self.origin.release.wait(60)
            return False
        if path == "/slow":  # headers at once, the rest when released
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            self.origin.release.wait(60)
            self.request.sendall(b"+last")
            return True
        if path == "/gone":  # takes the request and closes
            return False
        if path == "/garbage":  # is no server of HTTP
            self.request.sendall(b"220 mail.example.com ESMTP\r\n")
            self.origin.release.wait(60)
            return False
        if path == "/cut":  # promises more than it sends
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
            return False
        if "100-continue" in named.get("expect", "").lower():
            if path == "/unwanted":
                self.request.sendall(
                    b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return False
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.origin.received.append(self._discard(named))
        if path == "/chunked":
            self.request.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
            )
            return True
        body = f"{method} {path} {self.origin.received[-1]}\n".encode()
        if method == "HEAD":
            body = b""
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True

    def _discard(self, named):
        """Reads the body to its end; its length."""
        if "chunked" in named.get("transfer-encoding", "").lower():
            total = 0
            while True:
                size = int(self.stream.readline().split(b";")[0], 16)
                total += self._skip(size)
                self.stream.readline()
                if size == 0:
                    return total
        return self._skip(int(named.get("content-length", "0")))

    def _skip(self, size):
        buffer = memoryview(bytearray(1 << 18))
        left = size
        while left:
            count = self.stream.readinto(buffer[: min(left, len(buffer))])
            if not count:
                raise OSError("the body ended early")
            left -= count
        return size

    def _echo_forever(self, named):
        answer = [
            "HTTP/1.1 101 Switching Protocols",
            f"Upgrade: {named['upgrade']}",
            "Connection: Upgrade",
        ]
        self.request.sendall(("\r\n".join(answer) + "\r\n\r\n").encode())
        while True:
            data = self.stream.read1(1 << 16)
            if not data:
                return False
            self.request.sendall(data)
