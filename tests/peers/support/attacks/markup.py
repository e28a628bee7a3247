"""What two parsers read differently, what makes one work for hours, what has it fetch."""

from .maker import changed, over, reference, signature, signed, signed_info

ROW = 4
ROWS = {"dtd": 9, "entity": 9, "many": 19, "deep": 19, "namespaces": 19, "relative": 5}


def _dtd(place, inside, text=None):
    return f"<!DOCTYPE e {inside}>\n{text or place.around(signed(place))}"


def dtd_empty(place):
    """a DTD that does nothing"""
    return _dtd(place, "[]")


def dtd_external(place):
    """a DTD to be fetched"""
    return _dtd(place, 'SYSTEM "http://127.0.0.1:1/e.dtd"')


def dtd_that_makes_ids(place):
    """another attribute is declared to be the ID"""
    forged = changed(place.forged(over(place)), " ID=", f' fake="{place.honest_id}" ID=')
    return _dtd(place, "[<!ATTLIST e fake ID #IMPLIED>]", place.around(forged))


def dtd_with_a_default_attribute(place):
    """an attribute that only a reader of the DTD sees"""
    return _dtd(place, '[<!ATTLIST e Consent CDATA "urn:forged">]')


def entity_internal(place):
    """an entity in the place of the signed name"""
    text = place.around(changed(signed(place), "<ds:Signature ", "&e;<ds:Signature "))
    return _dtd(place, '[<!ENTITY e "forged">]', text)


def entity_external(place):
    """an entity that is a file of the server"""
    text = place.around(changed(signed(place), "<ds:Signature ", "&e;<ds:Signature "))
    return _dtd(place, '[<!ENTITY e SYSTEM "file:///etc/hostname">]', text)


def entity_parameter(place):
    """a parameter entity to be fetched"""
    return _dtd(place, '[<!ENTITY % e SYSTEM "http://127.0.0.1:1/e.ent"> %e;]')


def entity_billion_laughs(place):
    """entities of entities"""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = place.around(changed(signed(place), "<ds:Signature ", "&l9;<ds:Signature "))
    return _dtd(place, f'[<!ENTITY l0 "ha">{laughs}]', text)


def entity_quadratic(place):
    """one long entity, many times"""
    text = place.around(changed(signed(place), "<ds:Signature ", "&e;" * 200 + "<ds:Signature "))
    return _dtd(place, f'[<!ENTITY e "{"a" * 1000}">]', text)


def entity_undeclared(place):
    """an entity that nobody declared"""
    return place.around(changed(signed(place), "<ds:Signature ", "&forged;<ds:Signature "))


def processing_instruction_in_the_signed_element(place):
    """canonicalisation keeps it, a tree may not"""
    return place.around(changed(signed(place), "<ds:Signature ", "<?forged?><ds:Signature "))


def attribute_twice(place):
    """the first reader takes the one, the second the other"""
    return place.around(changed(signed(place), " ID=", f' ID="{place.forged_id}" ID='))


def attribute_twice_by_namespace(place):
    """the same attribute under two prefixes"""
    return place.around(changed(signed(place), " ID=", ' xmlns:a="urn:e" xmlns:b="urn:e" a:e="1" b:e="2" ID='))


def attribute_with_a_line_end(place):
    """a line end in a signed attribute is a blank, and was not signed"""
    return place.around(changed(signed(place), f'ID="{place.honest_id}"', f'ID="{place.honest_id}\n"'))


def prefix_undeclared(place):
    """a prefix that nobody declared"""
    return place.around(changed(signed(place), "<ds:Signature ", "<forged:e></forged:e><ds:Signature "))


def prefix_declared_empty(place):
    """Namespaces 1.1 allows it, 1.0 does not"""
    return place.around(changed(signed(place), "<ds:Signature ", '<e xmlns:e=""></e><ds:Signature '))


def prefix_of_another_namespace(place):
    """the signature's prefix means something else inside it"""
    return place.around(changed(signed(place), "<ds:Reference ", '<ds:Reference xmlns:ds="urn:forged" '))


def xmlns_of_the_signature_changed_by_case(place):
    """a namespace that differs in a letter's case"""
    return place.around(
        changed(signed(place), "http://www.w3.org/2000/09/xmldsig#", "HTTP://www.w3.org/2000/09/xmldsig#")
    )


def encoding_declared_otherwise(place):
    """UTF-7 for a reader that believes the declaration"""
    return '<?xml version="1.0" encoding="UTF-7"?>\n' + place.around(signed(place))


def relative_namespace(place):
    """a namespace that canonicalisers refuse, so that some sign nothing (CVE-2025-66568)"""
    return place.around(changed(signed(place), " ID=", ' xmlns:e="1" ID='))


def many_references(place):
    """a canonicalisation for each"""
    references = reference(place.honest(), f"#{place.honest_id}") * 50
    return place.around(place.honest(signature(signed_info(references))))


def many_signatures(place):
    """whoever verifies all of them works for each"""
    return place.around(place.honest(over(place) * 12))


def deep_elements_in_the_signature(place):
    """elements within elements within SignedInfo"""
    deep = "<ds:e>" * 300 + "</ds:e>" * 300
    return place.around(place.honest(changed(over(place), "<ds:Reference ", f"{deep}<ds:Reference ")))


def namespaces_that_are_written_again(place):
    """a long namespace that exclusive canonicalisation writes on each of many elements, after the signature was verified"""
    again = "<e:e></e:e>" * 2000
    declared = changed(signed(place), " ID=", f' xmlns:e="urn:{"e" * 500}" ID=')
    return place.around(changed(declared, "</ds:Signature>", f"</ds:Signature>{again}"))


def namespaces_that_are_long(place):
    """a namespace of kilobytes"""
    return place.around(changed(signed(place), " ID=", f' xmlns:e="urn:{"e" * 5000}" ID='))
