"""Signatures by hand: every part of one can be other than it should be, before or after it is signed."""

import base64
import dataclasses
import functools
import hashlib
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from ..fedfront import REPOSITORY

DS = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPED = DS + "enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
RSA_SHA256 = MORE + "rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

DATA = REPOSITORY / "tests" / "data" / "attacks"


@dataclasses.dataclass(frozen=True)
class Key:
    """A pair of files: who signs."""

    certificate_file: pathlib.Path
    key_file: pathlib.Path

    @functools.cached_property
    def certificate(self):
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    @functools.cached_property
    def private(self):
        return serialization.load_pem_private_key(self.key_file.read_bytes(), None)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def public_pem(self):
        return self.certificate.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def certificate_pem(self):
        return self.certificate_file.read_bytes()

    def sign(self, octets, algorithm=None):
        return self.private.sign(octets, padding.PKCS1v15(), algorithm or hashes.SHA256())


SIGNER = Key(DATA / "signer.crt", DATA / "signer.key")
ATTACKER = Key(DATA / "attacker.crt", DATA / "attacker.key")


def canonical(text):
    """The exclusive canonical form, by libxml2."""
    return etree.tostring(etree.fromstring(text), method="c14n", exclusive=True, with_comments=False)


def encoded(octets):
    return base64.b64encode(octets).decode()


def transform(algorithm, inside=""):
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


TRANSFORMS = transform(ENVELOPED) + transform(EXCLUSIVE)


def reference(element, uri, transforms=TRANSFORMS, digest=SHA256, octets=None, algorithm="sha256"):
    """`ds:Reference` to what is `element` without its signature."""
    octets = canonical(element) if octets is None else octets
    value = encoded(hashlib.new(algorithm, octets).digest())
    uri = "" if uri is None else f' URI="{uri}"'
    return (
        f"<ds:Reference{uri}>\n<ds:Transforms>{transforms}</ds:Transforms>\n"
        f'<ds:DigestMethod Algorithm="{digest}"></ds:DigestMethod>\n<ds:DigestValue>{value}</ds:DigestValue>\n</ds:Reference>'
    )


def signed_info(references, method=RSA_SHA256, canonicalization=EXCLUSIVE, inside="", more=""):
    """`ds:SignedInfo`; `inside` is in its SignatureMethod, `more` in its CanonicalizationMethod."""
    return (
        f'<ds:SignedInfo xmlns:ds="{DS}">\n'
        f'<ds:CanonicalizationMethod Algorithm="{canonicalization}">{more}</ds:CanonicalizationMethod>\n'
        f'<ds:SignatureMethod Algorithm="{method}">{inside}</ds:SignatureMethod>\n{references}\n</ds:SignedInfo>'
    )


def signature(info, value=None, after="", before="", key=SIGNER):
    """`ds:Signature`; the key signs `info` unless there is another value, in base64."""
    value = encoded(key.sign(canonical(info))) if value is None else value
    return (
        f'<ds:Signature xmlns:ds="{DS}">\n{before}{info}\n<ds:SignatureValue>{value}</ds:SignatureValue>{after}\n'
        "</ds:Signature>"
    )


def over(place, **changes):
    """The signer's own signature over the honest element."""
    return signature(signed_info(reference(place.honest(), f"#{place.honest_id}", **changes)))


def signed(place):
    """The honest element, signed."""
    return place.honest(over(place))


def changed(text, old, new, count=1):
    """`text` with a change that must be possible."""
    assert old in text, old
    return text.replace(old, new, count)
