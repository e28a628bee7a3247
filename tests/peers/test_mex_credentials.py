"""MEX with every credential on: what is offered is published, and nobody who has a password is led astray."""

import json
import subprocess

import adal.constants
import adal.log
import adal.mex
import msal.mex
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree

from support import certificates, waiting
from support.fedfront import REPOSITORY, ldap
from support.people import ALICE
from support.rst import NS, PATH13, PATH2005, TRUST13, sign_in, token

MEX = "/adfs/services/trust/mex"
TRUST = "/adfs/services/trust"
NAMES = {"wsdl": "http://schemas.xmlsoap.org/wsdl/", "wsa": NS["a"], "wsp": NS["p"]}
SP = {
    "2005": "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
    "13": "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Certifies users, and nothing else."""
    return certificates.Authority(tmp_path_factory.mktemp("client-ca"), "users")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """Another issuer's certificate."""
    return certificates.signing(tmp_path_factory.mktemp("issuer"), "idp")[0]


@pytest.fixture(scope="module")
def start(launch_shared, slapd, nginx, site, authority, issuer):
    """`start(*what)` runs a fedfront with these credentials; `transport` is a listener that asks for certificates."""
    running = []

    def run(*what, **listener):
        credentials = {}
        if "certificate" in what:
            credentials["certificate"] = {"ca_file": str(authority.file)}
        if "issued_token" in what:
            trusted = {"entity_id": "https://idp.example.com/", "certificate_files": [str(issuer)]}
            credentials["issued_token"] = {"issuers": [trusted]}
        tls = {"certificate_file": str(site.tls[0]), "private_key_file": str(site.tls[1])}
        asks = {"address": f"127.0.0.1:{waiting.free_port()}", "tls": {**tls, "client_ca_file": str(authority.file)}}
        listen = [{}, {**asks, **listener}] if "transport" in what else []
        running.append(launch_shared(ldap(slapd), nginx.url, credentials=credentials, listen=listen))
        running[-1].transport = "https://localhost:" + asks["address"].rpartition(":")[2]
        return running[-1]

    yield run
    for process in running:
        process.finish()


@pytest.fixture(scope="module")
def everything(start):
    return start("certificate", "transport", "issued_token")


def published(proxy):
    """Addresses by the names of their ports."""
    document = etree.fromstring(proxy.get(MEX).content)
    ports = document.xpath("/wsdl:definitions/wsdl:service/wsdl:port", namespaces=NAMES)
    return {port.get("name"): port.xpath("string(wsa:EndpointReference/wsa:Address)", namespaces=NAMES) for port in ports}


def ports(origin, name, path):
    binding, _, suffix = name.partition("*")
    return {
        f"{binding}WSTrustBinding_IWSTrustFeb2005Async{suffix}": f"{origin}{TRUST}/2005/{path}",
        f"{binding}WSTrustBinding_IWSTrust13Async{suffix}": f"{origin}{TRUST}/13/{path}",
    }


def test_what_is_offered_is_published_under_adfs_names(everything):
    url = everything.url
    assert published(everything) == {
        **ports(url, "UserName*", "usernamemixed"),
        **ports(url, "Certificate*", "certificatemixed"),
        **ports(everything.transport, "Certificate*1", "certificatetransport"),
        **ports(url, "IssuedToken*", "issuedtokenmixedasymmetricbasic256"),
    }


@pytest.mark.parametrize(
    "what, bindings",
    [
        ((), {"UserName"}),
        # Nobody trusts what they show.
        (("transport",), {"UserName"}),
        (("certificate",), {"UserName", "Certificate"}),
        (("issued_token",), {"UserName", "IssuedToken"}),
    ],
)
def test_nothing_else_is_published(start, what, bindings):
    proxy = start(*what)
    assert {name.partition("WSTrustBinding_")[0] for name in published(proxy)} == bindings
    assert not any(name.endswith("Async1") for name in published(proxy))


def test_a_listener_behind_a_balancer_is_published_where_clients_reach_it(start):
    proxy = start("certificate", "transport", public_url="https://certificates.example.com/")
    addresses = published(proxy)
    transport = {name: address for name, address in addresses.items() if name.endswith("Async1")}
    assert transport == ports("https://certificates.example.com", "Certificate*1", "certificatetransport")


def test_msal_python_chooses_the_user_name(everything):
    endpoint = msal.mex.send_request(everything.url + MEX, everything.http)
    assert endpoint == {"address": everything.url + PATH13, "action": f"{TRUST13}/RST/Issue"}


def test_adal_python_chooses_the_user_name(everything):
    context = {"log_context": adal.log.create_log_context(), "verify_ssl": str(everything.ca)}
    mex = adal.mex.Mex(context, everything.url + MEX)
    mex.discover()
    assert mex.username_password_policy["url"] == everything.url + PATH13
    assert mex.username_password_policy["version"] == adal.constants.WSTrustVersion.WSTRUST13


def test_adal_node_chooses_the_user_name(everything, node):
    ran = subprocess.run(
        ["node", REPOSITORY / "tests/peers/clients/adal.js", everything.url + MEX],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(node), "NODE_EXTRA_CA_CERTS": str(everything.ca)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {"url": everything.url + PATH13, "version": "wstrust13"}


def test_rules_that_clients_leave_unsaid_hold_for_every_credential(everything):
    text = everything.get(MEX).text
    document = etree.fromstring(text.encode())
    bindings = document.findall("wsdl:binding", NAMES)
    assert len(bindings) == 8 == text.count(" wsu:Id=") == text.count('<sp:TransportBinding xmlns:sp="')
    assert "/wsdl/soap/" not in text and "NegotiateAuthentication" not in text
    for binding in bindings:
        assert len(binding.findall("wsp:PolicyReference", NAMES)) == len(binding.findall("wsdl:operation", NAMES)) == 1
    # MSAL.NET takes whatever has a UsernameToken in either version of WS-SecurityPolicy.
    for namespace in SP.values():
        assert len(list(document.iter(f"{{{namespace}}}UsernameToken"))) == 1


@pytest.mark.parametrize("path", [PATH13, PATH2005])
def test_a_password_is_taken_at_every_address(everything, path):
    for other in ("certificatemixed", "certificatetransport", "issuedtokenmixedasymmetricbasic256"):
        token(sign_in(everything, ALICE, path.replace("usernamemixed", other)))


def test_cxf_signs_as_the_policy_of_certificatemixed_says(everything, authority, cxf, tmp_path):
    pair = authority.client("Alice Liddell", upn=ALICE.upn, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    client = cxf(everything).with_key(tmp_path / "alice.p12", pair)
    for contract, trust in (("IWSTrust13Async", TRUST13), ("IWSTrustFeb2005Async", NS["t"])):
        ((_, issued),) = client.from_mex(f"CertificateWSTrustBinding_{contract}", trust)
        assert issued


def test_cxf_shows_its_certificate_as_the_policy_of_certificatetransport_says(everything, authority, cxf, tmp_path):
    pair = authority.client("Alice Liddell", upn=ALICE.upn, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    client = cxf(everything).with_key(tmp_path / "alice.p12", pair)
    for contract, trust in (("IWSTrust13Async", TRUST13), ("IWSTrustFeb2005Async", NS["t"])):
        ((_, issued),) = client.from_mex(f"CertificateWSTrustBinding_{contract}1", trust)
        assert issued
