"""Who is in the domain of Active Directory: users in every state that it refuses them for, and groups of groups."""

import base64
import dataclasses

from . import people

BASE = "DC=feas,DC=test"
GROUP = "O365-Users"
# What people choose for their names, and what has to be escaped in DNs and filters.
ODD = "Müller, Jürgen \\ \"JM\" + (1*2) #3; <x>="
ODD_GROUP = "Institut für Optik, \"Licht\" & (Töne)"
# Of wrong passwords within half an hour, for half an hour; and stricter for whom `STRICT` applies to.
THRESHOLD = 5
STRICT_THRESHOLD = 2
STRICT = f"CN=strict,CN=Password Settings Container,CN=System,{BASE}"
_ENABLED = 0x10200  # A normal account whose password does not expire.
_DISABLED = 0x10202
_EXPIRING = 0x200


@dataclasses.dataclass(frozen=True)
class Account:
    """One user. `attributes` are more lines of LDIF; `reason` is what the audit log says of the right password."""

    login: str
    password: str
    groups: tuple = ()
    flags: int = _ENABLED
    attributes: tuple = ()
    reason: str | None = None
    name: str | None = None

    @property
    def upn(self):
        return f"{self.login}@example.com"

    @property
    def dn(self):
        return f"CN={_escaped(self.name or self.login)},OU=People,{BASE}"


def _octets(name, value):
    return f"{name}:: {base64.b64encode(value).decode()}"


CONSISTENCY = bytes(range(0xE0, 0xF0))

ADA = Account("ada", "canary-Ada-9kW3!", (GROUP,))
# Three groups deep, and with another anchor than objectGUID.
GRACE = Account("grace", "canary-Grace-7", (ODD_GROUP,), attributes=(_octets("mS-DS-ConsistencyGuid", CONSISTENCY),))
OTTO = Account("otto", "canary-Otto-41")
JUERGEN = Account("jürgen", "canary-Пароль-密-é𝄞", (GROUP,), name=ODD)
# An objectGUID that happens to be text.
TEXTUAL = Account("textual", "canary-Text-AD-2", (GROUP,), attributes=(_octets("objectGUID", b"sixteen letters!"),))
GUARDED = Account("guarded", "canary-Guarded-1")  # Whom a stricter rule is for.
LOCKED = Account("blocked", "canary-Blocked-1", (GROUP,), reason="the directory has locked the account")
# Whom the tests guess the passwords of, one each.
VICTIMS = [Account(f"victim{number}", f"canary-Victim-{number}", (GROUP,)) for number in range(8)]
# Whom a right password does not help.
REFUSED = [
    Account("disabled", "canary-Disabled-1", (GROUP,), _DISABLED, reason="the account is disabled"),
    Account(
        "elapsed",
        "canary-Elapsed-1",
        (GROUP,),
        attributes=("accountExpires: 133000000000000000",),
        reason="the account has expired",
    ),
    Account(
        "mustchange",
        "canary-Must-1",
        (GROUP,),
        _EXPIRING,
        attributes=("pwdLastSet: 0",),
        reason="the password must be changed first",
    ),
    Account("stale", "canary-Stale-1", (GROUP,), _EXPIRING, reason="the password has expired"),
]
# Not at this hour, and not from here.
NIGHTLY = Account("nightly", "canary-Nightly-1", (GROUP,), attributes=(_octets("logonHours", bytes(21)),))
ELSEWHERE = Account("elsewhere", "canary-Else-1", (GROUP,), attributes=("userWorkstations: NOSUCHHOST",))
# A service account as one should be: nobody in particular.
SERVICE = Account("svc-fedfront", people.SERVICE_PASSWORD)

EVERYONE = [ADA, GRACE, OTTO, JUERGEN, TEXTUAL, GUARDED, LOCKED, *VICTIMS, *REFUSED, NIGHTLY, ELSEWHERE, SERVICE]
# Whom every domain has.
ADMINISTRATOR = Account("Administrator", "canary-Root-AD-77")
people.OTHERS.extend([*EVERYONE, ADMINISTRATOR])

# Each with the group that it is in.
GROUPS = {GROUP: None, "Faculty": GROUP, ODD_GROUP: "Faculty"}


def group_dn(name):
    return f"CN={_escaped(name)},OU=Groups,{BASE}"


def added():
    """LDIF of all that the domain is given."""
    blocks = [
        *(f"dn: OU={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}" for unit in ("People", "Groups")),
        *(_account(account) for account in EVERYONE),
        *(_group(name) for name in reversed(GROUPS)),
        f"dn: {STRICT}\nobjectClass: msDS-PasswordSettings\nmsDS-PasswordSettingsPrecedence: 10\n"
        "msDS-PasswordReversibleEncryptionEnabled: FALSE\nmsDS-PasswordHistoryLength: 0\n"
        "msDS-PasswordComplexityEnabled: FALSE\nmsDS-MinimumPasswordLength: 0\nmsDS-MinimumPasswordAge: 0\n"
        f"msDS-MaximumPasswordAge: -9223372036854775808\nmsDS-LockoutThreshold: {STRICT_THRESHOLD}\n"
        "msDS-LockoutObservationWindow: -36000000000\nmsDS-LockoutDuration: -36000000000\n"
        f"msDS-PSOAppliesTo: {GUARDED.dn}",
    ]
    return "\n\n".join(blocks) + "\n"


def changed():
    """LDIF of what the domain itself is told."""
    return f"dn: {BASE}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: {THRESHOLD}\n"


def aged():
    """LDIF of what no server lets anybody write: a password of long ago."""
    (stale,) = (account for account in REFUSED if account.login == "stale")
    return f"dn: {stale.dn}\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: 130000000000000000\n"


def _account(account):
    quoted = f'"{account.password}"'.encode("utf-16-le")
    lines = [
        _octets("dn", account.dn.encode()),
        "objectClass: user",
        _octets("sAMAccountName", account.login.encode()),
        _octets("userPrincipalName", account.upn.encode()),
        f"userAccountControl: {account.flags}",
        _octets("unicodePwd", quoted),
        *account.attributes,
    ]
    return "\n".join(lines)


def _group(name):
    members = [account.dn for account in EVERYONE if name in account.groups]
    members += [group_dn(each) for each, parent in GROUPS.items() if parent == name]
    lines = [_octets("dn", group_dn(name).encode()), "objectClass: group"]
    if name.isascii():
        lines.append(f"sAMAccountName: {name}")
    return "\n".join(lines + [_octets("member", member.encode()) for member in members])


def _escaped(value):
    """As in a DN (RFC 4514, 2.4)."""
    return "".join(f"\\{character}" if character in '\\,+"<>;=#' else character for character in value)
