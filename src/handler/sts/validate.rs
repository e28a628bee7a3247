//! Validate: whether a token of ours is valid, or another in its place.
//!
//! Whoever may sign in may ask about any token: an ID is 128 random bits, so that only who has come by the token or its name
//! learns anything. Another token in its place is for those alone who show the token itself, or who may renew it: an ID is no
//! secret, it is in logs.

use super::Message;
use super::asker::{Asker, Presented};
use super::deliver::{Delivery, deliver};
use super::known::{EXPIRED, Known};
use super::renew::{entitled, is_renewable};
use crate::handler::Failure;
use crate::handler::trail::{For, Trail};
use crate::model::{Refusal, RefusalKind};
use crate::sts::{Validity, party_for};
use crate::wstrust::{Renewing, Status, TokenType, TrustOperation, ValidateRequest, status as status_answer};

/// Answers a request to validate.
pub(super) async fn validate(
    asked: ValidateRequest<'_>,
    presented: Presented<'_>,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { now, context, .. } = *message;
    trail.is_about(asked.target.claimed_id());
    let asker = presented.sign_in(For::AnyOf(&context.parties.all), context, trail).await?;
    let party = asked.applies_to.as_deref().map(|address| party_for(&context.parties.all, address)).transpose()?;

    let (found, why, known) = match Known::find(&asked.target, message).await? {
        Ok(known) => {
            known.note(&asker, trail);
            if let Some(party) = known.party(context) {
                trail.is_for(party);
            }
            let status = known.status(party, context, now).await;
            (status, status.reason.to_owned(), Some(known))
        }
        Err(unknown) => {
            let (status, why) = unknown.status();
            (status, why, None)
        }
    };
    trail.judges(found.valid, why);
    if let (Some(into), Some(known)) = (asked.into, known) {
        if found.valid {
            return transformed(&known, into, found, &asker, message, trail).await;
        }
        // Who wants a token can have one, and is told how.
        if found == EXPIRED && is_renewable(&known, context, now) {
            return Err(Refusal::new(RefusalKind::RenewNeeded, "the token is over, and can be renewed").into());
        }
    }
    asker.first_use(context, now).await?;
    Ok(status_answer(&found, &message.heading()))
}

/// Answers with a token of another type, which says the same to the same party, and is over when the first is.
async fn transformed(
    known: &Known,
    into: TokenType,
    status: Status,
    asker: &Asker,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { now, context, .. } = *message;
    if known.shown.is_none() {
        known.right_to_another(asker, context, now)?;
    }
    let (Some(first), Some(party)) = (&known.record, known.party(context)) else {
        let refusal = Refusal::new(RefusalKind::Unsupported, "a token in the place of one that is not remembered");
        return Err(refusal.telling("No token is made of one that this service does not remember.").into());
    };
    // A token in the place of another is a new one, whoever wants it: its subject may have lost their account since.
    entitled(None, first, party, message, trail).await?;
    let validity = Validity::starting(now, party.lifetime).until_at_most(first.assertion.not_on_or_after);
    let delivery = Delivery {
        token_type: into,
        renewing: Renewing { allowed: false, after_end: false },
        made_of: Some(first.made_of.as_ref().unwrap_or(&known.id).clone()),
        status: Some(status),
        ..Delivery::after(first, TrustOperation::Validate, party, validity, message)
    };
    deliver(delivery, asker, message, trail).await
}
