//! The MEX document. Its shape serves the parsers of MSAL for Python, .NET, Java and Go, ADAL for Python and Node:
//! both versions on addresses of their own, the prefix `sp` declared on each `sp:TransportBinding` itself (MSAL for Go
//! tests for that attribute), `wsu:Id` by that literal name (MSAL for Java), policies directly below the root with one
//! reference each, one operation a binding, no SOAP 1.1 binding (MSAL for Python trips over it), and addresses without
//! white space or query.

mod names;
mod policy;
mod schema;

use super::{TrustOperation, TrustVersion, WSP};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::soap::{Addressing, Envelope, SoapVersion};
use crate::xml::{Ns, Writer};

pub(super) use names::{OVER_HTTP, SOAP12, WSAW, WSDL, WSU_IN_WSDL, XSD, empty};
pub use policy::Credential;
pub(super) use policy::policy;
pub(super) use schema::trust_schema;

use names::WSA10;
use schema::{MESSAGE_NS, message_schema};

static TNS: Ns = Ns { prefix: "tns", uri: "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice" };
static WSX: Ns = Ns { prefix: "wsx", uri: "http://schemas.xmlsoap.org/ws/2004/09/mex" };

/// The Action of a WS-Transfer Get, by which WSO2's clients ask.
pub const GET_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
const GET_RESPONSE_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse";
/// The Action of WS-MetadataExchange's own request, by which CXF's clients ask.
pub const GET_METADATA_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/mex/GetMetadata/Request";
const GET_METADATA_RESPONSE_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/09/mex/GetMetadata/Response";

/// The absolute addresses that the document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// MEX itself, for the schemas' locations.
    pub mex: String,
    /// Where a credential is taken, in the document's order.
    pub ports: Vec<Port>,
}

/// An address for one credential and one version of WS-Trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The credential.
    pub credential: Credential,
    /// The version.
    pub version: TrustVersion,
    /// The address.
    pub address: String,
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
    port_type: &'static str,
    operation: &'static str,
    result: &'static str,
    response: &'static str,
}

static CONTRACTS: [Contract; 2] = [
    Contract {
        version: TrustVersion::V200502,
        port_type: "IWSTrustFeb2005Async",
        operation: "TrustFeb2005IssueAsync",
        result: "TrustFeb2005IssueAsyncResult",
        response: "t:RequestSecurityTokenResponse",
    },
    Contract {
        version: TrustVersion::V13,
        port_type: "IWSTrust13Async",
        operation: "Trust13IssueAsync",
        result: "Trust13IssueAsyncResult",
        response: "trust:RequestSecurityTokenResponseCollection",
    },
];

impl Contract {
    fn message(&self, direction: &str) -> String {
        format!("{}_{}_{direction}Message", self.port_type, self.operation)
    }

    /// The contract of a version.
    fn of(version: TrustVersion) -> &'static Self {
        let [feb2005, v13] = &CONTRACTS;
        match version {
            TrustVersion::V200502 => feb2005,
            TrustVersion::V13 => v13,
        }
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
    for port in &addresses.ports {
        policy(w, &format!("{}_policy", port.binding()), port.credential, port.version);
    }
    types(w, addresses, locate_schemas);
    CONTRACTS.iter().for_each(|contract| messages(w, contract));
    CONTRACTS.iter().for_each(|contract| port_type(w, contract));
    addresses.ports.iter().for_each(|port| port.write_binding(w));
    w.start(&WSDL, "service", &[("name", "SecurityTokenService")]);
    addresses.ports.iter().for_each(|port| port.write(w));
    w.end();
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

impl Port {
    fn binding(&self) -> String {
        self.credential.binding(Contract::of(self.version).port_type)
    }

    fn write_binding(&self, w: &mut Writer) {
        let (contract, name) = (Contract::of(self.version), self.binding());
        w.start(&WSDL, "binding", &[("name", &name), ("type", &format!("tns:{}", contract.port_type))]);
        empty(w, &WSP, "PolicyReference", &[("URI", &format!("#{name}_policy"))]);
        empty(w, &SOAP12, "binding", &[("transport", OVER_HTTP)]);
        w.start(&WSDL, "operation", &[("name", contract.operation)]);
        let action = self.version.action(TrustOperation::Issue);
        empty(w, &SOAP12, "operation", &[("soapAction", action), ("style", "document")]);
        literal_bodies(w, &SOAP12);
        w.end();
        w.end();
    }

    fn write(&self, w: &mut Writer) {
        let name = self.binding();
        w.start(&WSDL, "port", &[("name", &name), ("binding", &format!("tns:{name}"))]);
        empty(w, &SOAP12, "address", &[("location", &self.address)]);
        w.start(&WSA10, "EndpointReference", &[]);
        w.leaf(&WSA10, "Address", &self.address);
        w.end();
        w.end();
    }
}

/// What a binding says of both directions of an operation.
pub(super) fn literal_bodies(w: &mut Writer, soap: &'static Ns) {
    for direction in ["input", "output"] {
        w.start(&WSDL, direction, &[]);
        empty(w, soap, "body", &[("use", "literal")]);
        w.end();
    }
}

fn section(w: &mut Writer, dialect: &str, identifier: &str, inside: impl FnOnce(&mut Writer)) {
    w.start(&WSX, "MetadataSection", &[("Dialect", dialect), ("Identifier", identifier)]);
    inside(w);
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Element, Limits, parse};

    fn addresses(credentials: &[Credential]) -> Addresses {
        let each = credentials
            .iter()
            .flat_map(|credential| [TrustVersion::V200502, TrustVersion::V13].map(|version| (*credential, version)));
        let port = |(credential, version): (Credential, TrustVersion)| Port {
            credential,
            version,
            address: format!("https://sts.example.com/{}/{}", version.label(), credential.path()),
        };
        Addresses { mex: "https://sts.example.com/mex".to_owned(), ports: each.map(port).collect() }
    }

    fn root(addresses: &Addresses) -> Element {
        parse(definitions(addresses).as_bytes(), &Limits::message(65536)).unwrap().root
    }

    #[test]
    fn msal_for_go_finds_sp_on_each_transport_binding() {
        for credentials in [&Credential::ALL[..1], &Credential::ALL] {
            let text = definitions(&addresses(credentials));
            assert_eq!(text.matches("<sp:TransportBinding xmlns:sp=\"").count(), 2 * credentials.len());
            assert_eq!(text.matches(" wsu:Id=\"").count(), 2 * credentials.len());
        }
    }

    #[test]
    fn each_binding_has_one_policy_one_operation_and_one_port() {
        let addresses = addresses(&Credential::ALL);
        let root = root(&addresses);
        let bindings: Vec<&Element> = root.children_named(WSDL.uri, "binding").collect();
        assert_eq!(bindings.len(), 8);
        for binding in bindings {
            let reference = binding.child(WSP.uri, "PolicyReference").unwrap().attribute("URI").unwrap();
            let policies = root.children_named(WSP.uri, "Policy");
            let id = reference.strip_prefix('#');
            assert_eq!(policies.filter(|p| p.attribute_ns(WSU_IN_WSDL.uri, "Id") == id).count(), 1);
            assert_eq!(binding.children_named(WSDL.uri, "operation").count(), 1);
        }
        let published: Vec<&str> =
            root.descendants().filter(|element| element.is(WSA10.uri, "Address")).filter_map(Element::text).collect();
        let wanted: Vec<&str> = addresses.ports.iter().map(|port| port.address.as_str()).collect();
        assert_eq!(published, wanted);
    }

    #[test]
    fn bindings_have_adfs_names() {
        let root = root(&addresses(&Credential::ALL));
        let names: Vec<&str> =
            root.children_named(WSDL.uri, "binding").filter_map(|binding| binding.attribute("name")).collect();
        assert_eq!(
            names,
            [
                "UserNameWSTrustBinding_IWSTrustFeb2005Async",
                "UserNameWSTrustBinding_IWSTrust13Async",
                "CertificateWSTrustBinding_IWSTrustFeb2005Async",
                "CertificateWSTrustBinding_IWSTrust13Async",
                "CertificateWSTrustBinding_IWSTrustFeb2005Async1",
                "CertificateWSTrustBinding_IWSTrust13Async1",
                "IssuedTokenWSTrustBinding_IWSTrustFeb2005Async",
                "IssuedTokenWSTrustBinding_IWSTrust13Async",
            ]
        );
    }

    #[test]
    fn only_a_user_name_binding_has_a_username_token_and_only_tls_asks_for_a_certificate() {
        let root = root(&addresses(&Credential::ALL));
        for policy in root.children_named(WSP.uri, "Policy") {
            let id = policy.attribute_ns(WSU_IN_WSDL.uri, "Id").unwrap();
            let has = |name: &str| policy.descendants().any(|element| element.name.local == name);
            assert_eq!(has("UsernameToken"), id.starts_with("UserName"), "{id}");
            assert_eq!(has("X509Token"), id.starts_with("Certificate") && !id.contains("Async1"), "{id}");
            assert_eq!(has("IssuedToken"), id.starts_with("IssuedToken"), "{id}");
            let demanded = has("RequireClientCertificate")
                || policy.descendants().any(|element| element.attribute("RequireClientCertificate") == Some("true"));
            assert_eq!(demanded, id.contains("Async1"), "{id}");
            assert_eq!(has("SignedParts"), has("X509Token") || has("IssuedToken"), "{id}");
            assert_eq!(has("Basic256Sha256"), has("SignedParts"), "{id}");
        }
    }

    #[test]
    fn schemas_are_there_for_each_import() {
        for name in ["xsd0", "xsd1", "xsd2"] {
            assert!(schema(name).unwrap().contains("xsd:schema"));
        }
        assert_eq!(schema("xsd3"), None);
    }
}
