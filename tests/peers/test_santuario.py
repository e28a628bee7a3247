"""A second verifier of all that we sign: Apache Santuario, by which WSO2, CXF and Shibboleth verify."""

import pytest
from lxml import etree

from conftest import need
from support import ecp, java
from support.ecp import of_sp
from support.fedfront import ldap
from support.people import ALICE
from support.rst import PATH13, PATH2005, SAML1, SAML2, sign_in

ASSERTIONS = {"AssertionID": f"{{{SAML1}}}Assertion", "ID": f"{{{SAML2}}}Assertion"}


@pytest.fixture
def verified(tmp_path, site):
    """`verified(id_attribute, documents)`: Santuario's opinion of each."""
    need("java", *map(str, java.SANTUARIO))

    def verify(id_attribute, documents):
        return java.santuario(tmp_path, site.signing[0], id_attribute, documents)

    return verify


def issued(proxy, **fields):
    """Answers with a token in them, by the path that was asked."""
    answers = {path: sign_in(proxy, ALICE, path, **fields) for path in (PATH13, PATH2005)}
    for answer in answers.values():
        assert answer.status_code == 200, answer.text
    return {path.rsplit("/", 2)[1]: answer.content for path, answer in answers.items()}


def ids(content, element, attribute):
    return [each.get(attribute) for each in etree.fromstring(content).iter(element)]


@pytest.mark.parametrize("token_type, id_attribute", [(SAML1, "AssertionID"), (SAML2, "ID")], ids=["1.1", "2.0"])
def test_tokens(proxy, verified, token_type, id_attribute):
    documents = issued(proxy, token_type=token_type)
    alone = etree.fromstring(documents["13"]).find(".//" + ASSERTIONS[id_attribute])
    documents["alone"] = etree.tostring(alone, with_tail=False)
    for name, opinion in verified(id_attribute, documents).items():
        (identifier,) = ids(documents[name], ASSERTIONS[id_attribute], id_attribute)
        assert opinion == f"valid Assertion {identifier}", name


def test_the_ecp_response_and_the_metadata(proxy, sp, verified):
    reply = ecp.send(proxy, of_sp(sp), (ALICE.upn, ALICE.password))
    documents = {"response": reply.content, "metadata": proxy.get("/oamfed/idp/metadata").content}
    opinions = verified("ID", documents)
    assert opinions["metadata"] == "valid EntityDescriptor " + etree.fromstring(documents["metadata"]).get("ID")
    (assertion,) = ids(reply.content, ASSERTIONS["ID"], "ID")
    assert f"Assertion {assertion}" in opinions["response"] and opinions["response"].startswith("valid ")


def test_rsa_sha1_for_a_party_that_wants_it(launch, slapd, nginx, verified):
    party = {"name": "old", "preset": "office365", "issuer": "entity_id", "signature": "rsa-sha1"}
    documents = issued(launch(ldap(slapd), nginx.url, relying_parties=[party]))
    assert all(opinion.startswith("valid Assertion ") for opinion in verified("AssertionID", documents).values())


def test_what_was_changed_is_found(proxy, verified):
    whole = issued(proxy)["13"]
    documents = {
        "honest": whole,
        "name": whole.replace(ALICE.upn.encode(), b"mallory@example.com"),
        "audience": whole.replace(b"<saml:Audience>urn:", b"<saml:Audience>URN:"),
        "unsigned": whole[: whole.index(b"<ds:Signature")] + whole[whole.index(b"</ds:Signature>") + 15 :],
    }
    assert len(set(documents.values())) == 4
    verdicts = {name: opinion.split(" ")[0] for name, opinion in verified("AssertionID", documents).items()}
    assert verdicts == {"honest": "valid", "name": "invalid:", "audience": "invalid:", "unsigned": "invalid:"}
