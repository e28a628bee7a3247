"""What is signed: a kind of element with an ID, who it is about, and the document around it."""

import dataclasses
from typing import ClassVar

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"

ENTITY_ID = "https://sp.example.org/shibboleth"
HONEST = "https://sp.example.org/paos"
# Of the same service provider, or a request for it would be refused whatever its signature.
FORGED = "https://sp.example.org/forged"


@dataclasses.dataclass(frozen=True)
class Place:
    """`element` makes one, with a signature or anything else inside; `around` the document that has it in it."""

    name: str
    honest_id: str = "_honest"
    forged_id: str = "_forged"
    instant: str = "2026-01-01T00:00:00Z"
    until: str = "2026-01-08T00:00:00Z"
    issuer: str = ENTITY_ID

    # What an element says of whom it is about.
    names: ClassVar = {HONEST: HONEST, FORGED: FORGED}

    def beside(self, first, second):
        """A document with two elements."""
        return self.around(f"{first}\n{second}")

    def honest(self, inside=""):
        return self.element(self.honest_id, HONEST, inside)

    def forged(self, inside="", id=None):
        return self.element(id or self.forged_id, FORGED, inside)


class AuthnRequest(Place):
    """A request over ECP: the forged one wants its answer at another address."""

    def element(self, id, location, inside=""):
        return (
            f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" AssertionConsumerServiceURL="{location}" ID="{id}" '
            f'IssueInstant="{self.instant}" ProtocolBinding="{PAOS}" Version="2.0">\n'
            f'<saml:Issuer xmlns:saml="{SAML}">{self.issuer}</saml:Issuer>\n{inside}\n</samlp:AuthnRequest>'
        )

    def around(self, text):
        return f'<S:Envelope xmlns:S="{SOAP}">\n<S:Body>{text}</S:Body>\n</S:Envelope>\n'

    def extensions(self, text):
        return f'<samlp:Extensions xmlns:samlp="{SAMLP}">{text}</samlp:Extensions>'


class Metadata(Place):
    """A service provider's metadata: the forged one has it answered at another address, for ten years."""

    def valid(self, location):
        return self.until if location == HONEST else "2036-01-01T00:00:00Z"

    def element(self, id, location, inside=""):
        return (
            f'<md:EntityDescriptor xmlns:md="{MD}" ID="{id}" entityID="{ENTITY_ID}" validUntil="{self.valid(location)}">\n'
            f'{inside}\n<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}">\n'
            f'<md:AssertionConsumerService Binding="{PAOS}" Location="{location}" index="1"></md:AssertionConsumerService>\n'
            "</md:SPSSODescriptor>\n</md:EntityDescriptor>"
        )

    def around(self, text):
        return text + "\n"

    def beside(self, first, second):
        return f'<md:EntitiesDescriptor xmlns:md="{MD}">\n{first}\n{second}\n</md:EntitiesDescriptor>\n'

    def extensions(self, text):
        return f'<md:Extensions xmlns:md="{MD}">{text}</md:Extensions>'


class Aggregate(Metadata):
    """Many entities under one signature, one of which is in it."""

    def element(self, id, location, inside=""):
        entity = Metadata("", until=self.until).element(f"{id}-sp", location)
        return (
            f'<md:EntitiesDescriptor xmlns:md="{MD}" ID="{id}" validUntil="{self.valid(location)}">\n{inside}\n'
            f"{entity.replace(f' xmlns:md={chr(34)}{MD}{chr(34)}', '')}\n</md:EntitiesDescriptor>"
        )


@dataclasses.dataclass(frozen=True)
class Token(Place):
    """A SAML 2.0 assertion, as a credential of WS-Trust: the forged one is about somebody else."""

    names: ClassVar = {HONEST: "alice@example.com", FORGED: "bob@example.com"}
    audience: str = "urn:audience"

    def element(self, id, location, inside=""):
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{id}" IssueInstant="{self.instant}" Version="2.0">\n'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>\n{inside}\n<saml:Subject>\n"
            f"<saml:NameID>{self.names[location]}</saml:NameID>\n"
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"></saml:SubjectConfirmation>\n'
            f'</saml:Subject>\n<saml:Conditions NotBefore="{self.instant}" NotOnOrAfter="{self.until}">'
            f"<saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction>"
            "</saml:Conditions>\n</saml:Assertion>"
        )

    def around(self, text):
        return text

    def extensions(self, text):
        return f'<saml:Advice xmlns:saml="{SAML}">{text}</saml:Advice>'
