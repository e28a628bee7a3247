//! Renew: a token that says what an earlier one said, for longer. The earlier one stays valid to its own end, as with every
//! other service: who renews in good time can go on using it until the new one has arrived.

use std::time::Duration;

use super::Message;
use super::asker::{Asker, Presented};
use super::deliver::{Delivery, deliver};
use super::known::{Known, Right, Unknown};
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::trail::Trail;
use crate::model::{Refusal, RefusalKind, RelyingParty, Timestamp};
use crate::state::IssuedToken;
use crate::sts::{Validity, foresee, party_for};
use crate::wstrust::{RenewRequest, Renewing, TrustOperation};

/// Answers a request to renew.
pub(super) async fn renew(
    asked: RenewRequest<'_>,
    presented: Presented<'_>,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { now, context, .. } = *message;
    trail.is_about(asked.target.claimed_id());
    let asker = presented.sign_in(context, trail).await?;
    let known = match Known::find(&asked.target, message).await? {
        Ok(known) => known,
        // What is forgotten is what could no longer be renewed.
        Err(Unknown::Gone) => return Err(unable("no such token is remembered").into()),
        Err(Unknown::NotOurs(why)) => return Err(Refusal::new(RefusalKind::InvalidTarget, why).into()),
    };
    if known.is_cancelled(context, now).await {
        return Err(Refusal::new(RefusalKind::InvalidTarget, "the token has been cancelled").into());
    }
    let (Some(first), Some(party)) = (&known.record, known.party(context)) else {
        return Err(unable("the token, or the relying party that it is for, is not known any more").into());
    };
    trail.is_for(party);
    let right = known.right(&asker, context, now)?;
    check_what_is_said(&asked, first, party, message)?;
    let last = last_end(first, party, now)?;
    check_subject(&right, &asker, first, party, message, trail).await?;

    let validity = Validity::asked(&asked.lifetime, now, party.lifetime, party.longest_lifetime)?;
    let validity = validity.until_at_most(last);
    let delivery = Delivery {
        renewing: Renewing {
            allowed: asked.renewing.allowed,
            after_end: asked.renewing.after_end && first.renewing.after_end,
        },
        ..Delivery::after(first, TrustOperation::Renew, party, validity, message)
    };
    deliver(delivery, &asker, message, trail).await
}

/// What the request says of the token besides naming it must be so.
fn check_what_is_said(
    asked: &RenewRequest<'_>,
    first: &IssuedToken,
    party: &RelyingParty,
    message: &Message<'_>,
) -> Result<(), Refusal> {
    if let Some(address) = &asked.applies_to
        && party_for(&message.context.parties.all, address)?.name != party.name
    {
        return Err(Refusal::new(RefusalKind::Scope, "the token is for another relying party than AppliesTo"));
    }
    if asked.token_type.is_some_and(|token_type| token_type != first.token_type) {
        let refusal = Refusal::new(RefusalKind::Unsupported, "Renew with another TokenType than the token's");
        return Err(refusal.telling("Renew keeps a token's type; Validate makes another of it."));
    }
    Ok(())
}

/// Whether a token of ours can be renewed now.
pub(super) fn is_renewable(known: &Known, context: &Context, now: Timestamp) -> bool {
    let recorded = known.record.as_ref().zip(known.party(context));
    recorded.is_some_and(|(record, party)| last_end(record, party, now).is_ok())
}

/// When the last token ends that may follow from this one.
///
/// # Errors
/// [`RefusalKind::UnableToRenew`] if none may.
fn last_end(first: &IssuedToken, party: &RelyingParty, now: Timestamp) -> Result<Timestamp, Refusal> {
    let renewal = party.renewal.as_ref().ok_or_else(|| unable("renewal is off for the relying party"))?;
    let IssuedToken { assertion, renewing, .. } = first;
    if !renewing.allowed {
        return Err(unable("the token was issued not to be renewed"));
    }
    let window = if renewing.after_end { renewal.window } else { Duration::ZERO };
    if now >= assertion.not_on_or_after.plus(window) {
        return Err(unable("it is too long after the token's end"));
    }
    let last = assertion.authn_instant.plus(renewal.longest);
    if now >= last {
        return Err(unable(format!("the user proved who they are too long ago, at {}", assertion.authn_instant)));
    }
    Ok(last)
}

/// Whether the token's subject might have a token still. Its subject has just signed in; in their place, they are looked up.
async fn check_subject(
    right: &Right,
    asker: &Asker,
    first: &IssuedToken,
    party: &RelyingParty,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let context = message.context;
    let entry = match right {
        Right::Subject => asker.user.shared_entry().clone(),
        Right::Named => trail.look_up(context, &first.username, &first.subject).await?,
    };
    let entitled = foresee(&entry, party, &context.issuers, &party.name_identifier, &[], message.now);
    let entitled = entitled.map_err(|why| trail.not_entitled(why))?;
    if entitled.issuer() != first.assertion.issuer {
        return Err(unable("the relying party knows us by another issuer for this user now").into());
    }
    Ok(())
}

fn unable(why: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::UnableToRenew, why)
}
