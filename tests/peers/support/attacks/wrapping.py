"""The signed element moved to where nobody reads it, and a forged one put in its place (Somorovsky and others, 2012)."""

from .maker import DS, changed, over, reference, signature, signed, signed_info

ROW = 1


def xsw1_signed_element_inside_its_signature(place):
    """the forged element has the signature, and the signed element is in that"""
    return place.around(place.forged(changed(over(place), "\n</ds:Signature>", f"\n{place.honest()}\n</ds:Signature>")))


def xsw2_signed_element_beside_its_signature(place):
    """the forged element has both the signature and, before it, the signed element"""
    return place.around(place.forged(f"{place.honest()}\n{over(place)}"))


def xsw3_forged_element_before_the_signed_one(place):
    """whoever takes the first element of the name takes the forged one"""
    return place.beside(place.forged(), signed(place))


def xsw4_signed_element_inside_the_forged_one(place):
    """whoever looks for a signature anywhere finds a good one"""
    return place.around(place.forged(signed(place)))


def xsw5_signature_moved_into_the_forged_element(place):
    """the forged element has the signature, and the signed element follows"""
    return place.beside(place.forged(over(place)), place.honest())


def xsw6_signed_element_inside_the_key_info(place):
    """the forged element has the signature, and the signed element is in its KeyInfo"""
    key_info = f"<ds:KeyInfo>{place.honest()}</ds:KeyInfo>"
    return place.around(place.forged(changed(over(place), "\n</ds:Signature>", f"{key_info}\n</ds:Signature>")))


def xsw7_forged_element_in_extensions(place):
    """whoever takes the first element of the name takes the one in Extensions, where anything may be"""
    return place.beside(place.extensions(place.forged()), signed(place))


def xsw8_signed_element_in_an_object(place):
    """the forged element has the signature, and the signed element is in its ds:Object"""
    held = f"<ds:Object>{place.honest()}</ds:Object>"
    return place.around(place.forged(changed(over(place), "\n</ds:Signature>", f"{held}\n</ds:Signature>")))


def xsw8_object_of_its_own_name(place):
    """the same, in an element that is no ds:Object but looks like one"""
    held = f'<e:Object xmlns:e="urn:e">{place.honest()}</e:Object>'
    return place.around(place.forged(changed(over(place), "\n</ds:Signature>", f"{held}\n</ds:Signature>")))


def signed_element_in_the_forged_ones_extensions(place):
    """the signed element with its signature stands deep in the forged one, which has none of its own"""
    return place.around(place.forged(place.extensions(signed(place))))


def signature_in_the_forged_ones_extensions(place):
    """the forged element's signature is not its child; whoever searches all below finds it"""
    return place.around(place.forged(place.extensions(f"{place.honest()}{over(place)}")))


def forged_element_inside_the_signed_one(place):
    """the forged element is put into the signed one after it was signed"""
    return place.around(place.honest(f"{over(place)}{place.extensions(place.forged())}"))


def forged_element_inside_the_signature(place):
    """the enveloped transform takes out all that is in the signature: the forged element is there"""
    return place.around(place.honest(changed(over(place), "\n</ds:Signature>", f"\n{place.forged()}\n</ds:Signature>")))


def two_signatures_the_good_one_first(place):
    """one signature holds, another is over what the attacker likes"""
    return place.around(place.honest(over(place) + _empty()))


def two_signatures_the_good_one_last(place):
    """the same, the other way round"""
    return place.around(place.honest(_empty() + over(place)))


def signature_over_the_forged_element_in_the_honest_one(place):
    """the honest element has a signature whose reference is to the forged one beside it"""
    info = signed_info(reference(place.forged(), f"#{place.forged_id}"))
    return place.around(place.honest(f"{signature(info)}{place.extensions(place.forged())}"))


def _empty():
    return f'<ds:Signature xmlns:ds="{DS}"></ds:Signature>'
