//! Issue: a signed assertion for whoever asks, step by step.

use super::Message;
use super::asker::Presented;
use super::delegation;
use super::deliver::{Delivery, deliver};
use super::keys::Binding;
use crate::handler::Failure;
use crate::handler::trail::{For, Trail};
use crate::saml::Confirmation;
use crate::sts::{Validity, claims, issue as assert, party_for};
use crate::wstrust::{IssueRequest, TrustOperation};

/// Answers a request to issue.
pub(super) async fn issue(
    asked: IssueRequest<'_>,
    presented: Presented<'_>,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { now, context, .. } = *message;
    let party = party_for(&context.parties.all, &asked.applies_to)?;
    trail.is_for(party);
    let validity = Validity::asked(&asked.lifetime, now, party.lifetime, party.longest_lifetime)?;

    let asked_for = asked.delegation.as_ref();
    let carried = presented.carried();
    let mut asker = presented.sign_in(For::Party(party), context, trail).await?;
    let recipient = context.parties.recipient(party);
    let binding = Binding::of(asked.key, &party.name, recipient, asker.key.as_ref())?;
    let subject = delegation::subject(asked_for, &mut asker, party, carried, message, trail).await?;
    let user = &subject.user;
    trail.admit(party, &user.entry().groups).map_err(|refusal| delegation::veiled(refusal, user))?;
    let rule = &party.name_identifier;
    let circumstances = message.circumstances(asked.claims.as_ref());
    let circumstances = if asked_for.is_some() { circumstances.of_another() } else { circumstances };
    let mut claims = claims(user, party, &context.issuers, rule, &party.attributes, circumstances, || context.ids.id())
        .map_err(|why| delegation::veiled(trail.not_entitled(why), user))?;
    claims.attributes.extend(delegation::actor_of(user, asked_for)?);
    let validity = subject.until.map_or(validity, |end| validity.until_at_most(end));
    let audience = party.audience.as_deref().unwrap_or(&asked.applies_to);
    let assertion = assert(user, claims, audience, Confirmation::Bearer, validity, &*context.ids);
    let delivery = Delivery {
        operation: TrustOperation::Issue,
        party,
        token_type: asked.token_type,
        assertion,
        binding: Some(binding),
        subject: user.entry().id.clone(),
        bind_name: user.entry().bind_name.clone(),
        username: user.username().clone(),
        applies_to: asked.applies_to,
        renewing: asked.renewing,
        made_of: None,
        until: subject.until,
        status: None,
    };
    deliver(delivery, &asker, message, trail).await
}
