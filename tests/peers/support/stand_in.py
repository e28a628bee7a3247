"""A stand-in of AD FS or WSO2, or of an identity provider that speaks ECP: answers in their shapes over TLS, and remembers what
it was sent. A test says what it wants to be wrong."""

import base64
import http.server
import re
import ssl
import threading
from xml.sax.saxutils import unescape

from . import mex_shapes, sts_shapes
from .rst import SAML2, TRUST13, TRUST2005

ECP_PATH = "/idp/profile/SAML2/SOAP/ECP"
ECP_TOKEN = {"version": SAML2, "name_format": sts_shapes.PERSISTENT, "upn": None, "immutable": None}
#: What WSO2 makes of a token.
WSO2_TOKEN = {
    "name": "alice@example.com",
    "name_format": sts_shapes.EMAIL,
    "token_type": f"{sts_shapes.PROFILE}#SAMLV1.1",
    "algorithm": "sha1",
    "prefix": "",
    "minutes": 5,
}


class StandIn:
    """`kind` is `adfs` or `wso2`; with `ecp` it answers ECP, too. `password` is the right one."""

    def __init__(self, site, password, kind="adfs", ecp=False):
        self.site, self.password, self.kind = site, password, kind
        stand_in = self

        class Handler(_Handler):
            owner = stand_in

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, site.tls))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        self.ecp = ecp
        self.reset()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def reset(self):
        """As it was; nothing was sent to it."""
        self.passwords = []
        self.token = dict(WSO2_TOKEN) if self.kind == "wso2" else {}
        self.ecp_token = {}
        self.trust = {}
        self.base = self.url
        self.mex = None
        self.outage = None
        self.date = None
        self.acs_header = True

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def _metadata(self):
        if self.mex is not None:
            return self.mex
        return mex_shapes.wso2(self.base) if self.kind == "wso2" else mex_shapes.definitions(self.base)

    def _token(self, **changes):
        return sts_shapes.Token(**{"pair": self.site.signing, **changes})

    def get(self, path):
        if self.kind == "adfs" and path == "/adfs/services/trust/mex":
            return 200, self._metadata()
        return 404, "<html><body>Not here</body></html>"

    def post(self, path, body, authorization):
        if self.kind == "wso2" and path == "/services/mex-ut":
            return 200, self._metadata()
        if self.ecp and path == ECP_PATH:
            return self._ecp(body, authorization)
        password = re.search(r"<\w+:Password[^>]*>([^<]*)<", body)
        if not password:
            return 404, "<html><body>Not here</body></html>"
        return self._trust(path, body, unescape(password.group(1)))

    def _trust(self, path, body, password):
        self.passwords.append((path, password))
        if self.outage:
            return self.outage
        if password != self.password:
            return 500, sts_shapes.fault()
        trust = TRUST13 if TRUST13 in body else TRUST2005
        token = self._token(**{**self.token, **self.trust.get(trust, {})})
        return 200, (sts_shapes.wso2 if self.kind == "wso2" else sts_shapes.adfs)(token, trust)

    def _ecp(self, body, authorization):
        if not authorization:
            return 401, ""
        _, password = base64.b64decode(authorization.split(" ", 1)[1]).decode().split(":", 1)
        self.passwords.append((ECP_PATH, password))
        if password != self.password:
            return 401, ""
        request = re.search(r'AuthnRequest [^>]*?ID="([^"]+)"', body).group(1)
        changes = {**ECP_TOKEN, "more": {"IDPEmail": "alice@example.com"}, **self.ecp_token}
        request = changes.pop("in_response_to", request)
        return 200, sts_shapes.ecp(self._token(**changes), request, envelope_header=self.acs_header)


class _Handler(http.server.BaseHTTPRequestHandler):
    owner = None
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(*self.owner.get(self.path))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self._answer(*self.owner.post(self.path, body, self.headers["authorization"]))

    def _answer(self, status, text):
        octets = text.encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def date_time_string(self, timestamp=None):
        return self.owner.date or super().date_time_string(timestamp)

    def log_message(self, *_):
        """Nobody reads it."""
