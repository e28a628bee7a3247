//! The endpoints that a WS-MetadataExchange answer names, found as Microsoft's libraries find them: from each port of the WSDL
//! to its binding, and from there to the policy.

mod obstacle;
mod policy;

use std::collections::HashMap;

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
    /// Its name for machines.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UserName => "user_name",
            Self::Windows => "windows",
            Self::Certificate => "certificate",
            Self::IssuedToken => "issued_token",
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
    let bindings = bindings(definitions);
    let services = definitions.children_named(WSDL, "service");
    let ports = services.flat_map(|service| service.children_named(WSDL, "port"));
    let endpoints: Vec<Endpoint> = ports.flat_map(|port| endpoints(port, &bindings)).collect();
    let obstacles = obstacle::obstacles(definitions, bare, &endpoints);
    Ok(Mex { endpoints, obstacles })
}

/// A binding, with what its policy says.
struct Binding {
    soap: Option<SoapVersion>,
    policy: Option<Policy>,
    /// By the soapAction of the operations that issue, each once, however many there are: each port of the binding has them all.
    versions: Vec<TrustVersion>,
}

/// Each by its name; of several the first. Policies are read once each, however many bindings have them.
fn bindings(definitions: &Element) -> HashMap<&str, Binding> {
    let mut policies = HashMap::new();
    for policy in definitions.children_named(WSP.uri, "Policy") {
        if let Some(id) = policy.attribute_ns(WSU_ID.0, WSU_ID.1) {
            policies.entry(id).or_insert_with(|| Policy::read(policy));
        }
    }
    let mut bindings = HashMap::new();
    for binding in definitions.children_named(WSDL, "binding") {
        let name = binding.attribute("name").unwrap_or_default();
        bindings.entry(name).or_insert_with(|| Binding::of(binding, &policies));
    }
    bindings
}

impl Binding {
    fn of(binding: &Element, policies: &HashMap<&str, Policy>) -> Self {
        let soap = soap(binding).filter(|(_, soap)| soap.attribute("transport") == Some(OVER_HTTP));
        let reference = binding.child(WSP.uri, "PolicyReference").and_then(|reference| reference.attribute("URI"));
        let policy = reference.and_then(|uri| policies.get(uri.strip_prefix('#')?)).copied();
        let action = |operation: &Element| {
            let action = soap_child(operation, "operation")?.attribute("soapAction")?;
            let (operation, version) = TrustOperation::of_action(action)?;
            (operation == TrustOperation::Issue).then_some(version)
        };
        let mut versions = Vec::new();
        for version in binding.children_named(WSDL, "operation").filter_map(action) {
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        Self { soap: soap.map(|(version, _)| version), policy, versions }
    }
}

fn endpoints(port: &Element, bindings: &HashMap<&str, Binding>) -> Vec<Endpoint> {
    let name = port.attribute("binding").map(|name| name.rsplit(':').next().unwrap_or(name));
    let binding = name.and_then(|name| bindings.get(name));
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
