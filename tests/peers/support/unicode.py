"""Text of every kind that XML 1.0 can hold (production 2, `Char`), and of the kinds that it cannot."""

# What parsers, serialisers and canonicalisation each treat in a way of their own.
AWKWARD = [
    "",
    " ",
    " leading and trailing ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "a\rb\nc\r\nd\te",
    "]]>",
    "<![CDATA[x]]>",
    "<!-- - -- -->",
    "<?pi ?>",
    "&amp;&lt;&#13;&#xD;&nonsense;",
    "<&>\"'",
    "</saml:AttributeValue>",
    "\ufeffbyte order mark",
    "e\u0301 and \u00e9, not normalised",
    "\u0301 alone",
    "\u0085 next line, \u2028 line and \u2029 paragraph separator",
    "\u007f\u0080\u009f",
    "\ufdd0\ufdef noncharacters",
    "\U0001fffe\U0001ffff\U0010fffe\U0010ffff",
    "\ud7ff\ue000\ufffd beside the surrogates",
    "\U00010000\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u202eright to left\u202c",
    "{0}{name}${x}%s%n\\u0041\\x41",
    "a" * 5000,
    "\U0001f511" * 2000,
]

# As fractions of what is drawn: what is treated specially, what is plain, and everything else.
SPECIAL = "\t\n\r &<>\"']\ufeff\u0085\u2028\u0300\u200d\ufffd\ud7ff\ue000"
RANGES = [(0x20, 0x7E), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]

# What no XML document can hold, however it is escaped.
UNWRITABLE = ["\0", "\x01", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", "\ufffe", "\uffff"]


def drawn(random):
    """A text, by a `random.Random`."""
    if random.random() < 0.2:
        return random.choice(AWKWARD)
    return "".join(character(random) for _ in range(random.choice((1, 2, 3, 8, 40))))


def character(random):
    """One character."""
    if random.random() < 0.4:
        return random.choice(SPECIAL)
    return chr(random.randint(*random.choice(RANGES)))
