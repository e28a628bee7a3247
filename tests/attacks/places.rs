//! The places that read what others have signed, each as the product reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use fedfront::dsig::{Accepted, KeyReference, verify};
use fedfront::model::Timestamp;
use fedfront::saml::ecp::{AcsRequest, AuthnRequest};
use fedfront::saml::metadata::{
    DocumentTrust, MetadataLimits, MetadataReader, MetadataTrust, PinnedKeys, ReceivedMetadata,
};
use fedfront::soap::{Credential, Envelope, Required, SecurityHeader, key_unavailable};
use fedfront::xml::Limits;
use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

/// What is said where what was signed, and that alone, is taken.
pub const READ: &str = "what was signed is read";

const HONEST: &str = "https://sp.example.org/paos";

/// A document is looked at when so much of it has come.
const PART: usize = 16 * 1024;

/// What is said of where in the document something is wrong: it is elsewhere in each.
const WHERE: &str = ", in what begins at byte";

/// A folder of `tests/data/attacks`, and what becomes of a document in it: [`READ`], or why it is refused.
pub struct Place {
    pub folder: &'static str,
    pub title: &'static str,
    pub outcome: fn(&str) -> String,
}

/// Signatures over one element, which is read from what was signed.
pub static PLACES: &[Place] = &[
    Place { folder: "authn-request", title: "signed AuthnRequest", outcome: authn_request },
    Place { folder: "metadata", title: "metadata of one entity", outcome: metadata },
    Place { folder: "aggregate", title: "aggregate", outcome: metadata },
    Place { folder: "metadata", title: "identity provider's own metadata", outcome: own_metadata },
];

/// Signatures over parts of a message, which are told by their places.
pub static MESSAGES: &[Place] = &[Place { folder: "message", title: "signed WS-Trust message", outcome: message }];

impl Place {
    /// The document of an attack, if it is kept for this place.
    pub fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path().join(format!("{name}.xml"))).ok()
    }

    /// The attacks that are kept for this place.
    pub fn names(&self) -> BTreeSet<String> {
        let files = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.map(|file| file.trim_end_matches(".xml").to_owned()).filter(|name| name != "honest").collect()
    }

    fn path(&self) -> PathBuf {
        data().join(self.folder)
    }
}

pub fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/attacks")
}

pub static SIGNER: LazyLock<PKey<Public>> = LazyLock::new(|| {
    let certificate = X509::from_pem(&fs::read(data().join("signer.crt")).unwrap()).unwrap();
    certificate.public_key().unwrap()
});

/// A request of a service provider that signs its requests.
fn authn_request(text: &str) -> String {
    let read = || {
        let envelope = Envelope::parse(text.as_bytes(), &Limits::message(65536), |_| true).map_err(|why| why.reason)?;
        let content = envelope.content().map_err(|why| why.reason)?;
        if !AuthnRequest::parse(content).map_err(|why| why.reason)?.signed {
            return Err("the metadata says AuthnRequestsSigned, and this one is not".to_owned());
        }
        let verified = verify(envelope.document(), content, "ID", std::slice::from_ref(&*SIGNER), Accepted::Modern);
        let verified = verified.map_err(|error| error.to_string())?;
        AuthnRequest::parse(&verified.document().root).map_err(|why| why.reason)
    };
    match read() {
        Ok(request) => {
            let url = Some(HONEST.to_owned());
            assert!(matches!(request.acs, AcsRequest::ByValue { url: asked, .. } if asked == url), "forged: {text}");
            assert_eq!(request.id, "_honest");
            READ.to_owned()
        }
        Err(why) => without_where(why),
    }
}

/// Metadata from a source whose key is known. However it comes in pieces, it is read or it is not.
fn metadata(text: &str) -> String {
    let outcome = metadata_in(text, text.len());
    let mut others = vec![metadata_in(text, 1)];
    // What comes is looked at in parts: here one of them ends within the document.
    if text.starts_with('<') && !text.starts_with("<?xml") {
        for end in [1, text.len() / 4, text.len() / 2, text.len() * 3 / 4] {
            let padding = format!("<!--{}-->", " ".repeat((PART - "<!---->".len()).saturating_sub(end)));
            others.push(metadata_in(&format!("{padding}{text}"), PART));
        }
    }
    assert!(others.iter().all(|other| (other == READ) == (outcome == READ)), "{outcome:?}, but {others:?}: {text}");
    outcome
}

fn metadata_in(text: &str, pieces: usize) -> String {
    let trust = MetadataTrust::SignedBy { keys: vec![SIGNER.clone()], accepted: Accepted::Modern };
    let mut reader = MetadataReader::new(trust, MetadataLimits::document(1 << 20));
    let pushed = text.as_bytes().chunks(pieces).try_for_each(|piece| reader.push(piece));
    match pushed.and_then(|()| reader.finish()) {
        Ok(aggregate) => {
            let providers: Vec<&str> = aggregate
                .providers
                .iter()
                .flat_map(|provider| &provider.assertion_consumer_services)
                .map(|service| service.location.as_str())
                .collect();
            assert_eq!(providers, [HONEST], "forged: {text}");
            READ.to_owned()
        }
        Err(why) => without_where(why.to_string()),
    }
}

/// Metadata that is to be published in our name.
fn own_metadata(text: &str) -> String {
    let trust = DocumentTrust::Signed(PinnedKeys { keys: vec![SIGNER.clone()], accepted: Accepted::Modern });
    match ReceivedMetadata::read(text.as_bytes(), 1 << 20, "https://sp.example.org/shibboleth", &trust) {
        Ok(read) => {
            assert_eq!(read.valid_until, Some(at("2026-01-08T00:00:00Z")), "forged: {text}");
            READ.to_owned()
        }
        Err(why) => without_where(why.to_string()),
    }
}

/// A message by whose signature a certificate signs in.
fn message(text: &str) -> String {
    let read = || {
        let envelope = Envelope::parse(text.as_bytes(), &Limits::message(65536), |_| true)?;
        let header = SecurityHeader::read(&envelope)?.expect("a security header");
        let endorsement = match &header.credential {
            Credential::Certificate(endorsement) => endorsement,
            _ => panic!("another credential: {text}"),
        };
        let signature = SecurityHeader::signature(&envelope, endorsement.signature)?;
        let certificate = endorsement.certificate.as_ref().map(|token| token.element);
        match signature.key() {
            KeyReference::Token(named) if certificate.is_some_and(|token| std::ptr::eq(named, token)) => {}
            key => return Err(key_unavailable(key)),
        }
        let signed = header.verify(&envelope, &signature, &SIGNER, Required::TimestampAndTo)?;
        envelope.content()?;
        Ok((signed.to, header.check_times(at("2030-01-01T00:00:00Z")).is_err(), text.contains("urn:forged")))
    };
    match read() {
        Ok(read) => {
            assert_eq!(read, (Some("https://sts.example.org/".to_owned()), true, false), "forged: {text}");
            READ.to_owned()
        }
        Err(why) => without_where(why.reason),
    }
}

fn at(instant: &str) -> Timestamp {
    Timestamp::parse(instant).unwrap()
}

fn without_where(why: String) -> String {
    why.split_once(WHERE).map_or(why.clone(), |(what, _)| what.to_owned())
}
