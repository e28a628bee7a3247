//! WS-Federation's metadata (Web Services Federation Language 1.2, 3): an entity of SAML's with a role for the security token
//! service, as AD FS publishes it and WIF, ASP.NET and SharePoint read it.

use std::time::Duration;

use super::idp::key_descriptor;
use crate::dsig::Unsigned;
use crate::model::Timestamp;
use crate::saml::names::{MD, XSI};
use crate::xml::{Ns, Writer};

static FED: Ns = Ns { prefix: "fed", uri: "http://docs.oasis-open.org/wsfed/federation/200706" };
static AUTH: Ns = Ns { prefix: "auth", uri: "http://docs.oasis-open.org/wsfed/authorization/200706" };
static WSA: Ns = Ns { prefix: "wsa", uri: "http://www.w3.org/2005/08/addressing" };
static MEX: Ns = Ns { prefix: "wsx", uri: "http://schemas.xmlsoap.org/ws/2004/09/mex" };

/// WS-Trust 1.3, the version of 2005/02, and WS-Federation 1.2.
const PROTOCOLS: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512 http://schemas.xmlsoap.org/ws/2005/02/trust \
                         http://docs.oasis-open.org/wsfed/federation/200706";
/// SAML 2.0 and 1.1, as WIF spells them.
const TOKEN_TYPES: [&str; 2] = ["urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:1.0:assertion"];

/// What we say of the security token service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityTokenService {
    /// `entityID`: the issuer that tokens name.
    pub entity_id: String,
    /// `ID` of this issue of the document, which its signature refers to.
    pub id: String,
    /// Until when it may be believed.
    pub valid_until: Timestamp,
    /// How long it may be cached.
    pub cache_duration: Duration,
    /// Certificates of our key and of those that the identity provider signs with: base64 of the DER, on one line.
    pub signing_certificates: Vec<String>,
    /// The claims that tokens may have, each once.
    pub claims: Vec<Claim>,
    /// The security token service.
    pub sts: String,
    /// Where it describes itself by WS-MetadataExchange, if it does.
    pub mex: Option<String>,
    /// Where browsers sign in by WS-Federation: the identity provider's own.
    pub passive: Option<String>,
}

/// A claim that a token may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its URI.
    pub uri: String,
    /// What people call it.
    pub display_name: Option<String>,
}

/// Writes the document, the Signature's place first among its elements. Of its namespaces one is declared where only a value
/// needs it, which its canonical form leaves out: see [`sign_written`](crate::dsig::sign_written).
pub fn federation_metadata(sts: SecurityTokenService) -> Unsigned<SecurityTokenService> {
    let certificates: usize = sts.signing_certificates.iter().map(String::len).sum();
    let mut w = Writer::with_capacity(8192 + certificates);
    w.start(
        &MD,
        "EntityDescriptor",
        &[
            ("ID", &sts.id),
            ("entityID", &sts.entity_id),
            ("validUntil", &sts.valid_until.to_string()),
            ("cacheDuration", &format!("PT{}S", sts.cache_duration.as_secs())),
        ],
    );
    let signature_at = w.position();
    let role_type = format!("{}:SecurityTokenServiceType", FED.prefix);
    let attributes = vec![(Some(&XSI), "type", role_type.as_str()), (None, "protocolSupportEnumeration", PROTOCOLS)];
    w.start_with(&MD, "RoleDescriptor", &[&FED], attributes);
    for certificate in &sts.signing_certificates {
        key_descriptor(certificate, &mut w);
    }
    offers(&sts, &mut w);
    w.start(&FED, "SecurityTokenServiceEndpoint", &[]);
    endpoint_reference(&sts.sts, sts.mex.as_deref(), &mut w);
    w.end();
    if let Some(passive) = &sts.passive {
        w.start(&FED, "PassiveRequestorEndpoint", &[]);
        endpoint_reference(passive, None, &mut w);
        w.end();
    }
    Unsigned { xml: w.finish(), id: sts.id.clone(), signature_at, value: sts }
}

fn offers(sts: &SecurityTokenService, w: &mut Writer) {
    w.start(&FED, "TokenTypesOffered", &[]);
    for token_type in TOKEN_TYPES {
        w.start(&FED, "TokenType", &[("Uri", token_type)]);
        w.end();
    }
    w.end();
    if sts.claims.is_empty() {
        return;
    }
    w.start(&FED, "ClaimTypesOffered", &[]);
    for claim in &sts.claims {
        w.start(&AUTH, "ClaimType", &[("Uri", &claim.uri), ("Optional", "true")]);
        if let Some(name) = &claim.display_name {
            w.leaf(&AUTH, "DisplayName", name);
        }
        w.end();
    }
    w.end();
}

fn endpoint_reference(address: &str, mex: Option<&str>, w: &mut Writer) {
    w.start(&WSA, "EndpointReference", &[]);
    w.leaf(&WSA, "Address", address);
    if let Some(mex) = mex {
        w.start(&WSA, "Metadata", &[]);
        w.start(&MEX, "Metadata", &[]);
        w.start(&MEX, "MetadataSection", &[("Dialect", MEX.uri)]);
        w.start(&MEX, "MetadataReference", &[]);
        w.leaf(&WSA, "Address", mex);
        for _ in 0..4 {
            w.end();
        }
    }
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsig::{Accepted, SigningKey, sign_written, testing, verify};
    use crate::saml::assertion::tests::{HOSTILE, at};
    use crate::xml::{Document, Limits, parse};

    fn read(xml: &str) -> Document {
        parse(xml.as_bytes(), &Limits::metadata(1 << 20)).unwrap()
    }

    fn service(word: &str) -> SecurityTokenService {
        SecurityTokenService {
            entity_id: word.to_owned(),
            id: "_md1".to_owned(),
            valid_until: at(7 * 86_400),
            cache_duration: Duration::from_secs(6 * 3600),
            signing_certificates: vec!["AAEC".to_owned(), "AwQF".to_owned()],
            claims: vec![Claim { uri: word.to_owned(), display_name: Some(word.to_owned()) }],
            sts: word.to_owned(),
            mex: Some(word.to_owned()),
            passive: Some(word.to_owned()),
        }
    }

    #[test]
    fn the_role_has_what_consumers_read() {
        let document = read(&federation_metadata(service("https://sts.example.com")).xml);
        let role = document.root.child(MD.uri, "RoleDescriptor").unwrap();
        assert_eq!(role.attribute_ns(XSI.uri, "type"), Some("fed:SecurityTokenServiceType"));
        assert!(role.declarations.iter().any(|(prefix, uri)| (&**prefix, &**uri) == (FED.prefix, FED.uri)));
        let children: Vec<&str> = role.elements().map(|element| element.name.local.as_str()).collect();
        let expected = [
            "KeyDescriptor",
            "KeyDescriptor",
            "TokenTypesOffered",
            "ClaimTypesOffered",
            "SecurityTokenServiceEndpoint",
            "PassiveRequestorEndpoint",
        ];
        assert_eq!(children, expected);
        let addresses = document.root.descendants().filter(|element| element.is(WSA.uri, "Address"));
        assert_eq!(addresses.count(), 3);
    }

    #[test]
    fn what_is_not_there_is_not_written() {
        let alone = SecurityTokenService { claims: Vec::new(), mex: None, passive: None, ..service("https://x") };
        let document = read(&federation_metadata(alone).xml);
        let names = ["ClaimTypesOffered", "PassiveRequestorEndpoint", "Metadata", "ClaimType"];
        assert!(document.root.descendants().all(|element| !names.contains(&element.name.local.as_str())));
    }

    #[test]
    fn the_signature_holds_although_the_document_declares_more_than_its_canonical_form() {
        let private = testing::rsa();
        let key = SigningKey::new(private.clone(), testing::certificate(&private)).unwrap();
        let unsigned = federation_metadata(service(HOSTILE));
        let signed = sign_written(unsigned, &key, crate::model::SignatureAlgorithm::RsaSha256).unwrap();
        let document = read(signed.xml());
        let keys = [key.certificate().public_key().unwrap()];
        let verified = verify(&document, &document.root, "ID", &keys, Accepted::Modern).unwrap();
        assert_eq!(verified.document().root.attribute("entityID"), Some(HOSTILE));
        let role = document.root.child(MD.uri, "RoleDescriptor").unwrap();
        assert!(role.declarations.iter().any(|(prefix, _)| &**prefix == FED.prefix), "readers look for its type");
    }
}
