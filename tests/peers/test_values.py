"""Whatever a directory says of a user, a relying party reads the same from the verified token, character by character."""

import os
import random

import pytest
import yaml
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from lxml import etree

from support import judge, unicode
from support.people import ALICE
from support.rst import NS, PATH13, PATH2005, SAML1, SAML2, Rst, fault, send, token

# Another number draws other values.
SEED = int(os.environ.get("PEERS_SEED", "20261122"))
USERS = 12
ATTRIBUTES = 40
AUDIENCE = "urn:values"
NAMES = [f"value{number:02}" for number in range(ATTRIBUTES)]
IDS = {SAML1: "AssertionID", SAML2: "ID"}


def attributes_of(generator, number):
    """Values by attribute; what is known to be awkward is in the first user's, each alone."""
    if number == 0:
        return {name: [value] for name, value in zip(NAMES, unicode.AWKWARD)}
    return {name: [unicode.drawn(generator) for _ in range(generator.choice((1, 1, 2, 5)))] for name in NAMES}


@pytest.fixture(scope="module")
def people():
    """Each user's attributes. The name identifier, too, is what the directory says."""
    generator = random.Random(SEED)
    found = {}
    for number in range(USERS):
        subject = "".join(unicode.character(generator) for _ in range(20))
        found[f"user{number}"] = {**attributes_of(generator, number), "subject": ["x" + subject]}
    for number, character in enumerate(unicode.UNWRITABLE):
        found[f"unwritable{number}"] = {"value00": [f"before{character}after"], "subject": ["x"]}
    return found


@pytest.fixture(scope="module")
def proxy(launch_shared, nginx, tmp_path_factory, people):
    hashed = Argon2id(salt=b"one salt for all", length=32, iterations=1, lanes=1, memory_cost=64)
    hashed = hashed.derive_phc_encoded(ALICE.password.encode())
    users = [
        {"name": name, "password_hash": hashed, "attributes": attributes}
        for name, attributes in people.items()
    ]  # fmt: skip
    file = tmp_path_factory.mktemp("users") / "users.yaml"
    # Escaped: what YAML would do to a bare \r or U+2028 is not the question.
    file.write_text(yaml.safe_dump({"users": users}, allow_unicode=False, default_style='"'))
    file.chmod(0o600)
    party = {
        "name": "values",
        "applies_to": [AUDIENCE],
        "name_identifier": {"from": "subject"},
        "attributes": [{"name": f"http://example.com/{name}", "from": name} for name in NAMES],
    }
    process = launch_shared({"file": {"path": str(file)}}, nginx.url, relying_parties=[party])
    yield process
    process.finish()


def ask(proxy, name, token_type, path=PATH13):
    trust = NS["t"] if path == PATH2005 else NS["w"]
    request = Rst(user=name, password=ALICE.password, applies_to=AUDIENCE, token_type=token_type, trust=trust)
    return send(proxy, request, path)


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize("token_type", [SAML1, SAML2], ids=["1.1", "2.0"])
def test_every_value_comes_back(proxy, site, people, token_type, path):
    for number in range(USERS):
        went_in = people[f"user{number}"]
        issued = token(ask(proxy, f"user{number}", token_type, path))
        judge.assert_signed(issued.content, site.signing[0], IDS[token_type], "Assertion", token_type)
        # Alone, as clients cut it out and send it on.
        judge.assert_signed(issued.assertion_bytes, site.signing[0], IDS[token_type], "Assertion", token_type)
        for assertion in (issued.assertion, issued.document):
            came_out = {name: values for name, values in read(assertion, token_type).items() if name != "subject"}
            wanted = {name: went_in[name] for name in NAMES if went_in.get(name)}
            for name in wanted.keys() | came_out.keys():
                both = (wanted.get(name), came_out.get(name))
                assert both[0] == both[1], f"seed {SEED}, user{number}, {name}: {ascii(both)}"
            assert read(assertion, token_type)["subject"] == went_in["subject"], f"seed {SEED}, user{number}"


def read(element, token_type):
    """Values by attribute, and the name identifier as `subject`."""
    found = {}
    for attribute in element.iter(f"{{{token_type}}}Attribute"):
        name = attribute.get("Name" if token_type == SAML2 else "AttributeName").rpartition("/")[2]
        found[name] = [value.text or "" for value in attribute]
        assert not any(len(value) for value in attribute), "markup in a value"
    name_identifier = "NameID" if token_type == SAML2 else "NameIdentifier"
    found["subject"] = sorted({each.text for each in element.iter(f"{{{token_type}}}{name_identifier}")})
    return found


@pytest.mark.parametrize("token_type", [SAML1, SAML2], ids=["1.1", "2.0"])
def test_what_xml_cannot_hold_is_never_told_otherwise(proxy, token_type):
    """No token at all, rather than one with a value that nobody has."""
    for number in range(len(unicode.UNWRITABLE)):
        answer = ask(proxy, f"unwritable{number}", token_type)
        assert answer.status_code == 500, ascii(unicode.UNWRITABLE[number])
        assert fault(answer)[1] == "FailedAuthentication"


def test_what_is_drawn_is_what_xml_holds():
    """Or the tests above would test the generator."""
    generator = random.Random(SEED)
    seen = set()
    for _ in range(3000):
        text = unicode.drawn(generator)
        seen.update(text)
        # lxml refuses to set what XML cannot hold.
        etree.Element("x").text = text
    assert seen > set(unicode.SPECIAL) and max(seen) > "\U00010000"
