"""deploy/Dockerfile, without a daemon: what it builds from and with, and the binary in a root like the image's."""

import functools
import http.server
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import threading
import tomllib

import pytest
import requests
import yaml

from conftest import cannot
from support import certificates, fedfront, waiting
from support.fedfront import REPOSITORY
from support.kubernetes import Variant
from support.people import ALICE, SERVICE_PASSWORD
from support.process import Process
from support.rst import sign_in, token

USER = 65532
DOCKERFILE = (REPOSITORY / "deploy/Dockerfile").read_text()
# What the packages libc6 and libgcc-s1 of the image bring, as far as Rust and C ask for it.
LIBRARIES = re.compile(r"(libc|libm|libgcc_s|libdl|libpthread|librt|ld-linux-[a-z0-9_-]+)\.so\.\d+")


def instructions(name):
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.split(" ", 1)[1].strip() for line in joined.splitlines() if line.startswith(name + " ")]


def test_the_build_has_the_packages_that_building_needs():
    (needs,) = re.findall(r"^build=\((.*)\)$", (REPOSITORY / "tests/peers/packages.sh").read_text(), re.M)
    (installed,) = re.findall(r"--no-install-recommends ([a-z0-9 -]+?) *&&", " ".join(instructions("RUN")))
    # build-essential brings make; Python lists what the binary is made of.
    assert {need.split(":")[1] for need in needs.split()} - {"make"} | {"python3"} == set(installed.split())


def test_what_the_binary_is_made_of_is_in_the_image_as_make_sbom_has_it():
    makefile = (REPOSITORY / "Makefile").read_text()
    (pinned,) = re.findall(r"^CYCLONEDX := (\S+)$", makefile, re.M)
    run = " ".join(instructions("RUN"))
    assert f" {pinned} " in run + " "
    # Inside the binary as well, where scanners look: each build of it, or the dependencies would be built twice.
    assert run.count("cargo auditable build --release --locked") == 2 and "cargo build" not in run
    assert "deploy/sbom fedfront.cdx.json" in run and "deploy/sbom $@" in makefile
    assert "--from=build /src/fedfront.cdx.json /usr/share/doc/fedfront/fedfront.cdx.json" in instructions("COPY")


def test_its_labels_are_those_of_the_open_container_initiative():
    (label,) = instructions("LABEL")
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', label))
    assert labels["title"] == "fedfront" and labels["revision"] == "$FEDFRONT_REVISION"
    package = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]
    assert (labels["version"], labels["licenses"]) == (package["version"], package["license"])
    assert labels["base.name"] == instructions("FROM")[-1]


def test_every_file_that_the_sources_include_is_in_the_build():
    copied = [words.split()[:-1] for words in instructions("COPY") if not words.startswith("--from")]
    sources = {file for files in copied for file in files}
    ignore = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert ignore[1] == "*" and {line[1:] for line in ignore[2:]} == sources
    included = 0
    for file in (REPOSITORY / "src").rglob("*.rs"):
        for path in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', file.read_text()):
            found = (file.parent / path).resolve().relative_to(REPOSITORY)
            assert found.parts[0] in sources or found.parts[0] == "tests", f"{file}: {path}"
            included += 1
    assert included >= 1
    # Cargo looks for every target of its manifest.
    paths = re.findall(r'^path = "([^"]+)"', (REPOSITORY / "Cargo.toml").read_text(), re.M)
    assert {path.split("/")[0] for path in paths} <= sources
    assert "build.rs" in sources or not (REPOSITORY / "build.rs").exists()


def test_the_image_runs_as_nobody_in_particular_and_ends_by_sigterm():
    assert instructions("USER") == [f"{USER}:{USER}"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert instructions("ENTRYPOINT") == ['["/fedfront"]']
    assert instructions("CMD") == ['["run", "-c", "/etc/fedfront/proxy.yaml"]']
    build, image = instructions("FROM")
    required = re.search(r'rust-version = "1\.(\d+)"', (REPOSITORY / "Cargo.toml").read_text()).group(1)
    rust = re.fullmatch(r"docker\.io/library/rust:1\.(\d+)-bookworm AS build", build)
    assert int(rust.group(1)) >= int(required)
    assert image == "gcr.io/distroless/cc-debian12:nonroot", "of the same Debian as the build"


@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "public"
    folder.mkdir()
    return certificates.Authority(folder)


class Image:
    """A directory with what the image has, and /etc/fedfront as Kubernetes projects it: root's, by way of ..data."""

    def __init__(self, folder, trusted):
        self.root = folder / "image"
        shutil.copytree(folder_of_libraries(folder), self.root, dirs_exist_ok=True)
        shutil.copy(fedfront.binary(), self.root / "fedfront")
        self.write("etc/ssl/certs/ca-certificates.crt", trusted.read_text())
        # These two are the container runtime's.
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/nsswitch.conf", "hosts: files dns\n")
        (self.root / "etc/fedfront/..2026_11_21").mkdir(parents=True)
        (self.root / "etc/fedfront/..data").symlink_to("..2026_11_21")
        (self.root / "run/fedfront").mkdir(parents=True)

    def write(self, path, content):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def project(self, name, content):
        self.write(f"etc/fedfront/..data/{name}", content)
        (self.root / "etc/fedfront" / name).symlink_to(f"..data/{name}")

    def seal(self):
        """Nothing but /run/fedfront is to be written, and the Secrets to be read by the group alone."""
        for file in (self.root / "etc/fedfront/..data/").iterdir():
            file.chmod(0o440)
            if os.geteuid() == 0:
                os.chown(file, 0, USER)
        for place, folders, _ in os.walk(self.root):
            for folder in folders:
                path = pathlib.Path(place, folder)
                if not path.is_symlink():
                    path.chmod(0o555)
        self.root.chmod(0o555)
        run = self.root / "run/fedfront"
        run.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(run, USER, USER)

    def argv(self, *arguments):
        """A command in the image, as its user and with nothing in the environment."""
        if os.geteuid() == 0:
            confine = ["/usr/sbin/chroot", f"--userspec={USER}:{USER}", f"--groups={USER}", self.root]
        else:
            confine = ["unshare", "--user", f"--map-user={USER}", f"--map-group={USER}", f"--root={self.root}"]
        return ["env", "-i", f"PATH={os.environ['PATH']}", *map(str, confine), "/fedfront", *arguments]

    def run(self, *arguments):
        return subprocess.run(self.argv(*arguments), capture_output=True, text=True, timeout=60)


@functools.cache
def libraries():
    """The shared libraries of the binary, by name."""
    told = subprocess.run(["ldd", fedfront.binary()], check=True, capture_output=True, text=True).stdout
    return {pathlib.Path(path).name: path for path in re.findall(r"(/\S+\.so\.\d+) \(", told)}


def folder_of_libraries(folder):
    made = folder / "libraries"
    for path in libraries().values():
        target = made / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return made


def test_the_image_has_every_library_that_the_binary_asks_for(binary_built):
    assert libraries() and all(LIBRARIES.fullmatch(name) for name in libraries()), libraries()


class Idp:
    """A page over TLS, by a certificate of a public authority."""

    def __init__(self, authority):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.server("idp", "localhost"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class _Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"the IdP\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def idp(site):
    server = Idp(site.authority)
    yield server
    server.stop()


class Served:
    """The sidecar's own configuration in an image; only addresses and the names of people are the tests'."""

    def __init__(self, folder, site, slapd, idp, trusted):
        self.image = Image(folder, trusted)
        port, admin = waiting.free_port(), waiting.free_port()
        whole = dict(Variant("sidecar").proxy)
        whole["public_url"] = f"https://localhost:{port}"
        whole["listen"][0]["address"] = f"127.0.0.1:{port}"
        whole["admin"]["address"] = f"127.0.0.1:{admin}"
        whole["limits"]["lame_duck"] = "0s"
        # Neither has a ca_file: the image's own authorities are to be found.
        whole["upstream"] = {"servers": [idp.url]}
        whole["directory"] = fedfront.ldap(slapd)
        del whole["directory"]["ldap"]["ca_file"]
        files = {
            "proxy.yaml": yaml.safe_dump(whole),
            "tls.crt": site.tls[0].read_bytes(),
            "tls.key": site.tls[1].read_bytes(),
            "signing.p12": certificates.keystore(site.signing, b"stand-in"),
            "signing.p12.password": "stand-in\n",
            "ldap-password": SERVICE_PASSWORD + "\n",
        }
        for name, content in files.items():
            self.image.project(name, content)
        self.image.seal()
        if self.image.run("version").returncode != 0:
            cannot("neither chroot nor unprivileged user namespaces")
        self.admin = f"http://127.0.0.1:{admin}"
        self.http = requests.Session()
        self.http.verify, self.http.trust_env = str(site.ca), False
        self.url = whole["public_url"]
        self.process = Process("fedfront", self.image.argv("run", "-c", "/etc/fedfront/proxy.yaml"))
        self.process.wait_for_line(r"^ready https://\S+")

    def post(self, path, data, **options):
        return self.http.post(self.url + path, data=data, timeout=30, **options)

    def status(self, path):
        return requests.get(self.admin + path, timeout=10).status_code


@pytest.fixture
def serve(tmp_path, site, slapd, idp, binary_built):
    started = []

    def start(trusted):
        started.append(Served(tmp_path, site, slapd, idp, trusted))
        return started[-1]

    yield start
    for each in started:
        each.process.stop(signal.SIGKILL)


def test_it_serves_with_the_images_authorities_and_writes_nothing_but_its_socket(serve, site):
    served = serve(trusted=site.ca)
    checked = served.image.run("check", "-c", "/etc/fedfront/proxy.yaml")
    assert checked.returncode == 0 and "readable" not in checked.stderr, checked.stderr
    assert [served.status(path) for path in ("/startupz", "/readyz", "/livez")] == [200] * 3
    assert served.http.get(served.url + "/page", timeout=30).text == "the IdP\n"
    token(sign_in(served, ALICE))

    drained = served.image.run("drain", "-c", "/etc/fedfront/proxy.yaml")
    assert drained.returncode == 0, drained.stderr
    assert served.status("/readyz") == 503 and served.status("/livez") == 200
    assert served.http.get(served.url + "/page", timeout=30).headers["Connection"] == "close"
    served.process.send(signal.SIGTERM)
    assert served.process.wait() == 0, served.process.output()


def test_whom_the_image_does_not_trust_is_not_asked(serve, authority):
    served = serve(trusted=authority.file)
    assert served.http.get(served.url + "/page", timeout=30).status_code == 502
    assert sign_in(served, ALICE).status_code == 503
