//! What a signature of the message must cover to prove that its signer sent this message, now, to us (WSO2's scenario 2,
//! AD FS's certificatemixed, holder-of-key assertions).

use openssl::pkey::{PKey, Public};
use openssl::sha::sha256;

use super::{SecurityHeader, security};
use crate::dsig::{KeyReference, MessageSignature, VerifyError};
use crate::model::{Refusal, RefusalKind};
use crate::soap::{AddressingVersion, Envelope, SoapVersion};
use crate::xml::Element;

/// Whether a message that says where it goes must be signed for that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// The Timestamp, and the To; the Body, where a message has no To. The signature says who asks: over a Timestamp alone it
    /// would say so to whomever somebody else passes the message on to.
    TimestampAndTo,
    /// The Timestamp alone: something else says who asks.
    Timestamp,
}

/// What a signature that holds says of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedMessage {
    /// `wsa:To`, where it is signed.
    pub to: Option<String>,
    /// The SHA-256 of the key and of what it signed: what the message is known by, should it come again. Another's message
    /// may say the same at the same time.
    pub digest: [u8; 32],
}

impl SecurityHeader<'_> {
    /// Reads a signature of the message, so far that it can be asked which key it wants.
    ///
    /// # Errors
    /// [`RefusalKind::UnsupportedAlgorithm`], or [`RefusalKind::FailedCheck`] for what is no signature as we read them.
    pub fn signature<'d>(envelope: &'d Envelope, signature: &'d Element) -> Result<MessageSignature<'d>, Refusal> {
        MessageSignature::read(envelope.document(), signature).map_err(|error| failed(&error))
    }

    /// Has `key` verify the signature, and compares what it covers with what it must: this header's own Timestamp, and the
    /// message's own To.
    ///
    /// # Errors
    /// [`RefusalKind::FailedCheck`] if it does not hold, [`RefusalKind::Security`] if it leaves something out or covers a Body
    /// that has been moved away.
    pub fn verify(
        &self,
        envelope: &Envelope,
        signature: &MessageSignature<'_>,
        key: &PKey<Public>,
        required: Required,
    ) -> Result<SignedMessage, Refusal> {
        let parts = signature.verify(key).map_err(|error| failed(&error))?;
        if !self.timestamp_element.is_some_and(|timestamp| parts.covers(timestamp)) {
            return Err(security("the signature does not cover the Timestamp")
                .telling("The signature must cover the Timestamp of the wsse:Security header."));
        }
        // What is signed under the name of a Body was one to its signer, and another may stand in its place here.
        let is_body = |element: &Element| {
            [SoapVersion::V11, SoapVersion::V12].iter().any(|version| element.is(version.ns().uri, "Body"))
        };
        let is_ours = |element: &Element| envelope.body().is_some_and(|body| std::ptr::eq(body, element));
        if parts.iter().any(|part| is_body(part.element()) && !is_ours(part.element())) {
            return Err(security("the Body that the signature covers is not the message's")
                .telling("The signature covers a Body that is not the message's."));
        }
        let to = only_to(envelope)?;
        let signed_to = to.and_then(|to| parts.part(to));
        let body = || envelope.body().is_some_and(|body| parts.covers(body));
        match (required, to) {
            (Required::TimestampAndTo, Some(_)) if signed_to.is_none() => {
                return Err(security("the signature does not cover wsa:To").telling("The signature must cover wsa:To."));
            }
            (Required::TimestampAndTo, None) if !body() => {
                return Err(security("there is no wsa:To, and the signature does not cover the Body")
                    .telling("The signature must cover the Body of a message that has no wsa:To."));
            }
            _ => {}
        }
        let to = match signed_to.map(|part| part.document().root.trimmed_text()) {
            Some(None) => return Err(security("wsa:To is not text")),
            Some(Some(text)) => Some(text.to_owned()),
            None => None,
        };
        let key = key.public_key_to_der().map_err(|error| {
            Refusal::new(RefusalKind::FailedCheck, format!("the key of the message's signature: {error}"))
        })?;
        Ok(SignedMessage { to, digest: sha256(&[&key, parts.signed_info()].concat()) })
    }
}

/// The message's `wsa:To`, in any version of WS-Addressing.
fn only_to(envelope: &Envelope) -> Result<Option<&Element>, Refusal> {
    let is_to = |block: &&Element| block.name.local == "To" && AddressingVersion::of(&block.name.namespace).is_some();
    let mut found = envelope.header().into_iter().flat_map(|header| header.elements()).filter(is_to);
    let to = found.next();
    if found.next().is_some() {
        Err(security("more than one wsa:To").telling("The message has more than one wsa:To."))
    } else {
        Ok(to)
    }
}

/// The refusal of a key that is nowhere to be found.
pub fn unavailable(key: KeyReference<'_>) -> Refusal {
    let reason = match key {
        KeyReference::Unavailable(how) => how.to_owned(),
        KeyReference::Token(token) => format!("KeyInfo names a {}", token.name.local),
        KeyReference::Identifier { .. } => "KeyInfo has a KeyIdentifier of no token in the message".to_owned(),
    };
    Refusal::new(RefusalKind::SecurityTokenUnavailable, reason)
}

fn failed(error: &VerifyError) -> Refusal {
    let kind = match error.is_unsupported_algorithm() {
        true => RefusalKind::UnsupportedAlgorithm,
        false => RefusalKind::FailedCheck,
    };
    Refusal::new(kind, format!("the message's signature: {error}"))
}
