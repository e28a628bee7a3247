"""mod_auth_mellon as the service provider: each client through to its protected page, and what it learned of the user."""

import pytest
import requests
import saml2.ecp_client
from lxml import etree

from conftest import lasso, need
from support import ecp, ecp_clients
from support.fedfront import ENTITY_ID, ldap
from support.mellon import MODULE, Mellon, learned
from support.people import ALICE, WRONG

TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PAOS = "application/vnd.paos+xml"
PAOS_HEADER = 'ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"'


@pytest.fixture(scope="module")
def cloud(launch_shared, slapd, nginx, tmp_path_factory):
    """A service provider and a fedfront that know each other, and the file with the latter's metadata."""
    need("apache2", MODULE)
    sp = Mellon(formats=[TRANSIENT])
    party = {
        "name": "cloud",
        "metadata_file": str(sp.metadata_file),
        "ecp": True,
        "attributes": [{"name": "openstack_user", "from": "upn"}, {"name": "mail", "from": "mail"}],
    }
    proxy = launch_shared(ldap(slapd), nginx.url, relying_parties=[party])
    metadata = tmp_path_factory.mktemp("idp") / "idp.xml"
    metadata.write_bytes(proxy.get("/oamfed/idp/metadata").content)
    sp.start(metadata.read_bytes())
    yield sp, proxy, metadata
    sp.stop()
    proxy.finish()


def assert_alice(page):
    seen = learned(page)
    assert seen["MELLON_openstack_user"] == ALICE.upn
    assert seen["MELLON_mail"] == f"{ALICE.login}@example.com"
    assert seen["MELLON_IDP"] == ENTITY_ID
    assert seen["REMOTE_USER"] == seen["MELLON_NAME_ID"]


def test_nobody_sees_the_page_who_did_not_sign_in(cloud):
    sp, proxy, _ = cloud
    asked = requests.get(sp.page, headers={"PAOS": "x"}, allow_redirects=False, timeout=10)
    assert asked.status_code != 200 and not learned(asked.text)
    with ecp_clients.requests_session(proxy, ALICE, WRONG) as session:
        with pytest.raises(requests.HTTPError):
            session.ecp_authenticate(sp.page)
        assert not session.cookies


def test_requests_ecp(cloud):
    sp, proxy, _ = cloud
    with ecp_clients.requests_session(proxy, ALICE) as session:
        # Left to itself it would ask at the address of the module that sends browsers to us, which knows nothing of ECP.
        session.ecp_authenticate(sp.page)
        assert_alice(session.get(sp.page).text)


def test_who_has_a_key_to_decrypt_and_signs_its_requests(launch, slapd, nginx):
    need("apache2", MODULE)
    sp = Mellon(formats=[TRANSIENT], signed=True, encrypted=True)
    try:
        party = {
            "name": "cloud",
            "metadata_file": str(sp.metadata_file),
            "ecp": True,
            "attributes": [{"name": "openstack_user", "from": "upn"}],
        }
        proxy = launch(ldap(slapd), nginx.url, relying_parties=[party])
        sp.start(proxy.get("/oamfed/idp/metadata").content)
        asked = requests.get(sp.page, headers={"Accept": PAOS, "PAOS": PAOS_HEADER}, timeout=10).content
        envelope = etree.fromstring(asked)
        envelope.remove(envelope[0])
        (request,) = envelope.iter(f"{{{ecp.NS['samlp']}}}AuthnRequest")
        assert request.find(f"{{{ecp.NS['ds']}}}Signature") is not None
        with ecp_clients.requests_session(proxy, ALICE) as session:
            session.ecp_authenticate(sp.page)
            assert learned(session.get(sp.page).text)["MELLON_openstack_user"] == ALICE.upn
        answer = ecp.send(proxy, etree.tostring(envelope).decode(), (ALICE.upn, ALICE.password))
        assert b"EncryptedAssertion" in answer.content and ALICE.upn.encode() not in answer.content
        # Who alters it on the way gets nothing.
        request.set("ForceAuthn", "false" if request.get("ForceAuthn") == "true" else "true")
        altered = ecp.send(proxy, etree.tostring(envelope).decode(), (ALICE.upn, ALICE.password))
        assert ecp.fault(altered)[:2] == (500, "Client")
    finally:
        sp.stop()


def test_keystoneauth(cloud):
    sp, proxy, _ = cloud
    access = ecp_clients.keystone(proxy, sp.url, ALICE)
    assert access.username == ALICE.upn


class Pysaml2(saml2.ecp_client.Client):
    """Keeps what came, to the byte."""

    came = None

    def send(self, url, method="GET", **options):
        answer = super().send(url, method, **options)
        self.came = answer.content
        return answer


def test_pysaml2(cloud):
    need("/usr/bin/xmlsec1")
    sp, proxy, metadata = cloud
    client = ecp_clients.pysaml2_client(proxy, sp.page, metadata, ALICE, Pysaml2)
    parsed, _ = ecp_clients.pysaml2_signs_in(client, sp.page, ALICE)
    # For its third phase it would write the Response anew, with other prefixes, which no signature survives, and take 302
    # alone for a success, where the module answers 303.
    envelope = etree.fromstring(client.came)
    envelope[0][0] = etree.fromstring(parsed["relay_state"].to_string())
    delivered = client.send(
        parsed["rc_url"], "POST", data=etree.tostring(envelope), headers=[("Content-Type", PAOS)], allow_redirects=False
    )
    assert delivered.status_code == 303, delivered.text
    assert_alice(client.send(delivered.headers["Location"]).text)


def test_lasso(cloud):
    sp, proxy, metadata = cloud
    arguments = [sp.page, metadata, proxy.url + ecp.PATH, ALICE.upn, ALICE.password, proxy.ca]
    assert_alice(lasso("lasso_client.py", *arguments))
