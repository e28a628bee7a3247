"""Apache CXF's client of a security token service: it takes the policy from our descriptions and holds us to it."""

import base64

import pytest

from support import judge
from support.people import WRONG
from support.rst import SAML1, SAML2, TRUST13, TRUST2005

MEX_PORT = "UserNameWSTrustBinding_"
IDS = {SAML1: "AssertionID", SAML2: "ID"}


def assert_issued(results, site, token_type=SAML1):
    ((operation, token),) = results
    assert operation == "Issue"
    judge.assert_signed(base64.b64decode(token), site.signing[0], IDS[token_type], "Assertion", token_type)


@pytest.mark.parametrize(
    "soap, trust, token_type",
    [("Soap12", TRUST13, SAML1), ("Soap11", TRUST13, SAML2), ("Soap12", TRUST2005, SAML2), ("Soap11", TRUST2005, SAML1)],
)
def test_from_the_description_of_the_sts(cxf, proxy, site, soap, trust, token_type):
    assert_issued(cxf(proxy).from_wsdl(soap, trust, token_type=token_type), site, token_type)


@pytest.mark.parametrize("contract, trust", [("IWSTrust13Async", TRUST13), ("IWSTrustFeb2005Async", TRUST2005)])
def test_from_mex(cxf, proxy, site, contract, trust):
    assert_issued(cxf(proxy).from_mex(MEX_PORT + contract, trust), site)


def test_reads_our_fault(cxf, proxy):
    with pytest.raises(AssertionError, match="ID3242"):
        cxf(proxy).from_mex(f"{MEX_PORT}IWSTrust13Async", TRUST13, password=WRONG)
