"""WS-MetadataExchange: what each client library reads in the document, and the rules that they leave unsaid."""

import io
import json
import subprocess

import adal.constants
import adal.log
import adal.mex
import msal.mex
import pytest
import zeep
from lxml import etree
from zeep.transports import Transport

from support.fedfront import REPOSITORY
from support.rst import NS, PATH13, PATH2005, SOAP11, SOAP12, WSA, WSA2004

PATHS = ["/mex", "/services/mex-ut", "/adfs/services/trust/mex"]
WSDL = "http://schemas.xmlsoap.org/wsdl/"
POLICY = {
    "wsdl": WSDL,
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "wsp": "http://schemas.xmlsoap.org/ws/2004/09/policy",
    "wsa10": WSA,
    "wsu": NS["u"],
    "sp": "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
    "sp2005": "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
    "http": "http://schemas.microsoft.com/ws/06/2004/policy/http",
    "xsd": "http://www.w3.org/2001/XMLSchema",
    "mex": "http://schemas.xmlsoap.org/ws/2004/09/mex",
}
ACTIONS = {
    PATH13: "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
    PATH2005: "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
}
GET_ACTION = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
GET_METADATA_ACTION = "http://schemas.xmlsoap.org/ws/2004/09/mex/GetMetadata/Request"


@pytest.fixture(scope="module")
def document(proxy):
    return etree.fromstring(proxy.get(PATHS[2]).content)


def find(element, path):
    return element.xpath(path, namespaces=POLICY)


@pytest.mark.parametrize("path", PATHS)
def test_get_is_a_bare_wsdl(proxy, path):
    answer = proxy.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].replace(" ", "").lower() == "text/xml;charset=utf-8"
    assert etree.fromstring(answer.content).tag == f"{{{WSDL}}}definitions"


@pytest.mark.parametrize("suffix", ["?wsdl", "?singleWsdl"])
def test_query_of_development_tools_gets_the_document(proxy, suffix):
    assert proxy.get(PATHS[2] + suffix).content == proxy.get(PATHS[2]).content


@pytest.mark.parametrize("media", ["application/soap+xml", "application/xml; charset=utf-8", "nonsense"])
def test_content_type_of_a_get_is_ignored(proxy, media):
    assert proxy.get(PATHS[0], headers={"Content-Type": media}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_msal_python_prefers_1_3(proxy, path):
    endpoint = msal.mex.send_request(proxy.url + path, proxy.http)
    assert endpoint == {"address": proxy.url + PATH13, "action": ACTIONS[PATH13]}


def test_adal_python(proxy):
    context = {"log_context": adal.log.create_log_context(), "verify_ssl": str(proxy.ca)}
    mex = adal.mex.Mex(context, proxy.url + PATHS[2])
    mex.discover()
    assert mex.username_password_policy["url"] == proxy.url + PATH13
    assert mex.username_password_policy["version"] == adal.constants.WSTrustVersion.WSTRUST13


def test_adal_node(proxy, node):
    script = REPOSITORY / "tests/peers/clients/adal.js"
    ran = subprocess.run(
        ["node", script, proxy.url + PATHS[2]],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(node), "NODE_EXTRA_CA_CERTS": str(proxy.ca)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {"url": proxy.url + PATH13, "version": "wstrust13"}


def test_both_versions_are_published_at_adfs_paths(proxy, document):
    addresses = [
        address.text for address in find(document, "wsdl:service/wsdl:port/wsa10:EndpointReference/wsa10:Address")
    ]
    assert sorted(addresses) == sorted([proxy.url + PATH2005, proxy.url + PATH13])
    assert sorted(find(document, "wsdl:service/wsdl:port/soap12:address/@location")) == sorted(addresses)


def test_msal_go_finds_the_prefix_declared_on_each_transport_binding(document):
    # Go's encoding/xml shows it as the attribute `sp`; a declaration further up is invisible to it.
    bindings = find(document, "//sp:TransportBinding | //sp2005:TransportBinding")
    assert len(bindings) == 2
    for binding in bindings:
        assert binding.prefix == "sp"
        assert "sp" not in binding.getparent().nsmap


def test_policies_are_children_of_the_root_with_a_literal_wsu_id(proxy, document):
    policies = find(document, "wsp:Policy")
    assert len(policies) == len(find(document, "//wsp:Policy[@wsu:Id]")) == 2
    # MSAL4J asks for the attribute by its qualified name.
    assert proxy.get(PATHS[0]).text.count(" wsu:Id=") == 2


@pytest.mark.parametrize(
    "supporting, namespace", [("SignedEncryptedSupportingTokens", "sp"), ("SignedSupportingTokens", "sp2005")]
)
def test_each_version_has_its_username_policy(document, supporting, namespace):
    token = f"{namespace}:{supporting}/wsp:Policy/{namespace}:UsernameToken/wsp:Policy/{namespace}:WssUsernameToken10"
    (policy,) = find(document, f"wsp:Policy[wsp:ExactlyOne/wsp:All/{token}]")
    assert find(policy, f"wsp:ExactlyOne/wsp:All/{namespace}:TransportBinding")


def test_each_binding_has_one_policy_one_operation_and_soap_12(document):
    bindings = find(document, "wsdl:binding")
    identifiers = {"#" + identifier for identifier in find(document, "wsp:Policy/@wsu:Id")}
    assert len(bindings) == 2
    for binding in bindings:
        (reference,) = find(binding, "wsp:PolicyReference/@URI")
        assert reference in identifiers
        assert find(binding, "soap12:binding/@transport") == ["http://schemas.xmlsoap.org/soap/http"]
        assert len(find(binding, "wsdl:operation")) == 1
        assert find(binding, "wsdl:operation/soap12:operation/@soapAction")[0] in ACTIONS.values()


def test_ports_name_prefixed_bindings_and_their_action_fits_their_address(proxy, document):
    for port in find(document, "wsdl:service/wsdl:port"):
        prefix, _, name = port.get("binding").partition(":")
        assert port.nsmap[prefix] == document.get("targetNamespace")
        (action,) = find(document, f"wsdl:binding[@name='{name}']/wsdl:operation/soap12:operation/@soapAction")
        (address,) = find(port, "wsa10:EndpointReference/wsa10:Address")
        assert ACTIONS[address.text.removeprefix(proxy.url)] == action


def test_nothing_in_it_that_a_client_stumbles_over(document):
    assert not document.xpath("//*[namespace-uri()='http://schemas.xmlsoap.org/wsdl/soap/']"), "a SOAP 1.1 binding"
    assert not find(document, "//http:NegotiateAuthentication")
    for address in find(document, "//wsa10:Address"):
        assert address.text == address.text.strip()
        assert address.text.startswith("https://") and "?" not in address.text


def test_addresses_come_from_public_url_not_from_the_host_header(proxy):
    with proxy.wire() as wire:
        wire.send("GET /mex HTTP/1.1\r\nHost: attacker.example\r\nX-Forwarded-Host: attacker.example\r\n\r\n")
        status, _, body = wire.answer()
    assert status == 200
    assert b"attacker.example" not in body and proxy.url.encode() in body


def test_etag_answers_304(proxy):
    first = proxy.get(PATHS[2])
    etag = first.headers["ETag"]
    assert proxy.get(PATHS[2]).headers["ETag"] == etag
    for condition in (etag, f'"other", {etag}', "*"):
        again = proxy.get(PATHS[2], headers={"If-None-Match": condition})
        assert (again.status_code, again.content) == (304, b""), condition
        assert again.headers["ETag"] == etag
    assert proxy.get(PATHS[2], headers={"If-None-Match": '"other"'}).status_code == 200


def test_gzip_only_for_whom_asks(proxy):
    plain = proxy.get(PATHS[2], headers={"Accept-Encoding": "identity"})
    packed = proxy.get(PATHS[2], headers={"Accept-Encoding": "gzip"}, stream=True)
    size = len(packed.raw.read(decode_content=False))
    assert "Content-Encoding" not in plain.headers
    assert packed.headers.get("Content-Encoding") == "gzip"
    assert size < len(plain.content) / 3
    assert proxy.get(PATHS[2], headers={"Accept-Encoding": "gzip"}).content == plain.content


def test_head_has_the_headers_of_get(proxy):
    answer = proxy.http.head(proxy.url + PATHS[0], headers={"Accept-Encoding": "identity"}, timeout=30)
    get = proxy.get(PATHS[0], headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == get.headers["Content-Type"]
    assert answer.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(proxy, method):
    answer = proxy.http.request(method, proxy.url + PATHS[0], timeout=30)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("number", range(3))
def test_imported_schemas_are_served_where_the_wsdl_says(proxy, document, number):
    (import_,) = find(document, f"//xsd:import[contains(@schemaLocation, 'xsd=xsd{number}')]")
    assert import_.get("schemaLocation").startswith(proxy.url)
    answer = proxy.http.get(import_.get("schemaLocation"), timeout=30)
    schema = etree.fromstring(answer.content)
    assert schema.tag == "{http://www.w3.org/2001/XMLSchema}schema"
    assert schema.get("targetNamespace") == import_.get("namespace")


def test_zeep_reads_the_wsdl(proxy):
    transport = Transport(session=proxy.http)
    client = zeep.Client(io.BytesIO(proxy.get(PATHS[2]).content), transport=transport)
    (service,) = client.wsdl.services.values()
    operations = {operation for port in service.ports.values() for operation in port.binding._operations}
    assert operations == {"TrustFeb2005IssueAsync", "Trust13IssueAsync"}


def soap_get(soap, wsa, action):
    return (
        f'<s:Envelope xmlns:s="{soap}" xmlns:a="{wsa}"><s:Header><a:Action s:mustUnderstand="1">{action}</a:Action>'
        f"<a:MessageID>urn:uuid:mex-1</a:MessageID><a:To>https://sts/mex</a:To></s:Header><s:Body/></s:Envelope>"
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("soap", [SOAP12, SOAP11])
@pytest.mark.parametrize("wsa", [WSA, WSA2004])
@pytest.mark.parametrize("action", [GET_ACTION, GET_METADATA_ACTION])
def test_soap_post_answers_in_kind(proxy, path, soap, wsa, action):
    media = "application/soap+xml" if soap == SOAP12 else "text/xml"
    answer = proxy.post(path, soap_get(soap, wsa, action), headers={"Content-Type": f"{media}; charset=utf-8"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith(media)
    document = etree.fromstring(answer.content)
    names = {"s": soap, "a": wsa, **POLICY}
    assert document.tag == f"{{{soap}}}Envelope"
    assert document.xpath("string(s:Header/a:RelatesTo)", namespaces=names) == "urn:uuid:mex-1"
    assert document.xpath("string(s:Header/a:Action)", namespaces=names).endswith("Response")
    sections = document.xpath("s:Body/mex:Metadata/mex:MetadataSection", namespaces=names)
    assert [section.get("Dialect") for section in sections].count(WSDL) == 1
    assert document.xpath("s:Body/mex:Metadata/mex:MetadataSection/wsdl:definitions", namespaces=names)
    schemas = document.xpath("s:Body/mex:Metadata/mex:MetadataSection/xsd:schema", namespaces=names)
    assert len(schemas) == 3


def test_soap_post_of_something_else_is_a_fault(proxy):
    answer = proxy.post(PATHS[0], soap_get(SOAP12, WSA, "urn:other"), headers={"Content-Type": "application/soap+xml"})
    assert answer.status_code in (400, 500)
    assert etree.fromstring(answer.content).xpath("/s:Envelope/s:Body/s:Fault", namespaces=NS)


def test_below_our_mex_belongs_to_the_identity_provider(proxy):
    # WSO2 serves the schemas of its own metadata there.
    assert "the identity provider at /mex/get1" in proxy.get("/mex/get1").text
