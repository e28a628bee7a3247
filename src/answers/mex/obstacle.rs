//! What a MEX document has that keeps a client from finding what it looks for, each seen in that client.

use super::policy::is_transport_binding;
use super::{Credential, Endpoint, WSDL, WSDL_SOAP12, WSU_ID};
use crate::wstrust::{TrustVersion, WSP};
use crate::xml::Element;

/// What keeps some client from finding what it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The WSDL is not the document itself, but in an envelope or `mex:Metadata`.
    Enveloped,
    /// A binding that is not SOAP 1.2's.
    OtherSoap,
    /// A `TransportBinding` that does not declare the prefix `sp` itself.
    TransportBindingPrefix,
    /// A policy whose ID is not called `wsu:Id`.
    PolicyIdPrefix,
    /// An address with white space around it.
    AddressSpace,
    /// An address with a query.
    AddressQuery,
    /// An address that is not `https://`.
    PlainHttp,
    /// A password is taken at an endpoint whose policy no library knows.
    UnknownPolicy,
    /// No endpoint for a password by WS-Trust 1.3.
    No13,
    /// No endpoint for a password by WS-Trust 2005/02.
    No200502,
}

impl Obstacle {
    /// Its name for machines.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Enveloped => "mex_enveloped",
            Self::OtherSoap => "mex_other_soap",
            Self::TransportBindingPrefix => "mex_transport_binding_prefix",
            Self::PolicyIdPrefix => "mex_policy_id_prefix",
            Self::AddressSpace => "mex_address_space",
            Self::AddressQuery => "mex_address_query",
            Self::PlainHttp => "mex_plain_http",
            Self::UnknownPolicy => "mex_unknown_policy",
            Self::No13 => "mex_no_13",
            Self::No200502 => "mex_no_200502",
        }
    }

    /// What is wrong, and whom it keeps out.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Enveloped => {
                "the WSDL is in an envelope: MSAL for Python finds nothing, and MSAL for Go fails. A GET must answer bare wsdl:definitions"
            }
            Self::OtherSoap => "a binding is not of SOAP 1.2: MSAL for Python fails on it",
            Self::TransportBindingPrefix => {
                "an sp:TransportBinding does not declare the prefix sp itself: MSAL for Go finds no policy"
            }
            Self::PolicyIdPrefix => {
                "a policy's ID is not called wsu:Id, letter for letter: MSAL for Java finds no policy"
            }
            Self::AddressSpace => "an address has white space around it: MSAL for Python finds no endpoint",
            Self::AddressQuery => "an address has a query, which MSAL for Go leaves out",
            Self::PlainHttp => {
                "an address does not begin with https://: most libraries take it for none, and some send the password unencrypted"
            }
            Self::UnknownPolicy => {
                "an endpoint takes passwords, but its policy has no WssUsernameToken10, no TransportBinding, or is not of SOAP 1.2: no Microsoft library knows it"
            }
            Self::No13 => "no endpoint takes a password by WS-Trust 1.3: MSAL for Go fails",
            Self::No200502 => "no endpoint takes a password by WS-Trust 2005/02: MSAL.NET and Windows find none",
        }
    }
}

pub(super) fn obstacles(definitions: &Element, bare: bool, endpoints: &[Endpoint]) -> Vec<Obstacle> {
    let bindings = || definitions.children_named(WSDL, "binding");
    let policies = || definitions.children_named(WSP.uri, "Policy");
    let passwords = || endpoints.iter().filter(|endpoint| endpoint.credential == Credential::UserName);
    let lacks = |version| !passwords().any(|endpoint| endpoint.version == version && endpoint.known);
    let found = [
        (Obstacle::Enveloped, !bare),
        (Obstacle::OtherSoap, bindings().any(|binding| binding.child(WSDL_SOAP12, "binding").is_none())),
        (Obstacle::TransportBindingPrefix, definitions.descendants().any(lacks_own_prefix)),
        (Obstacle::PolicyIdPrefix, policies().any(has_other_id)),
        (Obstacle::AddressSpace, endpoints.iter().any(|endpoint| endpoint.address.trim() != endpoint.address)),
        (Obstacle::AddressQuery, endpoints.iter().any(|endpoint| endpoint.address.contains('?'))),
        (Obstacle::PlainHttp, passwords().any(|endpoint| !is_https(&endpoint.address))),
        (Obstacle::UnknownPolicy, passwords().any(|endpoint| !endpoint.known)),
        (Obstacle::No13, lacks(TrustVersion::V13)),
        (Obstacle::No200502, lacks(TrustVersion::V200502)),
    ];
    found.into_iter().filter(|(_, is)| *is).map(|(obstacle, _)| obstacle).collect()
}

pub(super) fn is_https(address: &str) -> bool {
    address.trim().get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

fn lacks_own_prefix(element: &Element) -> bool {
    is_transport_binding(element) && !element.declarations.iter().any(|(prefix, _)| &**prefix == "sp")
}

fn has_other_id(policy: &Element) -> bool {
    let id = policy
        .attributes
        .iter()
        .find(|attribute| attribute.name.local == WSU_ID.1 && &*attribute.name.namespace == WSU_ID.0);
    id.is_some_and(|id| &*id.name.prefix != "wsu")
}
