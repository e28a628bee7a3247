"""WS-Trust messages that a certificate's key has signed in part: Timestamp, To and Body; and what can be made of one."""

import dataclasses
import hmac

from ..rst import SOAP11, SOAP12, WSA, WSSE, WSU, Rst
from .algorithms import INCLUSIVE, XSLT
from .maker import (
    ATTACKER,
    DS,
    ENVELOPED,
    EXCLUSIVE,
    MORE,
    SIGNER,
    Key,
    canonical,
    changed,
    encoded,
    reference,
    signature,
    signed_info,
    transform,
)

ROW = 1
ROWS = {
    "algorithm": 14,
    "comment": 2,
    "duplicate": 12,
    "hmac": 6,
    "id_": 12,
    "key": 11,
    "many": 19,
    "no_": 10,
    "reference": 12,
    "signature": 10,
    "transform": 8,
    "two_signed_infos": 3,
}
X509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
STR_TRANSFORM = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"
FORGED = "https://forged.example.org/"
ONLY_EXCLUSIVE = transform(EXCLUSIVE)


@dataclasses.dataclass(frozen=True)
class Message:
    """What the signer meant, and the parts of it."""

    name: str
    to: str = "https://sts.example.org/"
    created: str = "2026-01-01T00:00:00Z"
    expires: str = "2026-01-01T00:05:00Z"
    message_id: str = "urn:uuid:00000000-0000-4000-8000-000000000000"
    key: Key = SIGNER

    def timestamp(self, id="_ts", expires=None):
        return (
            f'<u:Timestamp xmlns:u="{WSU}" u:Id="{id}"><u:Created>{self.created}</u:Created>'
            f"<u:Expires>{expires or self.expires}</u:Expires></u:Timestamp>"
        )

    def forged_timestamp(self):
        return self.timestamp("_forged", expires="2036-01-01T00:00:00Z")

    def to_block(self, id="_to", to=None):
        return f'<a:To xmlns:a="{WSA}" xmlns:u="{WSU}" u:Id="{id}">{to or self.to}</a:To>'

    def forged_to(self):
        return self.to_block("_forged", FORGED)

    def body(self):
        """The Body, with an ID."""
        text = self._rst("").text()
        text = text[text.index("<s:Body>") : text.index("</s:Envelope>")]
        return changed(text, "<s:Body>", f'<s:Body xmlns:s="{SOAP12}" xmlns:u="{WSU}" u:Id="_body">')

    def forged_body(self):
        return changed(changed(self.body(), "_body", "_forged"), "urn:federation:MicrosoftOnline", "urn:forged")

    def references(self, transforms=ONLY_EXCLUSIVE, **options):
        parts = {"_ts": self.timestamp(), "_to": self.to_block(), "_body": self.in_place(self.body())}
        return [reference(part, f"#{id}", transforms=transforms, **options) for id, part in parts.items()]

    def in_place(self, body):
        """The Body alone, with what it uses of the Envelope's namespaces."""
        return changed(body, "<s:Body ", f'<s:Body xmlns:a="{WSA}" ')

    def signature(self, references=None, key=None, named="_bst", value=None, **info):
        references = self.references() if references is None else references
        key_info = (
            f'\n<ds:KeyInfo><o:SecurityTokenReference xmlns:o="{WSSE}"><o:Reference URI="#{named}" ValueType="{X509}"/>'
            "</o:SecurityTokenReference></ds:KeyInfo>"
        )
        return signature(signed_info("\n".join(references), **info), value, after=key_info, key=key or self.key)

    def token(self, id="_bst", key=None):
        return (
            f'<o:BinarySecurityToken xmlns:o="{WSSE}" xmlns:u="{WSU}" EncodingType="{BASE64}" ValueType="{X509}" '
            f'u:Id="{id}">{encoded((key or self.key).der)}</o:BinarySecurityToken>'
        )

    def text(self, timestamp=None, to=None, body=None, signature=None, tokens=None, header=""):
        """The message, with other parts than the signer's; `header` is more in its Header."""
        inside = "\n".join(
            (
                self.timestamp() if timestamp is None else timestamp,
                self.token() if tokens is None else tokens,
                self.signature() if signature is None else signature,
            )
        )
        text = self._rst(f'<o:Security xmlns:o="{WSSE}" s:mustUnderstand="1">{inside}</o:Security>{header}').text()
        start, end = text.index("<a:To "), text.index("</a:To>") + len("</a:To>")
        text = text[:start] + (self.to_block() if to is None else to) + text[end:]
        start, end = text.index("<s:Body>"), text.index("</s:Envelope>")
        return text[:start] + (self.body() if body is None else body) + text[end:] + "\n"

    def _rst(self, security):
        return Rst(user=None, message_id=self.message_id, to=self.to, security=security)


def _wrapped(*parts):
    return f'<e:wrapper xmlns:e="urn:e">{"".join(parts)}</e:wrapper>'


def forged_timestamp_before_the_signed_one(message):
    """whoever takes the first Timestamp takes one of ten years"""
    return message.text(timestamp=message.forged_timestamp() + message.timestamp())


def forged_timestamp_after_the_signed_one(message):
    """whoever takes the last Timestamp takes one of ten years"""
    return message.text(timestamp=message.timestamp() + message.forged_timestamp())


def forged_timestamp_for_the_signed_one_in_a_wrapper(message):
    """the signed Timestamp is in a header that nobody knows, another in its place"""
    return message.text(timestamp=message.forged_timestamp(), header=_wrapped(message.timestamp()))


def forged_timestamp_for_the_signed_one_in_the_security_header(message):
    """the signed Timestamp is in a wrapper within the security header, another in its place"""
    return message.text(timestamp=message.forged_timestamp() + _wrapped(message.timestamp()))


def forged_timestamp_with_the_signed_one_in_another_security_header(message):
    """the signed Timestamp is in a security header for somebody else"""
    other = f'<o:Security xmlns:o="{WSSE}" s:role="urn:other">{message.timestamp()}</o:Security>'
    return message.text(timestamp=message.forged_timestamp(), header=other)


def forged_to_before_the_signed_one(message):
    """two To, the forged one first"""
    return message.text(to=message.forged_to() + message.to_block())


def forged_to_after_the_signed_one(message):
    """two To, the forged one last"""
    return message.text(to=message.to_block() + message.forged_to())


def forged_to_for_the_signed_one_in_a_wrapper(message):
    """the signed To is in a header that nobody knows, another in its place"""
    return message.text(to=message.forged_to() + _wrapped(message.to_block()))


def forged_to_for_the_signed_one_in_the_security_header(message):
    """the signed To is in the security header, another in its place"""
    return message.text(to=message.forged_to(), timestamp=message.timestamp() + message.to_block())


def forged_to_of_another_addressing_version(message):
    """a To of another version of WS-Addressing beside the signed one"""
    other = changed(message.forged_to(), WSA, "http://schemas.xmlsoap.org/ws/2004/08/addressing")
    return message.text(to=other + message.to_block())


def forged_body_for_the_signed_one_in_a_wrapper(message):
    """the signed Body is in a header that nobody knows, another in its place"""
    return message.text(body=message.forged_body(), header=_wrapped(message.body()))


def forged_body_around_the_signed_one(message):
    """the signed Body is within another's request"""
    end = "</w:RequestSecurityToken>"
    return message.text(body=changed(message.forged_body(), end, message.body() + end))


def forged_body_before_the_signed_one(message):
    """two Bodies"""
    return message.text(body=message.forged_body() + message.body())


def forged_body_of_another_soap_version(message):
    """the signed Body is in a wrapper, and is no Body in the version of SOAP that the forged Envelope has"""
    text = message.text(body="BODY", header="HEADER").replace(SOAP12, SOAP11)
    forged = message.forged_body().replace(SOAP12, SOAP11)
    return changed(changed(text, "BODY", forged), "HEADER", _wrapped(message.body()))


def to_changed(message):
    """no trick at all: To is other than what was signed"""
    return message.text(to=message.to_block(to=FORGED))


def timestamp_changed(message):
    """the Timestamp is other than what was signed"""
    return message.text(timestamp=message.timestamp(expires="2036-01-01T00:00:00Z"))


def body_changed(message):
    """the Body is other than what was signed"""
    return message.text(body=changed(message.body(), "urn:federation:MicrosoftOnline", "urn:forged"))


def comment_in_the_signed_to(message):
    """a comment that was not signed: a reader that takes the first text takes half of it"""
    half = len(message.to) // 2
    return message.text(to=changed(message.to_block(), message.to, f"{message.to[:half]}<!-- -->{message.to[half:]}"))


def duplicate_ids(message):
    """the ID of the signed To once more, on the forged one"""
    return message.text(to=message.forged_to().replace("_forged", "_to") + _wrapped(message.to_block()))


def duplicate_ids_by_another_attribute(message):
    """the ID of the signed To once more, as ID"""
    return message.text(to=message.forged_to(), header=_wrapped(message.to_block(), '<e:e ID="_to"></e:e>'))


def id_of_another_vocabulary(message):
    """To has its ID in an attribute ID, which means nothing there"""
    return message.text(to=changed(message.to_block(), " u:Id=", " ID="))


def id_of_no_namespace(message):
    """To has its ID in an attribute Id of no namespace"""
    return message.text(to=changed(message.to_block(), " u:Id=", " Id="))


def _with(message, old, new):
    """All references but with a change, signed so."""
    return message.text(signature=message.signature([changed(text, old, new) for text in message.references()]))


def reference_to_the_whole_message(message):
    """one Reference, empty"""
    return message.text(signature=message.signature([changed(message.references()[0], "#_ts", "")]))


def reference_external(message):
    """References that a careless verifier fetches"""
    return _with(message, 'URI="#', 'URI="http://127.0.0.1:1/#')


def reference_by_xpointer(message):
    """References by XPointer"""
    return _with(message, 'URI="#', 'URI="#xpointer(/)')


def reference_twice(message):
    """two References to the Timestamp, one of which does not hold"""
    wrong = changed(message.references()[0], "<ds:DigestValue>", "<ds:DigestValue>AAAA")
    return message.text(signature=message.signature([*message.references(), wrong]))


def no_reference(message):
    """a good signature over a SignedInfo that is about nothing"""
    return message.text(signature=message.signature([]))


def no_reference_to_the_to(message):
    """only the Timestamp is signed: the message can be sent on to anybody"""
    return message.text(signature=message.signature(message.references()[:1]))


def no_reference_to_the_timestamp(message):
    """only To and Body are signed: the message is good for ever"""
    return message.text(signature=message.signature(message.references()[1:]))


def many_references(message):
    """more References than anybody has"""
    return message.text(signature=message.signature(message.references()[:1] * 50))


def signature_of_nothing(message):
    """the key's signature of no bytes"""
    return message.text(signature=message.signature(value=encoded(message.key.sign(b""))))


def signature_empty(message):
    """an empty SignatureValue"""
    return message.text(signature=message.signature(value=""))


def signature_twice(message):
    """two signatures, of which one holds"""
    return message.text(signature=message.signature() * 2)


def hmac_with_the_public_key(message):
    """HMAC-SHA256 keyed with the PEM of the certificate's public key"""
    info = signed_info("\n".join(message.references()), method=MORE + "hmac-sha256")
    value = hmac.new(message.key.public_pem, canonical(info), "sha256").digest()
    return message.text(signature=message.signature(method=MORE + "hmac-sha256", value=encoded(value)))


def key_of_the_attacker(message):
    """the attacker signs, the certificate that is named is the signer's"""
    return message.text(signature=message.signature(key=ATTACKER))


def key_of_the_attacker_as_second_token(message):
    """two certificates: the one that is named is the attacker's"""
    tokens = message.token() + message.token("_other", ATTACKER)
    return message.text(tokens=tokens, signature=message.signature(key=ATTACKER, named="_other"))


def algorithm_sha1(message):
    """RSA with SHA-1"""
    return message.text(signature=message.signature(method=DS + "rsa-sha1"))


def algorithm_sha1_digest(message):
    """SHA-1 digests under a signature with SHA-256"""
    references = message.references(digest=DS + "sha1", algorithm="sha1")
    return message.text(signature=message.signature(references))


def _transformed(message, transforms):
    return message.text(signature=message.signature(message.references(transforms=transforms)))


def transform_str(message):
    """the STR-Transform, which puts something else in the place of what is named"""
    return _transformed(message, transform(STR_TRANSFORM))


def transform_xslt(message):
    """a stylesheet"""
    return _transformed(message, transform(XSLT) + ONLY_EXCLUSIVE)


def transform_enveloped(message):
    """leaves a signature out, which none of the parts has"""
    return _transformed(message, transform(ENVELOPED) + ONLY_EXCLUSIVE)


def transform_inclusive(message):
    """inclusive canonicalisation"""
    return _transformed(message, transform(INCLUSIVE))


def transform_missing(message):
    """no transform at all"""
    return _transformed(message, "")


def two_signed_infos(message):
    """the signature is verified over one SignedInfo, the digests are read from another"""
    forged = signed_info(reference(message.forged_to(), "#_forged", transforms=ONLY_EXCLUSIVE))
    text = message.signature()
    return message.text(to=message.forged_to(), signature=changed(text, "<ds:SignedInfo", f"{forged}<ds:SignedInfo"))
