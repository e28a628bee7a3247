//! The MEX document. Its shape serves the parsers of MSAL for Python, .NET, Java and Go, ADAL for Python and Node:
//! both versions on addresses of their own, the prefix `sp` declared on each `sp:TransportBinding` itself (MSAL for Go
//! tests for that attribute), `wsu:Id` by that literal name (MSAL for Java), policies directly below the root with one
//! reference each, one operation a binding, no SOAP 1.1 binding (MSAL for Python trips over it), and addresses without
//! white space or query.

use super::{TrustOperation, TrustVersion, WSP};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::soap::{Addressing, Envelope, SoapVersion, WSU};
use crate::xml::{Ns, Writer};

static WSDL: Ns = Ns { prefix: "wsdl", uri: "http://schemas.xmlsoap.org/wsdl/" };
static XSD: Ns = Ns { prefix: "xsd", uri: "http://www.w3.org/2001/XMLSchema" };
static TNS: Ns = Ns { prefix: "tns", uri: "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice" };
static SOAP12: Ns = Ns { prefix: "soap12", uri: "http://schemas.xmlsoap.org/wsdl/soap12/" };
static WSA10: Ns = Ns { prefix: "wsa10", uri: "http://www.w3.org/2005/08/addressing" };
static WSAW: Ns = Ns { prefix: "wsaw", uri: "http://www.w3.org/2006/05/addressing/wsdl" };
static WSU_IN_WSDL: Ns = Ns { prefix: "wsu", uri: WSU.uri };
static WSX: Ns = Ns { prefix: "wsx", uri: "http://schemas.xmlsoap.org/ws/2004/09/mex" };
static SP_13: Ns = Ns { prefix: "sp", uri: "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702" };
static SP_200502: Ns = Ns { prefix: "sp", uri: "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy" };

/// The Action of a WS-Transfer Get, by which WSO2's clients ask.
pub const GET_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
const GET_RESPONSE_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse";
/// The Action of WS-MetadataExchange's own request, by which CXF's clients ask.
pub const GET_METADATA_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/mex/GetMetadata/Request";
const GET_METADATA_RESPONSE_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/mex/GetMetadata/Response";
const MESSAGE_NS: &str = "http://schemas.microsoft.com/Message";

/// The absolute addresses that the document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// MEX itself, for the schemas' locations.
    pub mex: String,
    /// WS-Trust 1.3 with a user name.
    pub sts_13: String,
    /// WS-Trust 2005/02 with a user name.
    pub sts_200502: String,
}

/// `wsdl:definitions`, bare: what a GET answers.
pub fn definitions(addresses: &Addresses) -> String {
    let mut w = Writer::document(12 * 1024);
    write_definitions(&mut w, addresses, true);
    w.finish()
}

/// One of the schemas that the WSDL imports (`?xsd=xsd0` and so on).
pub fn schema(name: &str) -> Option<String> {
    let mut w = Writer::document(1024);
    match name {
        "xsd0" => message_schema(&mut w),
        "xsd1" => trust_schema(&mut w, TrustVersion::V200502),
        "xsd2" => trust_schema(&mut w, TrustVersion::V13),
        _ => return None,
    }
    Some(w.finish())
}

/// `mex:Metadata`, to be put in an envelope for each SOAP request.
pub fn metadata(addresses: &Addresses) -> String {
    let mut w = Writer::with_capacity(16 * 1024);
    w.start(&WSX, "Metadata", &[]);
    section(&mut w, WSDL.uri, TNS.uri, |w| write_definitions(w, addresses, false));
    section(&mut w, XSD.uri, MESSAGE_NS, message_schema);
    for version in [TrustVersion::V200502, TrustVersion::V13] {
        section(&mut w, XSD.uri, version.ns().uri, |w| trust_schema(w, version));
    }
    w.finish()
}

/// The Action of the answer to a request for metadata.
///
/// # Errors
/// If it asks for anything else.
pub fn answered_action(envelope: &Envelope) -> Result<&'static str, Refusal> {
    let asks = envelope.content().ok().is_some_and(|body| body.is(WSX.uri, "GetMetadata"));
    let malformed = |what: String| Refusal::new(RefusalKind::Malformed, what);
    let action = envelope.addressing.as_ref().and_then(|addressing| addressing.action.as_deref());
    match action {
        Some(GET_METADATA_ACTION) => Ok(GET_METADATA_RESPONSE_ACTION),
        Some(GET_ACTION) => Ok(GET_RESPONSE_ACTION),
        None if asks => Ok(GET_METADATA_RESPONSE_ACTION),
        None if envelope.is_empty() => Ok(GET_RESPONSE_ACTION),
        Some(other) => Err(malformed(format!("no request for metadata: Action {}", quoted(other)))),
        None => Err(malformed("no request for metadata, and no Action".to_owned())),
    }
}

/// The envelope around [`metadata`].
pub fn envelope(metadata: &str, action: &str, soap: SoapVersion, addressing: Option<&Addressing>) -> String {
    let mut w = Writer::with_capacity(1024 + metadata.len());
    soap.open(&mut w, addressing, action);
    soap.body(&mut w);
    w.fragment(metadata);
    w.finish()
}

/// What differs between the two versions, in AD FS's names.
struct Contract {
    version: TrustVersion,
    sp: &'static Ns,
    port_type: &'static str,
    operation: &'static str,
    result: &'static str,
    response: &'static str,
    binding: &'static str,
    policy: &'static str,
    supporting_tokens: &'static str,
    trust: &'static str,
}

static CONTRACTS: [Contract; 2] = [
    Contract {
        version: TrustVersion::V200502,
        sp: &SP_200502,
        port_type: "IWSTrustFeb2005Async",
        operation: "TrustFeb2005IssueAsync",
        result: "TrustFeb2005IssueAsyncResult",
        response: "t:RequestSecurityTokenResponse",
        binding: "UserNameWSTrustBinding_IWSTrustFeb2005Async",
        policy: "UserNameWSTrustBinding_IWSTrustFeb2005Async_policy",
        supporting_tokens: "SignedSupportingTokens",
        trust: "Trust10",
    },
    Contract {
        version: TrustVersion::V13,
        sp: &SP_13,
        port_type: "IWSTrust13Async",
        operation: "Trust13IssueAsync",
        result: "Trust13IssueAsyncResult",
        response: "trust:RequestSecurityTokenResponseCollection",
        binding: "UserNameWSTrustBinding_IWSTrust13Async",
        policy: "UserNameWSTrustBinding_IWSTrust13Async_policy",
        supporting_tokens: "SignedEncryptedSupportingTokens",
        trust: "Trust13",
    },
];

impl Contract {
    fn message(&self, direction: &str) -> String {
        format!("{}_{}_{direction}Message", self.port_type, self.operation)
    }

    fn request_element(&self) -> String {
        format!("{}:RequestSecurityToken", self.version.ns().prefix)
    }
}

fn write_definitions(w: &mut Writer, addresses: &Addresses, locate_schemas: bool) {
    let declare =
        [&XSD, TrustVersion::V200502.ns(), TrustVersion::V13.ns(), &TNS, &SOAP12, &WSA10, &WSAW, &WSP, &WSU_IN_WSDL];
    let names = vec![(None, "name", "SecurityTokenService"), (None, "targetNamespace", TNS.uri)];
    w.start_with(&WSDL, "definitions", &declare, names);
    CONTRACTS.iter().for_each(|contract| policy(w, contract));
    types(w, addresses, locate_schemas);
    CONTRACTS.iter().for_each(|contract| messages(w, contract));
    CONTRACTS.iter().for_each(|contract| port_type(w, contract));
    CONTRACTS.iter().for_each(|contract| binding(w, contract));
    w.start(&WSDL, "service", &[("name", "SecurityTokenService")]);
    for contract in &CONTRACTS {
        let address = match contract.version {
            TrustVersion::V13 => &addresses.sts_13,
            TrustVersion::V200502 => &addresses.sts_200502,
        };
        port(w, contract, address);
    }
    w.end();
    w.end();
}

fn policy(w: &mut Writer, contract: &Contract) {
    let sp = contract.sp;
    w.start_with(&WSP, "Policy", &[], vec![(Some(&WSU_IN_WSDL), "Id", contract.policy)]);
    w.start(&WSP, "ExactlyOne", &[]);
    w.start(&WSP, "All", &[]);
    nested(w, sp, "TransportBinding", |w| {
        nested(w, sp, "TransportToken", |w| {
            let required = [("RequireClientCertificate", "false")];
            w.start(sp, "HttpsToken", if contract.version == TrustVersion::V200502 { &required } else { &[] });
            w.end();
        });
        nested(w, sp, "AlgorithmSuite", |w| empty(w, sp, "Basic256"));
        nested(w, sp, "Layout", |w| empty(w, sp, "Strict"));
        empty(w, sp, "IncludeTimestamp");
    });
    nested(w, sp, contract.supporting_tokens, |w| {
        let include = format!("{}/IncludeToken/AlwaysToRecipient", sp.uri);
        w.start_with(sp, "UsernameToken", &[], vec![(Some(sp), "IncludeToken", &include)]);
        w.start(&WSP, "Policy", &[]);
        empty(w, sp, "WssUsernameToken10");
        w.end();
        w.end();
    });
    nested(w, sp, "Wss11", |_| {});
    nested(w, sp, contract.trust, |w| {
        for name in ["MustSupportIssuedTokens", "RequireClientEntropy", "RequireServerEntropy"] {
            empty(w, sp, name);
        }
    });
    empty(w, &WSAW, "UsingAddressing");
    (0..3).for_each(|_| w.end());
}

/// `<sp:name><wsp:Policy>…</wsp:Policy></sp:name>`.
fn nested(w: &mut Writer, sp: &'static Ns, name: &'static str, inside: impl FnOnce(&mut Writer)) {
    w.start(sp, name, &[]);
    w.start(&WSP, "Policy", &[]);
    inside(w);
    w.end();
    w.end();
}

fn empty(w: &mut Writer, ns: &'static Ns, name: &'static str) {
    w.start(ns, name, &[]);
    w.end();
}

fn types(w: &mut Writer, addresses: &Addresses, locate_schemas: bool) {
    w.start(&WSDL, "types", &[]);
    w.start(&XSD, "schema", &[("targetNamespace", &format!("{}/Imports", TNS.uri))]);
    let imports = [MESSAGE_NS, TrustVersion::V200502.ns().uri, TrustVersion::V13.ns().uri];
    for (number, namespace) in imports.into_iter().enumerate() {
        let location = format!("{}?xsd=xsd{number}", addresses.mex);
        let attributes = [("namespace", namespace), ("schemaLocation", &location)];
        w.start(&XSD, "import", if locate_schemas { &attributes } else { &attributes[..1] });
        w.end();
    }
    w.end();
    w.end();
}

fn messages(w: &mut Writer, contract: &Contract) {
    let (input, output) = (contract.message("Input"), contract.message("Output"));
    let request = contract.request_element();
    for (message, part, element) in
        [(&input, "request", request.as_str()), (&output, contract.result, contract.response)]
    {
        w.start(&WSDL, "message", &[("name", message)]);
        w.start(&WSDL, "part", &[("name", part), ("element", element)]);
        w.end();
        w.end();
    }
}

fn port_type(w: &mut Writer, contract: &Contract) {
    w.start(&WSDL, "portType", &[("name", contract.port_type)]);
    w.start(&WSDL, "operation", &[("name", contract.operation)]);
    for (direction, message, action) in [
        ("input", contract.message("Input"), contract.version.action(TrustOperation::Issue)),
        ("output", contract.message("Output"), contract.version.answer_action(TrustOperation::Issue)),
    ] {
        let message = format!("tns:{message}");
        w.start_with(&WSDL, direction, &[], vec![(Some(&WSAW), "Action", action), (None, "message", &message)]);
        w.end();
    }
    w.end();
    w.end();
}

fn binding(w: &mut Writer, contract: &Contract) {
    let port_type = format!("tns:{}", contract.port_type);
    w.start(&WSDL, "binding", &[("name", contract.binding), ("type", &port_type)]);
    w.start(&WSP, "PolicyReference", &[("URI", &format!("#{}", contract.policy))]);
    w.end();
    w.start(&SOAP12, "binding", &[("transport", "http://schemas.xmlsoap.org/soap/http")]);
    w.end();
    w.start(&WSDL, "operation", &[("name", contract.operation)]);
    w.start(
        &SOAP12,
        "operation",
        &[("soapAction", contract.version.action(TrustOperation::Issue)), ("style", "document")],
    );
    w.end();
    for direction in ["input", "output"] {
        w.start(&WSDL, direction, &[]);
        w.start(&SOAP12, "body", &[("use", "literal")]);
        w.end();
        w.end();
    }
    w.end();
    w.end();
}

fn port(w: &mut Writer, contract: &Contract, address: &str) {
    let binding = format!("tns:{}", contract.binding);
    w.start(&WSDL, "port", &[("name", contract.binding), ("binding", &binding)]);
    w.start(&SOAP12, "address", &[("location", address)]);
    w.end();
    w.start(&WSA10, "EndpointReference", &[]);
    w.leaf(&WSA10, "Address", address);
    w.end();
    w.end();
}

fn section(w: &mut Writer, dialect: &str, identifier: &str, inside: impl FnOnce(&mut Writer)) {
    w.start(&WSX, "MetadataSection", &[("Dialect", dialect), ("Identifier", identifier)]);
    inside(w);
    w.end();
}

fn message_schema(w: &mut Writer) {
    w.start(&XSD, "schema", &[("elementFormDefault", "qualified"), ("targetNamespace", MESSAGE_NS)]);
    w.start(&XSD, "complexType", &[("name", "MessageBody")]);
    w.start(&XSD, "sequence", &[]);
    any(w);
    (0..3).for_each(|_| w.end());
}

fn trust_schema(w: &mut Writer, version: TrustVersion) {
    w.start(&XSD, "schema", &[("elementFormDefault", "qualified"), ("targetNamespace", version.ns().uri)]);
    for name in ["RequestSecurityToken", "RequestSecurityTokenResponse", "RequestSecurityTokenResponseCollection"] {
        if name.ends_with("Collection") && version == TrustVersion::V200502 {
            continue;
        }
        w.start(&XSD, "element", &[("name", name)]);
        w.start(&XSD, "complexType", &[]);
        w.start(&XSD, "sequence", &[]);
        any(w);
        w.end();
        w.start(&XSD, "attribute", &[("name", "Context"), ("type", "xsd:anyURI"), ("use", "optional")]);
        w.end();
        w.start(&XSD, "anyAttribute", &[("namespace", "##other"), ("processContents", "lax")]);
        w.end();
        w.end();
        w.end();
    }
    w.end();
}

fn any(w: &mut Writer) {
    let unbounded =
        [("minOccurs", "0"), ("maxOccurs", "unbounded"), ("namespace", "##any"), ("processContents", "lax")];
    w.start(&XSD, "any", &unbounded);
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Element, Limits, parse};

    fn addresses() -> Addresses {
        Addresses {
            mex: "https://sts.example.com/mex".to_owned(),
            sts_13: "https://sts.example.com/adfs/services/trust/13/usernamemixed".to_owned(),
            sts_200502: "https://sts.example.com/adfs/services/trust/2005/usernamemixed".to_owned(),
        }
    }

    #[test]
    fn msal_for_go_finds_sp_on_each_transport_binding() {
        let text = definitions(&addresses());
        assert_eq!(text.matches("<sp:TransportBinding xmlns:sp=\"").count(), 2);
        assert_eq!(text.matches(" wsu:Id=\"").count(), 2);
    }

    #[test]
    fn each_binding_has_one_policy_one_operation_and_one_port() {
        let root = parse(definitions(&addresses()).as_bytes(), &Limits::message(65536)).unwrap().root;
        let bindings: Vec<&Element> = root.children_named(WSDL.uri, "binding").collect();
        assert_eq!(bindings.len(), 2);
        for binding in bindings {
            let reference = binding.child(WSP.uri, "PolicyReference").unwrap().attribute("URI").unwrap();
            let policies = root.children_named(WSP.uri, "Policy");
            assert_eq!(policies.filter(|p| p.attribute_ns(WSU.uri, "Id") == reference.strip_prefix('#')).count(), 1);
            assert_eq!(binding.children_named(WSDL.uri, "operation").count(), 1);
        }
        let ports: Vec<&str> =
            root.descendants().filter(|element| element.is(WSA10.uri, "Address")).filter_map(Element::text).collect();
        assert_eq!(ports, [addresses().sts_200502, addresses().sts_13]);
    }

    #[test]
    fn schemas_are_there_for_each_import() {
        for name in ["xsd0", "xsd1", "xsd2"] {
            assert!(schema(name).unwrap().contains("xsd:schema"));
        }
        assert_eq!(schema("xsd3"), None);
    }
}
