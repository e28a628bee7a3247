"""What a signature says that it is over: nothing, something else, several things, or one thing by a name that two have."""

from .maker import (
    DS,
    EXCLUSIVE,
    SHA256,
    changed,
    over,
    reference,
    signature,
    signed,
    signed_info,
)
from .places import FORGED, HONEST

ROW = 12
ROWS = {"two_signed_infos": 3, "signed_info": 3, "comment": 3, "digest": 3}


def _to(place, uri):
    return place.around(place.honest(signature(signed_info(reference(place.honest(), uri)))))


def reference_empty(place):
    """a Reference to the whole document, whatever that is"""
    return _to(place, "")


def reference_without_uri(place):
    """a Reference to what the application knows"""
    return _to(place, None)


def reference_to_the_empty_fragment(place):
    """a Reference to `#`"""
    return _to(place, "#")


def reference_without_its_fragment_sign(place):
    """the ID as a relative address"""
    return _to(place, place.honest_id)


def reference_external(place):
    """a Reference that a careless verifier fetches"""
    return _to(place, "http://127.0.0.1:1/forged.xml")


def reference_to_a_file(place):
    """a Reference that a careless verifier reads"""
    return _to(place, "file:///etc/hostname")


def reference_to_the_id_in_another_document(place):
    """an address before the ID"""
    return _to(place, f"http://127.0.0.1:1/#{place.honest_id}")


def reference_by_xpointer_to_the_root(place):
    """`#xpointer(/)`, comments and all"""
    return _to(place, "#xpointer(/)")


def reference_by_xpointer_to_the_id(place):
    """the ID as an XPointer"""
    return _to(place, f"#xpointer(id('{place.honest_id}'))")


def reference_by_xpath_pointer(place):
    """an XPointer that looks for what the attacker names"""
    return _to(place, "#xpointer(//*[@ID])")


def reference_with_blanks(place):
    """the ID with white space around it"""
    return _to(place, f"# {place.honest_id} ")


def reference_percent_encoded(place):
    """the ID percent-encoded"""
    return _to(place, "#%5F" + place.honest_id.removeprefix("_"))


def reference_to_the_signed_element_in_the_forged_one(place):
    """the signature is the forged element's child, its reference is to what stands in Extensions"""
    return place.around(place.forged(f"{over(place)}{place.extensions(place.honest())}"))


def duplicate_ids(place):
    """the forged element first, then the signed one, both with the signed ID"""
    forged = place.forged(over(place), id=place.honest_id)
    return place.beside(forged, place.honest())


def duplicate_ids_inside(place):
    """the signed element in the Extensions of a forged one with the same ID"""
    return place.around(place.forged(f"{over(place)}{place.extensions(place.honest())}", id=place.honest_id))


def duplicate_id_by_another_attribute(place):
    """the ID once more, as xml:id"""
    decoy = f'<e:e xmlns:e="urn:e" xml:id="{place.honest_id}"></e:e>'
    return place.around(place.forged(over(place) + place.extensions(decoy), id=place.honest_id))


def duplicate_id_by_letter_case(place):
    """the ID once more, as Id"""
    decoy = f'<e:e xmlns:e="urn:e" Id="{place.honest_id}"></e:e>'
    return place.around(place.forged(over(place) + place.extensions(decoy), id=place.honest_id))


def id_in_a_namespace(place):
    """the forged element has the signed ID in an attribute that only looks like ID"""
    forged = changed(place.forged(over(place)), " ID=", f' xmlns:e="urn:e" e:ID="{place.honest_id}" ID=')
    return place.around(forged)


def id_of_another_vocabulary(place):
    """the element has no ID, but an AssertionID that the reference names"""
    return place.around(changed(place.honest(over(place)), " ID=", " AssertionID="))


def id_missing(place):
    """the reference is to an ID that nothing has"""
    return place.around(changed(place.honest(over(place)), f' ID="{place.honest_id}"', ""))


def id_empty(place):
    """an empty ID, and a reference to `#`"""
    info = signed_info(reference(changed(place.honest(), place.honest_id, ""), "#"))
    return place.around(changed(place.honest(signature(info)), f' ID="{place.honest_id}"', ' ID=""'))


def two_references_the_forged_one_first(place):
    """one Reference is to what the signer meant, another is to what the attacker wrote; both are signed"""
    both = reference(place.forged(), f"#{place.forged_id}") + reference(place.honest(), f"#{place.honest_id}")
    return place.around(place.forged(f"{signature(signed_info(both))}{place.extensions(place.honest())}"))


def two_references_the_forged_one_last(place):
    """the same, the other way round"""
    both = reference(place.honest(), f"#{place.honest_id}") + reference(place.forged(), f"#{place.forged_id}")
    return place.around(place.forged(f"{signature(signed_info(both))}{place.extensions(place.honest())}"))


def two_references_to_the_same_element(place):
    """of which only one holds"""
    one = reference(place.honest(), f"#{place.honest_id}")
    other = reference(place.honest(), f"#{place.honest_id}", octets=b"")
    return place.around(place.honest(signature(signed_info(one + other))))


def no_reference(place):
    """a good signature over a SignedInfo that is about nothing"""
    return place.around(place.forged(signature(signed_info(""))))


def reference_in_a_manifest(place):
    """the reference is to a ds:Manifest, whose own references nobody need verify"""
    manifest = (
        f'<ds:Manifest xmlns:ds="{DS}" Id="_manifest">{reference(place.honest(), f"#{place.honest_id}")}</ds:Manifest>'
    )
    info = signed_info(
        reference(
            manifest, "#_manifest", transforms=f'<ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform>', digest=SHA256
        )
    )
    return place.around(place.forged(signature(info, after=f"<ds:Object>{manifest}</ds:Object>")))


def two_signed_infos_the_forged_one_first(place):
    """SAMLStorm: the signature is verified over one SignedInfo, the digest is read from another"""
    forged = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.forged(changed(over(place), "<ds:SignedInfo", f"{forged}\n<ds:SignedInfo")))


def two_signed_infos_the_forged_one_last(place):
    """the same, the other way round"""
    forged = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.forged(changed(over(place), "<ds:SignatureValue", f"{forged}\n<ds:SignatureValue")))


def signed_info_in_an_object(place):
    """the honest SignedInfo is kept in an Object; the one in its place is the attacker's"""
    honest, forged = over(place), signed_info(reference(place.forged(), f"#{place.forged_id}"))
    start, end = honest.index("<ds:SignedInfo"), honest.index("</ds:SignedInfo>") + len("</ds:SignedInfo>")
    kept = honest[start:end]
    text = changed(honest, kept, forged)
    return place.around(
        place.forged(changed(text, "\n</ds:Signature>", f"<ds:Object>{kept}</ds:Object>\n</ds:Signature>"))
    )


def signed_info_missing(place):
    """a value and nothing that it is of"""
    honest = over(place)
    start, end = honest.index("<ds:SignedInfo"), honest.index("</ds:SignedInfo>") + len("</ds:SignedInfo>")
    return place.around(place.forged(honest[:start] + honest[end:]))


def comment_in_a_digest_value(place):
    """SAMLStorm: the forged digest before a comment, the signed one after it"""
    forged = reference(place.forged(), "#")
    value = forged[forged.index("<ds:DigestValue>") + 16 : forged.index("</ds:DigestValue>")]
    text = changed(over(place), "<ds:DigestValue>", f"<ds:DigestValue><!--{value}-->")
    return place.around(place.honest(text))


def digest_split_by_a_comment(place):
    """a DigestValue of two texts: which of them is it?"""
    value = reference(place.honest(), "#").split("DigestValue>")[1][:10]
    return place.around(place.honest(changed(over(place), value, f"{value}<!-- -->")))


def digest_split_by_an_element(place):
    """a DigestValue with an element in it"""
    value = reference(place.honest(), "#").split("DigestValue>")[1][:10]
    return place.around(place.honest(changed(over(place), value, f"{value}<ds:e></ds:e>")))


def signed_element_changed(place):
    """no trick at all: the content is other than what was signed"""
    return place.around(changed(signed(place), place.names[HONEST], place.names[FORGED]))


def signed_attribute_added(place):
    """an attribute more than was signed"""
    return place.around(changed(signed(place), " ID=", ' Consent="urn:forged" ID='))
