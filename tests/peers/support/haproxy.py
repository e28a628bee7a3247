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


class Balancer:
    """HAProxy with a whole configuration that listens on `ports`."""

    def __init__(self, directory, configuration, ports):
        file = directory / "haproxy.cfg"
        file.write_text(configuration)
        self._process = Process("haproxy", [binary("haproxy"), "-db", "-f", file])
        for port in ports:
            waiting.listening(port, "haproxy", self._process.alive)

    def output(self):
        return self._process.output()

    def stop(self):
        self._process.stop()


class Haproxy(Balancer):
    """One port for each of the ways to send a header to `behind`: `ports[way]`."""

    def __init__(self, directory, behind, ways):
        self.ports = {way: waiting.free_port() for way in ways}
        pairs = [
            _PAIR.format(name=f"way{number}", port=port, behind=behind, how=way)
            for number, (way, port) in enumerate(self.ports.items())
        ]
        super().__init__(directory, _CONFIGURATION + "".join(pairs), self.ports.values())
