"""OpenLDAP as the directory: the attributes of Active Directory that fedfront reads, by ldap and ldaps."""

import base64
import pathlib
import re
import shutil
import subprocess

from . import people, rst, waiting
from .process import Process, Restartable

ROOT_DN = "cn=admin,dc=example,dc=com"
ROOT_PASSWORD = "canary-Root-77"
ENTITLEMENT = "urn:mace:dir:entitlement:common-lib-terms"
POLICY_DN = "cn=default,dc=example,dc=com"
GROUP_DN = "cn=O365-Users,ou=groups,dc=example,dc=com"

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.662 NAME 'lockoutTime' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.2.840.113556.1.5.9 NAME 'adUser' SUP top AUXILIARY MAY ( objectGUID $ sAMAccountName $ userPrincipalName $ userAccountControl $ accountExpires $ lockoutTime $ nsAccountLock ) )
attributetype ( 1.3.6.1.4.1.5923.1.1.1.1 NAME 'eduPersonAffiliation' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.5923.1.1.1.7 NAME 'eduPersonEntitlement' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.5923.1.1.2 NAME 'eduPerson' AUXILIARY MAY ( eduPersonAffiliation $ eduPersonEntitlement ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
{module}
pidfile {directory}/slapd.pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
TLSVerifyClient never
threads 4
database mdb
maxsize 16777216
suffix "dc=example,dc=com"
rootdn "{root_dn}"
rootpw "{root_password}"
directory {directory}/db
index objectClass,uid,sAMAccountName,userPrincipalName eq
overlay memberof
{overlay}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service_dn}" read by self read by * none
"""


class Slapd(Restartable):
    """`start` and `stop` at will: ports, entries and the count of binds stay."""

    def __init__(self, directory, authority, policy=False):
        """With `policy`, OpenLDAP's own password policy is loaded; `set_policy` says what it is."""
        self.directory = directory
        self.ca = authority.file
        self.port, self.tls_port = waiting.free_port(), waiting.free_port()
        self._earlier_lines = []
        certificate, key = authority.server("slapd", "localhost", "127.0.0.1")
        (directory / "db").mkdir()
        self._configuration = directory / "slapd.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(
                directory=directory,
                ca=self.ca,
                module="moduleload ppolicy" if policy else "",
                overlay=f"overlay ppolicy\nppolicy_default {POLICY_DN}" if policy else "",
                certificate=certificate,
                key=key,
                root_dn=ROOT_DN,
                root_password=ROOT_PASSWORD,
                service_dn=people.SERVICE_DN,
            )
        )
        entries = directory / "entries.ldif"
        entries.write_text(_entries())
        # A copy, because some distributions' AppArmor profile keeps /usr/sbin/slapd out of temporary directories.
        self._binary = shutil.copy(binary("slapd"), directory / "slapd")
        loading = [self._binary, "-T", "add", "-q", "-f", self._configuration, "-l", entries]
        subprocess.run(loading, check=True, capture_output=True)

    @property
    def url(self):
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def plain_url(self):
        return f"ldap://localhost:{self.port}"

    def start(self):
        addresses = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        argv = [self._binary, "-f", self._configuration, "-h", addresses, "-d", "256"]
        self._process = Process("slapd", argv)
        self._process.wait_for_line("slapd starting")
        waiting.listening(self.tls_port, "slapd", self._process.alive)

    def stop(self):
        ended = self._process
        super().stop()
        if ended:
            self._earlier_lines += ended.stderr

    def binds(self, dn):
        """How many BIND operations of `dn` have been logged."""
        lines = self._earlier_lines + (list(self._process.stderr) if self._process else [])
        pattern = re.compile(r'BIND dn="' + re.escape(dn) + '" method=128', re.IGNORECASE)
        return sum(1 for line in lines if pattern.search(line))

    def lines_with(self, text):
        """What has been logged that has `text` in it: searches for a name, and what was done as its entry."""
        lines = self._earlier_lines + (list(self._process.stderr) if self._process else [])
        return [line for line in lines if text in line]

    def binds_settled(self, proxy, dn, person):
        """`binds` once all that came before is in the log: `person`, whom nobody remembers, is signed in after it."""
        before = self.binds(person.dn)
        assert rst.sign_in(proxy, person).status_code == 200
        waiting.until(lambda: self.binds(person.dn) > before, "slapd logging")
        return self.binds(dn)

    def change_password(self, person, password):
        self.modify(f"dn: {person.dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: {password}\n")

    def set_policy(self, **attributes):
        """Makes the password policy of everybody."""
        entry = {"objectClass": "person", "sn": "default", "pwdAttribute": "userPassword", **attributes}
        lines = "\n".join(f"{name}: {value}" for name, value in entry.items())
        self.modify(f"dn: {POLICY_DN}\nchangetype: add\nobjectClass: pwdPolicy\n{lines}\n")

    def modify(self, ldif):
        subprocess.run(
            ["ldapmodify", "-x", "-H", self.plain_url, "-D", ROOT_DN, "-w", ROOT_PASSWORD],
            input=ldif.encode(),
            check=True,
            capture_output=True,
        )


def binary(name):
    """Administrators' programs are not on everyone's PATH."""
    return shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or name


def _entries():
    blocks = [
        "dn: dc=example,dc=com\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example",
        *(
            f"dn: ou={name},dc=example,dc=com\nobjectClass: organizationalUnit\nou: {name}"
            for name in ("people", "groups", "services")
        ),
        f"dn: {people.SERVICE_DN}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\n"
        f"cn: fedfront\nuserPassword: {people.SERVICE_PASSWORD}",
        *(_person(person) for person in people.EVERYONE),
        "\n".join(
            [f"dn: {GROUP_DN}", "objectClass: groupOfNames", "cn: O365-Users"]
            + [f"member: {person.dn}" for person in people.EVERYONE if person.member]
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def _person(person):
    lines = [
        f"dn: {person.dn}",
        "objectClass: inetOrgPerson",
        "objectClass: adUser",
        "objectClass: eduPerson",
        f"uid: {person.login}",
        f"cn: {person.login}",
        "sn: Tester",
        f"mail: {person.login}@{person.upn_domain}",
        f"sAMAccountName: {person.login}",
        f"userPrincipalName: {person.upn}",
        f"objectGUID:: {person.immutable_id}",
        f"userPassword:: {base64.b64encode(person.password.encode()).decode()}",
    ]
    if person.member:
        lines.append(f"memberOf: {GROUP_DN}")
        lines += ["eduPersonAffiliation: staff", "eduPersonAffiliation: member", f"eduPersonEntitlement: {ENTITLEMENT}"]
    return "\n".join(lines)
