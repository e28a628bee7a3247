//! Cancel: the end of a token before its end.

use super::Message;
use super::asker::Presented;
use super::known::{Known, Unknown};
use crate::handler::Failure;
use crate::handler::trail::{For, Trail};
use crate::model::{Refusal, RefusalKind};
use crate::wstrust::{CancelRequest, cancelled};

/// Answers a request to cancel.
pub(super) async fn cancel(
    asked: CancelRequest<'_>,
    presented: Presented<'_>,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let Message { now, context, .. } = *message;
    trail.is_about(asked.target.claimed_id());
    let asker = presented.sign_in(For::AnyOf(&context.parties.all), context, trail).await?;
    let known = match Known::find(&asked.target, message).await? {
        Ok(known) => known,
        Err(Unknown::Gone) => {
            let reason = "no such token is remembered";
            return Err(Refusal::new(RefusalKind::SecurityTokenUnavailable, reason).into());
        }
        Err(Unknown::NotOurs(why)) => return Err(Refusal::new(RefusalKind::InvalidTarget, why).into()),
    };
    known.note(&asker, trail);
    if let Some(party) = known.party(context) {
        trail.is_for(party);
    }
    // Who cancels twice may not have heard the first answer.
    if context.issued.is_cancelled(&known.id, now).await {
        asker.first_use(context, now).await?;
    } else {
        let right = known.right(&asker, context, now)?;
        let kept_until = known.record.as_ref().map(|record| record.kept_until);
        let until = kept_until.or_else(|| known.ends()).filter(|until| *until > now);
        let until = until.ok_or_else(|| Refusal::new(RefusalKind::ExpiredData, "the token is over"))?;
        asker.first_use(context, now).await?;
        let counted = Known::counted(&right, &asker);
        context.issued.cancel(&known.id, until, counted, now).await.map_err(|full| {
            Refusal::new(RefusalKind::Unsupported, full.to_string())
                .telling("No more tokens can be cancelled until some of those that were are over.")
        })?;
    }
    Ok(cancelled(&message.heading()))
}
