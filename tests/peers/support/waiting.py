"""Waiting for a condition, never for a time."""

import socket
import time


def until(condition, what, timeout=20.0):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)


def listening(port, what, alive=lambda: True, timeout=20.0, host="127.0.0.1"):
    """Waits until something accepts on that port of `host`."""

    def connected():
        assert alive(), f"{what} ended before it listened"
        try:
            socket.create_connection((host, port), timeout=1).close()
            return True
        except OSError:
            return False

    until(connected, f"{what} listening on {port}", timeout)


_handed_out = set()


def free_port():
    """A port that was free a moment ago and is given to nobody else, for peers that cannot say which one they took."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


class Quiet:
    """True once what is measured has stayed as it is for so long."""

    def __init__(self, measure, seconds):
        self._measure, self._seconds = measure, seconds
        self._last, self._since = None, time.monotonic()

    def __call__(self):
        now, measured = time.monotonic(), self._measure()
        if measured != self._last:
            self._last, self._since = measured, now
        return now - self._since >= self._seconds
