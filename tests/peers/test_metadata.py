"""SAML metadata, ours and the identity provider's, and the certificate beside it."""

import datetime
import gzip
import json

import pytest
import requests
import yaml
from lxml import etree
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_SOAP

from conftest import lasso, parties
from support import certificates, ecp, ecp_clients, judge, waiting
from support.fedfront import ENTITY_ID, ldap
from support.http2_client import Http2
from support.publisher import NS, Publisher, metadata

PATH = "/oamfed/idp/metadata"
NAMES = {**ecp.NS, "md": NS}
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"


# Ours.


@pytest.fixture
def own(launch, slapd, nginx, sp, site, tmp_path):
    """Our metadata in front of a WSO2 that signs with two keys of its own, one of them ours, too; the others' files."""
    signing = [certificates.signing(tmp_path, name)[0] for name in ("current", "next")]
    chain = tmp_path / "several.pem"
    chain.write_text(signing[1].read_text() + site.signing[0].read_text())
    section = {"idp": "wso2", "slo_post": "https://logout.example.com/out?a=1&b=2"}
    section["idp_certificates"] = [str(file) for file in (signing[0], chain, signing[0])]
    return launch(ldap(slapd), nginx.url, relying_parties=parties(sp), metadata=section), signing


def test_own_metadata_has_the_identity_providers_addresses_and_keys(own, site):
    proxy, signing = own
    answer = proxy.get(PATH)
    assert answer.headers["Content-Type"] == "application/samlmetadata+xml"
    judge.assert_valid(answer.content)
    judge.assert_signed(answer.content, site.signing[0], "ID", "EntityDescriptor", NS)
    document = etree.fromstring(answer.content)
    endpoints = [
        (etree.QName(element).localname, element.get("Binding").removeprefix(BINDINGS), element.get("Location"))
        for element in document.iterfind(".//{*}IDPSSODescriptor/*[@Binding]")
    ]
    browser = proxy.url + "/samlsso"
    assert endpoints == [
        ("SingleLogoutService", "HTTP-Redirect", browser),
        ("SingleLogoutService", "HTTP-POST", "https://logout.example.com/out?a=1&b=2"),
        ("SingleSignOnService", "HTTP-Redirect", browser),
        ("SingleSignOnService", "HTTP-POST", browser),
        ("SingleSignOnService", "SOAP", proxy.url + ecp.PATH),
    ]
    keys = document.xpath("//md:KeyDescriptor[@use='signing']//ds:X509Certificate/text()", namespaces=NAMES)
    assert keys == [certificates.base64_of(file) for file in (site.signing[0], *signing)]
    until = datetime.datetime.fromisoformat(document.get("validUntil"))
    left = until - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=13) < left <= datetime.timedelta(days=14)
    assert proxy.get(PATH).content == answer.content
    assert proxy.get("/samlsso").text.startswith("the identity provider at /samlsso")


def test_pysaml2_finds_the_browsers_endpoints(own, sp, tmp_path):
    proxy, signing = own
    file = tmp_path / "idp.xml"
    file.write_bytes(proxy.get(PATH).content)
    known = ecp_clients.pysaml2_known(sp, file)
    for binding, location in [
        (BINDING_HTTP_REDIRECT, "/samlsso"),
        (BINDING_HTTP_POST, "/samlsso"),
        (BINDING_SOAP, ecp.PATH),
    ]:
        services = known.single_sign_on_service(ENTITY_ID, binding)
        assert [service["location"] for service in services] == [proxy.url + location]
    assert len(known.certs(ENTITY_ID, "idpsso", "signing")) == 1 + len(signing)


def test_lasso_sends_browsers_to_the_identity_provider(own, sp, tmp_path):
    proxy, _ = own
    file = tmp_path / "idp.xml"
    file.write_bytes(proxy.get(PATH).content)
    _, key = certificates.signing(tmp_path, "sp")
    told = lasso("lasso_browser.py", sp.metadata_file, key, file, ENTITY_ID)
    assert told.startswith(proxy.url + "/samlsso?SAMLRequest=")


def test_certificate_and_metadata_are_documents(proxy, site):
    for path, content_type in (("/oamfed/idp/cert", "application/x-pem-file"), (PATH, "application/samlmetadata+xml")):
        assert_document(proxy, path, content_type, proxy.get(path).content)


def assert_document(proxy, path, content_type, content):
    """GET, HEAD, If-None-Match and Accept-Encoding do what HTTP says of a document."""
    headers = {"Accept-Encoding": "identity"}
    answer = proxy.get(path, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, content_type, content)
    assert answer.headers["Vary"] == "Accept-Encoding"
    head = proxy.http.head(proxy.url + path, headers=headers, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control", "Vary"):
        assert head.headers[name] == answer.headers[name], name
    zipped = proxy.get(path, headers={"Accept-Encoding": "gzip"}, stream=True)
    assert zipped.headers["ETag"] != answer.headers["ETag"]
    assert gzip.decompress(zipped.raw.read()) == content
    for method in ("GET", "HEAD"):
        for tag in (answer.headers["ETag"], zipped.headers["ETag"], "W/" + answer.headers["ETag"], '"x", *'):
            known = proxy.http.request(method, proxy.url + path, headers={"If-None-Match": tag}, timeout=30)
            assert (known.status_code, known.content) == (304, b""), tag
    assert proxy.get(path, headers={"If-None-Match": '"x"', **headers}).content == content


# The identity provider's.


@pytest.fixture
def forwarding(launch, slapd):
    """`forwarding(publisher, **sections)` runs a fedfront that forwards metadata."""

    def start(publisher, **changes):
        return launch(ldap(slapd), publisher.url, metadata={"mode": "forward"}, **changes)

    return start


def refreshed(proxy, result="success"):
    waiting.until(lambda: proxy.metric("metadata_refreshes_total", result=result), f"a refresh: {result}")


def test_forwarded_metadata_is_the_identity_providers_and_kept(forwarding, publisher):
    proxy = forwarding(publisher)
    refreshed(proxy)
    ((method, target, headers),) = publisher.asked
    assert (method, target, headers["host"]) == ("GET", PATH, f"localhost:{proxy.port}")
    publisher.document = metadata("changed meanwhile")
    assert_document(proxy, PATH, publisher.content_type, metadata("first"))
    assert len(publisher.asked) == 1
    assert proxy.metric("http_requests_total", route="metadata") > 0
    assert proxy.metric("http_requests_total", route="forward") == 0


@pytest.mark.parametrize(
    "method, target",
    [("GET", PATH + "?partner=sp"), ("POST", PATH), ("GET", PATH + "/"), ("GET", PATH.upper()), ("GET", "/elsewhere")],
)
def test_what_asks_for_something_else_is_forwarded(forwarding, publisher, method, target):
    proxy = forwarding(publisher)
    refreshed(proxy)
    publisher.document = b"something else"
    answer = proxy.http.request(method, proxy.url + target, timeout=30)
    assert answer.content == b"something else"
    assert publisher.asked[-1][:2] == (method, target)


OTHER = "other.example.org"
HOSTS = {
    "ours": ({"Host": "localhost:{port}"}, True),
    "ours in capitals": ({"Host": "LOCALHOST:{port}"}, True),
    "another": ({"Host": OTHER}, False),
    "another port": ({"Host": "localhost"}, False),
    "the proxy's word for ours": ({"Host": "localhost:{port}", "X-Forwarded-Host": "localhost:{port}"}, True),
    "the proxy's word for another": ({"Host": "localhost:{port}", "X-Forwarded-Host": OTHER}, False),
    "behind another name": ({"Host": OTHER, "X-Forwarded-Host": "localhost:{port}"}, False),
}


def test_what_is_kept_is_the_metadata_of_one_host(forwarding, publisher):
    proxy = forwarding(publisher, trusted_proxies=["127.0.0.1"])
    refreshed(proxy)
    publisher.document = metadata("the other tenant")
    for name, (headers, kept) in HOSTS.items():
        headers = {header: value.format(port=proxy.port) for header, value in headers.items()}
        assert proxy.get(PATH, headers=headers).content == metadata("first" if kept else "the other tenant"), name
        http2 = Http2(proxy.port, proxy.ca, authority=headers.pop("Host"))
        assert http2.request("GET", PATH, headers) == (200, metadata("first" if kept else "the other tenant")), name
        http2.close()
    stranger = forwarding(publisher)
    refreshed(stranger)
    publisher.document = metadata("changed meanwhile")
    assert stranger.get(PATH, headers={"X-Forwarded-Host": OTHER}).content == metadata("the other tenant")


def test_every_path_has_its_own_document(forwarding, publisher):
    paths = [PATH, "/identity/metadata/saml2"]
    proxy = forwarding(publisher, endpoints={"metadata": paths})
    waiting.until(lambda: proxy.metric("metadata_refreshes_total", result="success") == 2, "both")
    assert sorted(target for _, target, _ in publisher.asked) == sorted(paths)
    publisher.stop()
    assert [proxy.get(path).content for path in paths] == [publisher.document] * 2


def test_an_endpoint_left_to_the_identity_provider_is_not_kept(forwarding, publisher):
    proxy = forwarding(publisher, endpoints={"metadata": "forward"})
    for _ in range(2):
        assert proxy.get(PATH).content == publisher.document
    assert [method for method, _, _ in publisher.asked] == ["GET"] * 2
    assert proxy.metric("metadata_refreshes_total") == 0


def test_metadata_is_served_while_the_identity_provider_is_down(forwarding, publisher):
    proxy = forwarding(publisher)
    refreshed(proxy)
    publisher.stop()
    assert proxy.get("/page").status_code == 502
    assert_document(proxy, PATH, publisher.content_type, publisher.document)
    publisher.start()
    assert proxy.get("/page").status_code == 200


def test_a_reload_keeps_what_is_kept_and_may_publish_our_own_instead(forwarding, publisher):
    proxy = forwarding(publisher)
    refreshed(proxy)
    publisher.stop()
    assert proxy.reload()
    refreshed(proxy, "unavailable")
    assert proxy.get(PATH).content == publisher.document
    whole = yaml.safe_load(proxy.file.read_text())
    for mode, status in (("own", 200), ("forward", 502)):
        whole["metadata"]["mode"] = mode
        proxy.file.write_text(yaml.safe_dump(whole))
        assert proxy.reload()
        answer = proxy.get(PATH)
        assert (answer.status_code, answer.content == publisher.document) == (status, False)


def test_it_starts_before_the_identity_provider(forwarding):
    publisher = Publisher(waiting.free_port())
    proxy = forwarding(publisher)
    refreshed(proxy, "unavailable")
    assert requests.get(proxy.admin + "/readyz", timeout=10).status_code == 200
    assert proxy.get(PATH).status_code == 502
    publisher.document = b"<html><body>Please wait</body></html>"
    publisher.start()
    try:
        refreshed(proxy, "invalid")
        assert proxy.get(PATH).content == publisher.document
        publisher.document = metadata("ready")
        refreshed(proxy)
    finally:
        publisher.stop()
    assert proxy.get(PATH).content == metadata("ready")
    assert proxy.output().count("metadata cannot be fetched") == 1


def test_what_is_not_there_is_forwarded(forwarding, publisher):
    publisher.status, publisher.document = 404, b"no such page"
    proxy = forwarding(publisher)
    refreshed(proxy, "invalid")
    answer = proxy.get(PATH)
    assert (answer.status_code, answer.content) == (404, b"no such page")
    # It is so for good, and a warning that is always there would hide others.
    told = requests.get(proxy.admin + "/status.json", timeout=10).json()
    assert (told["level"], told["problems"]) == ("ok", [])
    assert "none there (status 404): requests are forwarded" in json.dumps(told["parts"])


def test_a_new_document_takes_the_place_of_the_old_and_an_error_page_does_not(forwarding, publisher):
    def seconds_from_now(seconds):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)

    first = publisher.document = metadata("first", seconds_from_now(3600))
    proxy = forwarding(publisher)
    refreshed(proxy)
    publisher.document = b"<html><body>Sorry</body></html>"
    assert proxy.reload()

    def the_first_until(refused):
        assert proxy.get(PATH).content == first
        return proxy.metric("metadata_refreshes_total", result=refused)

    waiting.until(lambda: the_first_until("invalid"), "an error page")
    ends = {}

    def second():
        # Made anew until it is fetched: it has all of its time left then.
        end = seconds_from_now(15)
        document = metadata("second", end)
        ends[document] = end
        publisher.document = document
        return proxy.metric("metadata_refreshes_total", result="success") == 2

    waiting.until(second, "the second document")
    publisher.stop()
    kept = proxy.get(PATH).content
    end = ends[kept]

    def gone():
        answer = proxy.get(PATH)
        assert answer.status_code == 502 or answer.content == kept
        return answer.status_code == 502 and seconds_from_now(0)

    # Served while the identity provider is down, but never past its own end.
    assert waiting.until(gone, "the end of the second document", timeout=60) >= end


def test_the_identity_provider_is_verified_as_it_is_for_forwarding(forwarding, site):
    publisher = Publisher(waiting.free_port(), tls=site.authority.server("publisher", "idp.internal"))
    publisher.start()
    try:
        for name, result in (("idp.internal", "success"), ("other.internal", "unavailable")):
            proxy = forwarding(publisher, upstream={"tls": {"ca_file": str(site.ca), "server_name": name}})
            refreshed(proxy, result)
            assert proxy.get(PATH).status_code == (200 if result == "success" else 502)
    finally:
        publisher.stop()
