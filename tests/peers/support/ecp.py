"""SAML ECP requests as clients write them, and what came back."""

import base64
import dataclasses
import pathlib
import subprocess
import tempfile
import uuid
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from .rst import instant
from .signed import EXCLUSIVE, RSA_SHA256, SHA256

PATH = "/oamfed/idp/soap"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ECP = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
NS = {
    "S": SOAP,
    "ecp": ECP,
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
    "cb": "urn:oasis:names:tc:SAML:protocol:ext:channel-binding",
    "samlec": "urn:ietf:params:xml:ns:samlec",
}
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
LOGIN_SRF = "https://login.microsoftonline.com/login.srf"


@dataclasses.dataclass
class AuthnRequest:
    """An AuthnRequest in its envelope; `text()` renders it. The defaults are Office 365's."""

    id: str = dataclasses.field(default_factory=lambda: f"_{uuid.uuid4()}")
    issuer: str | None = "urn:federation:MicrosoftOnline"
    issue_instant: str | None = dataclasses.field(default_factory=lambda: instant(digits=6)[:-1] + "9Z")
    version: str = "2.0"
    acs_index: str | None = "2"
    acs_url: str | None = None
    binding: str | None = None
    destination: str | None = None
    attributes: str = ""
    children: str = ""
    header: str = ""
    siblings: str = ""
    # The private key that signs it, and how: xmlsec1 does.
    signed_by: pathlib.Path | None = None
    algorithm: str = RSA_SHA256
    digest: str = SHA256
    key_info: str = ""

    def text(self):
        """The whole message."""
        return self._signed() if self.signed_by else self._text()

    def _signed(self):
        template = dataclasses.replace(self, children=self._signature() + self.children, signed_by=None).text()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "message.xml"
            file.write_text(template)
            id_attribute = ["--id-attr:ID", f"{NS['samlp']}:AuthnRequest"]
            key = ["--privkey-pem", self.signed_by]
            signing = ["xmlsec1", "--sign", *key, *id_attribute, "--output", f"{file}.out", file]
            done = subprocess.run(signing, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return pathlib.Path(f"{file}.out").read_text()

    def _signature(self):
        return (
            f'<ds:Signature xmlns:ds="{NS["ds"]}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
            f'<ds:SignatureMethod Algorithm="{self.algorithm}"/><ds:Reference URI="#{self.id}"><ds:Transforms>'
            f'<ds:Transform Algorithm="{NS["ds"]}enveloped-signature"/><ds:Transform Algorithm="{EXCLUSIVE}"/>'
            f'</ds:Transforms><ds:DigestMethod Algorithm="{self.digest}"/><ds:DigestValue/></ds:Reference>'
            f"</ds:SignedInfo><ds:SignatureValue/>{self.key_info}</ds:Signature>"
        )

    def _text(self):
        attributes = "".join(
            f" {name}={quoteattr(value)}"
            for name, value in (
                ("ID", self.id),
                ("IssueInstant", self.issue_instant),
                ("Version", self.version),
                ("AssertionConsumerServiceIndex", self.acs_index),
                ("AssertionConsumerServiceURL", self.acs_url),
                ("ProtocolBinding", self.binding),
                ("Destination", self.destination),
            )
            if value is not None
        )
        issuer = "" if self.issuer is None else f"<saml:Issuer>{escape(self.issuer)}</saml:Issuer>"
        return (
            f'<S:Envelope xmlns:S="{SOAP}">{self.header}<S:Body><samlp:AuthnRequest xmlns:samlp="{NS["samlp"]}" '
            f'xmlns:saml="{NS["saml"]}"{attributes}{self.attributes}>{issuer}{self.children}</samlp:AuthnRequest>'
            f"{self.siblings}</S:Body></S:Envelope>"
        )


def of_sp(sp, **fields):
    """What a Shibboleth service provider sends: the consumer service by value."""
    return AuthnRequest(**{"issuer": sp.entity_id, "acs_index": None, "acs_url": sp.acs, "binding": PAOS, **fields})


def send(
    proxy, request, credentials=None, content_type="text/xml; charset=utf-8", path=PATH, charset="utf-8", **headers
):
    """Posts an `AuthnRequest`, or text, with Basic credentials (user, password)."""
    text = request.text() if isinstance(request, AuthnRequest) else request
    headers = {"Content-Type": content_type, **headers}
    if credentials:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(credentials).encode(charset)).decode()
    return proxy.post(path, text.encode() if isinstance(text, str) else text, headers=headers)


class Answer:
    """An envelope with `ecp:Response` and a SAML Response."""

    def __init__(self, reply):
        assert reply.status_code == 200, (reply.status_code, reply.text)
        self.content = reply.content
        self.document = etree.fromstring(reply.content)
        self.response = self.one("/S:Envelope/S:Body/samlp:Response")

    def one(self, path):
        found = self.document.xpath(path, namespaces=NS)
        assert len(found) == 1, f"{path}: {len(found)} in {self.content!r}"
        return found[0]

    def statuses(self):
        """The status codes, outer first, without their common prefix."""
        return [code.get("Value").removeprefix(STATUS) for code in self.response.iter(f"{{{NS['samlp']}}}StatusCode")]

    def header_first(self):
        """The first element of the first element: what requests-ecp and keystoneauth overwrite."""
        return self.document[0][0]


def fault(reply):
    """(status, faultcode without prefix, faultstring) of a SOAP 1.1 fault."""
    document = etree.fromstring(reply.content)
    (element,) = document.xpath("/S:Envelope/S:Body/S:Fault", namespaces=NS)
    code, text = element.find("faultcode"), element.find("faultstring")
    assert element.find("detail") is None
    prefix, _, local = code.text.partition(":")
    assert code.nsmap[prefix] == SOAP
    return reply.status_code, local, text.text
