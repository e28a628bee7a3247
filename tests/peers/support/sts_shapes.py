"""What AD FS and WSO2 answer, in their own shapes, for users whom nobody checks: MEX, tokens of WS-Trust, ECP.

The shapes are those of AD FS 2019 and of WSO2 Identity Server 5.11: order, prefixes and namespaces as they write them. What a
test wants to be wrong is said by the fields of `Token`."""

import base64
import dataclasses
import datetime
import hashlib
import uuid
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from .certificates import base64_of
from .rst import NS, PROFILE, SAML1, SAML2, SOAP11, SOAP12, TRUST13, TRUST2005, WSA, WSP, WSSE, WSU

DS = NS["ds"]
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
ALGORITHMS = {
    "sha256": ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", hashes.SHA256),
    "sha1": (f"{DS}rsa-sha1", f"{DS}sha1", hashes.SHA1),
}
BEARER = {SAML1: "urn:oasis:names:tc:SAML:1.0:cm:bearer", SAML2: "urn:oasis:names:tc:SAML:2.0:cm:bearer"}
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
MICROSOFT = "urn:federation:MicrosoftOnline"
LOGIN = "https://login.microsoftonline.com/login.srf"
UPN = "http://schemas.xmlsoap.org/claims/UPN"
IMMUTABLE_ID = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
IMMUTABLE = "AAECAwQFBgcICQoLDA0ODw=="


@dataclasses.dataclass
class Token:
    """A token that Entra takes; `now` is when it is made."""

    pair: tuple = None
    issuer: str = "http://example.com/adfs/services/trust/"
    name: str | None = IMMUTABLE
    name_format: str | None = UNSPECIFIED
    upn: str | None = "alice@example.com"
    immutable: str | None = IMMUTABLE
    audience: str | None = MICROSOFT
    version: str = SAML1
    token_type: str | None = SAML1
    algorithm: str = "sha256"
    minutes: float = 60
    begins: float = 0
    more: dict = dataclasses.field(default_factory=dict)
    key_info: bool = True
    signed: bool = True
    spoiled: bool = False
    confirmation: str | None = None
    prefix: str = "saml"
    id: str = dataclasses.field(default_factory=lambda: f"_{uuid.uuid4()}")
    now: datetime.datetime = dataclasses.field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))

    def at(self, minutes=0.0):
        when = self.now + datetime.timedelta(minutes=minutes)
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"

    @property
    def window(self):
        return f'NotBefore="{self.at(self.begins)}" NotOnOrAfter="{self.at(self.begins + self.minutes)}"'

    @property
    def claims(self):
        claims = {}
        if self.upn is not None:
            claims[UPN] = self.upn
        if self.immutable is not None:
            claims[IMMUTABLE_ID] = self.immutable
        return {**claims, **self.more}

    def signature(self, text):
        """The `ds:Signature` over an assertion, to be put into it."""
        signature_uri, digest_uri, digest = ALGORITHMS[self.algorithm]
        canonical = etree.tostring(etree.fromstring(text), method="c14n", exclusive=True, with_comments=False)
        digested = base64.b64encode(hashlib.new(self.algorithm, canonical).digest()).decode()
        info = (
            f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
            f'<ds:SignatureMethod Algorithm="{signature_uri}"></ds:SignatureMethod><ds:Reference URI="#{self.id}">'
            f'<ds:Transforms><ds:Transform Algorithm="{ENVELOPED}"></ds:Transform><ds:Transform Algorithm="{EXCLUSIVE}">'
            f'</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{digest_uri}"></ds:DigestMethod>'
            f"<ds:DigestValue>{digested}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        )
        key = serialization.load_pem_private_key(self.pair[1].read_bytes(), None)
        value = base64.b64encode(key.sign(info.encode(), padding.PKCS1v15(), digest())).decode()
        certificate = base64_of(self.pair[0])
        key_info = (
            f'<KeyInfo xmlns="{DS}"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>'
            if self.key_info
            else ""
        )
        info = info.replace(f' xmlns:ds="{DS}"', "", 1)
        return f'<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}</ds:Signature>'

    def assertion(self):
        """The assertion, signed."""
        text, place = self._saml1() if self.version == SAML1 else self._saml2()
        if not self.signed:
            return text
        signature = self.signature(text)
        if self.spoiled:
            text = text.replace(self.audience or "", f"{self.audience}x", 1)
            place = text.index("</saml:Issuer>") + len("</saml:Issuer>") if self.version == SAML2 else text.rindex("</")
        return text[:place] + signature + text[place:]

    def _saml1(self):
        p = f"{self.prefix}:" if self.prefix else ""
        declared = f'xmlns:{self.prefix}="{SAML1}"' if self.prefix else f'xmlns="{SAML1}"'
        name = ""
        if self.name is not None:
            of = f' Format="{self.name_format}"' if self.name_format else ""
            name = f"<{p}NameIdentifier{of}>{escape(self.name)}</{p}NameIdentifier>"
        method = self.confirmation or BEARER[SAML1]
        subject = (
            f"<{p}Subject>{name}<{p}SubjectConfirmation><{p}ConfirmationMethod>{method}</{p}ConfirmationMethod>"
            f"</{p}SubjectConfirmation></{p}Subject>"
        )
        attributes = "".join(
            f'<{p}Attribute AttributeName={quoteattr(uri.rsplit("/", 1)[1])} AttributeNamespace='
            f'{quoteattr(uri.rsplit("/", 1)[0])}><{p}AttributeValue>{escape(value)}</{p}AttributeValue></{p}Attribute>'
            for uri, value in self.claims.items()
        )
        audience = (
            f"<{p}AudienceRestrictionCondition><{p}Audience>{self.audience}</{p}Audience></{p}AudienceRestrictionCondition>"
            if self.audience
            else ""
        )
        text = (
            f'<{p}Assertion MajorVersion="1" MinorVersion="1" AssertionID="{self.id}" Issuer={quoteattr(self.issuer)} '
            f'IssueInstant="{self.at()}" {declared}><{p}Conditions {self.window}>{audience}</{p}Conditions>'
            f"<{p}AttributeStatement>{subject}{attributes}</{p}AttributeStatement>"
            f'<{p}AuthenticationStatement AuthenticationMethod="urn:oasis:names:tc:SAML:1.0:am:password" '
            f'AuthenticationInstant="{self.at()}">{subject}</{p}AuthenticationStatement></{p}Assertion>'
        )
        return text, text.rindex("</")

    def _saml2(self):
        of = f' Format="{self.name_format}"' if self.name_format else ""
        name = f"<saml:NameID{of}>{escape(self.name)}</saml:NameID>" if self.name is not None else ""
        attributes = "".join(
            f"<saml:Attribute Name={quoteattr(uri)}><saml:AttributeValue>{escape(value)}</saml:AttributeValue>"
            "</saml:Attribute>"
            for uri, value in self.claims.items()
        )
        text = (
            f'<saml:Assertion xmlns:saml="{SAML2}" ID="{self.id}" Version="2.0" IssueInstant="{self.at()}">'
            f"<saml:Issuer>{escape(self.issuer)}</saml:Issuer><saml:Subject>{name}"
            f'<saml:SubjectConfirmation Method="{self.confirmation or BEARER[SAML2]}"><saml:SubjectConfirmationData '
            f'NotOnOrAfter="{self.at(5)}" Recipient="{LOGIN}"/></saml:SubjectConfirmation></saml:Subject>'
            f"<saml:Conditions {self.window}><saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience>"
            f'</saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{self.at()}">'
            "<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            + (f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>" if attributes else "")
            + "</saml:Assertion>"
        )
        return text, text.index("</saml:Issuer>") + len("</saml:Issuer>")


def _lifetime(token, p):
    created, expires = token.at(token.begins), token.at(token.begins + token.minutes)
    return (
        f'<{p}:Lifetime><wsu:Created xmlns:wsu="{WSU}">{created}</wsu:Created>'
        f'<wsu:Expires xmlns:wsu="{WSU}">{expires}</wsu:Expires></{p}:Lifetime>'
    )


def _applies_to(audience):
    return (
        f'<wsp:AppliesTo xmlns:wsp="{WSP}"><wsa:EndpointReference xmlns:wsa="{WSA}"><wsa:Address>{audience}</wsa:Address>'
        "</wsa:EndpointReference></wsp:AppliesTo>"
    )


def adfs(token, trust=TRUST13, relates_to="urn:uuid:1"):
    """AD FS's answer: RSTRC or RSTR."""
    p = "trust" if trust == TRUST13 else "t"
    type_ = f"<{p}:TokenType>{token.token_type}</{p}:TokenType>" if token.token_type else ""
    key_type = f"{TRUST13}/Bearer" if trust == TRUST13 else "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
    reference = (
        f'<o:SecurityTokenReference k:TokenType="{PROFILE}#SAMLV1.1" xmlns:o="{WSSE}" '
        'xmlns:k="http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"><o:KeyIdentifier '
        'ValueType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID">'
        f"{token.id}</o:KeyIdentifier></o:SecurityTokenReference>"
    )
    response = (
        f"<{p}:RequestSecurityTokenResponse{'' if trust == TRUST13 else declared(p, trust)}>{_lifetime(token, p)}"
        f"{_applies_to(token.audience)}<{p}:RequestedSecurityToken>{token.assertion()}</{p}:RequestedSecurityToken>"
        f"<{p}:RequestedAttachedReference>{reference}</{p}:RequestedAttachedReference>"
        f"<{p}:RequestedUnattachedReference>{reference}</{p}:RequestedUnattachedReference>{type_}"
        f"<{p}:RequestType>{trust}/Issue</{p}:RequestType><{p}:KeyType>{key_type}</{p}:KeyType>"
        f"</{p}:RequestSecurityTokenResponse>"
    )
    action = f"{trust}/RSTR/Issue"
    if trust == TRUST13:
        collection = "trust:RequestSecurityTokenResponseCollection"
        response = f"<{collection}{declared(p, trust)}>{response}</{collection}>"
        action = f"{trust}/RSTRC/IssueFinal"
    return (
        f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="{WSA}" xmlns:u="{WSU}"><s:Header><a:Action s:mustUnderstand="1">{action}'
        f"</a:Action><a:RelatesTo>{relates_to}</a:RelatesTo>"
        f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}"><u:Timestamp u:Id="_0"><u:Created>{token.at()}</u:Created>'
        f"<u:Expires>{token.at(5)}</u:Expires></u:Timestamp></o:Security></s:Header><s:Body>{response}</s:Body></s:Envelope>"
    )


def wso2(token, trust=TRUST13):
    """WSO2's answer, whose Action is that of a collection in either version."""
    kind = "2.0" if token.version == SAML2 else "1.1"
    reference = (
        f'<wsse:SecurityTokenReference xmlns:wsse="{WSSE}"><wsse:Reference URI="#{token.id}" ValueType="{PROFILE}#SAMLV{kind}"/>'
        "</wsse:SecurityTokenReference>"
    )
    response = (
        f"<wst:RequestSecurityTokenResponse{'' if trust == TRUST13 else declared('wst', trust)}>"
        f"<wst:TokenType>{token.token_type}</wst:TokenType>"
        f"<wst:RequestedAttachedReference>{reference}</wst:RequestedAttachedReference>"
        f"<wst:RequestedUnattachedReference>{reference}</wst:RequestedUnattachedReference>{_applies_to(token.audience)}"
        f"{_lifetime(token, 'wst')}<wst:RequestedSecurityToken>{token.assertion()}</wst:RequestedSecurityToken>"
        "</wst:RequestSecurityTokenResponse>"
    )
    if trust == TRUST13:
        collection = "wst:RequestSecurityTokenResponseCollection"
        response = f"<{collection}{declared('wst', trust)}>{response}</{collection}>"
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP12}"><soapenv:Header xmlns:wsa="{WSA}"><wsse:Security xmlns:wsse="{WSSE}" '
        f'soapenv:mustUnderstand="true"><wsu:Timestamp xmlns:wsu="{WSU}" wsu:Id="Timestamp-1"><wsu:Created>{token.at()}'
        f"</wsu:Created><wsu:Expires>{token.at(5)}</wsu:Expires></wsu:Timestamp></wsse:Security>"
        f"<wsa:Action>{trust}/RSTRC/IssueFinal</wsa:Action><wsa:RelatesTo>urn:uuid:1</wsa:RelatesTo></soapenv:Header>"
        f"<soapenv:Body>{response}</soapenv:Body></soapenv:Envelope>"
    )


def declared(prefix, namespace):
    return f' xmlns:{prefix}="{namespace}"'


def ecp(token, in_response_to="_r1", acs=LOGIN, envelope_header=True):
    """An identity provider's answer over ECP."""
    header = (
        f'<S:Header><ecp:Response xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" S:mustUnderstand="1" '
        f'S:actor="http://schemas.xmlsoap.org/soap/actor/next" AssertionConsumerServiceURL="{acs}"/></S:Header>'
        if envelope_header
        else ""
    )
    return (
        f'<S:Envelope xmlns:S="{SOAP11}">{header}<S:Body>{_response(token, in_response_to, acs, "Success")}'
        f"{token.assertion()}</saml2p:Response></S:Body></S:Envelope>"
    )


def ecp_refused(token, second="AuthnFailed", in_response_to="_r1", acs=LOGIN):
    """The same without an assertion."""
    return (
        f'<S:Envelope xmlns:S="{SOAP11}"><S:Body>{_response(token, in_response_to, acs, "Requester", second)}'
        "</saml2p:Response></S:Body></S:Envelope>"
    )


def _response(token, in_response_to, acs, status, second=None):
    code = "urn:oasis:names:tc:SAML:2.0:status:"
    below = f'<saml2p:StatusCode Value="{code}{second}"/>' if second else ""
    return (
        f'<saml2p:Response xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_response" Version="2.0" '
        f'IssueInstant="{token.at()}" Destination="{acs}" InResponseTo="{in_response_to}">'
        f'<saml2:Issuer xmlns:saml2="{SAML2}">{escape(token.issuer)}</saml2:Issuer>'
        f'<saml2p:Status><saml2p:StatusCode Value="{code}{status}">{below}</saml2p:StatusCode></saml2p:Status>'
    )


def fault(subcode="a:FailedAuthentication", reason="ID3242: The security token could not be authenticated or authorized.", code="s:Sender"):
    """AD FS's fault."""
    return (
        f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="{WSA}"><s:Header><a:Action s:mustUnderstand="1">'
        f'{WSA}/soap/fault</a:Action></s:Header><s:Body><s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value '
        f'xmlns:a="{WSSE}">{subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">{reason}</s:Text>'
        "</s:Reason></s:Fault></s:Body></s:Envelope>"
    )


def fault11():
    """Rampart's fault over SOAP 1.1."""
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP11}"><soapenv:Body><soapenv:Fault><faultcode xmlns:wsse="{WSSE}">'
        "wsse:FailedAuthentication</faultcode><faultstring>The security token could not be authenticated or authorized"
        "</faultstring><detail/></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )


def applied(token, **changes):
    """The same token with these changes, and an ID of its own."""
    return dataclasses.replace(token, **changes)
