"""`check --online` says what would be published of the identity provider's metadata."""

from support import certificates
from support.fedfront import ENTITY_ID
from support.published import identity_provider, signed
from test_check import check  # noqa: F401  a fixture

INSIDE = "https://wso2.internal:9443"


def test_what_would_be_published_is_said(check, publisher, tmp_path):  # noqa: F811
    idp = certificates.signing(tmp_path, "idp")
    unsigned = identity_provider(ENTITY_ID, INSIDE, idp[0], "<Unknown/>")
    section = {"mode": "merge", "idp_certificate_file": str(idp[0]), "move": [INSIDE + "/out", "https://elsewhere"]}
    publisher.document = signed(unsigned, idp)
    told = check(behind=publisher.url, metadata=section, cache={"folder": "cache"})
    step = "metadata, merged"
    assert "signed by a key of metadata.idp_certificate_file" in told.one("ok", step + ":")
    sign_on = told.one("ok", step + ", SingleSignOnService")
    assert f"HTTP-Redirect {INSIDE}/samlsso, SOAP https://localhost:" in sign_on
    assert "2 signing certificates" in told.one("ok", step + ", keys")
    assert "Unknown" in told.one("note", step + ", left out")
    unmoved = told.one("warning", step + ", move")
    assert "https://elsewhere:443" in unmoved and INSIDE not in unmoved.split(" -- ")[0]
    publisher.document = unsigned
    told = check(behind=publisher.url, metadata=section, cache={"folder": "cache"})
    line = told.one("failed", step)
    assert told.status == 1 and "is fetched, and not believed: it is not signed" in line
    assert "allow_unsigned: true" in line and "https" in line
    section = {"mode": "merge", "allow_unsigned": True, "idp_metadata": "/elsewhere"}
    told = check(behind=publisher.url, metadata=section, cache={"folder": "cache"})
    assert "/elsewhere: " in told.one("ok", step + ":") and "allow_unsigned" in told.one("ok", step + ":")


def test_what_is_wrong_with_the_document_has_its_own_remedy(check, publisher, tmp_path):  # noqa: F811
    """It was always the path and the certificate."""
    idp, stranger = certificates.signing(tmp_path, "idp"), certificates.signing(tmp_path, "stranger")
    unsigned = identity_provider(ENTITY_ID, INSIDE, idp[0])
    section = {"mode": "merge", "idp_certificate_file": str(idp[0])}
    for document, status, said, remedy in [
        (signed(unsigned, idp, sha1=True), 200, "not believed: its signature does not hold", "allow_sha1: true"),
        (signed(unsigned, stranger), 200, "not believed: its signature does not hold", "certificate of the key that signs"),
        (identity_provider("urn:other", INSIDE, idp[0]), 200, "no entity", "set issuer.entity_id"),
        (b"<html/>", 200, "no md:EntityDescriptor", "and no page"),
        (b"nothing", 404, "cannot be fetched: status 404", "metadata.idp_metadata is the path"),
    ]:
        publisher.document, publisher.status = document, status
        line = check(behind=publisher.url, metadata=section, cache={"folder": "cache"}).one("failed", "metadata, merged")
        assert said in line and remedy in line, line
        assert ("certificate" in line.split(" -- ")[1]) == ("certificate" in remedy), line
