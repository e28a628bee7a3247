//! The endpoints that a WS-MetadataExchange answer names, found as Microsoft's libraries find them: from each port of the WSDL
//! to its binding, and from there to the policy.

mod obstacle;
mod policy;

use super::message::{Unreadable, document};
use crate::soap::{AddressingVersion, SoapVersion};
use crate::wstrust::{TrustOperation, TrustVersion, WSP};
use crate::xml::Element;

pub use obstacle::Obstacle;

use policy::Policy;

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const WSDL_SOAP11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const WSDL_SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const OVER_HTTP: &str = "http://schemas.xmlsoap.org/soap/http";
const WSU_ID: (&str, &str) =
    ("http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd", "Id");

/// What a server says of its endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mex {
    /// Where tokens are issued, in the document's order.
    pub endpoints: Vec<Endpoint>,
    /// What keeps some client from finding what it looks for.
    pub obstacles: Vec<Obstacle>,
}

/// Where tokens are issued to whoever shows a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The credential.
    pub credential: Credential,
    /// The version of WS-Trust.
    pub version: TrustVersion,
    /// The version of SOAP.
    pub soap: SoapVersion,
    /// Its address, letter for letter.
    pub address: String,
    /// Whether Microsoft's libraries know its policy: TLS, and for a password `WssUsernameToken10`; over SOAP 1.2.
    pub known: bool,
}

/// What is shown to be issued a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A name and a password.
    UserName,
    /// Windows' own: Kerberos or NTLM.
    Windows,
    /// A certificate, of the message or of the connection.
    Certificate,
    /// Another issuer's token.
    IssuedToken,
    /// None of these.
    Other,
}

impl Credential {
    /// Its name in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UserName => "user name",
            Self::Windows => "windows",
            Self::Certificate => "certificate",
            Self::IssuedToken => "issued token",
            Self::Other => "other",
        }
    }
}

impl Mex {
    /// Where Microsoft's libraries send a password in this version of WS-Trust; `None` where they find nothing.
    pub fn for_password(&self, version: TrustVersion) -> Option<&Endpoint> {
        let takes = |endpoint: &&Endpoint| endpoint.credential == Credential::UserName && endpoint.version == version;
        let https = |endpoint: &&Endpoint| obstacle::is_https(&endpoint.address);
        self.endpoints.iter().filter(takes).find(|endpoint| endpoint.known && https(endpoint))
    }
}

/// Reads what a server answered to a request for its metadata: WSDL by itself, or in an envelope or `mex:Metadata`.
///
/// # Errors
/// What has no WSDL in it.
pub fn mex(bytes: &[u8]) -> Result<Mex, Unreadable> {
    let document = document(bytes)?;
    let definitions = document.root.descendants().find(|element| element.is(WSDL, "definitions"));
    let definitions = definitions.ok_or(Unreadable::Form("no WSDL: no wsdl:definitions in the document"))?;
    let bare = std::ptr::eq(definitions, &document.root);
    let bindings: Vec<Binding<'_>> =
        definitions.children_named(WSDL, "binding").map(|b| Binding::of(b, definitions)).collect();
    let services = definitions.children_named(WSDL, "service");
    let ports = services.flat_map(|service| service.children_named(WSDL, "port"));
    let endpoints: Vec<Endpoint> = ports.flat_map(|port| endpoints(port, &bindings)).collect();
    let obstacles = obstacle::obstacles(definitions, bare, &endpoints);
    Ok(Mex { endpoints, obstacles })
}

/// A binding, with what its policy says.
struct Binding<'d> {
    name: &'d str,
    soap: Option<SoapVersion>,
    policy: Option<Policy>,
    /// By the soapAction of each operation that issues.
    versions: Vec<TrustVersion>,
}

impl<'d> Binding<'d> {
    fn of(binding: &'d Element, definitions: &Element) -> Self {
        let soap = soap(binding).filter(|(_, soap)| soap.attribute("transport") == Some(OVER_HTTP));
        let reference = binding.child(WSP.uri, "PolicyReference").and_then(|reference| reference.attribute("URI"));
        let id = reference.and_then(|uri| uri.strip_prefix('#'));
        let is_it = |policy: &&Element| id.is_some() && policy.attribute_ns(WSU_ID.0, WSU_ID.1) == id;
        let policy = definitions.children_named(WSP.uri, "Policy").find(is_it);
        let action = |operation: &Element| {
            let action = soap_child(operation, "operation")?.attribute("soapAction")?;
            let (operation, version) = TrustOperation::of_action(action)?;
            (operation == TrustOperation::Issue).then_some(version)
        };
        Self {
            name: binding.attribute("name").unwrap_or_default(),
            soap: soap.map(|(version, _)| version),
            policy: policy.map(Policy::read),
            versions: binding.children_named(WSDL, "operation").filter_map(action).collect(),
        }
    }
}

fn endpoints(port: &Element, bindings: &[Binding<'_>]) -> Vec<Endpoint> {
    let name = port.attribute("binding").map(|name| name.rsplit(':').next().unwrap_or(name));
    let binding = bindings.iter().find(|binding| Some(binding.name) == name);
    let Some((binding, address)) = binding.zip(address(port)) else { return Vec::new() };
    let Some(soap) = binding.soap else { return Vec::new() };
    let known = binding.policy.as_ref().is_some_and(|policy| policy.known) && soap == SoapVersion::V12;
    let credential = binding.policy.as_ref().map_or(Credential::Other, |policy| policy.credential);
    let endpoint =
        |version: &TrustVersion| Endpoint { credential, version: *version, soap, address: address.clone(), known };
    binding.versions.iter().map(endpoint).collect()
}

/// The endpoint reference's, which is what Microsoft's libraries read; else the WSDL's own.
fn address(port: &Element) -> Option<String> {
    let is_reference = |element: &&Element| is_addressing(element, "EndpointReference");
    let reference = port.elements().find(is_reference);
    let address = reference.and_then(|reference| reference.elements().find(|e| is_addressing(e, "Address")));
    let written = address.and_then(Element::text).or_else(|| soap_child(port, "address")?.attribute("location"));
    written.filter(|address| !address.trim().is_empty()).map(str::to_owned)
}

fn is_addressing(element: &Element, local: &str) -> bool {
    element.name.local == local && AddressingVersion::of(&element.name.namespace).is_some()
}

/// `soap:binding` of either version.
fn soap(binding: &Element) -> Option<(SoapVersion, &Element)> {
    let of = |(version, namespace)| Some((version, binding.child(namespace, "binding")?));
    [(SoapVersion::V12, WSDL_SOAP12), (SoapVersion::V11, WSDL_SOAP11)].into_iter().find_map(of)
}

fn soap_child<'e>(parent: &'e Element, local: &str) -> Option<&'e Element> {
    parent.child(WSDL_SOAP12, local).or_else(|| parent.child(WSDL_SOAP11, local))
}
