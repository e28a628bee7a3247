"""WS-Trust requests as clients write them, and what came back."""

import dataclasses
import datetime
import re
import uuid
from xml.sax.saxutils import escape

from lxml import etree

SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
WSA2004 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSP = "http://schemas.xmlsoap.org/ws/2004/09/policy"
TRUST13 = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
TRUST2005 = "http://schemas.xmlsoap.org/ws/2005/02/trust"
SAML1 = "urn:oasis:names:tc:SAML:1.0:assertion"
SAML2 = "urn:oasis:names:tc:SAML:2.0:assertion"
PROFILE = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1"
PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
NS = {
    "s": SOAP12,
    "s11": SOAP11,
    "a": WSA,
    "a04": WSA2004,
    "o": WSSE,
    "u": WSU,
    "p": WSP,
    "t": TRUST2005,
    "w": TRUST13,
    "saml": SAML1,
    "saml2": SAML2,
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}

PATH13 = "/adfs/services/trust/13/usernamemixed"
PATH2005 = "/adfs/services/trust/2005/usernamemixed"
WSO2 = "/services/wso2carbon-sts"


def instant(offset=0.0, digits=3):
    """Now, `offset` seconds later, as xs:dateTime in UTC."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    fraction = f".{when.microsecond:06d}"[: digits + 1] if digits else ""
    return when.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


@dataclasses.dataclass
class Rst:
    """An RST; `text()` renders it. The defaults are MSAL's RST 1.3. A field that is None is left out."""

    user: str | None = "alice@example.com"
    password: str | None = ""
    trust: str = TRUST13
    soap: str = SOAP12
    wsa: str | None = WSA
    message_id: str | None = dataclasses.field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")
    message_id_name: str = "MessageID"
    action: str | None = None
    to: str = "https://localhost/sts"
    created: float | str = 0.0
    expires: float | str = 600.0
    timestamp: bool = True
    security: str | None = None
    applies_to: str | None = "urn:federation:MicrosoftOnline"
    token_type: str | None = None
    key_type: str | None = "default"
    request_type: str | None = "Issue"
    password_type: str | None = None
    token_extra: str = ""
    header_extra: str = ""
    body_extra: str = ""
    must_understand: str = "1"

    @property
    def envelope_action(self):
        return self.action or f"{self.trust}/RST/Issue"

    def text(self):
        understand = f's:mustUnderstand="{self.must_understand}"'
        header = ""
        if self.wsa:
            header += f"<a:Action {understand}>{escape(self.envelope_action)}</a:Action>"
            if self.message_id is not None:
                header += f"<a:{self.message_id_name}>{escape(self.message_id)}</a:{self.message_id_name}>"
            anonymous = self.wsa + ("/anonymous" if self.wsa == WSA else "/role/anonymous")
            header += f"<a:ReplyTo><a:Address>{anonymous}</a:Address></a:ReplyTo>"
            header += f"<a:To {understand}>{escape(self.to)}</a:To>"
        header += self.security if self.security is not None else self._security(understand)
        addressing = f' xmlns:a="{self.wsa}"' if self.wsa else ""
        return (
            f'<s:Envelope xmlns:s="{self.soap}"{addressing} xmlns:u="{WSU}"><s:Header>{header}{self.header_extra}'
            f"</s:Header><s:Body>{self._request()}</s:Body></s:Envelope>"
        )

    def _security(self, understand):
        inner = ""
        if self.timestamp:
            inner += (
                f'<u:Timestamp u:Id="_0"><u:Created>{_instant(self.created)}</u:Created>'
                f"<u:Expires>{_instant(self.expires)}</u:Expires></u:Timestamp>"
            )
        if self.user is not None:
            kind = f' Type="{self.password_type}"' if self.password_type else ""
            password = "" if self.password is None else f"<o:Password{kind}>{escape(self.password)}</o:Password>"
            inner += (
                f'<o:UsernameToken u:Id="UnPwSecTok"><o:Username>{escape(self.user)}</o:Username>{password}'
                f"{self.token_extra}</o:UsernameToken>"
            )
        return f'<o:Security {understand} xmlns:o="{WSSE}">{inner}</o:Security>'

    def _request(self):
        parts = ""
        if self.applies_to is not None:
            wsa = self.wsa or WSA
            parts += (
                f'<p:AppliesTo xmlns:p="{WSP}"><b:EndpointReference xmlns:b="{wsa}"><b:Address>'
                f"{escape(self.applies_to)}</b:Address></b:EndpointReference></p:AppliesTo>"
            )
        key_type = self.key_type
        if key_type == "default":
            bearer = f"{TRUST13}/Bearer"
            key_type = bearer if self.trust == TRUST13 else "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
        for name, value in (
            ("KeyType", key_type),
            ("RequestType", self.request_type and f"{self.trust}/{self.request_type}"),
            ("TokenType", self.token_type),
        ):
            if value is not None:
                parts += f"<w:{name}>{escape(value)}</w:{name}>"
        return f'<w:RequestSecurityToken xmlns:w="{self.trust}">{parts}{self.body_extra}</w:RequestSecurityToken>'


def _instant(value):
    return value if isinstance(value, str) else instant(value)


def send(proxy, request, path=PATH13, **headers):
    """Posts an `Rst`, or bytes, as Microsoft's libraries do."""
    if isinstance(request, Rst):
        action = request.envelope_action
        media = "application/soap+xml; charset=utf-8" if request.soap == SOAP12 else "text/xml; charset=utf-8"
        headers = {"Content-Type": media, "SOAPAction": action, **headers}
        request = request.text()
    headers = {"Content-Type": "application/soap+xml; charset=utf-8", **headers}
    data = request.encode() if isinstance(request, str) else request
    return proxy.post(path, data, headers=headers)


def sign_in(proxy, person, path=PATH13, **fields):
    """Posts the RST of a person with the right password."""
    trust = TRUST2005 if "/2005/" in path else TRUST13
    return send(proxy, Rst(**{"user": person.upn, "password": person.password, "trust": trust, **fields}), path)


def token(answer):
    """The `Token` in an answer that must be a success."""
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return Token(answer.content)


class Token:
    """A response with its assertion, both as parsed and as the bytes on the wire."""

    def __init__(self, content):
        self.content = content
        self.document = etree.fromstring(content)
        found = re.findall(rb"<(?:\w+:)?RequestedSecurityToken>(.*?)</(?:\w+:)?RequestedSecurityToken>", content, re.S)
        assert len(found) == 1, content
        self.assertion_bytes = found[0]
        self.assertion = etree.fromstring(self.assertion_bytes)

    def text(self, path):
        """The text of the one element at `path`."""
        found = self.document.xpath(path, namespaces=NS)
        assert len(found) == 1, f"{path}: {len(found)} in {self.content!r}"
        return found[0] if isinstance(found[0], str) else found[0].text

    def attributes(self):
        """SAML 1.1: (namespace, name) to values; SAML 2.0: name to values."""
        found = {}
        for attribute in self.assertion.iter(f"{{{SAML1}}}Attribute"):
            key = (attribute.get("AttributeNamespace"), attribute.get("AttributeName"))
            found[key] = [value.text for value in attribute]
        for attribute in self.assertion.iter(f"{{{SAML2}}}Attribute"):
            found[attribute.get("Name")] = [value.text for value in attribute]
        return found


def fault(answer):
    """(code, subcode's local name, its namespace, reason) of a SOAP 1.2 fault."""
    document = etree.fromstring(answer.content)
    (element,) = document.xpath("/s:Envelope/s:Body/s:Fault", namespaces=NS)
    code = element.xpath("s:Code/s:Value", namespaces=NS)[0].text.split(":")[1]
    (value,) = element.xpath("s:Code/s:Subcode/s:Value", namespaces=NS)
    prefix, _, local = value.text.partition(":")
    (reason,) = element.xpath("s:Reason/s:Text", namespaces=NS)
    return code, local, value.nsmap[prefix], reason.text
