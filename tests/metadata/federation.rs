//! A signed federation of any length, written piece by piece: its canonical form by construction, so that signing it is a
//! digest on the way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::Rsa;
use openssl::sha::Sha256;
use openssl::sign::Signer;
use openssl::x509::X509;

/// How many there are of what.
pub struct Federation {
    /// Service providers, with about what one in eduGAIN says of itself: 3.5 KB.
    pub service_providers: usize,
    /// Identity providers, each as long as `idp_bytes`.
    pub identity_providers: usize,
    /// Mostly a logo.
    pub idp_bytes: usize,
    key: PKey<Private>,
    certificate: String,
}

impl Federation {
    pub fn new(service_providers: usize, identity_providers: usize, idp_bytes: usize) -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let certificate = STANDARD.encode(certificate(&key).to_der().unwrap());
        Self { service_providers, identity_providers, idp_bytes, key, certificate }
    }

    /// The key to verify it with.
    pub fn public_key(&self) -> PKey<Public> {
        PKey::public_key_from_der(&self.key.public_key_to_der().unwrap()).unwrap()
    }

    /// Writes the document. `change` may change an entity after it was digested.
    pub fn write(&self, change: impl Fn(usize, String) -> String, mut to: impl FnMut(&[u8])) {
        let mut digest = Sha256::new();
        digest.update(START.as_bytes());
        for number in 0..self.entities() {
            digest.update(self.entity(number).as_bytes());
        }
        digest.update(END.as_bytes());
        to(START.as_bytes());
        to(self.signature(&digest.finish()).as_bytes());
        for number in 0..self.entities() {
            to(change(number, self.entity(number)).as_bytes());
        }
        to(END.as_bytes());
    }

    pub fn entities(&self) -> usize {
        self.service_providers + self.identity_providers
    }

    fn signature(&self, digest: &[u8]) -> String {
        let digest = STANDARD.encode(digest);
        let c14n = "http://www.w3.org/2001/10/xml-exc-c14n#";
        let info = format!(
            "<ds:SignedInfo xmlns:ds=\"{DS}\"><ds:CanonicalizationMethod Algorithm=\"{c14n}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#_federation\"><ds:Transforms>\
             <ds:Transform Algorithm=\"{DS}enveloped-signature\"></ds:Transform>\
             <ds:Transform Algorithm=\"{c14n}\"></ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        );
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        let value = STANDARD.encode(signer.sign_oneshot_to_vec(info.as_bytes()).unwrap());
        format!("<ds:Signature xmlns:ds=\"{DS}\">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>")
    }

    /// Identity providers come between the service providers.
    fn entity(&self, number: usize) -> String {
        let before = |number: usize| number * self.identity_providers / self.entities();
        if before(number) < before(number + 1) { self.identity_provider(number) } else { self.service_provider(number) }
    }

    fn service_provider(&self, number: usize) -> String {
        let host = format!("https://sp{number}.department.university.example.org");
        let services: String = [("HTTP-POST", "POST"), ("HTTP-POST-SimpleSign", "POST-SimpleSign"), ("PAOS", "ECP")]
            .iter()
            .cycle()
            .take(6)
            .enumerate()
            .map(|(index, (binding, path))| {
                format!(
                    "    <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
                     Location=\"{host}/Shibboleth.sso/SAML2/{path}\" index=\"{}\"></md:AssertionConsumerService>\n",
                    index + 1
                )
            })
            .collect();
        let asked: String = ["1.3.6.1.4.1.5923.1.1.1.6", "0.9.2342.19200300.100.1.3", "2.16.840.1.113730.3.1.241"]
            .iter()
            .map(|oid| format!("      <md:RequestedAttribute Name=\"urn:oid:{oid}\"></md:RequestedAttribute>\n"))
            .collect();
        format!(
            "<md:EntityDescriptor ID=\"_sp{number}\" entityID=\"{host}/shibboleth\">\n  <md:Extensions>\n    \
             <mdattr:EntityAttributes xmlns:mdattr=\"urn:oasis:names:tc:SAML:metadata:attribute\">\
             <saml:Attribute xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
             Name=\"http://macedir.org/entity-category\"><saml:AttributeValue>\
             http://refeds.org/category/research-and-scholarship</saml:AttributeValue></saml:Attribute>\
             </mdattr:EntityAttributes>\n  </md:Extensions>\n  <md:SPSSODescriptor \
             protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n    <md:KeyDescriptor>\
             <ds:KeyInfo xmlns:ds=\"{DS}\"><ds:X509Data><ds:X509Certificate>\n{}</ds:X509Certificate></ds:X509Data>\
             </ds:KeyInfo><md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\">\
             </md:EncryptionMethod></md:KeyDescriptor>\n    <md:NameIDFormat>\
             urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>\n{services}    \
             <md:AttributeConsumingService index=\"1\">\n{asked}    </md:AttributeConsumingService>\n  \
             </md:SPSSODescriptor>\n</md:EntityDescriptor>\n",
            lines(&self.certificate)
        )
    }

    fn identity_provider(&self, number: usize) -> String {
        let logo = lines(&"iVBORw0KGgo".repeat(self.idp_bytes / 11));
        format!(
            "<md:EntityDescriptor ID=\"_idp{number}\" entityID=\"https://idp{number}.example.org/idp\">\n  \
             <md:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n    \
             <md:Extensions><mdui:UIInfo xmlns:mdui=\"urn:oasis:names:tc:SAML:metadata:ui\">\
             <mdui:Logo height=\"64\" width=\"64\">data:image/png;base64,{logo}</mdui:Logo></mdui:UIInfo></md:Extensions>\n    \
             <md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
             Location=\"https://idp{number}.example.org/sso\"></md:SingleSignOnService>\n  </md:IDPSSODescriptor>\n\
             </md:EntityDescriptor>\n"
        )
    }
}

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const START: &str = "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_federation\" \
                     Name=\"https://federation.example.org\" cacheDuration=\"PT6H\" validUntil=\"2026-01-15T00:00:00Z\">\n";
const END: &str = "</md:EntitiesDescriptor>";

/// As PEM breaks them.
fn lines(base64: &str) -> String {
    let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap() + "\n";
    base64.as_bytes().chunks(64).map(line).collect()
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
