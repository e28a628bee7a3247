"""WS-Trust requests that are signed by a certificate in a BinarySecurityToken; xmlsec1 makes the signatures."""

import dataclasses
import pathlib
import subprocess
import tempfile

from . import certificates
from .rst import NS, WSSE, WSU, Rst, instant

DS = NS["ds"]
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
X509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"


@dataclasses.dataclass
class Signed:
    """A signed RST. `covers` names what is signed: `_ts`, `_to`, `_body`. The defaults are AD FS's certificatemixed."""

    pair: tuple[pathlib.Path, pathlib.Path]
    to: str
    covers: tuple[str, ...] = ("_ts", "_to")
    created: float = 0.0
    expires: float = 300.0
    username_token: str = ""
    algorithm: str = RSA_SHA256
    digest: str = SHA256
    key_info: str | None = None
    token: str | None = None
    rst: dict = dataclasses.field(default_factory=dict)

    def text(self):
        """The message, signed."""
        template = self.template()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "message.xml"
            file.write_text(template)
            ids = [
                argument
                for name in (f"{WSU}:Timestamp", "http://www.w3.org/2005/08/addressing:To", f"{self._rst().soap}:Body")
                for argument in ("--id-attr:Id", name)
            ]
            key = ["--privkey-pem", self.pair[1]]
            signing = ["xmlsec1", "--sign", *key, *ids, "--output", f"{file}.out", file]
            done = subprocess.run(signing, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return pathlib.Path(f"{file}.out").read_text()

    def template(self):
        """The message with an empty signature in it."""
        text = self._rst().text()
        text = text.replace("<a:To ", '<a:To u:Id="_to" ', 1)
        return text.replace("<s:Body>", '<s:Body u:Id="_body">', 1)

    def _rst(self):
        return Rst(user=None, to=self.to, security=self._security(), **self.rst)

    def _security(self):
        timestamp = (
            f'<u:Timestamp u:Id="_ts"><u:Created>{instant(self.created)}</u:Created>'
            f"<u:Expires>{instant(self.expires)}</u:Expires></u:Timestamp>"
        )
        token = self.token
        if token is None:
            octets = certificates.base64_of(self.pair[0])
            token = (
                f'<o:BinarySecurityToken u:Id="_bst" ValueType="{X509}" EncodingType="{BASE64}">{octets}'
                "</o:BinarySecurityToken>"
            )
        return (
            f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}">{timestamp}{self.username_token}{token}'
            f"{self._signature()}</o:Security>"
        )

    def _signature(self):
        references = "".join(
            f'<ds:Reference URI="#{part}"><ds:Transforms><ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>'
            f'<ds:DigestMethod Algorithm="{self.digest}"/><ds:DigestValue/></ds:Reference>'
            for part in self.covers
        )
        key_info = self.key_info
        if key_info is None:
            key_info = (
                f'<o:SecurityTokenReference><o:Reference ValueType="{X509}" URI="#_bst"/></o:SecurityTokenReference>'
            )
        return (
            f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
            f'<ds:SignatureMethod Algorithm="{self.algorithm}"/>{references}</ds:SignedInfo><ds:SignatureValue/>'
            f"<ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
        )
