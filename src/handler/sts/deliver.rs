//! A token on its way out: made, answered with, and remembered.

use std::sync::Arc;

use super::Message;
use super::asker::Asker;
use super::keys::Binding;
use super::token::{TokenError, TokenMaker};
use crate::handler::Failure;
use crate::handler::trail::Trail;
use crate::model::{EntryId, RelyingParty, Timestamp, Username};
use crate::saml::Assertion;
use crate::state::IssuedToken;
use crate::sts::Validity;
use crate::wstrust::{IssuedKey, Renewing, Rstr, Status, TokenType, TrustOperation, render};

/// A token that is decided upon.
pub(super) struct Delivery<'a> {
    /// What was asked for.
    pub(super) operation: TrustOperation,
    /// For whom it is.
    pub(super) party: &'a RelyingParty,
    /// In which form.
    pub(super) token_type: TokenType,
    /// What it says.
    pub(super) assertion: Assertion,
    /// What it is bound to; `None`: to what its assertion says, as the one was that it follows.
    pub(super) binding: Option<Binding>,
    /// Whose it is.
    pub(super) subject: EntryId,
    /// The name that they bind as.
    pub(super) bind_name: Arc<str>,
    /// The name that finds them.
    pub(super) username: Username,
    /// The AppliesTo that it was first issued for.
    pub(super) applies_to: String,
    /// Whether it may be renewed.
    pub(super) renewing: Renewing,
    /// Validate: in whose place it is.
    pub(super) made_of: Option<String>,
    /// When what follows from it ends at the latest, where it follows from a token itself.
    pub(super) until: Option<Timestamp>,
    /// Validate: what was found of that one.
    pub(super) status: Option<Status>,
}

impl<'a> Delivery<'a> {
    /// One that follows `first`: a token that says the same of the same user for another time.
    pub(super) fn after(
        first: &IssuedToken,
        operation: TrustOperation,
        party: &'a RelyingParty,
        validity: Validity,
        message: &Message<'_>,
    ) -> Self {
        let assertion = Assertion {
            id: message.context.ids.id(),
            issue_instant: message.now,
            not_before: validity.from,
            not_on_or_after: validity.until,
            ..first.assertion.clone()
        };
        Self {
            operation,
            party,
            token_type: first.token_type,
            assertion,
            binding: None,
            subject: first.subject.clone(),
            bind_name: first.bind_name.clone(),
            username: first.username.clone(),
            applies_to: first.applies_to.clone(),
            renewing: first.renewing,
            made_of: None,
            until: first.until,
            status: None,
        }
    }
}

/// Makes the token, and answers with it.
pub(super) async fn deliver(
    delivery: Delivery<'_>,
    asker: &Asker,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { version, now, context, .. } = *message;
    let Delivery { operation, party, token_type, mut assertion, binding, .. } = delivery;
    let maker = TokenMaker::of(context, party, token_type)?;
    let make = move || {
        let key = match binding {
            Some(binding) => {
                let (confirmation, key) = binding.make()?;
                assertion.confirmation = confirmation;
                key
            }
            None => IssuedKey::kept(&assertion.confirmation),
        };
        Ok::<_, TokenError>((maker.make(assertion)?, key))
    };
    let (token, key) = context.sign(make).await??;
    asker.first_use(context, now).await?;
    trail.issues(&token.assertion().id);
    context.metrics.tokens_issued.with_label_values(&[version.label(), token_type.label()]).inc();

    let rstr = Rstr {
        heading: message.heading(),
        operation,
        applies_to: &delivery.applies_to,
        token_type,
        spelling: party.token_type_spelling,
        asked_as: message.token_type_spelling,
        assertion_id: &token.assertion().id,
        token: token.xml(),
        key: &key,
        created: token.assertion().not_before,
        expires: token.assertion().not_on_or_after,
        status: delivery.status.as_ref(),
    };
    let answer = render(&rstr);
    if party.remember_tokens {
        let assertion = token.into_assertion();
        let renewal = party.renewal.as_ref().filter(|_| delivery.renewing.allowed && delivery.renewing.after_end);
        let token = IssuedToken {
            kept_until: renewal
                .map_or(assertion.not_on_or_after, |renewal| assertion.not_on_or_after.plus(renewal.window)),
            assertion,
            token_type,
            party: party.name.clone(),
            applies_to: delivery.applies_to,
            subject: delivery.subject,
            bind_name: delivery.bind_name,
            username: delivery.username,
            renewing: delivery.renewing,
            made_of: delivery.made_of,
            until: delivery.until,
        };
        context.issued.remember(token, now).await;
    }
    Ok(answer)
}
