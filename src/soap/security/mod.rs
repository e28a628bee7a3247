//! The WS-Security header of a request: its Timestamp, and whatever credentials are with it (WSS SOAP Message Security 1.0
//! and 1.1). What they mean is never a choice: one that could be meant in two ways is refused.

mod answer;
mod binary_token;
mod signature;
#[cfg(test)]
mod tests;
mod timestamp;
mod username_token;

pub use answer::{AnswerError, signed_answer};
pub use binary_token::{BinarySecurityToken, CertificateEncoding};
pub use signature::{Required, SignedMessage, unavailable as key_unavailable};
pub use timestamp::SecurityTimestamp;
pub use username_token::UsernameToken;

use super::envelope::is_for_us;
use super::{Envelope, WSSE, WSU};
use crate::dsig::{DS, MessageSignature, SAML11, SAML20, XENC};
use crate::model::{Refusal, RefusalKind, Timestamp, quoted};
use crate::xml::Element;

/// WS-SecureConversation of February 2005, 1.3 and 1.4.
const CONVERSATIONS: [&str; 3] = [
    "http://schemas.xmlsoap.org/ws/2005/02/sc",
    "http://docs.oasis-open.org/ws-sx/ws-secureconversation/200512",
    "http://docs.oasis-open.org/ws-sx/ws-secureconversation/200802",
];

/// What a security header holds.
pub struct SecurityHeader<'e> {
    /// `wsu:Timestamp`.
    pub timestamp: Option<SecurityTimestamp>,
    /// Who is said to ask; nothing in it is proved yet.
    pub credential: Credential<'e>,
    /// An assertion beside a name and a password: not who asks, so that it must be what the request is about.
    pub carried: Option<&'e Element>,
    timestamp_element: Option<&'e Element>,
}

/// What a message presents for its sender. The variants are all the combinations that have one meaning.
pub enum Credential<'e> {
    /// A name and a password: they say who asks. A signature proves a key besides, which a token may be bound to.
    Username {
        /// Name and password.
        token: UsernameToken,
        /// What endorses the message.
        endorsement: Option<Endorsement<'e>>,
    },
    /// A certificate, by whose key the message is signed.
    Certificate(Endorsement<'e>),
    /// An assertion about who asks, of somebody's; where it is for the holder of a key, with that key's signature.
    Assertion {
        /// The SAML assertion, nothing of it verified.
        assertion: &'e Element,
        /// `ds:Signature` of the message.
        signature: Option<&'e Element>,
    },
    /// None: who asks is known by the connection, or not at all. The names of what is there besides the Timestamp: it may be
    /// meant for one.
    Nothing(String),
}

/// A signature of the message, and the certificate that came along for it.
pub struct Endorsement<'e> {
    /// `ds:Signature`.
    pub signature: &'e Element,
    /// `wsse:BinarySecurityToken`; a signature may name it, or something else.
    pub certificate: Option<BinarySecurityToken<'e>>,
}

/// The children of a security header that mean something to us, each there once at most.
#[derive(Default)]
struct Found<'e> {
    timestamp: Option<&'e Element>,
    username: Option<&'e Element>,
    binary: Option<&'e Element>,
    signature: Option<&'e Element>,
    assertion: Option<&'e Element>,
    /// What needs a key of ours, or one that was agreed upon.
    agreed: Option<&'e Element>,
}

impl<'e> SecurityHeader<'e> {
    /// Reads the security header of a message: of several the one for us, for each receiver may have its own (WSS 1.0, 5).
    /// `None` if there is none.
    ///
    /// # Errors
    /// [`RefusalKind::Security`] if it is not readable, [`RefusalKind::UnsupportedToken`] for credentials that are never
    /// taken, [`RefusalKind::InvalidSecurityToken`] for one that is damaged.
    pub fn read(envelope: &'e Envelope) -> Result<Option<Self>, Refusal> {
        let Some(header) = envelope.header() else { return Ok(None) };
        let mut blocks = header.children_named(WSSE.uri, "Security").filter(|block| is_for_us(block, envelope.version));
        let Some(block) = blocks.next() else { return Ok(None) };
        if blocks.next().is_some() {
            return Err(security("more than one wsse:Security header")
                .telling("A message has one wsse:Security header for us."));
        }
        let found = Found::within(block)?;
        let timestamp = found.timestamp.map(SecurityTimestamp::read).transpose()?;
        let timestamp_element = found.timestamp;
        let carried = found.assertion.filter(|_| found.username.is_some());
        Ok(Some(Self { timestamp, credential: found.credential(block)?, carried, timestamp_element }))
    }

    /// Checks every time in the header against ours.
    ///
    /// # Errors
    /// [`RefusalKind::Security`] without a Timestamp, [`RefusalKind::Clock`] for one too old, too new or ended; the
    /// Timestamp of a signed message that has ended is [`RefusalKind::MessageExpired`].
    pub fn check_times(&self, now: Timestamp) -> Result<(), Refusal> {
        let timestamp = self
            .timestamp
            .ok_or_else(|| security("no wsu:Timestamp").telling("The wsse:Security header needs a wsu:Timestamp."))?;
        let token = match &self.credential {
            Credential::Username { token, .. } => token.created,
            _ => None,
        };
        timestamp.check(
            token,
            now,
            if self.signature_element().is_some() { RefusalKind::MessageExpired } else { RefusalKind::Clock },
        )
    }

    /// Whether a signature says that it covers the Body; that it holds is for [`SecurityHeader::verify`] to see.
    pub fn claims_body(&self, envelope: &Envelope) -> bool {
        let signature = self.signature_element();
        let signature = signature.and_then(|signature| MessageSignature::read(envelope.document(), signature).ok());
        signature.zip(envelope.body()).is_some_and(|(signature, body)| signature.refers_to(body))
    }

    fn signature_element(&self) -> Option<&'e Element> {
        match &self.credential {
            Credential::Username { endorsement, .. } => endorsement.as_ref().map(|endorsement| endorsement.signature),
            Credential::Assertion { signature, .. } => *signature,
            Credential::Certificate(endorsement) => Some(endorsement.signature),
            Credential::Nothing(_) => None,
        }
    }
}

impl<'e> Found<'e> {
    fn within(block: &'e Element) -> Result<Self, Refusal> {
        let mut found = Self::default();
        for element in block.elements() {
            let (place, name) = match (&*element.name.namespace, element.name.local.as_str()) {
                (namespace, "Timestamp") if namespace == WSU.uri => (&mut found.timestamp, "Timestamp"),
                (namespace, "UsernameToken") if namespace == WSSE.uri => (&mut found.username, "UsernameToken"),
                (namespace, "BinarySecurityToken") if namespace == WSSE.uri => {
                    (&mut found.binary, "BinarySecurityToken")
                }
                (namespace, "Signature") if namespace == DS.uri => (&mut found.signature, "Signature"),
                (SAML11 | SAML20, "Assertion") => (&mut found.assertion, "Assertion"),
                (namespace, _) if namespace == XENC.uri || CONVERSATIONS.contains(&namespace) => {
                    found.agreed = Some(element);
                    continue;
                }
                _ => continue,
            };
            if place.replace(element).is_some() {
                let told = "The wsse:Security header has more than one of an element that it may have once.";
                return Err(security(&format!("more than one {name}")).telling(told));
            }
        }
        Ok(found)
    }

    fn credential(self, block: &Element) -> Result<Credential<'e>, Refusal> {
        if let Some(agreed) = self.agreed {
            return Err(unsupported(format!("a message with {}", quoted(&agreed.name.local))));
        }
        let endorsement = |signature: Option<&'e Element>| {
            let certificate = self.binary.map(BinarySecurityToken::read).transpose()?;
            match (signature, certificate) {
                (Some(signature), certificate) => Ok(Some(Endorsement { signature, certificate })),
                (None, Some(_)) => Err(security("a BinarySecurityToken, and no signature by its key")
                    .telling("The key of the BinarySecurityToken must sign the message's Timestamp and To.")),
                (None, None) => Ok(None),
            }
        };
        match (self.username, self.assertion, self.signature) {
            (Some(token), _, signature) => {
                let token = UsernameToken::read(token)?;
                Ok(Credential::Username { token, endorsement: endorsement(signature)? })
            }
            (None, Some(assertion), signature) => match self.binary {
                Some(_) => Err(security("both a BinarySecurityToken and an Assertion: who of the two asks?")
                    .telling("A BinarySecurityToken and an Assertion are two credentials: send one of them.")),
                None => Ok(Credential::Assertion { assertion, signature }),
            },
            (None, None, signature) => match endorsement(signature)? {
                Some(endorsement) => Ok(Credential::Certificate(endorsement)),
                None => {
                    let others = block.elements().filter(|element| !element.is(WSU.uri, "Timestamp"));
                    let names: Vec<&str> = others.map(|element| element.name.local.as_str()).take(8).collect();
                    Ok(Credential::Nothing(names.join(" ")))
                }
            },
        }
    }
}

/// Whether the content of a message is encrypted, for us or for somebody.
pub fn is_encrypted(envelope: &Envelope) -> bool {
    envelope.content().is_ok_and(|content| content.is(XENC.uri, "EncryptedData"))
}

/// The only child of that name.
fn one<'e>(parent: &'e Element, namespace: &str, local: &'static str) -> Result<Option<&'e Element>, Refusal> {
    parent.only_child(namespace, local).map_err(|duplicate| security(&duplicate.to_string()))
}

fn security(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::Security, reason)
}

fn unsupported(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::UnsupportedToken, reason)
}
