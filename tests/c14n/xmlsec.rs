//! Canonicalisation as xmlsec1 does it: it verifies a signature with a reference to each of many documents, whose digests
//! are of what we wrote.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;

use crate::documents::Case;
use crate::{file, skip};

/// Documents in one signature: xmlsec1 goes through all of them for each reference.
pub const AT_ONCE: usize = 100;

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";

static KEY: LazyLock<PKey<Private>> = LazyLock::new(|| PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());

/// Whether xmlsec1's digests are those of `canonical`; what is to be left out is not. `None` without xmlsec1.
pub fn agrees(cases: &[Case], canonical: impl Fn(&Case) -> Vec<u8>) -> Option<bool> {
    if Command::new("xmlsec1").arg("--version").output().is_err() {
        skip("xmlsec1 is not installed");
        return None;
    }
    let references: String = cases.iter().map(|case| reference(case, &canonical)).collect();
    let info = format!(
        "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><CanonicalizationMethod Algorithm=\"{INCLUSIVE}\"></CanonicalizationMethod>\
         <SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></SignatureMethod>{references}</SignedInfo>"
    );
    let value = Signer::new(MessageDigest::sha256(), &KEY).unwrap().sign_oneshot_to_vec(info.as_bytes()).unwrap();
    let documents: String = cases.iter().map(|case| case.element.as_str()).collect();
    let xml = format!(
        "<all>{documents}<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\">{info}<SignatureValue>{}</SignatureValue></Signature></all>",
        STANDARD.encode(value)
    );
    // Tests run side by side.
    let name = format!("xmlsec{}-{}", cases.first().map_or("", |case| &case.id), cases.len());
    let (file, key) = (file(&format!("{name}.xml")), file(&format!("{name}.pem")));
    fs::write(&file, xml).unwrap();
    fs::write(&key, KEY.public_key_to_pem().unwrap()).unwrap();
    let mut command = Command::new("xmlsec1");
    command.args(["--verify", "--pubkey-pem"]).arg(key);
    let output = command.arg(&file).output().unwrap();
    Some(output.status.success())
}

/// The reference to a case's element. A bare `#id` leaves comments out whatever follows; an XPointer does not.
fn reference(case: &Case, canonical: &impl Fn(&Case) -> Vec<u8>) -> String {
    let whole = Case { without: None, ..case.clone() };
    let digest = STANDARD.encode(sha256(&canonical(&whole)));
    let (uri, comments) = if case.with_comments {
        (format!("#xpointer(id('{}'))", case.id), "WithComments")
    } else {
        (format!("#{}", case.id), "")
    };
    let list = if case.prefixes.is_empty() {
        String::new()
    } else {
        let prefixes = case.prefixes.join(" ");
        format!("<InclusiveNamespaces xmlns=\"{EXCLUSIVE}\" PrefixList=\"{prefixes}\"></InclusiveNamespaces>")
    };
    format!(
        "<Reference URI=\"{uri}\"><Transforms><Transform Algorithm=\"{EXCLUSIVE}{comments}\">{list}</Transform></Transforms>\
         <DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>{digest}</DigestValue></Reference>"
    )
}
