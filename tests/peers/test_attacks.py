"""Forged signatures against the running binary, and that the kept files are the generator's."""

import os
import re
import uuid

import pytest
from support import certificates, ecp, fedfront
from support.attacks import catalogue, maker, messages, places
from support.ecp import Answer
from support.issuer import security
from support.people import ALICE, BOB
from support.rst import PATH13, Rst, instant, send, token

SP = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="true">
<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:AssertionConsumerService index="0" Binding="{paos}" Location="{honest}"/>
<md:AssertionConsumerService index="1" Binding="{paos}" Location="{forged}"/>
</md:SPSSODescriptor>
</md:EntityDescriptor>
"""
ISSUER = "https://idp.example.org/trust"
APP = "https://app.example.com/"


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """Certifies users, and nothing else."""
    return certificates.Authority(tmp_path_factory.mktemp("users"), "users")


@pytest.fixture(scope="module")
def alice(users):
    return maker.Key(*users.client("Alice Liddell", upn=ALICE.upn))


@pytest.fixture(scope="module")
def front(tmp_path_factory, launch_shared, slapd, nginx, users):
    """A service provider that signs its requests, and an issuer of tokens; the key of both is the catalogue's signer. Users
    have certificates."""
    file = tmp_path_factory.mktemp("signer") / "sp.xml"
    file.write_text(
        SP.format(
            entity_id=places.ENTITY_ID,
            certificate=maker.encoded(maker.SIGNER.der),
            paos=ecp.PAOS,
            honest=places.HONEST,
            forged=places.FORGED,
        )
    )
    issuers = [{"entity_id": ISSUER, "certificate_files": [str(maker.DATA / "signer.crt")]}]
    process = launch_shared(
        fedfront.ldap(slapd),
        nginx.url,
        credentials={"issued_token": {"issuers": issuers}, "certificate": {"ca_file": str(users.file)}},
        relying_parties=[
            {"name": "signer", "metadata_file": str(file), "ecp": True},
            {"name": "app", "applies_to": [APP, "urn:federation:MicrosoftOnline", "urn:forged"]},
        ],
    )
    yield process
    process.finish()


def test_kept_files_are_what_the_generator_makes():
    """`UPDATE_EXPECT=1` writes them anew; then `UPDATE_EXPECT=1 cargo test --test attacks table` says what becomes of them."""
    files = dict(catalogue.files())
    kept = {str(path.relative_to(maker.DATA)) for path in maker.DATA.glob("*/*.xml")}
    if os.environ.get("UPDATE_EXPECT"):
        for path in kept - files.keys():
            (maker.DATA / path).unlink()
        for path, text in files.items():
            (maker.DATA / path).parent.mkdir(exist_ok=True)
            (maker.DATA / path).write_bytes(text.encode())
        return
    assert kept == files.keys()
    for path, text in files.items():
        assert (maker.DATA / path).read_bytes().decode() == text, path


def outcomes(column):
    """What the table says becomes of each attack in a place."""
    lines = (maker.DATA / "README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| ")]
    (head,) = (number for number, row in enumerate(rows) if column in row)
    found = {}
    for row in rows[head + 1 :]:
        if row[0] == "attack":
            break
        found[re.match(r"\[`(\w+)`\]", row[0])[1]] = (
            row[rows[head].index(column)] if column in rows[head][: len(row)] else ""
        )
    return found


def request():
    """Fresh: what is wrong with a request is its signature alone."""
    honest, forged = f"_{uuid.uuid4().hex}", f"_{uuid.uuid4().hex}"
    return places.AuthnRequest("authn-request", honest, forged, instant=instant())


def ask(front, text):
    return ecp.send(front, text, (ALICE.upn, ALICE.password))


def test_honest_request_is_answered(front):
    place = request()
    answer = Answer(ask(front, place.around(maker.signed(place))))
    assert answer.statuses() == ["Success"]
    assert answer.header_first().get("AssertionConsumerServiceURL") == places.HONEST
    assert answer.response.get("InResponseTo") == place.honest_id


@pytest.fixture(scope="module")
def plain_fault(front):
    """What a request of nobody that we know gets."""
    return ecp.send(front, ecp.AuthnRequest(issuer="urn:nobody"), (ALICE.upn, ALICE.password)).content


@pytest.mark.parametrize("name", catalogue.ATTACKS)
def test_forged_request(front, plain_fault, name):
    """It is refused with the bytes of any other refusal, for the reason that the table says; or the table says that what was
    signed is read, and nothing else is."""
    place = request()
    expected = outcomes("signed AuthnRequest")[name]
    reply = ask(front, catalogue.ATTACKS[name].make(place))
    if reply.status_code == 200:
        answer = Answer(reply)
        assert expected == "what was signed is read"
        assert answer.header_first().get("AssertionConsumerServiceURL") == places.HONEST
        assert answer.response.get("Destination") == places.HONEST
        assert answer.response.get("InResponseTo") == place.honest_id
        return
    assert (reply.status_code, reply.content) == (500, plain_fault)
    reason = front.audit_of(reply.headers["X-Correlation-Id"])["reason"]
    assert expected in reason, reason


def assertion():
    """A token that would be good for an hour, about Alice or, forged, about Bob."""
    ids = (f"_{uuid.uuid4().hex}", f"_{uuid.uuid4().hex}")
    return places.Token(
        "token", *ids, instant=instant(-60), until=instant(3600), issuer=ISSUER, audience=fedfront.ENTITY_ID
    )


def present(front, text):
    return send(front, Rst(user=None, security=security(text), applies_to=APP))


def test_honest_token_signs_in(front):
    place = assertion()
    assert named(present(front, maker.signed(place))) == ALICE.upn


def named(answer):
    return token(answer).text("//saml:AuthenticationStatement//saml:NameIdentifier")


@pytest.mark.parametrize("name", [name for name in catalogue.ATTACKS if catalogue.ATTACKS[name].row != 9])
def test_forged_token(front, name):
    """It signs in nobody, or whom its issuer meant."""
    place = assertion()
    answer = present(front, catalogue.ATTACKS[name].make(place))
    if answer.status_code == 200:
        assert named(answer) == ALICE.upn
        # An Advice beside a token is no token.
        read = outcomes("signed AuthnRequest")[name] == "what was signed is read"
        assert read or name == "xsw7_forged_element_in_extensions"
        return
    assert answer.status_code == 500
    assert front.audit_of(answer.headers["X-Correlation-Id"])["result"] != "success"
    assert BOB.upn not in answer.text


def message(front, key):
    """Signed just now, for the address that it is sent to; each has another identifier."""
    return messages.Message(
        "message",
        to=front.url + PATH13,
        created=instant(digits=6),
        expires=instant(300),
        message_id=f"urn:uuid:{uuid.uuid4()}",
        key=key,
    )


def test_honest_message_signs_in(front, alice):
    assert named(send(front, message(front, alice).text())) == ALICE.upn


@pytest.mark.parametrize("name", catalogue.MESSAGES)
def test_forged_message(front, alice, name):
    """As for a request; but a fault says what was not understood, as WS-Security wants it."""
    expected = outcomes("signed WS-Trust message")[name]
    answer = send(front, catalogue.MESSAGES[name].make(message(front, alice)))
    if answer.status_code == 200:
        assert (named(answer), expected) == (ALICE.upn, "what was signed is read")
        return
    assert answer.status_code in (400, 500)
    assert expected in front.audit_of(answer.headers["X-Correlation-Id"])["reason"]
