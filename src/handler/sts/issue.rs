//! Issue: a signed assertion for whoever asks, step by step.

use super::Message;
use super::asker::Presented;
use super::keys::Binding;
use super::token::{TokenError, TokenMaker};
use crate::handler::Failure;
use crate::handler::trail::Trail;
use crate::saml::{Assertion, Confirmation};
use crate::sts::{Validity, claims, issue as assert, party_for};
use crate::wstrust::{IssueRequest, Rstr, render};

/// Answers a request to issue.
pub(super) async fn issue(
    asked: IssueRequest,
    presented: Presented,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { version, now, context, .. } = *message;
    let party = party_for(&context.parties.all, &asked.applies_to)?;
    trail.is_for(party);

    let asker = presented.sign_in(context, trail).await?;
    let recipient = context.parties.recipient(party);
    let binding = Binding::of(asked.key, party, recipient, asker.key.as_ref())?;
    let maker = TokenMaker::of(context, party, asked.token_type)?;
    let user = &asker.user;
    let rule = &party.name_identifier;
    let claims = claims(user, party, &context.issuers, rule, &party.attributes, || context.ids.id())
        .map_err(|why| trail.not_entitled(why))?;
    let audience = party.audience.as_deref().unwrap_or(&asked.applies_to);
    let validity = Validity::starting(now, party.lifetime);
    let assertion = assert(user, claims, audience, Confirmation::Bearer, validity, &*context.ids);
    let make = move || {
        let (confirmation, key) = binding.make()?;
        Ok::<_, TokenError>((maker.make(Assertion { confirmation, ..assertion })?, key))
    };
    let (token, key) = context.signing.run(make).await?.map_err(|error| Failure::Ours(error.to_string()))?;
    asker.first_use(context, now).await?;
    trail.issues(&token.assertion().id);
    context.metrics.tokens_issued.with_label_values(&[version.label(), asked.token_type.label()]).inc();

    let rstr = Rstr {
        version,
        context: message.label.as_deref(),
        applies_to: &asked.applies_to,
        token_type: asked.token_type,
        spelling: party.token_type_spelling,
        assertion_id: &token.assertion().id,
        token: token.xml(),
        key: &key,
        created: validity.from,
        expires: validity.until,
    };
    Ok(render(&rstr, message.answering.soap, message.answering.addressing.as_ref(), now))
}
