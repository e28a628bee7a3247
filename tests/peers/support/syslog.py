"""Syslog servers: datagrams on a Unix socket or by UDP, and streams with octet counting, in the clear or by TLS."""

import re
import socket
import ssl
import threading

MESSAGE = re.compile(r"<(\d+)>1 (\S+) (\S+) (\S+) (\d+) (\S+) - (.*)", re.S)


class Message:
    def __init__(self, raw):
        parts = MESSAGE.fullmatch(raw.decode())
        assert parts, raw
        self.priority = int(parts[1])
        self.time, self.host, self.app, self.process, self.kind, self.text = parts.groups()[1:]


class Datagrams:
    """At a path, or by UDP on a port of this machine."""

    def __init__(self, path=None, port=0):
        self.messages = []
        self.path = path
        if path:
            path.unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(str(path))
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(("127.0.0.1", port))
            self.port = self._socket.getsockname()[1]
        self._socket.settimeout(0.05)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while not self._ended.is_set():
            try:
                self.messages.append(Message(self._socket.recv(1 << 17)))
            except TimeoutError:
                continue

    def stop(self):
        self._ended.set()
        self._thread.join(5)
        self._socket.close()


class Stream:
    """`tls` is a pair of certificate and key; `clients_ca` is whose certificates clients must have."""

    def __init__(self, port=0, tls=None, clients_ca=None):
        self.messages = []
        self.connections = 0
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*map(str, tls))
        if clients_ca:
            self._context.load_verify_locations(str(clients_ca))
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
                if self._context:
                    connection.settimeout(5)
                    connection = self._context.wrap_socket(connection, server_side=True)
                    connection.settimeout(None)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        rest = b""
        try:
            while piece := connection.recv(1 << 16):
                rest += piece
                while (space := rest.find(b" ")) > 0 and len(rest) > (end := space + 1 + int(rest[:space])) - 1:
                    self.messages.append(Message(rest[space + 1 : end]))
                    rest = rest[end:]
        except OSError:
            pass

    def stop(self):
        """As a server that is stopped: whoever is connected is told so."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
