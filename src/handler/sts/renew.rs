//! Renew: a token that says what an earlier one said, for longer. The earlier one stays valid to its own end, as with every
//! other service: who renews in good time can go on using it until the new one has arrived.

use std::sync::Arc;
use std::time::Duration;

use super::Message;
use super::asker::{Asker, Presented};
use super::deliver::{Delivery, deliver};
use super::known::{Known, Right, Unknown};
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::trail::{For, Trail};
use crate::model::{Entry, Refusal, RefusalKind, RelyingParty, Timestamp};
use crate::state::IssuedToken;
use crate::sts::{Foreseen, Validity, foresee, has_left, party_for};
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
    let asker = presented.sign_in(For::AnyOf(&context.parties.all), context, trail).await?;
    let known = match Known::find(&asked.target, message).await? {
        Ok(known) => known,
        // What is forgotten is what could no longer be renewed.
        Err(Unknown::Gone) => return Err(not_remembered().into()),
        Err(Unknown::NotOurs(why)) => return Err(Refusal::new(RefusalKind::InvalidTarget, why).into()),
    };
    known.note(&asker, trail);
    if known.is_cancelled(context, now).await {
        return Err(Refusal::new(RefusalKind::InvalidTarget, "the token has been cancelled").into());
    }
    let first = known.record.as_ref().ok_or_else(not_remembered)?;
    let party = known.party(context).ok_or_else(|| {
        unable(format!("the relying party {}, which the token is for, is not there any more", first.party))
    })?;
    trail.is_for(party);
    let right = known.right_to_another(&asker, context, now)?;
    check_what_is_said(&asked, first, party, message)?;
    let until = first.until.into_iter().chain(asker.until).min();
    let last = last_end(first, party, now)?;
    let last = until.map_or(last, |until| last.min(until));
    check_subject(&right, &asker, first, party, message, trail).await?;

    let validity = Validity::asked(&asked.lifetime, now, party.lifetime, party.longest_lifetime)?;
    let validity = validity.until_at_most(last);
    let delivery = Delivery {
        renewing: Renewing {
            allowed: asked.renewing.allowed,
            after_end: asked.renewing.after_end && first.renewing.after_end,
        },
        until,
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
    if first.until.is_some_and(|until| now >= until) {
        return Err(unable("the token that it was issued upon has ended"));
    }
    if now >= last {
        return Err(unable(format!("the user proved who they are too long ago, at {}", assertion.authn_instant)));
    }
    Ok(last)
}

/// Whether the token's subject might have a token still. Its subject has just signed in; in their place, they are looked up,
/// and who asks is not told what speaks against them.
async fn check_subject(
    right: &Right,
    asker: &Asker,
    first: &IssuedToken,
    party: &RelyingParty,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let own = match right {
        Right::Subject => Some(asker.user.shared_entry()),
        Right::Named => None,
    };
    let entitled = entitled(own, first, party, message, trail).await?;
    let circumstances = message.circumstances(None);
    let circumstances = if matches!(right, Right::Named) { circumstances.of_another() } else { circumstances };
    if has_left(&first.assertion.attributes, party, &circumstances) {
        return Err(unable("the token says that its user is inside the corporate network, which is not so now").into());
    }
    if entitled.issuer() != first.assertion.issuer {
        return Err(unable("the relying party knows us by another issuer for this user now").into());
    }
    Ok(())
}

/// What a token for the subject of an earlier one would say of them now, and whether the party's access rules let them have it from
/// where the request comes: by their entry of a moment ago, if they ask
/// themselves, or else looked up.
///
/// # Errors
/// [`RefusalKind::Authentication`] if they may have none, or [`RefusalKind::NotPermitted`] where they were looked up: who asks has
/// signed in.
pub(super) async fn entitled(
    own: Option<&Arc<Entry>>,
    first: &IssuedToken,
    party: &RelyingParty,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<Foreseen, Failure> {
    let context = message.context;
    let entry = match own {
        Some(entry) => entry.clone(),
        None => trail.look_up(context, &first.username, &first.subject).await?,
    };
    let entitled = trail.admit(party, &entry.groups).and_then(|()| {
        foresee(&entry, party, &context.issuers, &party.name_identifier, &[], None, message.now)
            .map_err(|why| trail.not_entitled(why))
    });
    entitled.map_err(|refusal| {
        let kind = match (refusal.kind, own) {
            (RefusalKind::Authentication, None) => RefusalKind::NotPermitted,
            (kind, _) => kind,
        };
        Refusal { kind, ..refusal }.into()
    })
}

/// The refusal for a token that is in no record.
fn not_remembered() -> Refusal {
    let why = "the token is not remembered: relying_parties[].remember_tokens is off, or it was issued before a restart, or \
               cache.tokens.capacity was reached, or its window is over";
    unable(why).telling("This service does not remember the token: ask for a new one.")
}

fn unable(why: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::UnableToRenew, why)
}
