//! The identity provider's own metadata with what we answer for it: its browser endpoints and its keys stay, our ECP endpoint
//! and our keys come in. Nothing of it is copied as text; what its document said beyond the schema is left out.

mod lexical;
mod moves;
mod shape;
mod shapes;

use std::time::Duration;

pub use lexical::is_uri;
pub use moves::{Move, Moves};

use self::shape::{Shaping, attribute};
use super::id::id_of;
use super::received::ReceivedMetadata;
use super::sp::{signing_certificates, speaks_saml2};
use crate::dsig::{DS, Unsigned};
use crate::model::Timestamp;
use crate::saml::names::{BINDING_SOAP, MD, SHIBMD};
use crate::xml::{Canonicalization, Element, Node, UNQUALIFIED, boolean, canonicalize_within};

/// What comes into the identity provider's document, and what changes in it.
pub struct Additions<'a> {
    /// The ECP endpoint, in the place of its own `SingleSignOnService` by SOAP; `None`: its own stays.
    pub sso_soap: Option<&'a str>,
    /// Certificates of our keys: base64 of the DER, on one line.
    pub signing_certificates: &'a [String],
    /// What may stand behind the `@` of scoped attributes of ours, beside its own.
    pub scope: Option<&'a str>,
    /// Which of its addresses are found at `public_url`.
    pub moves: &'a Moves,
    /// Until when what we add may be believed.
    pub valid_until: Timestamp,
    /// How long it may be cached.
    pub cache_duration: Duration,
    /// How long the document may be, in bytes.
    pub most: usize,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedMetadata {
    /// Until when: never longer than the identity provider's own.
    pub valid_until: Timestamp,
    /// The names of the elements that were left out, each once.
    pub left_out: Vec<String>,
    /// What was to move, and is not there.
    pub unmoved: Vec<String>,
}

/// Why nothing can be published.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is no role to put anything in.
    #[error("{0:?} is no SAML 2.0 identity provider in it, with a name and a protocol that the schema allows")]
    NoIdentityProvider(String),
    /// It would be too long.
    #[error("it would be longer than {0} bytes")]
    TooLong(usize),
}

/// Merges. The same document and additions make the same bytes, with an ID of their own.
///
/// # Errors
/// See [`MergeError`].
pub fn merge(theirs: &ReceivedMetadata, additions: &Additions<'_>) -> Result<Unsigned<MergedMetadata>, MergeError> {
    let valid_until = theirs.valid_until.map_or(additions.valid_until, |until| until.min(additions.valid_until));
    let cache_duration =
        theirs.cache_duration.map_or(additions.cache_duration, |hint| hint.min(additions.cache_duration));
    let nobody = || MergeError::NoIdentityProvider(theirs.entity_id().to_owned());

    let mut entity = theirs.entity.clone();
    entity.attributes.retain(|attribute| !OUR_ATTRIBUTES.contains(&attribute.name.local.as_str()));
    let mut set = |name: &str, value: String| entity.attributes.push(attribute((&UNQUALIFIED, name), value));
    set("validUntil", valid_until.to_string());
    set("cacheDuration", format!("PT{}S", cache_duration.as_secs()));
    add_to_role(&mut entity, additions).ok_or_else(nobody)?;

    let mut shaping = Shaping { moved: &|location| additions.moves.moved(location), left_out: Default::default() };
    let mut shaped = shaping.element(&entity, &shapes::ENTITY).filter(has_identity_provider).ok_or_else(nobody)?;
    let unnamed = canonical(&shaped, additions.most)?;
    let id = id_of(&unnamed);
    shaped.attributes.push(attribute((&UNQUALIFIED, "ID"), id.clone()));
    let xml = canonical(&shaped, additions.most)?;
    let signature_at = start_tag(&shaped, additions.most)?;
    let elements = theirs.entity.descendants();
    let locations: Vec<&str> =
        elements.flat_map(|element| LOCATIONS.map(|name| element.attribute(name))).flatten().collect();
    let value = MergedMetadata {
        valid_until,
        left_out: shaping.left_out.into_iter().collect(),
        unmoved: additions.moves.unused(&locations),
    };
    Ok(Unsigned { value, xml, id, signature_at })
}

/// Where addresses are that may move.
const LOCATIONS: [&str; 2] = ["Location", "ResponseLocation"];

/// What the identity provider said of its document, and we say of ours.
const OUR_ATTRIBUTES: [&str; 3] = ["ID", "validUntil", "cacheDuration"];

/// Puts our endpoint, keys and scope into the first identity provider's role, behind its own: who reads one key only reads that of
/// the browser's sign-in. Where our endpoint comes in, no role keeps one of its own.
fn add_to_role(entity: &mut Element, additions: &Additions<'_>) -> Option<()> {
    let is_role = |element: &Element| element.is(MD.uri, "IDPSSODescriptor") && speaks_saml2(element);
    let mut roles: Vec<&mut Element> = entity.elements_mut().filter(|element| is_role(element)).collect();
    if additions.sso_soap.is_some() {
        roles.iter_mut().for_each(|role| role.children.retain(|node| !is_soap(node)));
    }
    let role = roles.into_iter().next()?;
    let known: Vec<Vec<u8>> = signing_certificates(role).filter_map(|certificate| certificate.to_der().ok()).collect();
    let theirs = |own: &String| lexical::octets(own).is_some_and(|der| known.contains(&der));
    let keys: Vec<Node> =
        additions.signing_certificates.iter().filter(|own| !theirs(own)).map(|own| key(own)).collect();
    role.children.extend(keys);
    if let Some(scope) = additions.scope {
        add_scope(role, scope);
    }
    if let Some(location) = additions.sso_soap {
        let mut endpoint = Element::new(&MD, "SingleSignOnService");
        for (name, value) in [("Binding", BINDING_SOAP), ("Location", location)] {
            endpoint.attributes.push(attribute((&UNQUALIFIED, name), value.to_owned()));
        }
        role.children.push(Node::Element(endpoint));
    }
    Some(())
}

/// Whether it is where ECP is spoken.
fn is_soap(node: &Node) -> bool {
    let Node::Element(element) = node else { return false };
    element.is(MD.uri, "SingleSignOnService")
        && element.attribute("Binding").is_some_and(|binding| binding.trim() == BINDING_SOAP)
}

/// Puts our scope into the role's extensions, unless it is there.
fn add_scope(role: &mut Element, scope: &str) {
    let is_extensions = |element: &Element| element.is(MD.uri, "Extensions");
    if !role.elements().any(is_extensions) {
        role.children.push(Node::Element(Element::new(&MD, "Extensions")));
    }
    let Some(extensions) = role.elements_mut().find(|element| is_extensions(element)) else { return };
    let says_it = |element: &Element| {
        element.is(SHIBMD.uri, "Scope")
            && element.trimmed_text() == Some(scope)
            && element.attribute("regexp").and_then(boolean) != Some(true)
    };
    if !extensions.elements().any(says_it) {
        let mut own = Element::new(&SHIBMD, "Scope");
        own.attributes.push(attribute((&UNQUALIFIED, "regexp"), false.to_string()));
        own.children.push(Node::Text(scope.to_owned().into()));
        extensions.children.push(Node::Element(own));
    }
}

fn key(certificate: &str) -> Node {
    let around = |ns, local, inner| {
        let mut element = Element::new(ns, local);
        element.children.push(inner);
        Node::Element(element)
    };
    let inner = around(&DS, "X509Certificate", Node::Text(certificate.to_owned().into()));
    let mut descriptor = Element::new(&MD, "KeyDescriptor");
    descriptor.attributes.push(attribute((&UNQUALIFIED, "use"), "signing".to_owned()));
    descriptor.children.push(around(&DS, "KeyInfo", around(&DS, "X509Data", inner)));
    Node::Element(descriptor)
}

fn has_identity_provider(entity: &Element) -> bool {
    entity.children_named(MD.uri, "IDPSSODescriptor").any(speaks_saml2)
}

fn canonical(element: &Element, most: usize) -> Result<String, MergeError> {
    let bytes = canonicalize_within(element, &Canonicalization::default(), most).ok_or(MergeError::TooLong(most))?;
    // What was text stays text.
    String::from_utf8(bytes).map_err(|_| MergeError::TooLong(most))
}

/// How long the start tag is: the signature comes behind it.
fn start_tag(element: &Element, most: usize) -> Result<usize, MergeError> {
    let alone = Element { children: Vec::new(), ..element.clone() };
    let end_tag = "</:>".len() + element.name.prefix.len() + element.name.local.len();
    Ok(canonical(&alone, most)?.len() - end_tag)
}

#[cfg(test)]
#[path = "../merge_tests.rs"]
mod tests;
