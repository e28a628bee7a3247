"""HTTP/1.1 by hand over TLS, for what well-behaved client libraries refuse to send."""

import socket
import ssl


class Wire:
    """One connection to 127.0.0.1:port."""

    def __init__(self, port, ca, timeout=20.0, alpn=("http/1.1",), tls=None, source=None):
        context = tls or ssl.create_default_context(cafile=str(ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        plain = socket.create_connection(("127.0.0.1", port), timeout, source and (source, 0))
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def receive(self):
        """What arrives next; `b""` when the other side has closed, however it did."""
        try:
            return self.socket.recv(1 << 16)
        except TimeoutError:
            raise
        except (ConnectionError, ssl.SSLError):
            return b""

    def head(self):
        """(status, headers by lower-case name) of the next answer."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.receive()
            if not data:
                raise EOFError(f"closed after {self._buffer!r}")
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return int(status.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def body(self, headers):
        """The body of the answer whose headers these are."""
        if "chunked" in headers.get("transfer-encoding", ""):
            parts = []
            while True:
                size = int(self._line().split(b";")[0], 16)
                parts.append(self._exactly(size))
                self._line()
                if size == 0:
                    return b"".join(parts)
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return self.rest()

    def answer(self):
        """(status, headers, body) of the next answer that is not provisional."""
        status, headers = self.head()
        while status < 200 and status != 101:
            status, headers = self.head()
        return status, headers, self.body(headers)

    def rest(self):
        """Everything until the other side closes."""
        parts, self._buffer = [self._buffer], b""
        while data := self.receive():
            parts.append(data)
        return b"".join(parts)

    def raw(self, size):
        """The next `size` bytes."""
        return self._exactly(size)

    def _line(self):
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, size):
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self):
        data = self.receive()
        if not data:
            raise EOFError(f"closed after {self._buffer!r}")
        self._buffer += data
