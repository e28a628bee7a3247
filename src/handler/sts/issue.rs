//! Issue: a signed assertion for whoever asks, step by step.

use super::Message;
use super::asker::Presented;
use crate::dsig::sign;
use crate::handler::Failure;
use crate::handler::trail::Trail;
use crate::saml::{Confirmation, Saml20Prefix, saml11, saml20};
use crate::sts::{Validity, claims, issue as assert, party_for};
use crate::wstrust::{IssueRequest, Rstr, TokenType, render};

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
    let user = &asker.user;
    let rule = &party.name_identifier;
    let circumstances = message.circumstances(asked.claims.as_ref());
    let claims = claims(user, party, &context.issuers, rule, &party.attributes, circumstances, || context.ids.id())
        .map_err(|why| trail.not_entitled(why))?;
    let audience = party.audience.as_deref().unwrap_or(&asked.applies_to);
    let validity = Validity::starting(now, party.lifetime);
    let assertion = assert(user, claims, audience, Confirmation::Bearer, validity, &*context.ids);
    let (key, algorithm, token_type) = (context.signing_key.clone(), party.signature, asked.token_type);
    let written = move || match token_type {
        TokenType::Saml11 => saml11(assertion),
        TokenType::Saml20 => saml20(assertion, Saml20Prefix::Rstr),
    };
    let signed = context.signing.run(move || sign(written(), &key, algorithm)).await?;
    let signed = signed.map_err(|error| Failure::Ours(error.to_string()))?;
    asker.first_use(context, now).await?;
    trail.issues(&signed.value().id);
    context.metrics.tokens_issued.with_label_values(&[version.label(), token_type.label()]).inc();

    let rstr = Rstr {
        version,
        context: message.label.as_deref(),
        applies_to: &asked.applies_to,
        token_type,
        spelling: party.token_type_spelling,
        assertion_id: &signed.value().id,
        assertion: signed.xml(),
        created: validity.from,
        expires: validity.until,
    };
    Ok(render(&rstr, message.answering.soap, message.answering.addressing.as_ref(), now))
}
