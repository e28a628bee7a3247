"""The Debian package: what is in it, and what installing, upgrading and removing it does."""

import os
import re
import subprocess
import tarfile

import pytest

from conftest import cannot, need
from support import debian, fedfront
from support.fedfront import REPOSITORY

SBOM = fedfront.target("fedfront.cdx.json").absolute()
CARGO_DEB = fedfront.target("tools/bin/cargo-deb").absolute()
VERSION = re.search(r'^version = "(.*)"', (REPOSITORY / "Cargo.toml").read_text(), re.M).group(1)
PROXY = "etc/fedfront/proxy.yaml"


def build(folder, binary):
    """As `make deb` does, but of another binary."""
    need(str(CARGO_DEB), str(SBOM), "dpkg-deb", "strip")
    subprocess.run([REPOSITORY / "deploy/deb/stage", fedfront.binary(), SBOM], check=True)
    (folder / "release").mkdir()
    (folder / "release/fedfront").symlink_to(binary)
    argv = [CARGO_DEB, "--no-build", "--strip", "--fast", "--output", folder / "fedfront.deb"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder)}
    built = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    # Of files that are named twice, for instance.
    assert "warning" not in built.stderr, built.stderr
    return folder / "fedfront.deb"


@pytest.fixture(scope="module")
def package(tmp_path_factory, binary_built):
    """The package, of the binary that is tested."""
    return build(tmp_path_factory.mktemp("deb"), fedfront.binary())


@pytest.fixture(scope="module")
def light(tmp_path_factory, binary_built):
    """The same with a small program in the binary's place."""
    return build(tmp_path_factory.mktemp("light"), os.path.realpath("/bin/true"))


@pytest.fixture(scope="module")
def inside(package, tmp_path_factory):
    """Every file of the package: its entry and its content."""
    file = tmp_path_factory.mktemp("tar") / "data.tar"
    with file.open("wb") as out:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=out)
    with tarfile.open(file) as archive:
        return {
            each.name.removeprefix("./"): (each, archive.extractfile(each).read()) for each in archive if each.isfile()
        }


def field(package, name):
    return subprocess.run(
        ["dpkg-deb", "--field", package, name], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_it_says_what_it_is_and_needs(package):
    assert field(package, "Package") == "fedfront"
    assert field(package, "Version") == f"{VERSION}-1"
    needed = field(package, "Depends")
    assert re.search(r"\blibc6 \(>= ", needed) and "systemd" in needed
    # OpenSSL is inside.
    assert "ssl" not in needed


def test_it_has_what_a_host_needs(inside):
    modes = {name: entry.mode for name, (entry, _) in inside.items()}
    expected = {
        "usr/bin/fedfront": 0o755,
        "usr/lib/systemd/system/fedfront.service": 0o644,
        "usr/lib/sysusers.d/fedfront.conf": 0o644,
        PROXY: 0o640,
        "etc/logrotate.d/fedfront": 0o644,
        "usr/share/doc/fedfront/copyright": 0o644,
        "usr/share/doc/fedfront/changelog.gz": 0o644,
        "usr/share/doc/fedfront/changelog.Debian.gz": 0o644,
        "usr/share/doc/fedfront/README.Debian": 0o644,
        "usr/share/doc/fedfront/fedfront.cdx.json": 0o644,
        "usr/share/doc/fedfront/examples/oam.yaml": 0o644,
        "usr/share/doc/fedfront/examples/alerts.yaml": 0o644,
        "usr/share/doc/fedfront/examples/certbot-hook": 0o755,
    }
    assert {name: modes.get(name) for name in expected} == expected
    assert {(entry.uid, entry.gid) for entry, _ in inside.values()} == {(0, 0)}
    for name, source in {
        PROXY: REPOSITORY / "deploy/examples/wso2.yaml",
        "usr/share/doc/fedfront/fedfront.cdx.json": SBOM,
    }.items():
        assert inside[name][1] == source.read_bytes()


def test_its_unit_is_ours_with_the_distributions_paths(inside):
    ours = (REPOSITORY / "deploy/systemd/fedfront.service").read_text()
    unit = inside["usr/lib/systemd/system/fedfront.service"][1].decode()
    assert unit.replace("/usr/bin/", "/usr/local/bin/").splitlines()[1:] == ours.splitlines()[1:]
    assert "/usr/local" not in unit and "ExecStart=/usr/bin/fedfront run -c /etc/fedfront/proxy.yaml\n" in unit


def test_what_the_binary_writes_is_in_it(inside):
    """The manual and the completions, once there are commands for them."""
    for command, path in {
        "man": "usr/share/man/man1/fedfront.1.gz",
        "completions": "usr/share/bash-completion/completions/fedfront",
    }.items():
        known = subprocess.run([fedfront.binary(), command, "--help"], capture_output=True).returncode == 0
        assert (path in inside) == known, path


@pytest.fixture
def root(tmp_path):
    if os.geteuid() != 0:
        cannot("a package is installed by root")
    need(*(program for program in debian.PROGRAMS if program != "sh"))
    return debian.Root(tmp_path / "root")


def install(root, package):
    (root.folder / "tmp/fedfront.deb").unlink(missing_ok=True)
    os.link(package, root.folder / "tmp/fedfront.deb")
    return root.dpkg("--install", "/tmp/fedfront.deb")


def test_it_is_installed_and_starts_nothing(root, package):
    install(root, package)
    assert [line for line in root.told() if re.search(r" (start|restart|enable|preset)\b", line)] == []
    # Root writes keys and passwords, and the service reads them.
    assert root.owned("etc/fedfront") == ("root", "fedfront", "0o750")
    assert root.owned(PROXY) == ("root", "fedfront", "0o640")
    user = re.search(r"^fedfront:.*", (root.folder / "etc/passwd").read_text(), re.M).group()
    assert user.endswith("/nologin")

    root.bring(str(root.folder / "usr/bin/fedfront"))
    said = root.run("fedfront", "version", user="fedfront:fedfront")
    assert said.returncode == 0 and VERSION in said.stdout, said.stderr
    # It reads the example, whose files nobody has brought yet.
    checked = root.run("fedfront", "check", "-c", f"/{PROXY}", user="fedfront:fedfront")
    assert checked.returncode == 78 and "signing.p12" in checked.stderr, checked.stderr


def test_the_commands_that_are_written_down_have_it_ready(root, light):
    readme = (REPOSITORY / "deploy/README.md").read_text()
    (section,) = [part for part in re.split(r"^## ", readme, flags=re.M) if part.startswith("Debian and Ubuntu")]
    build, prepare = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)
    assert build.splitlines()[-1] == "apt install ./target/debian/*.deb"
    install(root, light)
    root.write("etc/fedfront/signing.p12", "key")
    access, *others = prepare.splitlines()
    assert root.run("sh", "-c", access).returncode == 0
    for file in ("proxy.yaml", "signing.p12"):
        assert root.owned(f"etc/fedfront/{file}") == ("root", "fedfront", "0o640")
    assert others[0] == "runuser -u fedfront -- fedfront check -c /etc/fedfront/proxy.yaml"
    assert others[-1] == "systemctl enable --now fedfront"


UPGRADED = """#!/bin/sh
echo "fedfront $*" >> /told
exit {code}
"""


@pytest.mark.parametrize("running, code", [(True, 0), (True, 78), (False, 0)])
def test_a_running_one_is_upgraded_in_place_or_left_alone(root, light, running, code):
    install(root, light)
    own = (root.folder / PROXY).read_text() + "# ours\n"
    (root.folder / PROXY).write_text(own)
    (root.folder / PROXY).chmod(0o600)
    root.told()
    if not running:
        root.script("usr/bin/systemctl", '#!/bin/sh\necho "systemctl $*" >> /told\n[ "$2" != is-active ]\n')

    root.dpkg("--unpack", "/tmp/fedfront.deb")
    root.script("usr/bin/fedfront", UPGRADED.format(code=code))
    configured = root.dpkg("--configure", "fedfront")
    told = root.told()
    assert ("fedfront upgrade -c /etc/fedfront/proxy.yaml" in told) == running
    assert [line for line in told if re.search(r"\b(start|stop|restart|enable)\b", line)] == []
    assert told.index("systemctl --system daemon-reload") < told.index("systemctl --quiet is-active fedfront.service")
    advice = f"version {VERSION}-1 serves on, until you run: systemctl restart fedfront"
    assert (advice in configured.stderr) == (running and code != 0)
    # What the administrator made of it stays.
    assert (root.folder / PROXY).read_text() == own and root.owned(PROXY)[2] == "0o600"


def test_removed_it_stops_and_purged_it_forgets_all_but_keys(root, light):
    install(root, light)
    root.told()
    for file in ("var/log/fedfront/audit.json", "var/cache/fedfront/metadata", "etc/fedfront/signing.p12"):
        root.write(file, "content")
    root.dpkg("--remove", "fedfront")
    assert any(line.startswith("deb-systemd-invoke stop fedfront.service") for line in root.told())
    assert not root.has("usr/bin/fedfront") and root.has(PROXY) and root.has("var/log/fedfront/audit.json")
    root.dpkg("--purge", "fedfront")
    assert not root.has(PROXY) and not root.has("var/log/fedfront") and not root.has("var/cache/fedfront")
    assert root.has("etc/fedfront/signing.p12"), "it was never the package's"
