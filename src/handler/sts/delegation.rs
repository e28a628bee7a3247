//! A token of another user: who they are, and whether the asker may have it. Whoever may not learns nothing about anybody: a
//! refusal by the policy, a name that nobody has and a token that nobody trusted signed are answered with the same bytes.

use std::sync::Arc;

use super::Message;
use super::asker::Asker;
use crate::handler::Failure;
use crate::handler::trail::Trail;
use crate::model::{
    Authenticated, AuthenticationMethod, DelegationKind, DelegationRule, Refusal, RefusalKind, RelyingParty, Timestamp, quoted,
};
use crate::saml::{AttributeOut, ReceivedAssertion};
use crate::soap::Envelope;
use crate::sts::{HeldBy, Shown, Vouched, actor, covers, rules_for};
use crate::wstrust::{DelegatedSubject, Delegation, Target};
use crate::xml::Element;

/// Whose token is to be issued: the asker's own, or that of the user whom `asked` names.
pub(super) async fn subject(
    asked: Option<&Delegation<'_>>,
    asker: &mut Asker,
    party: &RelyingParty,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<Arc<Authenticated>, Failure> {
    let Some(asked) = asked else { return Ok(asker.user.clone()) };
    trail.delegates(asked);
    let shown = match asked.subject {
        DelegatedSubject::Name(_) => Shown::Name,
        DelegatedSubject::Token(_) => Shown::Token,
    };
    let rules = rules_for(party, asker.user.entry(), asked.kind, shown);
    if rules.is_empty() {
        let by = if shown == Shown::Name { " by name" } else { "" };
        return Err(not_permitted(format!("no rule lets the asker use {}{by} here", asked.kind.label())).into());
    }
    let (vouched, rules) = match asked.subject {
        DelegatedSubject::Name(_) => (named(asked, message.now)?, rules),
        DelegatedSubject::Token(target) => vouched(target, rules, message).await?,
    };
    let user = trail.in_the_name_of(message.context, &asker.user, &vouched, |entry| covers(&rules, entry)).await?;
    asker.uses_up(vouched.once);
    Ok(user)
}

/// What a token says besides of whom it is about: in ActAs, who acts.
pub(super) fn actor_of(user: &Authenticated, asked: Option<&Delegation<'_>>) -> Result<Option<AttributeOut>, Refusal> {
    match (asked.map(|asked| asked.kind), user.asker()) {
        (Some(DelegationKind::ActAs), Some(asker)) => {
            actor(asker).map(Some).ok_or_else(|| not_permitted("the asker's entry has no name to be known by".to_owned()))
        }
        _ => Ok(None),
    }
}

/// The refusal of a user in whose name somebody asks: nobody else is told why than who may read the audit log.
pub(super) fn veiled(refusal: Refusal, user: &Authenticated) -> Refusal {
    match (refusal.kind, user.asker()) {
        (RefusalKind::Authentication, Some(_)) => not_permitted(refusal.reason),
        _ => refusal,
    }
}

fn named(asked: &Delegation<'_>, now: Timestamp) -> Result<Vouched, Refusal> {
    let username = asked.subject.username().ok_or_else(|| not_permitted("no name".to_owned()))?;
    Ok(Vouched { username, method: AuthenticationMethod::Unspecified, instant: now, once: None })
}

/// What a token says of its subject, and the rules whose askers may show it.
async fn vouched<'p>(
    target: Target<'_>,
    rules: Vec<&'p DelegationRule>,
    message: &Message<'_>,
) -> Result<(Vouched, Vec<&'p DelegationRule>), Failure> {
    let trusted = &message.context.trusted;
    let token = match target {
        Target::Whole(token) => token,
        Target::Reference(id) => attached(message.envelope, id)?,
    };
    let assertion = trusted.verify(message.envelope.document(), token).map_err(|refusal| match refusal.kind {
        RefusalKind::Authentication => not_permitted(refusal.reason),
        _ => refusal,
    })?;
    super::issued_token::refuse_cancelled(&assertion, message.context, message.now).await?;
    judged(&assertion, rules, message).map_err(Failure::from)
}

fn judged<'p>(
    assertion: &ReceivedAssertion,
    rules: Vec<&'p DelegationRule>,
    message: &Message<'_>,
) -> Result<(Vouched, Vec<&'p DelegationRule>), Refusal> {
    let (mut vouched, mut may, mut refused) = (None, Vec::new(), None);
    for rule in rules {
        match message.context.trusted.judge(assertion, HeldBy::Asker(&rule.audiences), message.now) {
            Ok(says) => {
                vouched = Some(says);
                may.push(rule);
            }
            Err(refusal) => refused = Some(refusal),
        }
    }
    match (vouched, refused) {
        (Some(vouched), _) => Ok((vouched, may)),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Err(not_permitted("no rule".to_owned())),
    }
}

/// The token in the security header that a reference names.
fn attached<'e>(envelope: &'e Envelope, id: &str) -> Result<&'e Element, Refusal> {
    crate::soap::attached_assertion(envelope, id).ok_or_else(|| {
        let reason = format!("no assertion {} in the security header", quoted(id));
        Refusal::new(RefusalKind::SecurityTokenUnavailable, reason)
    })
}

fn not_permitted(reason: String) -> Refusal {
    Refusal::new(RefusalKind::NotPermitted, reason)
}
