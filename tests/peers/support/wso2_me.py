"""A stand-in for an identity provider that checks passwords itself, as WSO2 answers SCIM2 `/Me`."""

import base64
import dataclasses
import http.server
import json
import threading
import uuid

from .server import ThreadedServer

PATH = "/scim2/Me"
SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
INVALID = "Authorization failure. Authorization information was invalid or missing from your request."
TRYING = "Error occurred while trying to authenticate. "


@dataclasses.dataclass(frozen=True)
class Account:
    """A user of a JDBC user store. `error` is what keeps them out though their password is right: a status and its detail."""

    login: str
    password: str
    upn_domain: str = "example.com"
    groups: tuple[str, ...] = ("O365-Users",)
    error: tuple[int, str] | None = None
    record: dict = dataclasses.field(default_factory=dict)

    @property
    def upn(self):
        return f"{self.login}@{self.upn_domain}"

    @property
    def id(self):
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, self.login))

    @property
    def immutable_id(self):
        """As Entra has it, by `guid`."""
        return base64.b64encode(uuid.UUID(self.id).bytes_le).decode()

    def scim(self):
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": self.id,
            "userName": f"JDBC/{self.login}",
            "emails": [self.upn],
            "groups": [{"display": group, "value": str(uuid.uuid4())} for group in self.groups],
            "name": {"givenName": self.login.title()},
            **self.record,
        }


class Wso2(ThreadedServer):
    """`asked` has the user name of each request with a password, and `heads` the headers of every one, by their names in lower case. `moods` make all answers odd: see `_Handler.do_GET`."""

    def __init__(self, accounts):
        self.accounts = {account.login.lower(): account for account in accounts}
        self.asked = []
        self.heads = []
        self.mood = None
        self.released = threading.Event()
        super().__init__(_Handler, idp=self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def times_asked(self, login):
        return [name.lower() for name in self.asked].count(login.lower())

    def stop(self):
        self.released.set()
        super().stop()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    idp = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        idp = self.idp
        idp.heads.append({name.lower(): value for name, value in self.headers.items()})
        if self.path != PATH:
            return self._say(404, "<html>there is no such page</html>", "text/html")
        credentials = self._credentials()
        if credentials:
            idp.asked.append(credentials[0])
        mood = idp.mood
        if mood == "hung":
            idp.released.wait(60)
            self.close_connection = True
            return None
        if mood == "html":
            return self._say(200, "<html><form>log in</form></html>", "text/html")
        if mood == "redirect":
            self.send_response(302)
            self.send_header("Location", "https://idp.invalid/login")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if mood == "large":
            return self._say(200, json.dumps({"userName": "x", "padding": "x" * (2 << 20)}))
        if mood == "gone":
            self.close_connection = True
            return None
        if isinstance(mood, int):
            return self._say(mood, "<html>error</html>", "text/html")
        if mood == "cached":
            return self._say(200, json.dumps(next(iter(idp.accounts.values())).scim()), Age="7")
        if mood == "somebody":
            return self._say(200, json.dumps(Account("mallory", "").scim()))
        return self._answer(credentials)

    def _credentials(self):
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        name, _, password = base64.b64decode(value).decode().partition(":")
        return name, password

    def _answer(self, credentials):
        if credentials is None:
            return self._error(401, INVALID)
        name, password = credentials
        name, at, tenant = name.rpartition("@")
        if at and tenant.lower() != "carbon.super":
            return self._error(401, TRYING + "The tenant domain specified in the username is invalid")
        account = self.idp.accounts.get((name if at else tenant).rpartition("/")[2].lower())
        if account is None or account.password != password:
            return self._error(401, INVALID)
        if account.error:
            return self._error(*account.error)
        return self._say(200, json.dumps(account.scim()), "application/scim+json")

    def _error(self, status, detail):
        self._say(status, json.dumps({"status": status, "detail": detail, "schemas": [SCIM_ERROR]}, indent=2))

    def _say(self, status, text, kind="application/json;charset=UTF-8", **headers):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "JSESSIONID=0123456789ABCDEF; Path=/; Secure; HttpOnly")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
