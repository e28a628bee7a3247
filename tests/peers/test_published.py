"""What is published in our name of the identity provider's: its metadata with ours in it, WS-Federation's, certificates."""

import datetime
import hashlib

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from saml2 import BINDING_HTTP_REDIRECT, BINDING_SOAP

from conftest import lasso, parties
from support import certificates, ecp, ecp_clients, judge, waiting
from support.fedfront import ENTITY_ID, ldap
from support.origin import Origin
from support.published import BINDINGS, MD, identity_provider, signed, valid_for
from support.publisher import Publisher
from test_metadata import assert_document, refreshed

PATH = "/oamfed/idp/metadata"
FEDERATION = "/FederationMetadata/2007-06/FederationMetadata.xml"
INSIDE = "https://wso2.internal:9443"
NAMES = {**ecp.NS, "md": MD, "fed": "http://docs.oasis-open.org/wsfed/federation/200706"}
NAMES["auth"] = "http://docs.oasis-open.org/wsfed/authorization/200706"
NAMES["wsa"] = "http://www.w3.org/2005/08/addressing"


@pytest.fixture
def idp(tmp_path):
    """The identity provider's key."""
    return certificates.signing(tmp_path, "idp")


@pytest.fixture
def merging(launch, slapd, sp, idp):
    """`merging(publisher, metadata=…, **sections)` runs a fedfront that believes the identity provider's key."""

    def start(publisher, metadata=None, **changes):
        section = {"mode": "merge", "idp_certificate_file": str(idp[0]), **(metadata or {})}
        section = {key: value for key, value in section.items() if value is not None}
        return launch(ldap(slapd), publisher.url, relying_parties=parties(sp), metadata=section, **changes)

    return start


def document(idp, inner="", attributes="", name=ENTITY_ID):
    return identity_provider(name, INSIDE, idp[0], inner, attributes)


def endpoints(content):
    found = etree.fromstring(content).iterfind(".//{*}IDPSSODescriptor/*[@Binding]")
    return [(etree.QName(e).localname, e.get("Binding").removeprefix(BINDINGS), e.get("Location")) for e in found]


def signing_keys(content):
    path = "//md:KeyDescriptor[@use='signing']//ds:X509Certificate/text()"
    return etree.fromstring(content).xpath(path, namespaces=NAMES)


def test_merged_metadata_is_the_identity_providers_with_ours(merging, publisher, idp, site):
    publisher.document = signed(document(idp, "<NameIDFormat>urn:x</NameIDFormat>"), idp)
    proxy = merging(publisher, {"move": [INSIDE + "/out"]}, issuer={"scope": "example.com"})
    refreshed(proxy)
    ((method, target, headers),) = publisher.asked
    assert (method, target, headers["host"]) == ("GET", PATH, f"localhost:{proxy.port}")
    content = proxy.get(PATH).content
    judge.assert_valid(content)
    judge.assert_signed(content, site.signing[0], "ID", "EntityDescriptor", MD)
    assert content.count(b"<ds:Signature ") == 1
    assert endpoints(content) == [
        ("SingleLogoutService", "HTTP-Redirect", INSIDE + "/samlsso"),
        ("SingleSignOnService", "HTTP-Redirect", INSIDE + "/samlsso"),
        ("SingleSignOnService", "SOAP", proxy.url + ecp.PATH),
    ]
    assert f'ResponseLocation="{proxy.url}/out"'.encode() in content
    assert signing_keys(content) == [certificates.base64_of(file) for file in (idp[0], site.signing[0])]
    assert etree.fromstring(content).get("entityID") == ENTITY_ID
    scopes = etree.fromstring(content).xpath("//md:IDPSSODescriptor/md:Extensions/*", namespaces=NAMES)
    assert [(each.tag, each.text) for each in scopes] == [("{urn:mace:shibboleth:metadata:1.0}Scope", "example.com")]
    assert_document(proxy, PATH, "application/samlmetadata+xml", content)
    until = datetime.datetime.fromisoformat(etree.fromstring(content).get("validUntil"))
    assert proxy.metric("metadata_not_after_timestamp_seconds") == until.timestamp()
    # After a reload, and by another replica, the same is said.
    assert proxy.reload()
    replica = merging(publisher, {"move": [INSIDE + "/out"]}, public_url=proxy.url, issuer={"scope": "example.com"})
    refreshed(replica)
    assert proxy.get(PATH).content == replica.get(PATH).content == content
    assert replica.get(PATH).headers["ETag"] == proxy.get(PATH).headers["ETag"]


def test_pysaml2_finds_what_was_merged(merging, publisher, idp, sp, tmp_path):
    publisher.document = signed(document(idp), idp)
    proxy = merging(publisher)
    refreshed(proxy)
    file = tmp_path / "idp.xml"
    file.write_bytes(proxy.get(PATH).content)
    known = ecp_clients.pysaml2_known(sp, file)
    for binding, location in [(BINDING_HTTP_REDIRECT, INSIDE + "/samlsso"), (BINDING_SOAP, proxy.url + ecp.PATH)]:
        services = known.single_sign_on_service(ENTITY_ID, binding)
        assert [service["location"] for service in services] == [location]
    assert len(known.certs(ENTITY_ID, "idpsso", "signing")) == 2


def test_lasso_sends_browsers_to_where_it_was_merged(merging, publisher, idp, sp, tmp_path):
    publisher.document = signed(document(idp), idp)
    proxy = merging(publisher, {"move": [INSIDE]})
    refreshed(proxy)
    file = tmp_path / "idp.xml"
    file.write_bytes(proxy.get(PATH).content)
    _, key = certificates.signing(tmp_path, "sp")
    told = lasso("lasso_browser.py", sp.metadata_file, key, file, ENTITY_ID)
    assert told.startswith(proxy.url + "/samlsso?SAMLRequest=")


def forged(idp):
    """The good document with another key in it, and the good one's signature."""
    good = signed(document(idp), idp)
    return good.replace(b"/samlsso", b"/evil")


LIES = {
    "unsigned": lambda idp, other: document(idp),
    "signed by another": lambda idp, other: signed(document(idp), other),
    "changed": lambda idp, other: forged(idp),
    "signed by SHA-1": lambda idp, other: signed(document(idp), idp, sha1=True),
    "expired": lambda idp, other: signed(document(idp, attributes=valid_for(-1)), idp),
    "another's": lambda idp, other: signed(document(idp, name="https://other.example.com"), idp),
    "a page": lambda idp, other: b"<html><body>Please wait</body></html>",
    "a DTD": lambda idp, other: signed(document(idp), idp).replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>', 1),
    "nothing": lambda idp, other: b"",
    "no identity provider": lambda idp, other: signed(document(idp).replace(b"SAML:2.0:protocol", b"x"), idp),
}


def test_what_is_not_believed_is_never_published(merging, publisher, idp, tmp_path):
    other = certificates.signing(tmp_path, "other")
    good = publisher.document = signed(document(idp), idp)
    proxy = merging(publisher)
    refreshed(proxy)
    published = proxy.get(PATH).content
    for name, lie in LIES.items():
        publisher.document = lie(idp, other)
        before = proxy.metric("metadata_refreshes_total", result="invalid")
        assert proxy.reload()
        waiting.until(lambda: proxy.metric("metadata_refreshes_total", result="invalid") > before, name)
        assert proxy.get(PATH).content == published, name
    publisher.document = good
    publisher.status = 404
    assert proxy.reload() and proxy.get(PATH).content == published


@pytest.mark.parametrize("name", LIES)
def test_without_a_document_that_is_believed_nothing_is_published(merging, publisher, idp, tmp_path, name):
    publisher.document = LIES[name](idp, certificates.signing(tmp_path, "other"))
    proxy = merging(publisher, endpoints={"federation_metadata": [FEDERATION]})
    refreshed(proxy, "invalid")
    for path in (PATH, FEDERATION):
        answer = proxy.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert b"EntityDescriptor" not in answer.content
    assert "nothing is published" in proxy.output()


def test_sha1_and_what_is_not_signed_are_believed_by_the_operators_word(merging, publisher, idp):
    publisher.document = signed(document(idp), idp, sha1=True)
    refreshed(merging(publisher, {"allow_sha1": True}))
    publisher.document = document(idp)
    proxy = merging(publisher, {"allow_unsigned": True, "idp_certificate_file": None, "idp_metadata": "/elsewhere"})
    refreshed(proxy)
    assert publisher.asked[-1][1] == "/elsewhere"
    judge.assert_valid(proxy.get(PATH).content)


def test_the_last_good_one_is_served_until_its_end(merging, publisher, idp):
    ends = {}

    def soon():
        text = valid_for(12)
        publisher.document = signed(document(idp, attributes=text), idp)
        ends[publisher.document] = datetime.datetime.fromisoformat(text.split('"')[1])

    soon()
    proxy = merging(publisher)
    refreshed(proxy)
    publisher.stop()
    end = ends[publisher.document]
    content = proxy.get(PATH).content
    assert datetime.datetime.fromisoformat(etree.fromstring(content).get("validUntil")) <= end
    waiting.until(lambda: proxy.metric("metadata_refreshes_total", result="unavailable"), "an outage")

    def gone():
        answer = proxy.get(PATH)
        assert answer.status_code == 503 or answer.content == content
        return answer.status_code == 503 and datetime.datetime.now(datetime.timezone.utc)

    assert waiting.until(gone, "its end", timeout=60) >= end - datetime.timedelta(seconds=1)


def test_a_copy_on_disk_is_published_after_a_start_if_it_is_believed(merging, publisher, idp, tmp_path):
    folder = tmp_path / "cache"
    publisher.document = signed(document(idp), idp)
    proxy = merging(publisher, cache={"folder": str(folder)})
    refreshed(proxy)
    content = proxy.get(PATH).content
    (copy,) = waiting.until(lambda: list(folder.glob("idp/*.xml")), "a copy")
    assert waiting.until(lambda: copy.read_bytes() == publisher.document, "the whole copy")
    proxy.finish()
    publisher.stop()
    proxy = merging(publisher, cache={"folder": str(folder)}, public_url=proxy.url)
    assert proxy.get(PATH).content == content
    proxy.finish()
    copy.write_bytes(document(idp))
    proxy = merging(publisher, cache={"folder": str(folder)}, public_url=proxy.url)
    assert proxy.get(PATH).status_code == 503


def test_an_identity_provider_that_stalls_holds_up_nothing(merging, idp):
    origin = Origin()
    try:
        proxy = merging(origin, {"idp_metadata": "/silent"})
        waiting.until(lambda: any(path == "/silent" for _, path, _ in origin.heads), "a fetch")
        assert proxy.get(PATH).status_code == 503
        assert proxy.get("/mex").status_code == 200
    finally:
        origin.stop()


def test_what_the_identity_provider_changes_is_published_anew(merging, publisher, idp):
    publisher.document = signed(document(idp, attributes=' cacheDuration="PT1S"'), idp)
    proxy = merging(publisher)
    refreshed(proxy)
    first = proxy.get(PATH)
    publisher.document = signed(document(idp, "<NameIDFormat>urn:y</NameIDFormat>"), idp)
    assert proxy.reload()
    waiting.until(lambda: proxy.metric("metadata_refreshes_total", result="success") == 2, "the second")
    second = proxy.get(PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200 and b"urn:y" in second.content and b"urn:y" not in first.content


def test_another_certificate_or_mode_forgets_what_was_believed(merging, publisher, idp, tmp_path):
    publisher.document = signed(document(idp), idp)
    proxy = merging(publisher)
    refreshed(proxy)
    publisher.stop()
    whole = yaml.safe_load(proxy.file.read_text())
    whole["metadata"]["idp_certificate_file"] = str(certificates.signing(tmp_path, "new")[0])
    proxy.file.write_text(yaml.safe_dump(whole))
    assert proxy.reload()
    assert proxy.get(PATH).status_code == 503


def test_federation_metadata_is_what_adfs_has(merging, publisher, idp, site):
    publisher.document = signed(document(idp), idp)
    proxy = merging(publisher, {"passive": "/passivests"}, endpoints={"federation_metadata": [FEDERATION]})
    refreshed(proxy)
    answer = proxy.get(FEDERATION)
    content = answer.content
    judge.assert_signed(content, site.signing[0], "ID", "EntityDescriptor", MD)
    root = etree.fromstring(content)
    (role,) = root.iterfind("md:RoleDescriptor", NAMES)
    kind = role.get("{http://www.w3.org/2001/XMLSchema-instance}type")
    assert role.nsmap[kind.split(":")[0]] == NAMES["fed"]
    assert signing_keys(content) == [certificates.base64_of(file) for file in (site.signing[0], idp[0])]

    def addresses(name):
        return [element.text for element in role.iterfind(f"fed:{name}//wsa:Address", NAMES)]

    sts, mex = proxy.url + "/adfs/services/trust/13/usernamemixed", proxy.url + "/adfs/services/trust/mex"
    assert addresses("SecurityTokenServiceEndpoint") == [sts, mex]
    assert proxy.get("/adfs/services/trust/mex").status_code == 200
    assert addresses("PassiveRequestorEndpoint") == [proxy.url + "/passivests"]
    claims = [claim.get("Uri") for claim in role.iterfind("fed:ClaimTypesOffered/auth:ClaimType", NAMES)]
    assert "http://schemas.xmlsoap.org/claims/UPN" in claims and len(claims) == len(set(claims))
    assert_document(proxy, FEDERATION, "application/samlmetadata+xml", content)


def test_federation_metadata_does_not_need_a_merge(launch, slapd, nginx, site, idp):
    section = {"mode": "forward", "idp_certificates": [str(idp[0])], "passive": "https://idp.example.com/wsfed"}
    proxy = launch(ldap(slapd), nginx.url, metadata=section, endpoints={"federation_metadata": [FEDERATION]})
    content = proxy.get(FEDERATION).content
    assert signing_keys(content) == [certificates.base64_of(file) for file in (site.signing[0], idp[0])]
    judge.assert_signed(content, site.signing[0], "ID", "EntityDescriptor", MD)


CERTIFICATE = "/oamfed/idp/cert"


def test_certificates_that_are_not_ours_are_the_identity_providers(launch, slapd, nginx, site):
    proxy = launch(ldap(slapd), nginx.url, metadata={"certificate_ids": {"current": ["osts signing"]}})
    own = x509.load_pem_x509_certificate(site.signing[0].read_bytes())
    sha256 = hashlib.sha256(own.public_bytes(Encoding.DER)).hexdigest()
    ours = own.public_bytes(Encoding.PEM)
    for query in ("", "?id=", "?x=y", "?id=osts%20signing", "?id=osts+signing", f"?id={sha256.upper()}", "?id=x&id=osts+signing"):
        answer = proxy.get(CERTIFICATE + query)
        assert (answer.status_code, answer.content) == (200, ours), query
    before = len(nginx.requests())
    for method, target in [("GET", CERTIFICATE + "?id=other"), ("HEAD", "/OAMFED/idp/cert?id=other")]:
        answer = proxy.http.request(method, proxy.url + target, timeout=30)
        assert answer.status_code == 200
        # It writes its log once it has answered.
        waiting.until(lambda: nginx.requests()[-1] == f"{method} {target}", "nginx logging")
    assert len(nginx.requests()) == before + 2
    host = f"Host: localhost:{proxy.port}\r\n"
    for request, status in [
        (f"POST {CERTIFICATE}?id=other HTTP/1.1\r\n{host}Content-Length: 0\r\n", 405),
        (f"GET {CERTIFICATE}?id=other HTTP/1.1\r\n{host}Content-Length: 1\r\n\r\nx", 413),
        (f"GET /oamfed/idp/./cert?id=other HTTP/1.1\r\n{host}", 404),
        (f"GET /oamfed/idp//cert?id=other HTTP/1.1\r\n{host}", 404),
        (f"GET /oamfed/idp/cert;x?id=other HTTP/1.1\r\n{host}", 404),
    ]:
        with proxy.wire() as wire:
            wire.send(request.encode() if request.endswith("x") else f"{request}\r\n".encode())
            assert wire.answer()[0] == status, request
    assert len(nginx.requests()) == before + 2


def test_what_came_and_is_not_believed_is_an_error_in_the_log(merging, idp, tmp_path):
    """It was told as what cannot be fetched, and after an outage not at all."""
    publisher = Publisher(waiting.free_port())
    proxy = merging(publisher)
    refreshed(proxy, "unavailable")
    publisher.document = signed(document(idp), certificates.signing(tmp_path, "stranger"))
    publisher.start()
    try:
        refreshed(proxy, "invalid")
        publisher.document = b"<html><body>Please wait</body></html>"
        refused = proxy.metric("metadata_refreshes_total", result="invalid")
        waiting.until(lambda: proxy.metric("metadata_refreshes_total", result="invalid") > refused, "a page")
    finally:
        publisher.stop()
    told = [line for line in proxy.output().splitlines() if "the identity provider's metadata" in line]
    assert len(told) == 2, told
    assert "cannot be fetched; nothing is published" in told[0] and "warn" in told[0].lower()
    assert "is fetched, and not believed; nothing is published" in told[1] and "error" in told[1].lower()
    assert "its signature does not hold" in told[1]
