"""Others' opinions of our XML: xmlsec1 and signxml on signatures, the OASIS schemas on form."""

import functools
import pathlib
import subprocess
import tempfile

from lxml import etree
from signxml import (
    DigestAlgorithm,
    SignatureConfiguration,
    SignatureMethod,
    XMLVerifier,
)

_SCHEMAS = {
    "http://www.w3.org/XML/1998/namespace": "xmltooling/xml.xsd",
    "http://www.w3.org/2000/09/xmldsig#": "xmltooling/xmldsig-core-schema.xsd",
    "http://www.w3.org/2001/04/xmlenc#": "xmltooling/xenc-schema.xsd",
    "http://schemas.xmlsoap.org/soap/envelope/": "xmltooling/soap-envelope.xsd",
    "urn:oasis:names:tc:SAML:2.0:assertion": "opensaml/saml-schema-assertion-2.0.xsd",
    "urn:oasis:names:tc:SAML:2.0:protocol": "opensaml/saml-schema-protocol-2.0.xsd",
    "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp": "opensaml/saml-schema-ecp-2.0.xsd",
    "urn:oasis:names:tc:SAML:2.0:metadata": "opensaml/saml-schema-metadata-2.0.xsd",
    "urn:oasis:names:tc:SAML:1.0:assertion": "opensaml/cs-sstc-schema-assertion-1.1.xsd",
}
SCHEMA_FOLDER = pathlib.Path("/usr/share/xml")


@functools.cache
def _schema():
    """One schema of all. A namespace that is already imported is not loaded again from the web address in the files."""
    imports = "".join(
        f'<xs:import namespace="{namespace}" schemaLocation="{SCHEMA_FOLDER / file}"/>'
        for namespace, file in _SCHEMAS.items()
    )
    wrapper = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    return etree.XMLSchema(etree.fromstring(wrapper, etree.XMLParser(no_network=True)))


def assert_valid(content):
    """Valid by the schema of its root element."""
    document = etree.fromstring(content) if isinstance(content, bytes) else content
    schema = _schema()
    assert schema.validate(document), f"{schema.error_log}\n{etree.tostring(document).decode()}"


def assert_signed(content, certificate_file, id_name, element, namespace, algorithm="RSA_SHA256", authority=None):
    """Signed by the certificate's key, says xmlsec1 of the whole document and signxml of the element alone. `algorithm` is as signxml calls it; `authority` is the file of who issued the certificate, where it did not itself."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(content)
        file.flush()
        verdict = subprocess.run(
            [
                "xmlsec1", "--verify",
                "--trusted-pem", str(authority or certificate_file),
                f"--id-attr:{id_name}", f"{namespace}:{element}",
                "--node-xpath", f"//*[local-name()='{element}']/*[local-name()='Signature']",
                file.name,
            ],
            capture_output=True,
            text=True,
        )  # fmt: skip
    assert verdict.returncode == 0, verdict.stderr
    signed = etree.fromstring(content)
    if signed.tag != f"{{{namespace}}}{element}":
        (signed,) = signed.iter(f"{{{namespace}}}{element}")
        signed = etree.fromstring(etree.tostring(signed, with_tail=False))
    result = XMLVerifier().verify(
        signed,
        x509_cert=certificate_file.read_text(),
        id_attribute=id_name,
        expect_config=SignatureConfiguration(
            location="./",
            signature_methods=frozenset({SignatureMethod[algorithm]}),
            digest_algorithms=frozenset({DigestAlgorithm[algorithm.partition("_")[2]]}),
        ),
    )
    assert result.signed_xml.tag == signed.tag
    assert result.signed_xml.get(id_name) == signed.get(id_name)


def decrypted(response, key_file):
    """A Response's encrypted assertion, which xmlsec1 decrypts, as a document of its own."""
    (encrypted,) = response.iter("{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedAssertion")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "encrypted.xml"
        file.write_bytes(etree.tostring(encrypted, with_tail=False))
        decrypting = ["xmlsec1", "--decrypt", "--privkey-pem", str(key_file), str(file)]
        done = subprocess.run(decrypting, capture_output=True)
        assert done.returncode == 0, done.stderr
    (assertion,) = etree.fromstring(done.stdout)
    return etree.tostring(assertion, with_tail=False)


def message_signature_holds(content, certificate_file, *signed):
    """Whether xmlsec1 takes the signature in a message's header; `signed` are its parts as `NAMESPACE:NAME`."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(content)
        file.flush()
        ids = [argument for name in signed for argument in ("--id-attr:Id", name)]
        signature = "/*/*[local-name()='Header']/*[local-name()='Security']/*[local-name()='Signature']"
        key = ["--pubkey-cert-pem", str(certificate_file)]
        verifying = ["xmlsec1", "--verify", *key, *ids, "--node-xpath", signature, file.name]
        return subprocess.run(verifying, capture_output=True).returncode == 0


def xmlsec_accepts(content, certificate_file, id_name, element, namespace):
    """Whether xmlsec1 takes it: for documents that were tampered with."""
    try:
        assert_signed(content, certificate_file, id_name, element, namespace)
        return True
    except Exception:
        return False
