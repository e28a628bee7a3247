"""The peers as fixtures. A peer that is missing is a skip with its reason, and with CI=true a failure."""

import dataclasses
import os
import pathlib
import subprocess

import pytest

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from cryptography.x509 import load_pem_x509_certificates

from support import certificates, fedfront, waiting
from support.ad import ActiveDirectory
from support.cxf import JAR, Cxf
from support.guessing import lock_after_five
from support.nginx import Nginx
from support.origin import Origin
from support.publisher import Publisher
from support.redis import Redis
from support.samba import PROGRAMS as SAMBA
from support.samba import Samba
from support.slapd import Slapd, binary
from support.sp import ServiceProvider


def need(*programs):
    """Skips, or with CI=true fails, unless every program is installed."""
    missing = [name for name in programs if not (os.path.exists(name) or os.path.exists(binary(name)))]
    if missing:
        cannot(f"not installed: {', '.join(missing)}")


def cannot(reason):
    """Skips, or with CI=true fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def lasso(script, *arguments):
    """What a script of `clients` prints, run by the distribution's Python, which is the one that has Lasso."""
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import lasso"], capture_output=True).returncode:
        cannot("not installed: python3-lasso")
    command = [python, fedfront.REPOSITORY / "tests/peers/clients" / script, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@dataclasses.dataclass(frozen=True)
class Site:
    """Keys and certificates of one deployment: TLS and signing pairs, and who signed the former."""

    authority: certificates.Authority
    tls: tuple[pathlib.Path, pathlib.Path]
    signing: tuple[pathlib.Path, pathlib.Path]

    @property
    def ca(self):
        return self.authority.file


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    authority = certificates.Authority(directory)
    return Site(
        authority,
        authority.server("tls", "localhost", "127.0.0.1"),
        certificates.signing(directory, "signing"),
    )


@pytest.fixture(scope="session")
def binary_built():
    if not fedfront.binary().exists():
        need(str(fedfront.binary()))


@pytest.fixture(scope="session")
def slapd(tmp_path_factory, site):
    """The directory that every test shares and none may stop."""
    yield from _slapd(tmp_path_factory, site)


@pytest.fixture
def own_slapd(tmp_path_factory, site):
    """A directory of the test's own, to stop, freeze and change."""
    yield from _slapd(tmp_path_factory, site)


@pytest.fixture
def policed_slapd(tmp_path_factory, site):
    """A directory of the test's own that can have a password policy."""
    yield from _slapd(tmp_path_factory, site, policy=True)


@pytest.fixture(scope="module")
def policed(tmp_path_factory, site):
    """A directory that locks accounts after five wrong passwords, for the tests of one file."""
    need("ldapsearch")
    for directory in _slapd(tmp_path_factory, site, policy=True):
        lock_after_five(directory)
        yield directory


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory, site):
    """What replicas share, for the tests of one file."""
    need("redis-server")
    server = Redis(tmp_path_factory.mktemp("redis"), site.authority)
    server.start()
    yield server
    server.stop()


def _slapd(tmp_path_factory, site, policy=False):
    need("slapd", "ldapmodify")
    directory = Slapd(tmp_path_factory.mktemp("slapd"), site.authority, policy)
    directory.start()
    yield directory
    directory.stop()


@pytest.fixture(scope="session")
def samba(site):
    """A domain controller of Active Directory, which every test shares: each locks out and changes its own users."""
    need(*SAMBA)
    if os.geteuid() != 0:
        cannot("Samba has to be started by root: its ports are fixed")
    controller = Samba(site.authority)
    yield controller
    controller.stop()


@pytest.fixture
def active_directory():
    """`active_directory(accounts)` serves them until the end of the test."""
    running = []

    def start(accounts):
        running.append(ActiveDirectory(accounts))
        return running[-1]

    yield start
    for directory in running:
        directory.stop()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    need("nginx")
    idp = Nginx(tmp_path_factory.mktemp("nginx"))
    idp.start()
    yield idp
    idp.stop()


@pytest.fixture
def origin():
    server = Origin()
    yield server
    server.stop()


@pytest.fixture
def publisher():
    """An identity provider that publishes its metadata."""
    server = Publisher(waiting.free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sp(tmp_path_factory):
    """A SAML service provider that speaks PAOS, registered as the relying party `cluster`."""
    provider = ServiceProvider(tmp_path_factory.mktemp("sp"))
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def launch_shared(tmp_path_factory, site, binary_built):
    """`launch` for fixtures of a wider scope than one test; they stop what they start. `under` is a command that runs it."""

    def launch(directory, behind, env=None, under=(), **changes):
        folder = tmp_path_factory.mktemp("fedfront")
        port, admin_port = waiting.free_port(), waiting.free_port()
        whole = fedfront.configuration(port, admin_port, site, directory, behind, **changes)
        file = fedfront.write(folder / "proxy.yaml", whole)
        return fedfront.Fedfront(file, port, admin_port, site.ca, env, under)

    return launch


@pytest.fixture
def launch(launch_shared):
    """`launch(directory, behind, **sections)` runs a fedfront until the end of the test."""
    running = []

    def start(*arguments, **changes):
        running.append(launch_shared(*arguments, **changes))
        return running[-1]

    yield start
    failures = []
    for process in running:
        try:
            process.finish()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, failures


@pytest.fixture(scope="session")
def proxy(launch_shared, slapd, nginx, sp):
    """The fedfront that most tests share: slapd as directory, nginx behind, Office 365 and `cluster` as parties."""
    process = launch_shared(fedfront.ldap(slapd), nginx.url, relying_parties=parties(sp))
    yield process
    process.finish()


def parties(sp):
    return [
        {"name": "office365", "preset": "office365", "required_group": "O365-Users", "issuer": "by_domain"},
        {"name": "cluster", "metadata_file": str(sp.metadata_file), "ecp": True},
    ]


@pytest.fixture
def node(tmp_path):
    """Where adal-node is installed."""
    need("node")
    modules = pathlib.Path(os.environ.get("PEERS_NODE", fedfront.REPOSITORY / "target/peers/node")) / "node_modules"
    need(str(modules / "adal-node"))
    return modules


@pytest.fixture
def cxf(site, tmp_path):
    """`cxf(proxy)`: Apache CXF's client, which trusts the authority of the tests."""
    folder = pathlib.Path(os.environ.get("PEERS_CXF", fedfront.REPOSITORY / "target/peers/cxf"))
    need("javac", str(folder / JAR))
    store = tmp_path / "trust.p12"
    trusted = [PKCS12Certificate(each, b"ca") for each in load_pem_x509_certificates(site.ca.read_bytes())]
    store.write_bytes(serialize_java_truststore(trusted, BestAvailableEncryption(b"changeit")))
    return lambda proxy: Cxf(proxy, folder, store)
