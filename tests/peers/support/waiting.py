"""Waiting for a condition, never for a time."""

import os
import random
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


def free_port():
    """A port that was free a moment ago and is given to nobody else, for peers that cannot say which one they took."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is left")


def _own_ports():
    """Each worker has ports of its own, below those that the system gives to connections: nobody takes one meanwhile."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = range(10_000 + worker, 32_768, workers)
    return random.sample(ports, len(ports))


_ports = iter(_own_ports())


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
