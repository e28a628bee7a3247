"""Keys of tokens, from both sides: what a client sends and computes, and what a relying party decrypts."""

import base64
import hashlib
import hmac
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from . import rst
from .rst import TRUST13, WSSE
from .signed import X509 as X509_V3

DS = rst.NS["ds"]
XENC = "http://www.w3.org/2001/04/xmlenc#"
NS = {"ds": DS, "xenc": XENC, "o": WSSE}


def b64(octets):
    return base64.b64encode(octets).decode()


def p_sha1(secret, seed, length):
    """P_hash of RFC 2246 with SHA-1."""
    out, a = b"", seed
    while len(out) < length:
        a = hmac.new(secret, a, hashlib.sha1).digest()
        out += hmac.new(secret, a + seed, hashlib.sha1).digest()
    return out[:length]


def key_type(name, trust=TRUST13):
    return f"{trust}/{name}"


def entropy(octets, kind="Nonce", trust=TRUST13):
    """`wst:Entropy` of a request; its `w` is declared by the request. No kind: none is said."""
    said = f' Type="{trust}/{kind}"' if kind else ""
    return f"<w:Entropy><w:BinarySecret{said}>{b64(octets)}</w:BinarySecret></w:Entropy>"


def key_info(inner):
    return f'<ds:KeyInfo xmlns:ds="{DS}">{inner}</ds:KeyInfo>'


def certificate_info(der):
    return key_info(f"<ds:X509Data><ds:X509Certificate>{b64(der)}</ds:X509Certificate></ds:X509Data>")


def rsa_info(public):
    numbers = public.public_numbers()
    modulus, exponent = (b64(n.to_bytes((n.bit_length() + 7) // 8, "big")) for n in (numbers.n, numbers.e))
    return key_info(
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>"
    )


def binary_token(der, identifier="X509"):
    return f'<o:BinarySecurityToken xmlns:o="{WSSE}" u:Id="{identifier}" ValueType="{X509_V3}">{b64(der)}</o:BinarySecurityToken>'


def reference(identifier="X509"):
    return (
        f'<o:SecurityTokenReference xmlns:o="{WSSE}"><o:Reference URI="#{identifier}" ValueType="{X509_V3}"/>'
        "</o:SecurityTokenReference>"
    )


def load(pair):
    """(certificate, private key) of a pair of files."""
    certificate = x509.load_pem_x509_certificate(pair[0].read_bytes())
    return certificate, serialization.load_pem_private_key(pair[1].read_bytes(), None)


def der(pair):
    return load(pair)[0].public_bytes(serialization.Encoding.DER)


def decrypt(content, key_file):
    """The document with its one EncryptedData decrypted, by xmlsec1; `None` if it cannot."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(content)
        file.flush()
        ran = subprocess.run(["xmlsec1", "--decrypt", "--privkey-pem", str(key_file), file.name], capture_output=True)
    return ran.stdout if ran.returncode == 0 else None


def unwrap(encrypted_key, pair):
    """The octets in an `xenc:EncryptedKey`, which must name the pair's certificate both ways."""
    certificate, key = load(pair)
    (method,) = encrypted_key.xpath("xenc:EncryptionMethod", namespaces=NS)
    assert method.get("Algorithm") == f"{XENC}rsa-oaep-mgf1p"
    assert method.xpath("ds:DigestMethod/@Algorithm", namespaces=NS) == [f"{DS}sha1"]
    (named,) = encrypted_key.xpath("ds:KeyInfo/ds:X509Data/ds:X509Certificate", namespaces=NS)
    assert base64.b64decode(named.text) == certificate.public_bytes(serialization.Encoding.DER)
    (thumbprint,) = encrypted_key.xpath("ds:KeyInfo/o:SecurityTokenReference/o:KeyIdentifier", namespaces=NS)
    assert base64.b64decode(thumbprint.text) == certificate.fingerprint(hashes.SHA1())
    (value,) = encrypted_key.xpath("xenc:CipherData/xenc:CipherValue", namespaces=NS)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    return key.decrypt(base64.b64decode(value.text), oaep)


def confirmations(assertion):
    """Every (method, ds:KeyInfo or None) by which an assertion of either version confirms its subject."""
    found = []
    for confirmation in assertion.xpath("//*[local-name()='SubjectConfirmation']"):
        method = confirmation.get("Method") or confirmation.xpath("string(*[local-name()='ConfirmationMethod'])")
        infos = confirmation.xpath("ds:KeyInfo | *[local-name()='SubjectConfirmationData']/ds:KeyInfo", namespaces=NS)
        found.append((method, infos[0] if infos else None))
    return found


def plain(content):
    """The one assertion in a decrypted document, alone."""
    document = etree.fromstring(content)
    (assertion,) = document.xpath("descendant-or-self::*[local-name()='Assertion']")
    return etree.fromstring(etree.tostring(assertion, with_tail=False))
