"""WSO2's sts-client sample: its request for a token, on its own wire."""

import pytest
from lxml import etree

from support import judge
from support.fedfront import ldap
from support.people import ALICE, WRONG
from support.rst import NS, TRUST2005, WSA2004
from support.wso2_sample import EMAIL, RELYING_PARTY, TOKEN_TYPES, Sample, claims, party

VERSIONS = pytest.mark.parametrize("saml", ["1.1", "2.0"])
IDS = {"1.1": ("AssertionID", NS["saml"]), "2.0": ("ID", NS["saml2"])}


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx):
    process = launch_shared(ldap(slapd), nginx.url, relying_parties=[party()])
    yield process
    process.finish()


@VERSIONS
def test_issue(sts, site, saml):
    answer = Sample(sts, ALICE.login, ALICE.password, saml).issue()
    assert answer.headers["content-type"].startswith("application/soap+xml")
    assert answer.action == f"{TRUST2005}/RSTR/Issue"
    token = answer.first("RequestedSecurityToken")
    judge.assert_signed(etree.tostring(token, with_tail=False), site.signing[0], IDS[saml][0], "Assertion", IDS[saml][1])
    assert claims(token)[EMAIL] == [f"{ALICE.login}@example.com"]
    assert answer.token_id == token.get(IDS[saml][0])
    assert token.xpath("string(//*[local-name()='Audience'])") == RELYING_PARTY
    assert answer.response.findtext(f"{{{TRUST2005}}}TokenType") == TOKEN_TYPES[saml], "what WSO2 answers"
    assert answer.expires


def test_the_answer_speaks_the_addressing_of_the_request(sts):
    answer = Sample(sts, ALICE.login, ALICE.password).issue()
    header = answer.document.find("{*}Header")
    assert header.find(f"{{{WSA2004}}}RelatesTo") is not None
    assert not header.findall(f"{{{NS['a']}}}*")


def test_a_wrong_password_is_the_fault_that_rampart_knows(sts):
    answer = Sample(sts, ALICE.login, WRONG).issue()
    assert answer.status == 500
    (value,) = answer.document.xpath("//s:Fault/s:Code/s:Subcode/s:Value", namespaces=NS)
    prefix, _, local = value.text.partition(":")
    assert (value.nsmap[prefix], local) == (NS["o"], "FailedAuthentication")
