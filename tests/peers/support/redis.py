"""A Redis server that replicas share: by TLS and without, with a user that may do what the documentation says and no more."""

import shutil
import socket

from . import people, waiting
from .process import Process, Restartable

ADMINISTRATOR = "canary-Redis-admin-1"
_MAY = "+info +getrange +get +set +del +eval +evalsha"

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
tls-port {tls_port}
tls-cert-file {certificate}
tls-key-file {key}
tls-ca-cert-file {ca}
tls-auth-clients no
save ""
appendonly no
dir {directory}
user default on >{administrator} ~* &* +@all
user fedfront on >{password} ~fedfront:* {may}
"""


class Redis(Restartable):
    """`start`, `stop`, `freeze` and `thaw` at will: ports stay, what it held does not outlive it."""

    def __init__(self, directory, authority):
        self.directory = directory
        self.ca = authority.file
        self.port, self.tls_port = waiting.free_port(), waiting.free_port()
        certificate, key = authority.server("redis", "localhost", "127.0.0.1")
        self.password_file = directory / "password"
        self.password_file.write_text(people.REDIS_PASSWORD + "\n")
        self.password_file.chmod(0o600)
        self._configuration = directory / "redis.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(
                port=self.port,
                tls_port=self.tls_port,
                certificate=certificate,
                key=key,
                ca=self.ca,
                directory=directory,
                administrator=ADMINISTRATOR,
                password=people.REDIS_PASSWORD,
                may=_MAY,
            )
        )

    @property
    def url(self):
        return f"rediss://localhost:{self.tls_port}"

    def state(self, **changes):
        """The `state` section for it. On a machine that is busy with tests, 50 ms are short."""
        section = {
            "url": self.url,
            "username": "fedfront",
            "password_file": str(self.password_file),
            "ca_file": str(self.ca),
            "timeout": "250ms",
        }
        return {key: value for key, value in {**section, **changes}.items() if value is not None}

    def start(self):
        self._process = Process("redis-server", [shutil.which("redis-server"), self._configuration])
        self._process.wait_for_line("Ready to accept connections")
        waiting.listening(self.tls_port, "redis-server", self._process.alive)

    def ask(self, *words):
        """What it answers to a command of the administrator: bytes, numbers, lists of them; an error is raised."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            stream = connection.makefile("rwb")
            for command in (("AUTH", ADMINISTRATOR), words):
                stream.write(b"*%d\r\n" % len(command))
                for word in command:
                    octets = word if isinstance(word, bytes) else str(word).encode()
                    stream.write(b"$%d\r\n%s\r\n" % (len(octets), octets))
                stream.flush()
                answer = _read(stream)
            return answer

    def everything(self):
        """Each key and its value."""
        return {key: self.ask("GET", key) or b"" for key in self.ask("KEYS", "*")}


def _read(stream):
    line = stream.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise AssertionError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        length = int(rest)
        return None if length < 0 else stream.read(length + 2)[:-2]
    if kind == b"*":
        return [_read(stream) for _ in range(int(rest))]
    return rest
