"""Metadata of an identity provider that signs it, or has it signed by somebody else."""

import datetime
import pathlib

from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod, XMLSigner

from .certificates import base64_of

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"


class Sha1Signer(XMLSigner):
    def check_deprecated_methods(self):
        """SHA-1 is what is tested."""


def identity_provider(name, base, certificate_file, inner="", attributes=""):
    """The document of an identity provider at `base`, with its signing certificate, in WSO2's order."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<EntityDescriptor xmlns="{MD}" ID="_idp" entityID="{name}"{attributes}>
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <SingleSignOnService Binding="{BINDINGS}HTTP-Redirect" Location="{base}/samlsso"/>
    <SingleSignOnService Binding="{BINDINGS}SOAP" Location="{base}/samlecp"/>
    <SingleLogoutService Binding="{BINDINGS}HTTP-Redirect" Location="{base}/samlsso" ResponseLocation="{base}/out"/>
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
{base64_of(certificate_file)}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    {inner}
  </IDPSSODescriptor>
</EntityDescriptor>
""".encode()


def valid_for(seconds):
    """`validUntil`, so many seconds from now."""
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return f' validUntil="{until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}"'


def signed(document, pair, sha1=False):
    """The document with its signature by a certificate and key, in two files."""
    certificate, key = (pathlib.Path(file).read_text() for file in pair)
    signer = (Sha1Signer if sha1 else XMLSigner)(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.RSA_SHA1 if sha1 else SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA1 if sha1 else DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    root = etree.fromstring(document)
    result = signer.sign(root, key=key, cert=certificate, reference_uri="_idp", id_attribute="ID")
    return etree.tostring(result, xml_declaration=True, encoding="UTF-8")
