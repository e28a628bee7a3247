"""A server that takes nothing on trust: it records each request that reaches it, byte for byte, and reads it as strictly as RFC 9112 allows."""

import re
import socketserver

from .server import ThreadedServer

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)")
_CHUNK = re.compile(rb"[0-9a-fA-F]{1,8}")


class Recorder(ThreadedServer):
    """`requests` are (method, path, headers, body); `broken` is what was no request, and must stay empty."""

    def __init__(self):
        self.requests = []
        self.broken = []
        super().__init__(_Connection, recorder=self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def seen(self):
        """`METHOD /path` of each request so far."""
        return [f"{method} {path}" for method, path, _, _ in self.requests]


class _Broken(Exception):
    pass


class _Connection(socketserver.StreamRequestHandler):
    recorder = None

    def handle(self):
        try:
            while head := self._head():
                method, path, headers = head
                # Recorded before its body: one that never ends has been seen all the same.
                request = [method, path, headers, None]
                self.recorder.requests.append(request)
                request[3] = self._body(headers)
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if method == "HEAD" else b"ok"))
        except _Broken as broken:
            self.recorder.broken.append(str(broken))
        except OSError:
            pass

    def _line(self):
        line = self.rfile.readline(1 << 20)
        if not line:
            return None
        if not line.endswith(b"\r\n"):
            if line.endswith(b"\n"):
                raise _Broken(f"a line that ends by itself: {line!r}")
            return None  # it was cut
        return line[:-2]

    def _head(self):
        line = self._line()
        if line is None:
            return None
        match = _LINE.fullmatch(line)
        if not match:
            raise _Broken(f"no request line: {line!r}")
        headers = []
        while (field := self._line()) != b"":
            if field is None:
                return None
            named = _FIELD.fullmatch(field)
            if not named:
                raise _Broken(f"no header: {field!r}")
            headers.append((named[1].decode().lower(), named[2].decode("latin-1")))
        return match[1].decode(), match[2].decode("latin-1"), headers

    def _body(self, headers):
        lengths = [value for name, value in headers if name == "content-length"]
        encodings = [value for name, value in headers if name == "transfer-encoding"]
        if len(lengths) + len(encodings) > 1:
            raise _Broken(f"framed twice: {headers}")
        if encodings:
            if encodings != ["chunked"]:
                raise _Broken(f"an unknown coding: {encodings}")
            return self._chunks()
        if not lengths:
            return b""
        if not lengths[0].isascii() or not lengths[0].isdigit():
            raise _Broken(f"no length: {lengths}")
        return self._exactly(int(lengths[0]))

    def _chunks(self):
        body = b""
        while True:
            size = self._line()
            if size is None:
                raise OSError("cut")
            if not _CHUNK.fullmatch(size):
                raise _Broken(f"no chunk size: {size!r}")
            piece = self._exactly(int(size, 16)) if int(size, 16) else b""
            body += piece
            end = self._line()
            if end is None:
                raise OSError("cut")
            if end != b"":
                raise _Broken(f"a chunk or a trailer that is none: {end!r}")
            if not piece:
                return body

    def _exactly(self, size):
        data = self.rfile.read(size)
        if len(data) < size:
            raise OSError("cut")
        return data
