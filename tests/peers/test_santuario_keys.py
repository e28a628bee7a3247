"""Apache Santuario on what is signed besides bearer tokens: tokens whose holder has a key, and answers to signed requests."""

import pytest
from lxml import etree

from conftest import need
from support import certificates, java
from support.fedfront import ldap
from support.people import ALICE
from support.rst import PATH13, SAML2, send
from support.signed import Signed
from support.wso2_sample import Sample, party


@pytest.mark.parametrize("saml, id_attribute", [("1.1", "AssertionID"), ("2.0", "ID")])
def test_a_token_whose_holder_has_a_key(launch, slapd, nginx, site, tmp_path, saml, id_attribute):
    need("java", *map(str, java.SANTUARIO))
    certificate, _ = certificates.signing(tmp_path, "echo")
    sts = launch(ldap(slapd), nginx.url, relying_parties=[party(certificate_file=str(certificate))])
    answer = Sample(sts, ALICE.login, ALICE.password, saml, confirmation="h").issue()
    token = answer.first("RequestedSecurityToken")
    opinions = java.santuario(tmp_path, site.signing[0], id_attribute, {"whole": answer.content})
    assert opinions["whole"] == f"valid Assertion {token.get(id_attribute)}"


def test_an_answer_to_a_signed_request(launch, slapd, nginx, site, tmp_path):
    need("java", *map(str, java.SANTUARIO))
    authority = certificates.Authority(tmp_path, "users")
    credentials = {"certificate": {"ca_file": str(authority.file)}}
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials)
    pair = authority.client("Alice Liddell", upn=ALICE.upn)
    request = Signed(pair, proxy.url + PATH13, covers=("_body", "_to", "_ts"), rst={"token_type": SAML2})
    answer = send(proxy, request.text())
    assert answer.status_code == 200, answer.text
    (assertion,) = etree.fromstring(answer.content).iter(f"{{{SAML2}}}Assertion")
    # Parts of the message have a wsu:Id.
    opinion = java.santuario(tmp_path, site.signing[0], "Id,ID", {"answer": answer.content})["answer"].split()
    assert opinion[0] == "valid", opinion
    assert {"Timestamp", "Action", "Body", "Assertion", assertion.get("ID")} <= set(opinion)
