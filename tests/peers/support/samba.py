"""Samba as a domain controller of Active Directory, on a loopback address of its own because its ports are fixed."""

import base64
import hashlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile

from . import domain, fedfront, waiting
from .process import Process
from .slapd import binary

PROGRAMS = ("samba", "samba-tool", "ldbadd", "ldbmodify", "ldapsearch", "ldapmodify")

ADMINISTRATOR = f"{domain.ADMINISTRATOR.login}@feas.test"

# Without `xattr_tdb` it would write attributes of files that root may not write in a container.
_PROVISION = [
    "samba-tool", "domain", "provision", "--realm=FEAS.TEST", "--domain=FEAS", "--server-role=dc", "--host-name=dc1",
    "--host-ip=127.0.0.1", "--dns-backend=NONE", f"--adminpass={domain.ADMINISTRATOR.password}",
    "--option=interfaces=lo", "--option=bind interfaces only=yes", "--option=vfs objects=xattr_tdb",
]  # fmt: skip
_CONFIGURATION = """\
[global]
netbios name = DC1
realm = FEAS.TEST
workgroup = FEAS
server role = active directory domain controller
server services = ldap
dcerpc endpoint servers =
interfaces = {address}/8
bind interfaces only = yes
private dir = {directory}/private
state directory = {directory}/state
cache directory = {directory}/cache
lock directory = {directory}
pid directory = {directory}
ncalrpc dir = {directory}/ncalrpc
binddns dir = {directory}/bind-dns
log file = {directory}/log
ldap server require strong auth = no
tls enabled = yes
tls cafile = {ca}
tls certfile = {certificate}
tls keyfile = {key}
"""
_PORTS = (389, 636)


class Samba:
    """Runs when constructed, on a copy of the domain that was provisioned once."""

    def __init__(self, authority):
        self.ca = authority.file
        self.address = _free_address()
        # Paths of sockets are short.
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="fedfront-samba-"))
        home = self._directory / "dc"
        try:
            subprocess.run(["cp", "-a", _template(), home], check=True)
            certificate, key = authority.server("samba", "dc1.feas.test", self.address)
            (home / "smb.conf").write_text(
                _CONFIGURATION.format(
                    address=self.address, directory=home, ca=self.ca, certificate=certificate, key=key
                )
            )
            # In the foreground it ends with its standard input: with these tests, whatever ends them.
            argv = [binary("samba"), "-i", "-M", "single", "--no-process-group", "-s", home / "smb.conf"]
            self._process = Process("samba", argv, own_session=True, stdin=subprocess.PIPE)
            for port in _PORTS:
                waiting.listening(port, "samba", self._process.alive, host=self.address)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        return f"ldaps://{self.address}"

    @property
    def plain_url(self):
        return f"ldap://{self.address}"

    def section(self, **keys):
        """The `directory` section for it, with other keys."""
        ldap = {
            "urls": [self.url],
            "ca_file": str(self.ca),
            "bind_dn": domain.SERVICE.dn,
            "bind_password_file": "ldap-password",
            "base_dn": domain.BASE,
            "user_filter": "(&(objectClass=user)(|(userPrincipalName={name})(sAMAccountName={name})))",
            "attributes": {"upn": "userPrincipalName", "immutable_id": "objectGUID", "groups": "memberOf"},
            **keys,
        }
        return {"ldap": {key: value for key, value in ldap.items() if value is not None}}

    def attributes(self, dn, *names):
        """What the directory shows its administrator of an entry: names to their values, as octets."""
        found = {}
        for line in self.search(dn, "(objectClass=*)", "base", names).splitlines():
            name, colon, value = line.partition(b":")
            if colon and name != b"dn" and not name.startswith(b"#"):
                octets = base64.b64decode(value[1:]) if value.startswith(b":") else value.strip()
                found.setdefault(name.decode(), []).append(octets)
        return found

    def search(self, base, query, scope="sub", names=()):
        """The LDIF that the directory's administrator finds."""
        return self._run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", base, "-s", scope, query, *names)

    def number(self, account, name):
        """The number in an attribute; 0 where it is absent."""
        return int(self.attributes(account.dn, name).get(name, [0])[0])

    def modify(self, ldif):
        self._run("ldapmodify", ldif=ldif)

    def replace(self, dn, attribute, value):
        self.modify(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")

    def bind(self, account, password):
        """Whether a simple bind, not through us, succeeds."""
        argv = ["ldapsearch", "-x", "-H", self.url, "-D", account.dn, "-w", password, "-b", domain.BASE, "-s", "base", "1.1"]
        return subprocess.run(argv, env=self._environment(), capture_output=True).returncode == 0

    def stop(self):
        """Ends it and all that it started, and removes what it wrote."""
        process = getattr(self, "_process", None)
        if process:
            process.stop(signal.SIGTERM)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, program, *arguments, ldif=""):
        argv = [program, "-x", "-H", self.url, "-D", ADMINISTRATOR, "-w", domain.ADMINISTRATOR.password, *arguments]
        ended = subprocess.run(argv, env=self._environment(), input=ldif.encode(), capture_output=True)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    def _environment(self):
        return {**os.environ, "LDAPTLS_CACERT": str(self.ca)}


def _template():
    """The provisioned domain with everybody in it: made once for each version of Samba and of what is in it."""
    version = subprocess.run([binary("samba"), "-V"], check=True, capture_output=True, text=True).stdout
    recipe = "\n".join([version, *_PROVISION, domain.added(), domain.changed(), domain.aged()])
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", fedfront.REPOSITORY / "target")) / "peers" / "samba"
    template = folder / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    if not template.exists():
        folder.mkdir(parents=True, exist_ok=True)
        making = pathlib.Path(tempfile.mkdtemp(dir=folder))
        try:
            _provision(making / "dc")
            (making / "dc").rename(template)
        finally:
            shutil.rmtree(making)
    return template


def _provision(home):
    _do([*_PROVISION, f"--targetdir={home}"])
    whole = home / "private/sam.ldb"
    # May say which objectGUID an entry has.
    _do(["ldbadd", "--relax", "-H", whole], domain.added())
    _do(["ldbmodify", "-H", whole], domain.changed())
    # Below all that would forbid it.
    _do(["ldbmodify", "-H", home / "private/sam.ldb.d" / f"{domain.BASE.upper()}.ldb"], domain.aged())


def _do(argv, ldif=""):
    argv = [binary(argv[0]), *map(str, argv[1:])]
    ended = subprocess.run(argv, input=ldif.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert ended.returncode == 0, f"{argv[0]}: {ended.stdout.decode()}"


def _free_address():
    """A loopback address on which nobody has the ports of a directory."""
    while True:
        address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        try:
            for port in _PORTS:
                with socket.socket() as probe:
                    probe.bind((address, port))
            return address
        except PermissionError:
            raise
        except OSError:
            continue
