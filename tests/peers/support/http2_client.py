"""A small HTTP/2 client that takes a GOAWAY as RFC 9113 6.8 means it: what is under way is finished, nothing new begun."""

import socket
import ssl

import hpack
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_ALL = 2**31 - 1
_PIECE = 16_000


class Http2:
    """One connection to 127.0.0.1:port; one request at a time. `leaving` once the server has said that it ends."""

    def __init__(self, port, ca, timeout=30.0, authority=None, pair=None):
        context = ssl.create_default_context(cafile=str(ca))
        if pair:
            context.load_cert_chain(*pair)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        assert self._socket.selected_alpn_protocol() == "h2"
        self._authority = authority or f"localhost:{port}"
        self._encoder, self._decoder = hpack.Encoder(), hpack.Decoder()
        self._next = 1
        self._last = _ALL
        self.leaving = False
        settings = SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: _ALL})
        window = WindowUpdateFrame(0, window_increment=_ALL - 65_535)
        self._send(_PREFACE, settings.serialize(), window.serialize())

    def request(self, method, path, headers=None, body=None):
        """Status and content of the answer."""
        stream = self.send(method, path, headers, body)
        return self.answer(stream)

    def send(self, method, path, headers=None, body=None, ends=True):
        """Sends a request, its end only if `ends`; its stream."""
        stream, self._next = self._next, self._next + 2
        fields = [(":method", method), (":scheme", "https"), (":authority", self._authority), (":path", path)]
        fields += [(name.lower(), value) for name, value in (headers or {}).items()]
        head = HeadersFrame(stream, self._encoder.encode(fields), flags=["END_HEADERS"])
        if body is None and ends:
            head.flags.add("END_STREAM")
        self._send(head.serialize())
        if body is not None:
            self.send_body(stream, body, ends)
        return stream

    def send_body(self, stream, body, ends=True):
        """Sends a part of a body, small enough for every window."""
        pieces = [DataFrame(stream, body[at : at + _PIECE]) for at in range(0, len(body), _PIECE)]
        if ends:
            pieces[-1].flags.add("END_STREAM")
        self._send(*(piece.serialize() for piece in pieces))

    def answer(self, stream):
        """Status and content of the answer on a stream, whatever else comes before."""
        status, content = None, b""
        while True:
            frame = self._receive()
            if isinstance(frame, GoAwayFrame):
                self.leaving, self._last = True, frame.last_stream_id
                if frame.error_code or stream > frame.last_stream_id:
                    raise ConnectionError(f"stream {stream} is not answered: {frame}")
            elif frame.stream_id == stream and isinstance(frame, RstStreamFrame):
                raise ConnectionError(f"stream {stream} is reset: {frame}")
            elif frame.stream_id == stream:
                if isinstance(frame, HeadersFrame):
                    assert "END_HEADERS" in frame.flags, frame
                    fields = dict(self._decoder.decode(frame.data))
                    status = int(fields.get(":status", status or 0))
                elif isinstance(frame, DataFrame):
                    content += frame.data
                if "END_STREAM" in frame.flags:
                    return status, content

    def goes_away(self):
        """Whether the server says that it ends, before anything else, if it says something soon."""
        self.leaving = self.leaving or isinstance(self._receive(), GoAwayFrame)
        return self.leaving

    def close(self):
        self._socket.close()

    def _send(self, *frames):
        self._socket.sendall(b"".join(frames))

    def _receive(self):
        """The next frame, after those that concern the connection alone were answered."""
        while True:
            frame, length = Frame.parse_frame_header(memoryview(self._exactly(9)))
            frame.parse_body(memoryview(self._exactly(length)))
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                self._send(SettingsFrame(0, flags=["ACK"]).serialize())
            elif isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                self._send(PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize())
            else:
                return frame

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("closed by the server")
            data += piece
        return data
