"""The ECP clients that people use, as libraries, and pysaml2 as a service provider."""

import base64

import requests
import requests_ecp
import saml2.config
import saml2.ecp
import saml2.ecp_client
from keystoneauth1 import session as keystone_session
from keystoneauth1.extras._saml2 import V3Saml2Password
from lxml import etree
from saml2 import BINDING_HTTP_POST, BINDING_PAOS
from saml2.client import Saml2Client

from support import ecp
from support.fedfront import ENTITY_ID

XMLSEC1 = "/usr/bin/xmlsec1"


def keystone(proxy, url, person):
    """What keystoneauth1 gets at the keystone at `url`."""
    plugin = V3Saml2Password(
        auth_url=url + "/v3",
        identity_provider="fedfront",
        protocol="saml2",
        identity_provider_url=proxy.url + ecp.PATH,
        username=person.upn,
        password=person.password,
    )
    access = plugin.get_unscoped_auth_ref(keystone_session.Session(verify=str(proxy.ca)))
    assert access.auth_token == "token-of-the-session"
    return access


def requests_session(proxy, person, password=None):
    """requests_ecp's, with that password or the person's own."""
    session = requests_ecp.Session(idp=proxy.url + ecp.PATH, username=person.upn, password=password or person.password)
    session.trust_env = False
    session.verify = str(proxy.ca)
    return session


def pysaml2_provider(sp, metadata, **options):
    """pysaml2's configuration as the service provider, with the identity provider's metadata in a file."""
    endpoints = {"assertion_consumer_service": [(sp.acs, BINDING_PAOS), (sp.acs, BINDING_HTTP_POST)]}
    service = {"endpoints": endpoints, "want_assertions_signed": True, **options.pop("service", {})}
    configuration = {
        "entityid": sp.entity_id,
        "service": {"sp": service},
        "metadata": {"local": [str(metadata)]},
        "xmlsec_binary": XMLSEC1,
        "allow_unknown_attributes": True,
        **options,
    }
    return saml2.config.SPConfig().load(configuration)


def pysaml2_known(sp, metadata):
    """What pysaml2 knows of identity providers from their metadata in a file."""
    return Saml2Client(pysaml2_provider(sp, metadata)).metadata


def pysaml2_verified(configuration, send):
    """What pysaml2 makes of the Response to its own request, which `send` takes as text and answers.

    Its own ECP code writes the Response anew, with other prefixes, before it verifies; so it gets the bytes as sent."""
    client = Saml2Client(configuration)
    request_id, message = saml2.ecp.ecp_auth_request(client, ENTITY_ID, relay_state="relay", sign=False)
    envelope = etree.fromstring(message)
    envelope.remove(envelope[0])
    answer = send(etree.tostring(envelope).decode())
    encoded = base64.b64encode(etree.tostring(answer.response, with_tail=False)).decode()
    response = client.parse_authn_request_response(encoded, BINDING_HTTP_POST, {request_id: "/"})
    assert response.name_id is not None
    assert response.issuer() == ENTITY_ID
    assert response.in_response_to == request_id
    return response


def pysaml2_client(proxy, page, metadata, person, kind=saml2.ecp_client.Client):
    """pysaml2's client for the service provider's `page`."""
    configuration = saml2.config.Config()
    configuration.ca_certs = str(proxy.ca)
    configuration.disable_ssl_certificate_validation = False
    configuration.xmlsec_binary = XMLSEC1
    client = kind(person.upn, person.password, sp=page, metadata_file=str(metadata), config=configuration)
    client.verify = str(proxy.ca)
    return client


def pysaml2_signs_in(client, page, person):
    """The first two of its phases: (what it read of the service provider's request, the Response)."""
    asked = client.send(page, headers=client.add_paos_headers())
    parsed = client.parse_sp_ecp_response(client.parse_soap_message(asked.text))
    return parsed, client.phase2(idp_entity_id=ENTITY_ID, headers=[basic(person)], **parsed)


def basic(person):
    """The header as pysaml2 wants it given."""
    prepared = requests.Request("GET", "http://x", auth=(person.upn, person.password)).prepare()
    return ("Authorization", prepared.headers["Authorization"])
