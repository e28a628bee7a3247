//! Metadata, SAML's and WS-Federation's, as far as it is compared.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;

use super::found::{found, of_sets};
use crate::model::{Endpoint, hex};
use crate::telemetry::ShadowDifference;
use crate::xml::{Element, Limits, parse};

const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// What a document says of whoever published it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    entity_ids: BTreeSet<String>,
    /// SHA-256 of those that sign.
    certificates: BTreeSet<String>,
    /// What is where.
    endpoints: BTreeSet<String>,
    formats: BTreeSet<String>,
    signed: bool,
}

impl Described {
    /// Reads a document; `None` if it is no metadata. Of SAML's, identity providers are compared; of WS-Federation's, the other
    /// roles.
    pub fn read(bytes: &[u8], endpoint: Endpoint) -> Option<Self> {
        let document = parse(bytes, &Limits::metadata(bytes.len().max(1))).ok()?;
        let root = &document.root;
        if !root.is(MD, "EntityDescriptor") && !root.is(MD, "EntitiesDescriptor") {
            return None;
        }
        let role = if endpoint == Endpoint::FederationMetadata { "RoleDescriptor" } else { "IDPSSODescriptor" };
        let roles: Vec<&Element> = root.descendants().filter(|element| element.is(MD, role)).collect();
        let entities = root.descendants().filter(|element| element.is(MD, "EntityDescriptor"));
        let in_roles = |wanted: fn(&Element) -> bool| {
            roles.iter().flat_map(|role| role.descendants()).filter(move |element| wanted(element))
        };
        let keys = in_roles(|e| e.is(MD, "KeyDescriptor") && e.attribute("use") != Some("encryption"));
        let certificates = keys.flat_map(Element::descendants).filter(|e| e.is(DS, "X509Certificate"));
        let formats = in_roles(|e| e.is(MD, "NameIDFormat"));
        Some(Self {
            entity_ids: entities.filter_map(|entity| entity.attribute("entityID")).map(str::to_owned).collect(),
            certificates: certificates.map(fingerprint).collect(),
            endpoints: in_roles(|_| true).flat_map(places).collect(),
            formats: formats.filter_map(Element::trimmed_text).map(str::to_owned).collect(),
            signed: root.child(DS, "Signature").is_some(),
        })
    }

    /// In what this, which is ours, differs from the identity provider's.
    pub fn differences(&self, theirs: &Self) -> Vec<ShadowDifference> {
        let sets = [
            ("entity_id", &self.entity_ids, &theirs.entity_ids),
            ("metadata_certificate", &self.certificates, &theirs.certificates),
            ("metadata_endpoint", &self.endpoints, &theirs.endpoints),
            ("metadata_format", &self.formats, &theirs.formats),
        ];
        let sets = sets.into_iter().filter_map(|(name, ours, theirs)| of_sets(name, ours, theirs));
        let mut differences: Vec<ShadowDifference> = sets.collect();
        if self.signed != theirs.signed {
            let words = |signed| if signed { "signed" } else { "not signed" };
            differences.push(found("metadata_signature", None, words(self.signed), words(theirs.signed)));
        }
        differences
    }
}

fn fingerprint(certificate: &Element) -> String {
    let text: String = certificate.text().unwrap_or_default().split_whitespace().collect();
    match STANDARD.decode(&text) {
        Ok(der) => format!("SHA-256 {}", hex(&sha256(&der))),
        Err(_) => "unreadable".to_owned(),
    }
}

/// `SingleSignOnService HTTP-POST https://…`, and the addresses of WS-Federation's endpoints.
fn places(element: &Element) -> Vec<String> {
    let local = &element.name.local;
    if let Some(location) = element.attribute("Location") {
        let binding = element.attribute("Binding").unwrap_or_default();
        let binding = binding.rsplit(':').next().unwrap_or_default();
        return vec![format!("{local} {binding} {location}")];
    }
    if !local.ends_with("Endpoint") {
        return Vec::new();
    }
    let addresses = element.descendants().filter(|below| below.name.local == "Address");
    addresses.filter_map(Element::trimmed_text).map(|address| format!("{local} {address}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(entity: &str, use_: &str, location: &str, signature: &str) -> Vec<u8> {
        let [open, close] = ["<md:EntityDescriptor", "</md:EntityDescriptor>"];
        format!(
            "{open} xmlns:md='{MD}' xmlns:ds='{DS}' entityID='{entity}'>{signature}<md:IDPSSODescriptor>\
             <md:KeyDescriptor use='{use_}'><ds:KeyInfo><ds:X509Data><ds:X509Certificate>AA\nEC</ds:X509Certificate>\
             </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\
             <md:SingleSignOnService Binding='urn:oasis:names:tc:SAML:2.0:bindings:SOAP' Location='{location}'/>\
             </md:IDPSSODescriptor>{close}"
        )
        .into_bytes()
    }

    #[test]
    fn metadata_is_compared_by_what_it_says() {
        let read = |bytes: Vec<u8>| Described::read(&bytes, Endpoint::Metadata).unwrap();
        let ours = || read(document("urn:idp", "signing", "https://sts/soap", ""));
        let names = |theirs| ours().differences(&read(theirs)).into_iter().map(|d| d.difference).collect::<Vec<_>>();
        assert!(names(document("urn:idp", "signing", "https://sts/soap", "")).is_empty());
        assert_eq!(names(document("urn:other", "signing", "https://sts/soap", "")), ["entity_id"]);
        assert_eq!(names(document("urn:idp", "encryption", "https://sts/soap", "")), ["metadata_certificate"]);
        assert_eq!(names(document("urn:idp", "signing", "https://x/soap", "")), ["metadata_endpoint"]);
        assert_eq!(
            names(document("urn:idp", "signing", "https://sts/soap", "<ds:Signature/>")),
            ["metadata_signature"]
        );
        let differences = ours().differences(&read(document("urn:idp", "signing", "https://x/soap", "")));
        assert_eq!(differences[0].fedfront, "SingleSignOnService SOAP https://sts/soap");
        assert!(Described::read(b"<html/>", Endpoint::Metadata).is_none());
        assert!(Described::read(b"", Endpoint::Metadata).is_none());
    }
}
