"""`make sbom`: CycloneDX that others can read, of all that is in the binary and of nothing else."""

import json
import re
import subprocess
import tomllib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from conftest import need
from support.fedfront import REPOSITORY, target

SBOM = target("fedfront.cdx.json")
LOCK = REPOSITORY / "Cargo.lock"


@pytest.fixture(scope="module")
def sbom():
    need(str(SBOM))
    return json.loads(SBOM.read_text())


@pytest.fixture(scope="module")
def components(sbom):
    return {(each["name"], each["version"]): each for each in sbom["components"]}


def crates(edges):
    """What Cargo itself says of the binary's dependencies: (name, version) and licence."""
    argv = ["cargo", "tree", "--locked", "--prefix", "none", "--edges", edges, "--format", "{p}|{l}"]
    told = subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True, text=True, timeout=60).stdout
    lines = {re.fullmatch(r"(\S+) v(\S+)[^|]*\|(.*?)( \(\*\))?", line).groups() for line in told.splitlines() if line}
    return {(name, version): licence for name, version, licence, _ in lines}


def test_it_is_valid_cyclonedx(sbom):
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.5")
    validator = JsonStrictValidator(SchemaVersion.V1_5)
    assert validator.validate_str(SBOM.read_text()) is None
    nameless = {key: value for key, value in sbom["components"][0].items() if key != "name"}
    assert validator.validate_str(json.dumps({**sbom, "components": [nameless], "dependencies": []})) is not None


def test_it_is_of_this_version():
    package = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]
    described = json.loads(SBOM.read_text())["metadata"]["component"]
    assert (described["name"], described["version"]) == ("fedfront", package["version"])
    assert described["licenses"] == [{"expression": package["license"]}]


def test_every_crate_of_the_binary_is_in_it_with_version_and_licence(components):
    ours = crates("normal")
    del ours["fedfront", next(version for name, version in ours if name == "fedfront")]
    assert len(ours) > 200
    assert ours.keys() - components.keys() == set()
    for crate, licence in ours.items():
        (said,) = components[crate]["licenses"]
        # Cargo allows a / for OR.
        assert said["expression"] == licence.replace("/", " OR "), crate
        assert components[crate]["scope"] == "required", crate


def test_nothing_else_is_in_it_but_what_builds_it(sbom, components):
    assert components.keys() <= crates("normal,build").keys()
    names = {name for name, _ in components}
    # Of the tests; and an optional crate of one that we have.
    assert not names & {"criterion", "rustls"}
    ((version, openssl),) = [(version, each) for (name, version), each in components.items() if name == "openssl-src"]
    # Its own version is at the end, and its code is in the binary.
    assert "+3." in version and openssl["scope"] == "required"
    refs = {each["bom-ref"] for each in components.values()}
    assert all(set(each["dependsOn"]) <= refs for each in sbom["dependencies"])
    assert str(REPOSITORY) not in SBOM.read_text()


def test_each_is_the_one_that_is_locked(components):
    locked = {(each["name"], each["version"]): each for each in tomllib.loads(LOCK.read_text())["package"]}
    for crate, component in components.items():
        (sha256,) = [each["content"] for each in component["hashes"] if each["alg"] == "SHA-256"]
        assert sha256 == locked[crate]["checksum"], crate
        assert component["purl"] == f"pkg:cargo/{crate[0]}@{crate[1]}"
