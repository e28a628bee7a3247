//! A SAML token in the security header as the asker's credential (AD FS's issuedtokenmixed).

use openssl::pkey::{PKey, Public};

use super::asker::check_to;
use super::known::Known;
use super::renew::is_renewable;
use crate::dsig::{KeyReference, MessageSignature, is_fit};
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::model::{Refusal, RefusalKind, Timestamp};
use crate::saml::{ConfirmationMethod, ReceivedAssertion};
use crate::soap::{Envelope, Required, SecurityHeader, SignedMessage, key_unavailable};
use crate::sts::{HeldBy, Vouched};
use crate::xml::Element;

/// What a token, and the key that it was issued to, prove of who asks.
pub(super) struct Shown {
    /// Who, when and how they signed in.
    pub(super) vouched: Vouched,
    /// The key that signed the message, which the token is bound to, and what it signed.
    pub(super) signed: Option<(PKey<Public>, SignedMessage)>,
}

/// Verifies a token and, where it is for the holder of a key, the message's signature by that key.
pub(super) async fn shown(
    assertion: &Element,
    signature: Option<&Element>,
    header: &SecurityHeader<'_>,
    envelope: &Envelope,
    context: &Context,
    now: Timestamp,
) -> Result<Shown, Failure> {
    let read = context.trusted.verify(envelope.document(), assertion)?;
    refuse_ended(&read, context, now).await?;
    let signed = match signature {
        None => None,
        Some(signature) => {
            let signature = SecurityHeader::signature(envelope, signature)?;
            if !names(&signature, assertion, &read.id) {
                return Err(key_unavailable(signature.key()).into());
            }
            let (key, signed) = signed_by_holder(&read, &signature, header, envelope)?;
            check_to(&signed, context)?;
            Some((key, signed))
        }
    };
    let signers: Vec<PKey<Public>> = signed.iter().map(|(key, _)| key.clone()).collect();
    let vouched = context.trusted.judge(&read, HeldBy::Subject(&signers), now)?;
    Ok(Shown { vouched, signed })
}

/// Refuses a token of ours that was cancelled, and one that has ended and can be renewed.
pub(super) async fn refuse_ended(
    assertion: &ReceivedAssertion,
    context: &Context,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !context.trusted.is_own(assertion) {
        return Ok(());
    }
    let record = context.issued.find(&assertion.id, now).await;
    let known = Known { id: assertion.id.clone(), record, shown: None };
    if known.is_cancelled(context, now).await {
        return Err(Refusal::new(RefusalKind::InvalidTarget, "a token of ours that was cancelled"));
    }
    if known.ends().is_some_and(|ends| ends <= now) && is_renewable(&known, context, now) {
        return Err(Refusal::new(RefusalKind::RenewNeeded, "a token of ours that has ended, and can be renewed"));
    }
    Ok(())
}

/// Whether a signature says that its key is the one that the assertion is bound to.
fn names(signature: &MessageSignature<'_>, assertion: &Element, id: &str) -> bool {
    match signature.key() {
        KeyReference::Token(token) => std::ptr::eq(token, assertion),
        KeyReference::Identifier { value, .. } => value == id,
        KeyReference::Unavailable(_) => false,
    }
}

fn signed_by_holder(
    assertion: &ReceivedAssertion,
    signature: &MessageSignature<'_>,
    header: &SecurityHeader<'_>,
    envelope: &Envelope,
) -> Result<(PKey<Public>, SignedMessage), Refusal> {
    let held = assertion.confirmations.iter().filter_map(|confirmation| match &confirmation.method {
        ConfirmationMethod::HolderOfKey(held) => held.keys.first().filter(|key| is_fit(key)),
        ConfirmationMethod::Bearer | ConfirmationMethod::Other => None,
    });
    let mut refused =
        Refusal::new(RefusalKind::SecurityTokenUnavailable, "a signature by the key of a token that has none");
    for key in held {
        match header.verify(envelope, signature, key, Required::TimestampAndTo) {
            Ok(signed) => return Ok((key.clone(), signed)),
            Err(refusal) => refused = refusal,
        }
    }
    Err(refused)
}
