"""Who is in the directory, and every password that must never be seen anywhere else."""

import base64
import dataclasses


@dataclasses.dataclass(frozen=True)
class Person:
    """One entry. `guid` is objectGUID's sixteen octets."""

    login: str
    password: str
    guid: bytes
    member: bool = True
    upn_domain: str = "example.com"

    @property
    def upn(self):
        return f"{self.login}@{self.upn_domain}"

    @property
    def immutable_id(self):
        return base64.b64encode(self.guid).decode()

    @property
    def dn(self):
        return f"uid={self.login},ou=people,dc=example,dc=com"


def _guid(number):
    return bytes([number]) + bytes(range(0xF1, 0x100))


ALICE = Person("alice", "canary-Alice-8Kq2!", bytes(range(16)))
BOB = Person("bob", "canary-Bob-Rx71", _guid(2), member=False)
# An objectGUID that happens to be text: LDAP libraries that look at the bytes take it for a string.
TEXTUAL = Person("textual", "canary-Textual-0z", b"sixteen letters!")
UMLAUT = Person("umlaut", "canary-pässwörd-é", _guid(4))
WIDE = Person("wide", "canary-пароль-密", _guid(5))
MARKUP = Person("markup", "canary-<&>\"'-]]>", _guid(6))
COLON = Person("colon", "canary:with:colons", _guid(7))
QUOTE = Person("o'brien&sons", "canary-Quote-5", _guid(8))
CHANGING = Person("changing", "canary-Changing-before", _guid(9))
SUBSIDIARY = Person("sue", "canary-Sue-3", _guid(10), upn_domain="subsidiary.example")
HOMELESS = Person("homeless", "canary-Homeless-1", _guid(11), upn_domain="unlisted.example")
# Users whom the tests lock out, one each.
LOCKED = [Person(f"locked{number}", f"canary-Locked-{number}", _guid(20 + number)) for number in range(6)]

EVERYONE = [ALICE, BOB, TEXTUAL, UMLAUT, WIDE, MARKUP, COLON, QUOTE, CHANGING, SUBSIDIARY, HOMELESS, *LOCKED]

# Who is in another directory.
OTHERS = []

SERVICE_DN = "cn=fedfront,ou=services,dc=example,dc=com"
SERVICE_PASSWORD = "canary-Service-Vq9"
REDIS_PASSWORD = "canary-Redis-Jw4"
WRONG = "canary-wrong-password"
CHANGED = "canary-Changing-after"


def secrets():
    """Every spelling of every password that a log might leak."""
    everyone = EVERYONE + OTHERS
    passwords = [person.password for person in everyone] + [SERVICE_PASSWORD, REDIS_PASSWORD, WRONG, CHANGED]
    spellings = set(passwords)
    for password in passwords:
        spellings.add(password.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        spellings.add(base64.b64encode(password.encode()).decode())
    for person in everyone:
        for name in (person.login, person.upn):
            for password in (person.password, WRONG):
                spellings.add(base64.b64encode(f"{name}:{password}".encode()).decode())
    return spellings
