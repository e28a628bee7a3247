"""HTTP/2 by hand, for frames and headers that no library would send."""

import dataclasses

from hpack import Decoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = SettingsFrame(0).serialize()
HOST = "localhost"


def start():
    """What a good client begins with."""
    return PREFACE + SETTINGS


def pseudo(method="GET", path="/", authority=HOST, scheme="https"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]


def block(headers):
    """Headers as HPACK has them, whatever is in them; nothing is indexed, so that blocks may be sent in any order."""
    return b"".join(_literal(_bytes(name), _bytes(value)) for name, value in headers)


def _literal(name, value):
    return b"\x00" + _string(name) + _string(value)


def _string(text):
    return _integer(len(text), 7) + text


def _integer(number, bits):
    most = (1 << bits) - 1
    if number < most:
        return bytes([number])
    out, number = [most], number - most
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def frame(kind, flags, stream, payload=b""):
    """Any frame at all."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def headers(fields, stream=1, end=True):
    return frame(HeadersFrame.type, 4 | (1 if end else 0), stream, block(fields))


def opened(fields, stream=1):
    """Headers that go on in CONTINUATION frames."""
    return frame(HeadersFrame.type, 1, stream, block(fields))


def continuation(payload=b"", stream=1, end=False):
    return frame(ContinuationFrame.type, 4 if end else 0, stream, payload)


def data(payload, stream=1, end=True):
    return frame(DataFrame.type, 1 if end else 0, stream, payload)


def reset(stream=1, code=8):
    return frame(RstStreamFrame.type, 0, stream, code.to_bytes(4, "big"))


def window(increment, stream=0):
    return frame(WindowUpdateFrame.type, 0, stream, increment.to_bytes(4, "big"))


@dataclasses.dataclass
class Answers:
    """What came until the server closed."""

    statuses: dict
    resets: dict
    goaway: int | None = None
    bodies: dict = dataclasses.field(default_factory=dict)
    frames: int = 0

    def gave_up(self):
        """Whether the server ended the connection for what was sent on it."""
        return self.goaway not in (None, 0)

    def refused(self, stream=1):
        """Whether the server ended it, or the stream, or answered that the request is none."""
        answered = self.statuses.get(stream)
        return self.gave_up() or stream in self.resets or answered in (400, 405, 408, 413, 431)


class Reader:
    """Takes bytes as they come and notes what is in them."""

    def __init__(self, answers):
        self.answers = answers
        self._decoder = Decoder()
        self._rest = b""

    def take(self, piece):
        self._rest += piece
        while len(self._rest) >= 9:
            length = int.from_bytes(self._rest[:3], "big")
            if len(self._rest) < 9 + length:
                return
            frame, _ = Frame.parse_frame_header(memoryview(self._rest[:9]))
            frame.parse_body(memoryview(self._rest[9 : 9 + length]))
            self._rest = self._rest[9 + length :]
            self._note(frame)

    def _note(self, frame):
        answers = self.answers
        answers.frames += 1
        if isinstance(frame, HeadersFrame):
            answers.statuses[frame.stream_id] = int(dict(self._decoder.decode(frame.data))[":status"])
        elif isinstance(frame, DataFrame):
            answers.bodies[frame.stream_id] = answers.bodies.get(frame.stream_id, b"") + frame.data
        elif isinstance(frame, RstStreamFrame):
            answers.resets[frame.stream_id] = frame.error_code
        elif isinstance(frame, GoAwayFrame):
            answers.goaway = frame.error_code


def read(wire):
    """The answers, to the end of the connection."""
    reader = Reader(Answers({}, {}))
    while piece := wire.receive():
        reader.take(piece)
    return reader.answers


def ask(process, sent, timeout=60):
    """Sends bytes on a connection of their own; the answers to its end."""
    with process.wire(timeout=timeout, alpn=["h2"]) as wire:
        try:
            wire.send(sent)
        except OSError:
            pass
        return read(wire)
