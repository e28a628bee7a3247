//! The form of the only signatures that we read: enveloped, one reference, to the element that the signature stands in,
//! with nothing that a toolkit could follow, evaluate or read twice.

use super::verify::Reason;
use super::{DS, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, EXCLUSIVE_C14N_WITH_COMMENTS};
use crate::xml::Element;

/// More prefixes than anybody lists.
const MAX_LISTED_PREFIXES: usize = 16;

/// A `ds:Signature` that has the form. Nothing in it is verified yet.
pub(super) struct EnvelopedSignature<'d> {
    /// `ds:Signature` itself.
    pub(super) element: &'d Element,
    /// `ds:SignedInfo`, the one there is.
    pub(super) signed_info: &'d Element,
    /// How `ds:SignedInfo` is canonicalised.
    pub(super) canonicalization: Exclusive<'d>,
    /// `ds:SignatureMethod/@Algorithm`.
    pub(super) signature_method: &'d str,
    /// How the signed element is canonicalised, once the signature is out of it.
    pub(super) transform: Exclusive<'d>,
    /// `ds:DigestMethod/@Algorithm`.
    pub(super) digest_method: &'d str,
    /// `ds:DigestValue`.
    pub(super) digest: Vec<u8>,
    /// `ds:SignatureValue`.
    pub(super) value: Vec<u8>,
}

/// Exclusive canonicalisation as a signature asks for it.
pub(super) struct Exclusive<'d> {
    pub(super) with_comments: bool,
    /// InclusiveNamespaces; empty for `#default`.
    pub(super) prefixes: Vec<&'d str>,
}

impl<'d> EnvelopedSignature<'d> {
    /// The signature of `element`, which must refer to `id`.
    pub(super) fn of(element: &'d Element, id: &str) -> Result<Self, Reason> {
        let mut signatures = element.children_named(DS.uri, "Signature");
        let signature = signatures.next().ok_or(Reason::Unsigned)?;
        if signatures.next().is_some() {
            return Err(Reason::Form("element"));
        }
        Self::read(signature, id)
    }

    /// `signature`, which must refer to `id`.
    pub(super) fn read(signature: &'d Element, id: &str) -> Result<Self, Reason> {
        // KeyInfo is not looked at: keys come from the caller alone.
        let [signed_info, value] = match children(signature, ["SignedInfo", "SignatureValue", "KeyInfo"]) {
            Ok([signed_info, value, _]) => [signed_info, value],
            Err(_) => children(signature, ["SignedInfo", "SignatureValue"])?,
        };
        let [canonicalization, method, reference] =
            children(signed_info, ["CanonicalizationMethod", "SignatureMethod", "Reference"])?;
        let [transforms, digest_method, digest] = children(reference, ["Transforms", "DigestMethod", "DigestValue"])?;
        if reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
            return Err(Reason::Reference);
        }
        Ok(Self {
            element: signature,
            signed_info,
            canonicalization: exclusive(canonicalization).ok_or(Reason::Canonicalization)?,
            signature_method: bare_algorithm(method)?,
            transform: transform(transforms)?,
            digest_method: bare_algorithm(digest_method)?,
            digest: octets(digest)?,
            value: octets(value)?,
        })
    }
}

/// The child elements, if they are these and no others, in this order.
pub(super) fn children<'d, const N: usize>(
    parent: &'d Element,
    names: [&'static str; N],
) -> Result<[&'d Element; N], Reason> {
    let found: Vec<&Element> = parent.elements().collect();
    let found: [&Element; N] = found.try_into().map_err(|_| Reason::Form("signature"))?;
    let named = found.iter().zip(names).all(|(child, name)| child.is(DS.uri, name));
    if named { Ok(found) } else { Err(Reason::Form("signature")) }
}

/// Enveloped first, exclusive canonicalisation second. Without the second, inclusive canonicalisation would apply, which
/// SAML advises against (SAML Core 5.4.4) and we do not have.
fn transform(transforms: &Element) -> Result<Exclusive<'_>, Reason> {
    let [enveloped, canonicalization] =
        children(transforms, ["Transform", "Transform"]).map_err(|_| Reason::Transforms)?;
    if bare_algorithm(enveloped).ok() != Some(ENVELOPED_SIGNATURE) {
        return Err(Reason::Transforms);
    }
    exclusive(canonicalization).ok_or(Reason::Transforms)
}

pub(super) fn exclusive(method: &Element) -> Option<Exclusive<'_>> {
    let with_comments = match method.attribute("Algorithm")? {
        EXCLUSIVE_C14N => false,
        EXCLUSIVE_C14N_WITH_COMMENTS => true,
        _ => return None,
    };
    let mut parameters = method.elements();
    let prefixes = match (parameters.next(), parameters.next()) {
        (None, _) => Vec::new(),
        (Some(list), None) if list.is(EXCLUSIVE_C14N, "InclusiveNamespaces") => prefix_list(list)?,
        _ => return None,
    };
    Some(Exclusive { with_comments, prefixes })
}

/// Empty itself: what stood in it would be canonicalised, and is a stranger's.
fn prefix_list(list: &Element) -> Option<Vec<&str>> {
    if !list.children.is_empty() {
        return None;
    }
    let prefixes = list.attribute("PrefixList")?.split_ascii_whitespace();
    let prefixes: Vec<&str> = prefixes.map(|prefix| if prefix == "#default" { "" } else { prefix }).collect();
    (prefixes.len() <= MAX_LISTED_PREFIXES).then_some(prefixes)
}

/// An algorithm without parameters: HMACOutputLength is one (CVE-2009-0217).
pub(super) fn bare_algorithm(method: &Element) -> Result<&str, Reason> {
    let [] = children(method, [])?;
    method.attribute("Algorithm").ok_or(Reason::Form("signature"))
}

pub(super) fn octets(value: &Element) -> Result<Vec<u8>, Reason> {
    value.octets().ok_or(Reason::Base64)
}
