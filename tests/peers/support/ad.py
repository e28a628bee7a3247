"""As much of Active Directory as a sign-in sees: entries found by name, and binds refused with its codes, at its own pace."""

import socketserver
import threading
import time

from .server import ThreadedServer

GROUP = "CN=O365-Users,OU=Groups,DC=example,DC=com"
WRONG_PASSWORD = "52e"


class Account:
    """One entry. `code` refuses the right password; `member` and `anchored` are what Office 365 asks for."""

    def __init__(self, login, password, code=None, member=True, anchored=True, unit="Users"):
        self.login = login
        self.password = password
        self.code = code
        self.member = member
        self.anchored = anchored
        self.upn = f"{login}@example.com"
        self.dn = f"CN={login},CN={unit},DC=example,DC=com"

    def result_entry(self):
        attributes = [("userPrincipalName", self.upn)]
        attributes += [("memberOf", GROUP)] if self.member else []
        attributes += [("objectGUID", f"{self.login:16.16}")] if self.anchored else []
        listed = b"".join(_tlv(0x30, _octets(name) + _tlv(0x31, _octets(value))) for name, value in attributes)
        return _tlv(0x64, _octets(self.dn) + _tlv(0x30, listed))


class ActiveDirectory(ThreadedServer):
    """Serves `accounts`; a name that is a part of another's must not be among them. `binds` lists whom binds were for."""

    def __init__(self, accounts):
        self.accounts = accounts
        self.binds = []
        self.bind_seconds = 0.0
        # Binds that come while `holding` are not answered; their connections end when they are released.
        self.holding = False
        self.released = threading.Event()
        super().__init__(_Connection, directory=self)

    def section(self):
        """The `directory` section for it."""
        return {
            "ldap": {
                "urls": [f"ldap://127.0.0.1:{self.port}"],
                "bind_dn": "CN=service",
                "bind_password": "service",
                "base_dn": "DC=example,DC=com",
                "attributes": {"upn": "userPrincipalName", "immutable_id": "objectGUID", "groups": "memberOf"},
            }
        }

    def stop(self):
        self.released.set()
        super().stop()


class _Connection(socketserver.BaseRequestHandler):
    directory = None

    def handle(self):
        self.stream = self.request.makefile("rb")
        while (message := self._message()) is not None:
            number, (tag, operation) = message
            answers = self._answers(tag, operation)
            if self.directory.holding and tag == 0x60 and b"CN=service" not in operation:
                self.directory.released.wait(60)
                return
            self.request.sendall(b"".join(_tlv(0x30, _tlv(0x02, number) + answer) for answer in answers))

    def _message(self):
        head = self.stream.read(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size & 0x80:
            size = int.from_bytes(self.stream.read(size & 0x7F), "big")
        (_, number), *rest = _elements(self.stream.read(size))
        return number, rest[0]

    def _answers(self, tag, operation):
        accounts = self.directory.accounts
        if tag == 0x60:  # BindRequest
            _, (_, name), (_, password) = _elements(operation)
            account = next((one for one in accounts if one.dn.encode() == name), None)
            return [_result(0x61, self._bind(account, password.decode()) if account else None)]
        if tag == 0x63:  # SearchRequest
            # Not in the attributes that are asked for, which have words in their names that a login may be.
            asked = b"\0".join(value for _, value in _elements(operation)[:7]).lower()
            found = [one.result_entry() for one in accounts if one.login.encode() in asked]
            return [*found, _result(0x65, None)]
        return []

    def _bind(self, account, password):
        self.directory.binds.append(account.login)
        time.sleep(self.directory.bind_seconds)
        return account.code if password == account.password else WRONG_PASSWORD


def _result(tag, code):
    text = f"80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563\0" if code else ""
    return _tlv(tag, _tlv(0x0A, b"\x31" if code else b"\x00") + _octets("") + _octets(text))


def _octets(text):
    return _tlv(0x04, text.encode())


def _tlv(tag, value):
    size = len(value)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + value


def _elements(data):
    """The (tag, value) pairs of a constructed value."""
    pairs, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            octets = size & 0x7F
            size, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        pairs.append((tag, data[at : at + size]))
        at += size
    return pairs
