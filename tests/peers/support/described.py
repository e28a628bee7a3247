"""The STS through zeep, from nothing but its own WSDL."""

import datetime

import zeep
from lxml import etree
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken
from zeep.wsse.utils import WSU as wsu

from .rst import TRUST13, TRUST2005, WSA, WSO2, WSP, WSSE, instant

SERVICE = "wso2carbon-sts"
SOAP11_PORT = "wso2carbon-stsHttpsSoap11Endpoint"
SOAP12_PORT = "wso2carbon-stsHttpsSoap12Endpoint"
# The suffix of an operation's name, by version.
VERSIONS = {TRUST2005: "", TRUST13: "2"}


class Described:
    """Calls of one port and one version, as one person."""

    def __init__(self, proxy, person, port=SOAP12_PORT, trust=TRUST13):
        self.trust = trust
        self.history = zeep.plugins.HistoryPlugin()
        timestamp = wsu.Timestamp(wsu.Created(instant()), wsu.Expires(instant(300)))
        self.client = zeep.Client(
            f"{proxy.url}{WSO2}?wsdl",
            transport=Transport(session=proxy.http, timeout=30, operation_timeout=30),
            wsse=UsernameToken(person.upn, person.password, timestamp_token=timestamp),
            settings=zeep.Settings(strict=True),
            plugins=[self.history],
        )
        self._service = self.client.bind(SERVICE, port)

    def call(self, operation, *parts):
        """The answer's RequestSecurityTokenResponse, as it was on the wire."""
        parts = [self.element("RequestType", f"{self.trust}/{operation}"), *parts]
        self._service[f"{operation}Token{VERSIONS[self.trust]}"](_value_1=parts)
        (response,) = self.envelope.iter(f"{{{self.trust}}}RequestSecurityTokenResponse")
        return response

    @property
    def envelope(self):
        """Of the last answer."""
        return self.history.last_received["envelope"]

    def element(self, name, text=None, *children):
        """An element of WS-Trust."""
        made = etree.Element(f"{{{self.trust}}}{name}")
        made.text = text
        made.extend(children)
        return made

    def applies_to(self, address):
        """`wsp:AppliesTo`."""
        whole = (
            f'<p:AppliesTo xmlns:p="{WSP}"><a:EndpointReference xmlns:a="{WSA}"><a:Address>{address}</a:Address>'
            "</a:EndpointReference></p:AppliesTo>"
        )
        return etree.fromstring(whole)
