"""What AD FS and WSO2 answer to a request for their metadata, in their own shapes."""

from .rst import SOAP12, TRUST13, TRUST2005, WSA, WSP, WSU

SP = {TRUST13: "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702", TRUST2005: "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy"}
HTTP = "http://schemas.microsoft.com/ws/06/2004/policy/http"
TNS = "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
CONTRACTS = {TRUST13: ("IWSTrust13Async", "Trust13IssueAsync"), TRUST2005: ("IWSTrustFeb2005Async", "TrustFeb2005IssueAsync")}
#: AD FS's endpoints: the name of the binding, what the policy asks for, the path below /adfs/services/trust/.
ADFS = [
    ("CustomBinding", "", "negotiate", TRUST2005, "2005/windowstransport"),
    ("CertificateWSTrustBinding", "", "x509", TRUST2005, "2005/certificatemixed"),
    ("CertificateWSTrustBinding", "1", "tls", TRUST2005, "2005/certificatetransport"),
    ("UserNameWSTrustBinding", "", "password", TRUST2005, "2005/usernamemixed"),
    ("IssuedTokenWSTrustBinding", "", "issued", TRUST2005, "2005/issuedtokenmixedasymmetricbasic256"),
    ("CustomBinding", "", "kerberos", TRUST13, "13/kerberosmixed"),
    ("CertificateWSTrustBinding", "", "x509", TRUST13, "13/certificatemixed"),
    ("UserNameWSTrustBinding", "", "password", TRUST13, "13/usernamemixed"),
    ("IssuedTokenWSTrustBinding", "", "issued", TRUST13, "13/issuedtokenmixedasymmetricbasic256"),
]


def _policy(name, asks, trust, sp="sp"):
    declared = f'xmlns:{sp}="{SP[trust]}"'
    demands = ' RequireClientCertificate="true"' if asks == "tls" else ""
    transport = (
        f"<{sp}:TransportBinding {declared}><wsp:Policy><{sp}:TransportToken><wsp:Policy><{sp}:HttpsToken{demands}/>"
        f"</wsp:Policy></{sp}:TransportToken><{sp}:IncludeTimestamp/></wsp:Policy></{sp}:TransportBinding>"
    )
    supporting = f"{sp}:SignedEncryptedSupportingTokens" if trust == TRUST13 else f"{sp}:SignedSupportingTokens"
    inner = {
        "negotiate": f'<http:NegotiateAuthentication xmlns:http="{HTTP}"/>',
        "x509": f"<{sp}:EndorsingSupportingTokens {declared}><wsp:Policy><{sp}:X509Token/></wsp:Policy></{sp}:EndorsingSupportingTokens>",
        "issued": f"<{sp}:EndorsingSupportingTokens {declared}><wsp:Policy><{sp}:IssuedToken/></wsp:Policy></{sp}:EndorsingSupportingTokens>",
        "kerberos": f"<{sp}:EndorsingSupportingTokens {declared}><wsp:Policy><{sp}:KerberosToken/></wsp:Policy></{sp}:EndorsingSupportingTokens>",
        "password": f"<{supporting} {declared}><wsp:Policy><{sp}:UsernameToken><wsp:Policy><{sp}:WssUsernameToken10/></wsp:Policy>"
        f"</{sp}:UsernameToken></wsp:Policy></{supporting}>",
        # WSO2's own first scenario: no WssUsernameToken10.
        "scenario1": f"<{supporting} {declared}><wsp:Policy><{sp}:UsernameToken/></wsp:Policy></{supporting}>",
        "tls": "",
    }[asks]
    return (
        f'<wsp:Policy wsu:Id="{name}_policy"><wsp:ExactlyOne><wsp:All>{transport}{inner}</wsp:All></wsp:ExactlyOne></wsp:Policy>'
    )


def definitions(base, endpoints=None, address=None):
    """The WSDL. `address` makes an address of a path; else it is AD FS's below `base`."""
    endpoints = endpoints or ADFS
    address = address or (lambda path: f"{base}/adfs/services/trust/{path}")
    named = [(f"{name}_{CONTRACTS[trust][0]}{tail}", asks, trust, path) for name, tail, asks, trust, path in endpoints]
    policies = "".join(_policy(name, asks, trust) for name, asks, trust, _ in named)
    bindings = "".join(
        f'<wsdl:binding name="{name}" type="tns:{CONTRACTS[trust][0]}"><wsp:PolicyReference URI="#{name}_policy"/>'
        f'<soap12:binding transport="http://schemas.xmlsoap.org/soap/http"/><wsdl:operation name="{CONTRACTS[trust][1]}">'
        f'<soap12:operation soapAction="{trust}/RST/Issue" style="document"/><wsdl:input><soap12:body use="literal"/>'
        '</wsdl:input><wsdl:output><soap12:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding>'
        for name, _, trust, _ in named
    )
    ports = "".join(
        f'<wsdl:port name="{name}" binding="tns:{name}"><soap12:address location="{address(path)}"/>'
        f"<wsa10:EndpointReference><wsa10:Address>{address(path)}</wsa10:Address></wsa10:EndpointReference></wsdl:port>"
        for name, _, _, path in named
    )
    return (
        f'<wsdl:definitions name="SecurityTokenService" targetNamespace="{TNS}" xmlns:wsdl="{WSDL}" xmlns:tns="{TNS}" '
        f'xmlns:soap12="{WSDL}soap12/" xmlns:soap="{WSDL}soap/" xmlns:wsa10="{WSA}" xmlns:wsp="{WSP}" xmlns:wsu="{WSU}">'
        f'{policies}{bindings}<wsdl:service name="SecurityTokenService">{ports}</wsdl:service></wsdl:definitions>'
    )


def enveloped(wsdl):
    """What WSO2's mex-ut answers to a POST."""
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP12}"><soapenv:Body><mex:Metadata '
        f'xmlns:mex="http://schemas.xmlsoap.org/ws/2004/09/mex"><mex:MetadataSection Dialect="{WSDL}" Identifier="{TNS}">'
        f"{wsdl}</mex:MetadataSection></mex:Metadata></soapenv:Body></soapenv:Envelope>"
    )


def wso2(base, asks="password"):
    """WSO2's metadata: both versions at one address."""
    address = f"{base}/services/wso2carbon-sts.wso2carbon-stsHttpsSoap12Endpoint"
    endpoints = [("UserNameWSTrustBinding", "", asks, trust, "") for trust in (TRUST2005, TRUST13)]
    return enveloped(definitions(base, endpoints, lambda _: address))
