//! SubjectConfirmation: how whoever presents an assertion shows that they are its subject.

use openssl::bn::BigNum;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::x509::X509;

use super::{ReadError, SamlVersion, form, instant, required};
use crate::dsig::DS;
use crate::model::Timestamp;
use crate::xml::Element;

/// One way to be taken for the subject, with what bounds it.
#[derive(Clone, Debug)]
pub struct SubjectConfirmation {
    /// How.
    pub method: ConfirmationMethod,
    /// To which address only.
    pub recipient: Option<String>,
    /// In answer to which request only.
    pub in_response_to: Option<String>,
    /// From.
    pub not_before: Option<Timestamp>,
    /// Until, exclusive.
    pub not_on_or_after: Option<Timestamp>,
}

/// How whoever presents an assertion shows that they are its subject.
#[derive(Clone, Debug)]
pub enum ConfirmationMethod {
    /// By having it.
    Bearer,
    /// By using a key.
    HolderOfKey(HeldKey),
    /// In a way that we do not take: sender-vouches, an artifact, another subject than the assertion's, anybody's own.
    Other,
}

/// A key that whoever presents an assertion must use.
#[derive(Clone, Debug)]
pub struct HeldKey {
    /// The public keys, as KeyInfo gives them: of a certificate, or bare. Empty for a secret key, which is encrypted for
    /// the relying party.
    pub keys: Vec<PKey<Public>>,
}

impl HeldKey {
    /// Whether it is this key.
    pub fn is(&self, key: &PKey<Public>) -> bool {
        self.keys.iter().any(|held| held.public_eq(key))
    }
}

const BEARER: [&str; 2] = ["urn:oasis:names:tc:SAML:1.0:cm:bearer", "urn:oasis:names:tc:SAML:2.0:cm:bearer"];
const HOLDER_OF_KEY: [&str; 2] =
    ["urn:oasis:names:tc:SAML:1.0:cm:holder-of-key", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"];

/// SAML 1.1's one `SubjectConfirmation`, which may have several methods for the same key.
pub(super) fn saml11(element: &Element) -> Result<Vec<SubjectConfirmation>, ReadError> {
    let namespace = SamlVersion::V11.namespace();
    let key_info = element.only_child(DS.uri, "KeyInfo")?;
    let data = element.only_child(namespace, "SubjectConfirmationData")?;
    let confirmation = |method: &Element| {
        let uri = method.trimmed_text().ok_or(ReadError::Form("a confirmation method that is no text"))?;
        let method = match data {
            // Nothing of what is accepted here has any in SAML 1.1.
            Some(_) => ConfirmationMethod::Other,
            None => confirmation_method(uri, key_info.into_iter().collect())?,
        };
        Ok(SubjectConfirmation {
            method,
            recipient: None,
            in_response_to: None,
            not_before: None,
            not_on_or_after: None,
        })
    };
    element.children_named(namespace, "ConfirmationMethod").map(confirmation).collect()
}

/// One of SAML 2.0's `SubjectConfirmation`s.
pub(super) fn saml20(element: &Element) -> Result<SubjectConfirmation, ReadError> {
    let namespace = SamlVersion::V20.namespace();
    let uri = required(element, "Method", "a confirmation without a method")?;
    let data = element.only_child(namespace, "SubjectConfirmationData")?;
    // A name here is that of whoever may present it instead of the subject.
    let another = element.elements().any(|child| !child.is(namespace, "SubjectConfirmationData"));
    let key_infos: Vec<&Element> =
        data.into_iter().flat_map(|data| data.elements()).filter(|child| child.is(DS.uri, "KeyInfo")).collect();
    let method = if another { ConfirmationMethod::Other } else { confirmation_method(uri, key_infos)? };
    let instant = |name| data.map(|data| instant(data, name)).transpose().map(Option::flatten);
    let text = |name| data.and_then(|data| data.attribute(name)).map(str::to_owned);
    Ok(SubjectConfirmation {
        method,
        recipient: text("Recipient"),
        in_response_to: text("InResponseTo"),
        not_before: instant("NotBefore")?,
        not_on_or_after: instant("NotOnOrAfter")?,
    })
}

fn confirmation_method(uri: &str, key_infos: Vec<&Element>) -> Result<ConfirmationMethod, ReadError> {
    if BEARER.contains(&uri) {
        return Ok(ConfirmationMethod::Bearer);
    }
    if !HOLDER_OF_KEY.contains(&uri) {
        return Ok(ConfirmationMethod::Other);
    }
    let [key_info] = key_infos.as_slice() else { return Err(form("holder-of-key without exactly one KeyInfo")) };
    Ok(ConfirmationMethod::HolderOfKey(HeldKey { keys: keys(key_info)? }))
}

/// The public keys of a KeyInfo. Each must be the same key's, or whoever has one of them could pass for the other.
fn keys(key_info: &Element) -> Result<Vec<PKey<Public>>, ReadError> {
    let unreadable = || form("a KeyInfo whose key cannot be read");
    let mut keys = Vec::new();
    for child in key_info.elements().filter(|child| &*child.name.namespace == DS.uri) {
        let found = match child.name.local.as_str() {
            "X509Data" => match child.only_child(DS.uri, "X509Certificate")? {
                Some(certificate) => certificate_key(certificate),
                None => continue,
            },
            "KeyValue" => child.only_child(DS.uri, "RSAKeyValue")?.and_then(rsa_key),
            _ => continue,
        };
        keys.push(found.ok_or_else(unreadable)?);
    }
    let same = keys.first().is_none_or(|first: &PKey<Public>| keys.iter().all(|key| key.public_eq(first)));
    if same { Ok(keys) } else { Err(form("a KeyInfo with two keys")) }
}

fn certificate_key(element: &Element) -> Option<PKey<Public>> {
    X509::from_der(&element.octets()?).ok()?.public_key().ok()
}

fn rsa_key(element: &Element) -> Option<PKey<Public>> {
    let number = |name| {
        let octets = element.only_child(DS.uri, name).ok()??.octets().filter(|octets| !octets.is_empty())?;
        BigNum::from_slice(&octets).ok()
    };
    let rsa = Rsa::from_public_components(number("Modulus")?, number("Exponent")?).ok()?;
    PKey::from_rsa(rsa).ok()
}
