"""A federation: it signs the metadata of its members with signxml or xmlsec1, and publishes it, or does worse."""

import datetime
import http.server
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureMethod, XMLSigner

from .ecp import PAOS
from .published import Sha1Signer

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
RESEARCH = "http://refeds.org/category/research-and-scholarship"
_CATEGORIES = """\
<md:Extensions><mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute">\
<saml:Attribute xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Name="http://macedir.org/entity-category" \
NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"><saml:AttributeValue>{category}</saml:AttributeValue>\
</saml:Attribute></mdattr:EntityAttributes></md:Extensions>"""
_PUBLICATION = """\
<md:Extensions><mdrpi:PublicationInfo xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" \
publisher="https://federation.example.org" creationInstant="{created}"/></md:Extensions>"""
_TEMPLATE = """\
<ds:Signature xmlns:ds="{ds}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{exc}"/>\
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"/><ds:Reference URI="#{id}">\
<ds:Transforms><ds:Transform Algorithm="{ds}enveloped-signature"/><ds:Transform Algorithm="{exc}"/></ds:Transforms>\
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>\
<ds:SignatureValue/></ds:Signature>"""


def instant(**later):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**later)).strftime("%Y-%m-%dT%H:%M:%SZ")


def member(entity_id, acs, category=None, attributes="", namespace=f' xmlns:md="{MD}"'):
    """One service provider."""
    categories = _CATEGORIES.format(category=category) if category else ""
    return (
        f'<md:EntityDescriptor{namespace} entityID="{entity_id}"{attributes}>{categories}'
        '<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'<md:AssertionConsumerService index="1" Binding="{PAOS}" Location="{acs}"/></md:SPSSODescriptor>'
        "</md:EntityDescriptor>"
    )


def aggregate(members, created=None, **valid):
    """All of them in one document, which says when it was made, perhaps; not signed yet."""
    until = instant(**(valid or {"days": 7}))
    inner = "\n".join(members)
    if created:
        inner = _PUBLICATION.format(created=created) + inner
    return f'<md:EntitiesDescriptor xmlns:md="{MD}" ID="_all" validUntil="{until}">\n{inner}\n</md:EntitiesDescriptor>'


def alone(entity_id, acs, category=None, **valid):
    """One of them in a document of its own, as a query service has it."""
    until = instant(**(valid or {"days": 7}))
    return member(entity_id, acs, category, f' ID="_one" validUntil="{until}"')


def by_signxml(document, pair, sha1=False):
    signer = (Sha1Signer if sha1 else XMLSigner)(
        signature_algorithm=SignatureMethod.RSA_SHA1 if sha1 else SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA1 if sha1 else DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    root = etree.fromstring(document)
    root.insert(0, etree.Element(f"{{{DS}}}Signature", Id="placeholder"))
    signed = signer.sign(
        root, key=pair[1].read_bytes(), cert=pair[0].read_text(), reference_uri="#" + root.get("ID"), id_attribute="ID"
    )
    return etree.tostring(signed)


def by_xmlsec1(document, pair):
    root = etree.fromstring(document)
    exc = "http://www.w3.org/2001/10/xml-exc-c14n#"
    root.insert(0, etree.fromstring(_TEMPLATE.format(ds=DS, exc=exc, id=root.get("ID"))))
    name = f"{MD}:{etree.QName(root).localname}"
    with tempfile.NamedTemporaryFile() as file:
        file.write(etree.tostring(root))
        file.flush()
        command = ["xmlsec1", "--sign", "--privkey-pem", pair[1], "--id-attr:ID", name, file.name]
        return subprocess.run(command, capture_output=True, check=True).stdout


class Federation:
    """Listens from `start` to `stop`, always on one port. `documents` are by path, or the status that it has instead of one; what
    is not among them is 404. `instead`
    is what it answers to everything: (status, headers, body, and how long it says that is), or `stall`."""

    def __init__(self, port, tls=None):
        self.port = port
        self.tls = tls
        self.documents = {}
        self.instead = None
        self.asked = []
        self.stalled = threading.Event()
        self._server = None

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def has(self, entity_id, document):
        """As a query service has it."""
        self.documents["/entities/" + urllib.parse.quote(entity_id, safe="")] = document

    def start(self):
        federation = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                federation.asked.append((self.path, self.headers))
                if federation.instead == "stall":
                    federation.stalled.wait(60)
                    return
                status, headers, body, length = federation.instead or federation.answer(self.path, self.headers)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                """A client that goes away is none."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, path, headers):
        body = self.documents.get(path)
        if body is None:
            return 404, {}, b"nobody", 6
        if isinstance(body, int):
            return body, {}, b"", 0
        etag = f'"{hash(body):x}"'
        if headers.get("If-None-Match") == etag:
            return 304, {"ETag": etag}, b"", 0
        return 200, {"ETag": etag, "Content-Type": "application/samlmetadata+xml"}, body, len(body)

    def stop(self):
        if self._server:
            self.stalled.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
