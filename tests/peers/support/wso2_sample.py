"""WSO2's sts-client sample, byte by byte: what samples-is' Client.java has Rampart's STSClient and Axis2 put on the wire, in
their order and prefixes, and what they take from the answer.

Its Renew is sent by the client object that issued, whose Action nobody changes; so it says Issue in the header, in the
Content-Type and nowhere else. Its Validate names the token that was first issued, renewed or not."""

import copy
import dataclasses
import datetime
import uuid
from xml.sax.saxutils import escape

from lxml import etree

from .rst import NS, PASSWORD_TEXT, PROFILE, SOAP12, TRUST2005, WSA2004, WSP, WSSE, WSU, WSO2, instant

DIALECT = "http://wso2.org/claims"
GIVEN_NAME = f"{DIALECT}/givenname"
EMAIL = f"{DIALECT}/emailaddress"
RELYING_PARTY = "https://localhost:10443/services/echo"
TOKEN_TYPES = {"1.1": f"{PROFILE}#SAMLV1.1", "2.0": f"{PROFILE}#SAMLV2.0"}


@dataclasses.dataclass
class Answer:
    """An answer as `STSClient` reads it: by first elements, and children in the namespace of 2005/02."""

    status: int
    headers: dict
    content: bytes

    @property
    def document(self):
        return etree.fromstring(self.content)

    @property
    def action(self):
        return self.document.findtext("{*}Header/{%s}Action" % WSA2004)

    @property
    def response(self):
        assert self.status == 200, (self.status, self.content)
        (response,) = self.document.find("{*}Body")
        assert response.tag == f"{{{TRUST2005}}}RequestSecurityTokenResponse"
        return response

    def first(self, name):
        """The first element in the child of that name."""
        return self.response.find(f"{{{TRUST2005}}}{name}")[0]

    @property
    def reference(self):
        """What a later request names the token by: the unattached reference as it came."""
        return self.first("RequestedUnattachedReference")

    @property
    def token_id(self):
        """By the attached reference: the text of a KeyIdentifier, or the URI of a Reference."""
        named = self.first("RequestedAttachedReference")[0]
        return named.text if named.tag.endswith("KeyIdentifier") else named.get("URI")

    @property
    def expires(self):
        text = self.response.findtext(f"{{{TRUST2005}}}Lifetime/{{{WSU}}}Expires")
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

    @property
    def status_code(self):
        return self.first("Status").text


@dataclasses.dataclass
class Sample:
    """The client with its properties."""

    proxy: object
    username: str
    password: str
    saml: str = "2.0"
    confirmation: str = "b"
    relying_party: str = RELYING_PARTY

    def issue(self):
        """`requestSecurityToken`, with the template's TokenType, KeyType and Claims."""
        claims = "".join(
            f'<wsid:ClaimType xmlns:wsid="http://schemas.xmlsoap.org/ws/2005/05/identity" Uri="{uri}"/>'
            for uri in (GIVEN_NAME, EMAIL)
        )
        key_type = "Bearer" if self.confirmation == "b" else "SymmetricKey"
        return self._send(
            "Issue",
            "Issue",
            f'<wsp:AppliesTo xmlns:wsp="{WSP}"><wsa:EndpointReference xmlns:wsa="{WSA2004}"><wsa:Address>'
            f"{self.relying_party}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
            f'<wst:Lifetime><wsu:Created xmlns:wsu="{WSU}">{instant()}</wsu:Created>'
            f'<wsu:Expires xmlns:wsu="{WSU}">{instant(300)}</wsu:Expires></wst:Lifetime>'
            f"<wst:TokenType>{TOKEN_TYPES[self.saml]}</wst:TokenType>"
            f"<wst:KeyType>{TRUST2005}/{key_type}</wst:KeyType>"
            f'<wst:Claims xmlns:wsp="{TRUST2005}" wsp:Dialect="{DIALECT}">{claims}</wst:Claims>',
        )

    def renew(self, reference):
        """`renewToken`."""
        token_type = f"<wst:TokenType>{TOKEN_TYPES[self.saml]}</wst:TokenType>"
        return self._send("Issue", "Renew", f"{token_type}<wst:RenewTarget>{_text(reference)}</wst:RenewTarget>")

    def validate(self, reference):
        """`validateToken`."""
        token_type = f"<wst:TokenType>{TRUST2005}/RSTR/Status</wst:TokenType>"
        target = f"<wst:ValidateTarget>{_text(reference)}</wst:ValidateTarget>"
        return self._send("Validate", "Validate", token_type + target)

    def cancel(self, token_id):
        """`cancelToken`, which the sample itself does not call."""
        reference = (
            f'<wsse:SecurityTokenReference xmlns:wsse="{WSSE}"><wsse:Reference URI="{token_id}"/>'
            "</wsse:SecurityTokenReference>"
        )
        return self._send("Cancel", "Cancel", f"<wst:CancelTarget>{reference}</wst:CancelTarget>")

    def _send(self, action, request_type, parts):
        message = self._message(f"{TRUST2005}/RST/{action}", request_type, parts).encode()
        media = f'application/soap+xml; charset=UTF-8; action="{TRUST2005}/RST/{action}"'
        with self.proxy.wire() as wire:
            wire.send(
                f"POST {WSO2} HTTP/1.1\r\nContent-Type: {media}\r\nUser-Agent: Axis2\r\n"
                f"Host: localhost:{self.proxy.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            # Commons HttpClient sends chunks of 2 KiB.
            for start in range(0, len(message), 2048):
                chunk = message[start : start + 2048]
                wire.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            wire.send(b"0\r\n\r\n")
            return Answer(*wire.answer())

    def _message(self, action, request_type, parts):
        return (
            "<?xml version='1.0' encoding='UTF-8'?>"
            f'<soapenv:Envelope xmlns:soapenv="{SOAP12}"><soapenv:Header xmlns:wsa="{WSA2004}">'
            f'<wsse:Security xmlns:wsse="{WSSE}" soapenv:mustUnderstand="true">'
            f'<wsu:Timestamp xmlns:wsu="{WSU}" wsu:Id="Timestamp-1"><wsu:Created>{instant()}</wsu:Created>'
            f"<wsu:Expires>{instant(300)}</wsu:Expires></wsu:Timestamp>"
            f'<wsse:UsernameToken xmlns:wsu="{WSU}" wsu:Id="UsernameToken-2"><wsse:Username>{escape(self.username)}'
            f'</wsse:Username><wsse:Password Type="{PASSWORD_TEXT}">{escape(self.password)}</wsse:Password>'
            "</wsse:UsernameToken></wsse:Security>"
            f"<wsa:To>{self.proxy.url}{WSO2}</wsa:To>"
            f"<wsa:ReplyTo><wsa:Address>{WSA2004}/role/anonymous</wsa:Address></wsa:ReplyTo>"
            f"<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID><wsa:Action>{action}</wsa:Action>"
            f'</soapenv:Header><soapenv:Body><wst:RequestSecurityToken xmlns:wst="{TRUST2005}">'
            f"<wst:RequestType>{TRUST2005}/{request_type}</wst:RequestType>{parts}"
            "</wst:RequestSecurityToken></soapenv:Body></soapenv:Envelope>"
        )


def _text(element):
    """As Axiom serialises an element that it has from another document: with the declarations that it needs."""
    alone = etree.fromstring(etree.tostring(copy.deepcopy(element), with_tail=False))
    etree.cleanup_namespaces(alone)
    return etree.tostring(alone).decode()


def party(**keys):
    """The relying party of the sample, as an administrator of WSO2 would have mapped its claims."""
    attributes = [{"name": GIVEN_NAME, "from": "displayName"}, {"name": EMAIL, "from": "mail"}]
    return {"name": "echo", "applies_to": [RELYING_PARTY], "attributes": attributes, **keys}


def claims(assertion):
    """What a token of either version says, by claim URI."""
    found = {}
    for attribute in assertion.iter(f"{{{NS['saml']}}}Attribute"):
        name = f"{attribute.get('AttributeNamespace')}/{attribute.get('AttributeName')}"
        found[name] = [value.text for value in attribute]
    for attribute in assertion.iter(f"{{{NS['saml2']}}}Attribute"):
        found[attribute.get("Name")] = [value.text for value in attribute]
    return found
