"""HAProxy in front, passing bytes on with a PROXY protocol header."""

from . import waiting
from .process import Process
from .slapd import binary

_CONFIGURATION = """\
global
  maxconn 200
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
"""
_PAIR = """\
listen {name}
  bind 127.0.0.1:{port}
  server fedfront 127.0.0.1:{behind} {how}
"""


class Haproxy:
    """One port for each of the ways to send a header to `behind`: `ports[way]`."""

    def __init__(self, directory, behind, ways):
        self.ports = {way: waiting.free_port() for way in ways}
        pairs = [
            _PAIR.format(name=f"way{number}", port=port, behind=behind, how=way)
            for number, (way, port) in enumerate(self.ports.items())
        ]
        file = directory / "haproxy.cfg"
        file.write_text(_CONFIGURATION + "".join(pairs))
        self._process = Process("haproxy", [binary("haproxy"), "-db", "-f", file])
        for port in self.ports.values():
            waiting.listening(port, "haproxy", self._process.alive)

    def stop(self):
        self._process.stop()
