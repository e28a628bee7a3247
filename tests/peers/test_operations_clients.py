"""What clients do with a token after Issue: WSO2's sts-client sample, zeep and Apache CXF renew, validate and cancel it."""

import base64

import pytest
from lxml import etree

from support import certificates, judge
from support.described import SOAP11_PORT, SOAP12_PORT, Described
from support.fedfront import OFFICE, ldap
from support.people import ALICE
from support.rst import NS, SAML1, SAML2, TRUST13, TRUST2005
from support.wso2_sample import EMAIL, Sample, claims, party

VERSIONS = pytest.mark.parametrize("saml", ["1.1", "2.0"])
IDS = {"1.1": ("AssertionID", NS["saml"]), "2.0": ("ID", NS["saml2"])}


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx):
    office = {"name": "office365", "preset": "office365", "issuer": "by_domain"}
    process = launch_shared(ldap(slapd), nginx.url, relying_parties=[party(), office])
    yield process
    process.finish()


@VERSIONS
def test_the_whole_sample(sts, site, saml):
    sample = Sample(sts, ALICE.login, ALICE.password, saml)
    issued = sample.issue()
    renewed = sample.renew(issued.reference)
    assert renewed.action == f"{TRUST2005}/RSTR/Renew"
    token = renewed.first("RequestedSecurityToken")
    judge.assert_signed(etree.tostring(token, with_tail=False), site.signing[0], IDS[saml][0], "Assertion", IDS[saml][1])
    assert claims(token) == claims(issued.first("RequestedSecurityToken"))
    assert EMAIL in claims(token)
    assert renewed.expires >= issued.expires

    for reference in (issued.reference, renewed.reference):
        valid = sample.validate(reference)
        assert valid.action == f"{TRUST2005}/RSTR/Validate"
        assert valid.status_code == f"{TRUST2005}/status/valid"


@VERSIONS
def test_cancel_by_ramparts_client(sts, saml):
    sample = Sample(sts, ALICE.login, ALICE.password, saml)
    issued = sample.issue()
    cancelled = sample.cancel(issued.token_id)
    assert cancelled.action == f"{TRUST2005}/RSTR/Cancel"
    assert cancelled.response.find(f"{{{TRUST2005}}}RequestedTokenCancelled") is not None
    assert sample.validate(issued.reference).status_code == f"{TRUST2005}/status/invalid"


@VERSIONS
def test_a_token_that_its_holder_has_the_key_of(launch, slapd, nginx, site, tmp_path, saml):
    certificate, _ = certificates.signing(tmp_path, "echo")
    sts = launch(ldap(slapd), nginx.url, relying_parties=[party(certificate_file=str(certificate))])
    answer = Sample(sts, ALICE.login, ALICE.password, saml, confirmation="h").issue()
    token = answer.first("RequestedSecurityToken")
    judge.assert_signed(etree.tostring(token, with_tail=False), site.signing[0], IDS[saml][0], "Assertion", IDS[saml][1])
    confirmation = "//saml:ConfirmationMethod/text() | //saml2:SubjectConfirmation/@Method"
    (method,) = set(token.xpath(confirmation, namespaces=NS))
    assert method.endswith(":cm:holder-of-key")
    assert token.findall(".//{http://www.w3.org/2001/04/xmlenc#}EncryptedKey")
    secret = answer.first("RequestedProofToken")
    assert secret.tag == f"{{{TRUST2005}}}BinarySecret" and secret.text


@pytest.mark.parametrize("trust", [TRUST2005, TRUST13], ids=["2005", "13"])
@pytest.mark.parametrize("port", [SOAP11_PORT, SOAP12_PORT], ids=["soap11", "soap12"])
def test_zeep_renews_validates_and_cancels_from_the_wsdl(sts, port, trust):
    described = Described(sts, ALICE, port, trust)

    def target(name, response):
        reference = response.find(f"{{{trust}}}RequestedUnattachedReference")[0]
        return described.element(name, None, etree.fromstring(etree.tostring(reference, with_tail=False)))

    def answered(operation):
        (action,) = described.envelope.xpath("/*/*/a:Action", namespaces=NS)
        final = "Final" if trust == TRUST13 else ""
        return action.text == f"{trust}/RSTR/{operation}{final}"

    def status(response):
        described.call("Validate", described.element("TokenType", f"{trust}/RSTR/Status"), target("ValidateTarget", response))
        assert answered("Validate")
        (code,) = described.envelope.iter(f"{{{trust}}}Code")
        return code.text

    issued = described.call("Issue", described.applies_to(OFFICE))
    renewed = described.call("Renew", target("RenewTarget", issued))
    assert answered("Renew")
    assert list(renewed.iter(f"{{{SAML1}}}Assertion"))
    assert status(renewed) == f"{trust}/status/valid"
    cancelled = described.call("Cancel", target("CancelTarget", renewed))
    assert answered("Cancel")
    assert cancelled.find(f"{{{trust}}}RequestedTokenCancelled") is not None
    assert status(renewed) == f"{trust}/status/invalid"


@pytest.mark.parametrize("trust, token_type", [(TRUST13, SAML1), (TRUST13, SAML2), (TRUST2005, SAML1)])
def test_cxf_renews_validates_and_cancels(cxf, sts, site, trust, token_type):
    """It sends the token whole."""
    operations = ["Validate", "Renew", "Validate", "Cancel", "Validate"]
    results = cxf(sts).from_wsdl("Soap12", trust, *operations, token_type=token_type)
    names, outcomes = zip(*results)
    assert list(names) == ["Issue", *operations]
    _, valid, renewed, still_valid, cancelled, after = outcomes
    id_attribute = "AssertionID" if token_type == SAML1 else "ID"
    judge.assert_signed(base64.b64decode(renewed), site.signing[0], id_attribute, "Assertion", token_type)
    assert (valid, still_valid, cancelled) == ("valid", "valid", "true")
    assert after not in ("valid", "nothing")
