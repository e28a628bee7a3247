"""Messages made to hurt a parser. Each is a function of a good message, so that only the hostile part is wrong."""


def _inside_header(message, text):
    start, end = message.split("</s:Header>", 1) if "</s:Header>" in message else message.split("<S:Body>", 1)
    joint = "</s:Header>" if "</s:Header>" in message else "<S:Body>"
    if joint == "<S:Body>":
        return f"{start}<S:Header>{text}</S:Header>{joint}{end}"
    return start + text + joint + end


def _attribute(message, text):
    """`text` among the attributes of an element in the header."""
    return _inside_header(message, f'<x:Odd xmlns:x="urn:x" {text}/>')


def _doctype(message, text):
    return f"<!DOCTYPE Envelope {text}>{message}"


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))

# The message of each entry must be refused.
REFUSED = {
    "DTD": lambda m: _doctype(m, "[]"),
    "internal entity": lambda m: _doctype(m, '[<!ENTITY e "x">]').replace("</", "&e;</", 1),
    "billion laughs": lambda m: _doctype(m, f'[<!ENTITY l0 "ha">{_LAUGHS}]').replace("</", "&l9;</", 1),
    "quadratic blowup": lambda m: _doctype(m, f'[<!ENTITY a "{"a" * 10000}">]').replace("</", "&a;" * 2000 + "</", 1),
    "external entity": lambda m: _doctype(m, '[<!ENTITY e SYSTEM "file:///etc/passwd">]').replace("</", "&e;</", 1),
    "external subset": lambda m: _doctype(m, 'SYSTEM "http://127.0.0.1:1/x.dtd"'),
    "parameter entity": lambda m: _doctype(m, '[<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]'),
    "DTD in lower case": lambda m: f"<!doctype Envelope []>{m}",
    "undefined entity": lambda m: _inside_header(m, "<x>&nbsp;</x>"),
    "processing instruction": lambda m: _inside_header(m, "<?php evil ?>"),
    "stylesheet": lambda m: f'<?xml-stylesheet href="x"?>{m}',
    "depth of ten thousand": lambda m: _inside_header(m, "<x>" * 10_000 + "</x>" * 10_000),
    "depth of two thousand": lambda m: _inside_header(m, "<x>" * 2_000 + "</x>" * 2_000),
    "thirty thousand attributes": lambda m: _attribute(m, " ".join(f'a{n}=""' for n in range(30_000))),
    "four thousand attributes": lambda m: _attribute(m, " ".join(f'a{n}=""' for n in range(4_000))),
    "ten thousand namespaces": lambda m: _attribute(m, " ".join(f'xmlns:n{n}="u{n}"' for n in range(10_000))),
    "one thousand namespaces": lambda m: _attribute(m, " ".join(f'xmlns:n{n}="urn:u{n}"' for n in range(1_000))),
    "duplicate attribute": lambda m: _attribute(m, 'a="1" a="2"'),
    "duplicate attribute by namespace": lambda m: _attribute(m, 'xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="2"'),
    "duplicate id": lambda m: _inside_header(m, '<x ID="i"/><x ID="i"/>'),
    "undeclared prefix": lambda m: _inside_header(m, "<nobody:x/>"),
    "undeclared prefix of an attribute": lambda m: _inside_header(m, '<x nobody:a="1"/>'),
    "prefix declared empty": lambda m: _inside_header(m, '<x xmlns:p=""/>'),
    "relative namespace": lambda m: _inside_header(m, '<p:x xmlns:p="1"/>'),
    "xmlns as a prefix": lambda m: _inside_header(m, '<x xmlns:xmlns="urn:x"/>'),
    "xml bound elsewhere": lambda m: _inside_header(m, '<x xmlns:xml="urn:x"/>'),
    "two colons": lambda m: _inside_header(m, '<a:b:c xmlns:a="urn:a"/>'),
    "not closed": lambda m: m[:-1],
    "closed twice": lambda m: m + "</s:Envelope>",
    "crossed tags": lambda m: _inside_header(m, "<x><y></x></y>"),
    "two roots": lambda m: m + m,
    "text after the root": lambda m: m + "text",
    "text before the root": lambda m: "text" + m,
    "less-than in an attribute": lambda m: _inside_header(m, '<x a="<"/>'),
    "attribute without quotes": lambda m: _inside_header(m, "<x a=1/>"),
    "attribute without value": lambda m: _inside_header(m, "<x a/>"),
    "end of CDATA in text": lambda m: _inside_header(m, "<x>]]></x>"),
    "two hyphens in a comment": lambda m: _inside_header(m, "<!-- a -- b -->"),
    "control character": lambda m: _inside_header(m, "<x>\x08</x>"),
    "NUL": lambda m: _inside_header(m, "<x>\0</x>"),
    "reference to NUL": lambda m: _inside_header(m, "<x>&#0;</x>"),
    "reference to a control character": lambda m: _inside_header(m, "<x>&#x1;</x>"),
    "reference to a surrogate": lambda m: _inside_header(m, "<x>&#xD800;</x>"),
    "reference out of range": lambda m: _inside_header(m, "<x>&#x110000;</x>"),
    "reference that overflows": lambda m: _inside_header(m, "<x>&#99999999999999999999;</x>"),
    "noncharacter": lambda m: _inside_header(m, "<x>\ufffe</x>"),
    "declaration not at the start": lambda m: ' <?xml version="1.0"?>' + m,
    "declared latin-1": lambda m: '<?xml version="1.0" encoding="ISO-8859-1"?>' + m,
    "declared UTF-7": lambda m: '<?xml version="1.0" encoding="UTF-7"?>+ADw-x+AD4-' + m,
    "declared UTF-16 in UTF-8": lambda m: '<?xml version="1.0" encoding="utf-16"?>' + m,
    "UTF-16 with a mark": lambda m: m.encode("utf-16"),
    "UTF-16 without": lambda m: m.encode("utf-16-be"),
    "UTF-32": lambda m: m.encode("utf-32"),
    "latin-1 bytes": lambda m: _inside_header(m, "<x>é</x>").encode("latin-1"),
    "overlong UTF-8": lambda m: _inside_header(m, "<x>?</x>").encode().replace(b"?", b"\xc0\xbc"),
    "surrogate in UTF-8": lambda m: _inside_header(m, "<x>?</x>").encode().replace(b"?", b"\xed\xa0\x80"),
    "cut character": lambda m: _inside_header(m, "<x>?</x>").encode().replace(b"?", b"\xe2\x82"),
    "ten mebibytes": lambda m: _inside_header(m, "<x>" + "x" * (10 << 20) + "</x>"),
    "ten mebibytes of nothing": lambda m: " " * (10 << 20),
    "gzip": lambda m: b"\x1f\x8b\x08\x00" + b"\0" * 100,
    "only a mark": lambda m: b"\xef\xbb\xbf",
    "huge name": lambda m: _inside_header(m, f"<{'x' * 60_000}>"),
}

# Odd, but XML: an answer of any kind is right, a wrong reading is not.
ODD = {
    "UTF-8 with a mark": lambda m: b"\xef\xbb\xbf" + m.encode(),
    "declaration": lambda m: '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n' + m,
    "comments around": lambda m: f"<!-- a -->{m}<!-- b -->",
    "comment in the header": lambda m: _inside_header(m, "<!-- <a><b> -->"),
    "CDATA in the header": lambda m: _inside_header(m, "<x><![CDATA[</x><y>&]]></x>"),
    "forty levels": lambda m: _inside_header(m, "<x>" * 40 + "</x>" * 40),
    "line ends": lambda m: m.replace("><", ">\r\n<"),
    "default namespace": lambda m: _inside_header(m, '<x xmlns="urn:y"><z xmlns=""/></x>'),
}


def encoded(message):
    return message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass")
