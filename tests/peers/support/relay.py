"""A network between fedfront and a server that can be made to lose things, on any machine and for nobody else."""

import itertools
import select
import socket
import socketserver
import struct
import time

from .server import ThreadedServer

# As long as TCP waits at first before it sends again what nobody acknowledged.
AGAIN = 0.2


class Relay(ThreadedServer):
    """Passes the bytes of each connection on to `behind`, a port of this machine, until told otherwise."""

    def __init__(self, behind=None):
        self.behind = behind
        self.mood = "pass"
        self.packets = itertools.count(1)
        super().__init__(_Connection, relay=self)

    def drop(self):
        """Everything is lost without a word from now on, as where a cable is cut. A connection that lost something stays lost, as where a firewall forgot it."""
        self.mood = "drop"

    def reset(self):
        """Every connection is cut by a RST, new ones too."""
        self.mood = "reset"

    def lose(self):
        """Every tenth packet comes late, as when it is lost and sent again."""
        self.mood = "lose"

    def heal(self):
        self.mood = "pass"


class _Connection(socketserver.BaseRequestHandler):
    relay = None

    def handle(self):
        try:
            if self.relay.mood == "drop":
                self._swallow()
            elif self.relay.mood != "reset":
                with socket.create_connection(("127.0.0.1", self.relay.behind), timeout=5) as server:
                    self._pass_on({self.request: server, server: self.request})
        except OSError:
            pass
        # Closed at once, whatever is under way.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _pass_on(self, others):
        while self.relay.mood != "reset":
            for sender in select.select(list(others), [], [], 0.02)[0]:
                data = sender.recv(1 << 16)
                if self.relay.mood == "drop":
                    return self._swallow()
                if not data:
                    return None
                if self.relay.mood == "lose" and next(self.relay.packets) % 10 == 0:
                    time.sleep(AGAIN)
                others[sender].sendall(data)
        return None

    def _swallow(self):
        """It is lost for good: what either says, its end too, the other never hears."""
        while self.relay.mood != "reset" and (not self._readable() or self.request.recv(1 << 16)):
            pass

    def _readable(self):
        return select.select([self.request], [], [], 0.02)[0]
