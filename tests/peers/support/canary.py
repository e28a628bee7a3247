"""A password that is like no other, in every spelling that something might leak it in."""

import base64
import urllib.parse

from . import waiting

# What XML, JSON, URLs and shells escape is in it; each half is told from all else that is written.
FIRST, SECOND = "Zq8wkPx3&<", "\">é%Vt5jRm7"
PASSWORD = FIRST + SECOND


def spellings(password):
    """Byte strings of which none may be anywhere: the whole, its halves, and both backwards."""
    middle = len(password) // 2
    found = set()
    for text in (password, password[::-1], password[:middle], password[middle:]):
        found |= _encodings(text)
    # As Basic credentials have it: where it begins in a group of three octets depends on the name before it.
    octets = password.encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + octets)
        # The characters that depend on nothing but the password.
        found.add(encoded[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6])
    return found


def _encodings(text):
    named = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    as_json = text.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")
    texts = {
        text,
        named,
        named.replace('"', "&quot;"),
        text.encode("ascii", "xmlcharrefreplace").decode(),
        text.replace("\\", "\\\\").replace('"', '\\"'),
        as_json.replace('"', '\\"'),
        urllib.parse.quote(text, safe=""),
        urllib.parse.quote(text, safe="").lower(),
        urllib.parse.quote_plus(text),
    }
    octets = {each.encode() for each in texts} | {text.encode(code) for code in ("latin-1", "utf-16-le", "utf-16-be")}
    return octets | {text.encode().hex().encode(), text.encode().hex().upper().encode()}


class Hunt:
    """Everything that a fedfront lets anybody see. `stores` are further places, each a function that returns bytes: a store shared by replicas, for instance."""

    def __init__(self, proxy, audit_file, stores=()):
        self.proxy = proxy
        self.audit_file = audit_file
        self.stores = {f"store {number}": store for number, store in enumerate(stores)}
        self.answers = []

    def answered(self, answer):
        """Keeps an answer to a client, headers and all."""
        headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        self.answers.append(headers.encode() + answer.content)
        return answer

    def places(self, admin):
        """Where to look, by name."""
        folder = self.proxy.file.parent
        return {
            "standard output and error": self.proxy.output().encode(),
            "audit file": self.audit_file.read_bytes(),
            "answers to clients": b"\n".join(self.answers),
            **{f"admin {path}": admin(path) for path in ("/metrics", "/readyz?verbose", "/startupz?verbose", "/livez", "/", "/status.json")},
            **{str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()},
            **{name: store() for name, store in self.stores.items()},
        }

    def records(self, number):
        """Waits for so many audit records."""
        count = lambda: self.audit_file.exists() and len(self.audit_file.read_bytes().splitlines()) >= number
        waiting.until(count, f"{number} audit records")


def leaks(places, password):
    """Which spelling is where."""
    return [
        (name, spelling) for name, content in places.items() for spelling in spellings(password) if spelling in content
    ]
