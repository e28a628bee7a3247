"""The description of the STS: where it is, what stands in it, and that a client can be made of nothing else."""

import pytest
import zeep
from lxml import etree

from support import judge
from support.described import SERVICE, SOAP11_PORT, SOAP12_PORT, Described
from support.fedfront import OFFICE, ldap
from support.people import ALICE
from support.rst import NS, PATH13, SAML1, SOAP11, SOAP12, TRUST13, TRUST2005, WSO2, Rst, send

SOAP11_PATH = f"{WSO2}.{SOAP11_PORT}"
SOAP12_PATH = f"{WSO2}.{SOAP12_PORT}"
NAMES = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "wsaw": "http://www.w3.org/2006/05/addressing/wsdl",
    "wsp": NS["p"],
    "wsu": NS["u"],
    "sp": "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
    "xsd": "http://www.w3.org/2001/XMLSchema",
}
OPERATIONS = ["Issue", "Renew", "Validate", "Cancel"]
ANSWERS_13 = {"Issue": "RSTRC/IssueFinal", "Renew": "RSTR/RenewFinal", "Validate": "RSTR/ValidateFinal", "Cancel": "RSTR/CancelFinal"}  # fmt: skip


@pytest.fixture(scope="module")
def document(proxy):
    return etree.fromstring(proxy.get(WSO2 + "?wsdl").content)


def find(element, path):
    return element.xpath(path, namespaces=NAMES)


@pytest.mark.parametrize("path", [WSO2, SOAP11_PATH, SOAP12_PATH, PATH13])
@pytest.mark.parametrize("query", ["wsdl", "WSDL", "Wsdl"])
def test_is_at_every_address_of_the_sts(proxy, document, path, query):
    answer = proxy.get(f"{path}?{query}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].replace(" ", "").lower() == "text/xml;charset=utf-8"
    assert etree.tostring(etree.fromstring(answer.content)) == etree.tostring(document)


@pytest.mark.parametrize("query, status", [("wsdl2", 404), ("WSDL2", 404), ("xsd=xsd2", 404), ("", 405), ("wsdl=1", 405)])
def test_what_there_is_not(proxy, query, status):
    assert proxy.get(f"{WSO2}?{query}").status_code == status


def test_etag_answers_304_and_head_has_no_body(proxy):
    first = proxy.get(WSO2 + "?wsdl")
    again = proxy.get(WSO2 + "?wsdl", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = proxy.http.head(f"{proxy.url}{WSO2}?wsdl", timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == first.headers["ETag"]


def actions(operation, trust):
    answer = ANSWERS_13[operation] if trust == TRUST13 else f"RSTR/{operation}"
    return f"{trust}/RST/{operation}", f"{trust}/{answer}"


@pytest.mark.parametrize(
    "contract, names",
    [
        (SERVICE, {TRUST2005: "{}Token", TRUST13: "{}Token2"}),
        ("WSTrustFeb2005", {TRUST2005: "{}"}),
        ("WSTrust13", {TRUST13: "{}"}),
    ],
)
def test_every_operation_has_its_actions(document, contract, names):
    (port_type,) = find(document, f"wsdl:portType[@name='{contract}PortType']")
    wanted = {name.format(each): actions(each, trust) for trust, name in names.items() for each in OPERATIONS}
    said = {
        operation.get("name"): tuple(find(operation, f"string(wsdl:{each}/@wsaw:Action)") for each in ("input", "output"))
        for operation in find(port_type, "wsdl:operation")
    }
    assert said == wanted
    for soap in ("soap", "soap12"):
        (binding,) = find(document, f"wsdl:binding[{soap}:binding][@type='tns:{contract}PortType']")
        found = {
            operation.get("name"): find(operation, f"string({soap}:operation/@soapAction)")
            for operation in find(binding, "wsdl:operation")
        }
        assert found == {name: action for name, (action, _) in wanted.items()}


def test_ports_are_at_wso2s_addresses(proxy, document):
    (service,) = find(document, "wsdl:service")
    assert service.get("name") == SERVICE
    assert find(service, f"wsdl:port[@name='{SOAP11_PORT}']/soap:address/@location") == [proxy.url + SOAP11_PATH]
    assert find(service, f"wsdl:port[@name='{SOAP12_PORT}']/soap12:address/@location") == [proxy.url + SOAP12_PATH]
    assert set(find(service, "wsdl:port/soap:address/@location")) == {proxy.url + SOAP11_PATH}
    assert set(find(service, "wsdl:port/soap12:address/@location")) == {proxy.url + SOAP12_PATH}


def test_each_binding_wants_a_user_name_over_https(document):
    (policy,) = find(document, "wsp:Policy")
    for binding in find(document, "wsdl:binding"):
        assert find(binding, "wsp:PolicyReference/@URI") == ["#" + policy.get(f"{{{NS['u']}}}Id")]
    assert find(policy, ".//sp:TransportBinding//sp:HttpsToken") and find(policy, ".//sp:IncludeTimestamp")
    assert find(policy, ".//sp:SignedSupportingTokens/wsp:Policy/sp:UsernameToken//sp:WssUsernameToken10")


def test_imported_schemas_are_served_where_it_says(proxy, document):
    imports = find(document, "//xsd:import")
    assert [each.get("schemaLocation") for each in imports] == [f"{proxy.url}{WSO2}?xsd=xsd{n}" for n in (0, 1)]
    for each in imports:
        schema = etree.fromstring(proxy.http.get(each.get("schemaLocation"), timeout=30).content)
        assert schema.get("targetNamespace") == each.get("namespace")
        etree.XMLSchema(schema)


def test_a_configuration_without_wso2s_addresses_names_those_that_it_has(launch, slapd, nginx):
    plain = launch(ldap(slapd), nginx.url, endpoints={"sts": ["/adfs/services/trust/13/usernamemixed", "/sts"]})
    document = etree.fromstring(plain.get("/sts?wsdl").content)
    locations = find(document, "//soap:address/@location | //soap12:address/@location")
    assert set(locations) == {plain.url + "/sts"}
    assert find(document, "string(//xsd:import/@schemaLocation)") == plain.url + "/sts?xsd=xsd0"


@pytest.mark.parametrize("trust", [TRUST2005, TRUST13], ids=["2005", "13"])
@pytest.mark.parametrize("port, soap", [(SOAP11_PORT, SOAP11), (SOAP12_PORT, SOAP12)], ids=["soap11", "soap12"])
def test_zeep_issues_from_it(proxy, site, port, soap, trust):
    described = Described(proxy, ALICE, port, trust)
    response = described.call("Issue", described.applies_to(OFFICE))
    assert described.envelope.tag == f"{{{soap}}}Envelope"
    (action,) = described.envelope.xpath("/*/*/a:Action", namespaces=NS)
    assert action.text == (f"{TRUST13}/RSTRC/IssueFinal" if trust == TRUST13 else f"{TRUST2005}/RSTR/Issue")
    (assertion,) = response.iter(f"{{{SAML1}}}Assertion")
    token = etree.tostring(assertion, with_tail=False)
    judge.assert_signed(token, site.signing[0], "AssertionID", "Assertion", SAML1)


def test_zeep_reads_our_fault(proxy):
    described = Described(proxy, ALICE)
    with pytest.raises(zeep.exceptions.Fault) as raised:
        described.call("Issue", described.applies_to("urn:nobody:knows"))
    assert [code.localname for code in raised.value.subcodes] == ["InvalidScope"]


@pytest.mark.parametrize("path", [SOAP11_PATH, SOAP12_PATH])
@pytest.mark.parametrize("soap", [SOAP11, SOAP12], ids=["soap11", "soap12"])
def test_both_addresses_take_either_soap(proxy, path, soap):
    answer = send(proxy, Rst(user=ALICE.upn, password=ALICE.password, soap=soap), path)
    assert answer.status_code == 200, answer.text
    assert etree.fromstring(answer.content).tag == f"{{{soap}}}Envelope"
    assert answer.headers["Content-Type"].startswith("text/xml" if soap == SOAP11 else "application/soap+xml")
