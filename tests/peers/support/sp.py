"""A SAML service provider that speaks PAOS: asks for a sign-in, takes the Response, lets the client in."""

import http.server
import json
import threading
import uuid

from .certificates import base64_of
from .ecp import ECP, PAOS, of_sp

_METADATA = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAssertionsSigned="true"{attributes}>
{keys}
<md:AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{post}"/>
<md:AssertionConsumerService index="1" Binding="{paos}" Location="{acs}"/>
</md:SPSSODescriptor>
</md:EntityDescriptor>
"""


def key_descriptor(certificate_file, use=None, methods=()):
    """A key of an SP's metadata; `methods` are its EncryptionMethods' algorithms."""
    use = f' use="{use}"' if use else ""
    listed = "".join(f'<md:EncryptionMethod Algorithm="{method}"/>' for method in methods)
    return (
        f'<md:KeyDescriptor{use}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>{base64_of(certificate_file)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{listed}"
        "</md:KeyDescriptor>"
    )


class ServiceProvider:
    """Its endpoints: anything by GET needs a session, `/acs` takes the PAOS response. `responses` are the bodies. `keys` are the `key_descriptor`s of its metadata, `attributes` further ones of its role."""

    def __init__(self, directory, entity_id="https://sp.example.org/shibboleth", keys="", attributes=""):
        self.entity_id = entity_id
        self.responses = []
        self.requests = []
        provider = self

        class Handler(_Handler):
            sp = provider

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.acs = self.url + "/acs"
        self.metadata_file = directory / "sp.xml"
        self.metadata_file.write_text(
            _METADATA.format(
                entity_id=self.entity_id,
                acs=self.acs,
                post=self.url + "/post",
                paos=PAOS,
                keys=keys,
                attributes=attributes,
            )
        )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def paos_request(self):
        """The SOAP message that starts an ECP conversation."""
        request = of_sp(self, children='<samlp:NameIDPolicy AllowCreate="1"/>')
        self.requests.append(request)
        must = 'S:mustUnderstand="1" S:actor="http://schemas.xmlsoap.org/soap/actor/next"'
        request.header = (
            f'<S:Header><paos:Request xmlns:paos="urn:liberty:paos:2003-08" {must} '
            f'responseConsumerURL="{self.acs}" service="{ECP}"/>'
            f'<ecp:Request xmlns:ecp="{ECP}" {must} IsPassive="0">'
            f'<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{self.entity_id}</saml:Issuer></ecp:Request>'
            f'<ecp:RelayState xmlns:ecp="{ECP}" {must}>relay-{uuid.uuid4()}</ecp:RelayState></S:Header>'
        )
        return request.text()


class _Handler(http.server.BaseHTTPRequestHandler):
    sp = None

    def do_GET(self):
        if "session=" in self.headers.get("Cookie", ""):
            # What keystone answers to a federated sign-in; other clients only look at the status.
            token = {
                "token": {
                    "methods": ["saml2"],
                    "user": {"id": "u", "name": "alice"},
                    "expires_at": "2999-01-01T00:00:00Z",
                }
            }
            self._reply(200, json.dumps(token), "application/json", {"X-Subject-Token": "token-of-the-session"})
        elif "PAOS" in self.headers:
            self._reply(200, self.sp.paos_request(), "application/vnd.paos+xml")
        else:
            self._reply(302, "", "text/plain", {"Location": "https://idp.invalid/sso?SAMLRequest=x"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.sp.responses.append(body)
        headers = {"Location": self.sp.url + "/page", "Set-Cookie": "session=1"}
        self._reply(302, "", "text/plain", headers)

    def _reply(self, status, body, media_type, headers=None):
        self.send_response(status)
        for name, value in {
            "Content-Type": media_type,
            "Content-Length": str(len(body.encode())),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass
