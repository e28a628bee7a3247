"""A token issuer that is not ours: assertions of both versions of SAML, signed by signxml."""

import uuid

from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureMethod, XMLSigner

from .certificates import base64_of
from .rst import NS, SAML1, SAML2, WSSE, instant

DS = NS["ds"]
BEARER = "bearer"
HOLDER = "holder-of-key"
PASSWORD = {
    SAML1: "urn:oasis:names:tc:SAML:1.0:am:password",
    SAML2: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
}
_CM = {SAML1: "urn:oasis:names:tc:SAML:1.0:cm:", SAML2: "urn:oasis:names:tc:SAML:2.0:cm:"}


class Issuer:
    """Signs with a pair of files (certificate, key) under the name `entity_id`."""

    def __init__(self, entity_id, pair):
        self.entity_id = entity_id
        self.certificate, self.key = pair

    def token(self, name, audience, **changes):
        """A signed assertion, as text: see `assertion`."""
        return self.sign(self.assertion(name, audience, **changes))

    def assertion(
        self,
        name,
        audience,
        version=SAML2,
        begins=-60,
        ends=3600,
        claims=None,
        confirmation=BEARER,
        holder=None,
        method="password",
        authenticated=-30,
        conditions="",
        id=None,
    ):
        """An assertion about `name`, as text. `holder` is the certificate file of a holder-of-key; `conditions` more of them."""
        id = id or f"_{uuid.uuid4().hex}"
        method = PASSWORD[version] if method == "password" else method
        window = f'NotBefore="{instant(begins)}" NotOnOrAfter="{instant(ends)}"'
        key_info = ""
        if holder:
            key_info = (
                f'<ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{base64_of(holder)}</ds:X509Certificate>'
                f"</ds:X509Data></ds:KeyInfo>"
            )
        if version == SAML2:
            confirmed = f"<SubjectConfirmationData>{key_info}</SubjectConfirmationData>" if holder else ""
            claims = "".join(
                f'<Attribute Name="{uri}"><AttributeValue>{value}</AttributeValue></Attribute>'
                for uri, value in (claims or {}).items()
            )
            return (
                f'<Assertion xmlns="{SAML2}" ID="{id}" Version="2.0" IssueInstant="{instant()}">'
                f"<Issuer>{self.entity_id}</Issuer><Subject><NameID>{name}</NameID>"
                f'<SubjectConfirmation Method="{_CM[SAML2]}{confirmation}">{confirmed}</SubjectConfirmation></Subject>'
                f"<Conditions {window}><AudienceRestriction><Audience>{audience}</Audience></AudienceRestriction>"
                f'{conditions}</Conditions><AuthnStatement AuthnInstant="{instant(authenticated)}"><AuthnContext>'
                f"<AuthnContextClassRef>{method}</AuthnContextClassRef></AuthnContext></AuthnStatement>"
                + (f"<AttributeStatement>{claims}</AttributeStatement>" if claims else "")
                + "</Assertion>"
            )
        subject = (
            f"<Subject><NameIdentifier>{name}</NameIdentifier><SubjectConfirmation><ConfirmationMethod>"
            f"{_CM[SAML1]}{confirmation}</ConfirmationMethod>{key_info}</SubjectConfirmation></Subject>"
        )
        split = [(uri.rsplit("/", 1), value) for uri, value in (claims or {}).items()]
        claims = "".join(
            f'<Attribute AttributeNamespace="{namespace}" AttributeName="{local}"><AttributeValue>{value}</AttributeValue>'
            f"</Attribute>"
            for (namespace, local), value in split
        )
        return (
            f'<Assertion xmlns="{SAML1}" AssertionID="{id}" MajorVersion="1" MinorVersion="1" Issuer="{self.entity_id}" '
            f'IssueInstant="{instant()}"><Conditions {window}><AudienceRestrictionCondition><Audience>{audience}</Audience>'
            f"</AudienceRestrictionCondition>{conditions}</Conditions>"
            + (f"<AttributeStatement>{subject}{claims}</AttributeStatement>" if claims else "")
            + f'<AuthenticationStatement AuthenticationMethod="{method}" AuthenticationInstant="{instant(authenticated)}">'
            f"{subject}</AuthenticationStatement></Assertion>"
        )

    def sign(self, assertion):
        """The assertion with an enveloped signature in it."""
        root = etree.fromstring(assertion)
        id_name = "ID" if root.tag.startswith(f"{{{SAML2}}}") else "AssertionID"
        signer = XMLSigner(
            signature_algorithm=SignatureMethod.RSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        signed = signer.sign(
            root,
            key=self.key.read_bytes(),
            cert=self.certificate.read_text(),
            reference_uri=f"#{root.get(id_name)}",
            id_attribute=id_name,
        )
        return etree.tostring(signed).decode()


def security(assertion, timestamp=True, more=""):
    """The security header of AD FS's issuedtokenmixed."""
    stamp = f"<u:Timestamp u:Id='_0'><u:Created>{instant()}</u:Created><u:Expires>{instant(300)}</u:Expires></u:Timestamp>"
    return f"<o:Security s:mustUnderstand='1' xmlns:o='{WSSE}'>{stamp if timestamp else ''}{assertion}{more}</o:Security>"
