"""No signature, one that is not base64, one of somebody else's; keys that come with it."""

from .maker import (
    ATTACKER,
    DS,
    SIGNER,
    canonical,
    changed,
    encoded,
    over,
    reference,
    signature,
    signed,
    signed_info,
)
from .places import ENTITY_ID

ROW = 13
ROWS = {"no_signature": 10, "signature_": 10, "key_": 11, "comment": 2, "cdata": 2, "value": 7, "attacker": 11}


def no_signature(place):
    """the forged element without any"""
    return place.around(place.forged())


def signature_empty(place):
    """an empty ds:Signature"""
    return place.around(place.forged(f'<ds:Signature xmlns:ds="{DS}"></ds:Signature>'))


def signature_of_another_namespace(place):
    """an element that is no signature for one reader and is one for another"""
    return place.around(
        changed(place.forged(over(place)), f'xmlns:ds="{DS}"', 'xmlns:ds="http://www.w3.org/2000/09/xmldsig"')
    )


def signature_without_a_value(place):
    """no SignatureValue"""
    text = over(place)
    start, end = text.index("<ds:SignatureValue>"), text.index("</ds:SignatureValue>") + len("</ds:SignatureValue>")
    return place.around(place.honest(text[:start] + text[end:]))


def signature_in_a_comment(place):
    """a signature that is only a comment"""
    return place.around(place.forged(f"<!--{over(place)}-->".replace("\n", " ")))


def _valued(place, value):
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.forged(signature(info, value)))


def value_empty(place):
    """an empty SignatureValue: an error that is taken for a yes"""
    return _valued(place, "")


def value_of_zeros(place):
    """zero to the e-th power is zero"""
    return _valued(place, encoded(b"\0" * 256))


def value_of_one(place):
    """one to the e-th power is one"""
    return _valued(place, encoded(b"\0" * 255 + b"\1"))


def value_longer_than_the_key(place):
    """more octets than the modulus has: OpenSSL's error, not its no"""
    return _valued(place, encoded(b"\1" * 257))


def value_cut_short(place):
    """the honest value without its last octet"""
    info = signed_info(reference(place.honest(), f"#{place.honest_id}"))
    return place.around(place.honest(signature(info, encoded(SIGNER.sign(canonical(info))[:-1]))))


def value_with_octets_after_it(place):
    """the honest value and an octet more"""
    info = signed_info(reference(place.honest(), f"#{place.honest_id}"))
    return place.around(place.honest(signature(info, encoded(SIGNER.sign(canonical(info)) + b"\0"))))


def base64_with_other_characters(place):
    """characters that a lenient decoder passes over"""
    return place.around(place.honest(changed(over(place), "<ds:SignatureValue>", "<ds:SignatureValue>*-*")))


def base64_with_text_after_its_end(place):
    """text after the padding"""
    return place.around(place.honest(changed(over(place), "</ds:SignatureValue>", "AAAA</ds:SignatureValue>")))


def base64_without_padding(place):
    """no `=` at the end"""
    return place.around(place.honest(changed(over(place), "==</ds:SignatureValue>", "</ds:SignatureValue>")))


def base64_with_bits_after_its_end(place):
    """the last letter has bits in it that mean nothing: two texts for one value"""
    text = over(place)
    end = text.index("==</ds:SignatureValue>")
    last = {"A": "B", "Q": "R", "g": "h", "w": "x"}[text[end - 1]]
    return place.around(place.honest(text[: end - 1] + last + text[end:]))


def base64_of_the_url_alphabet(place):
    """`-` and `_` for `+` and `/`"""
    start = (text := over(place)).index("<ds:SignatureValue>")
    return place.around(
        place.honest(text[:start] + text[start:].replace("+", "-").replace("/", "_").replace("<_", "</"))
    )


def base64_with_white_space(place):
    """lines, as many signers write it: this is allowed, and nothing else"""
    text = over(place)
    start = text.index("<ds:SignatureValue>") + len("<ds:SignatureValue>")
    return place.around(place.honest(f"{text[:start]}\n{text[start : start + 76]}\r\n\t{text[start + 76 :]}"))


def base64_with_a_blank_that_is_none(place):
    """a no-break space"""
    return place.around(place.honest(changed(over(place), "<ds:SignatureValue>", "<ds:SignatureValue>\u00a0")))


def _key_info(place, inside, key=ATTACKER):
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.forged(signature(info, key=key, after=f"\n<ds:KeyInfo>{inside}</ds:KeyInfo>")))


def attacker_signs(place):
    """no KeyInfo, the attacker's key"""
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.forged(signature(info, key=ATTACKER)))


def key_of_the_attacker_as_certificate(place):
    """the attacker signs, and brings a certificate for it"""
    return _key_info(
        place, f"<ds:X509Data><ds:X509Certificate>{encoded(ATTACKER.der)}</ds:X509Certificate></ds:X509Data>"
    )


def key_of_the_attacker_beside_the_signers(place):
    """two certificates: one is known, the other is used"""
    both = "".join(f"<ds:X509Certificate>{encoded(key.der)}</ds:X509Certificate>" for key in (SIGNER, ATTACKER))
    return _key_info(place, f"<ds:X509Data>{both}</ds:X509Data>")


def key_of_the_attacker_as_key_value(place):
    """the attacker signs, and brings modulus and exponent"""
    numbers = ATTACKER.certificate.public_key().public_numbers()
    modulus, exponent = encoded(numbers.n.to_bytes(256, "big")), encoded(numbers.e.to_bytes(3, "big"))
    return _key_info(
        place,
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>",
    )


def key_by_the_signers_name(place):
    """the attacker signs under the signer's KeyName"""
    return _key_info(place, f"<ds:KeyName>{ENTITY_ID}</ds:KeyName>")


def key_by_the_signers_certificate(place):
    """the attacker signs and says that it was the signer"""
    return _key_info(
        place, f"<ds:X509Data><ds:X509Certificate>{encoded(SIGNER.der)}</ds:X509Certificate></ds:X509Data>"
    )


def key_from_an_address(place):
    """a RetrievalMethod that a careless verifier fetches"""
    return _key_info(
        place,
        '<ds:RetrievalMethod Type="http://www.w3.org/2000/09/xmldsig#rawX509Certificate" '
        'URI="http://127.0.0.1:1/attacker.crt"></ds:RetrievalMethod>',
    )


def key_twice(place):
    """two KeyInfo"""
    text = changed(
        over(place), "\n</ds:Signature>", "<ds:KeyInfo></ds:KeyInfo><ds:KeyInfo></ds:KeyInfo>\n</ds:Signature>"
    )
    return place.around(place.honest(text))


def key_in_the_honest_signature(place):
    """an honest signature to which the attacker's certificate was added: KeyInfo is not signed, and not looked at"""
    data = f"<ds:X509Data><ds:X509Certificate>{encoded(ATTACKER.der)}</ds:X509Certificate></ds:X509Data>"
    text = changed(over(place), "\n</ds:Signature>", f"<ds:KeyInfo>{data}</ds:KeyInfo>\n</ds:Signature>")
    return place.around(place.honest(text))


def comment_in_a_signed_text(place):
    """a comment that was not signed, in a name: a reader that takes the first text takes half of it"""
    text = place.issuer
    if f">{text}<" not in place.honest():
        return place.around(changed(signed(place), "<md:SPSSODescriptor", "<!-- --><md:SPSSODescriptor"))
    return place.around(changed(signed(place), f">{text}<", f">{text[:12]}<!-- -->{text[12:]}<"))


def comment_around_the_signature(place):
    """comments everywhere: none of them was signed"""
    return place.around("<!-- a -->" + place.honest(f"<!-- b -->{over(place)}<!-- c -->"))


def cdata_in_a_signed_value(place):
    """a digest in CDATA is the same text"""
    text = changed(over(place), "<ds:DigestValue>", "<ds:DigestValue><![CDATA[")
    return place.around(place.honest(changed(text, "</ds:DigestValue>", "]]></ds:DigestValue>")))


def comment_in_a_signature_value(place):
    """a SignatureValue of two texts"""
    return place.around(place.honest(changed(over(place), "<ds:SignatureValue>", "<ds:SignatureValue><!--AAAA-->")))
