//! A token of another user: who they are, and whether the asker may have it. Whoever may not learns nothing about anybody: a
//! refusal by the policy, a name that nobody has and a token that nobody trusted signed are answered with the same bytes.

use std::sync::Arc;

use super::Message;
use super::asker::Asker;
use crate::handler::Failure;
use crate::handler::trail::Trail;
use crate::model::{
    Authenticated, AuthenticationMethod, DelegationKind, DelegationRule, Refusal, RefusalKind, RelyingParty, Timestamp,
    quoted,
};
use crate::saml::{AttributeOut, ReceivedAssertion};
use crate::sts::{HeldBy, Shown, Vouched, actor, covers, rules_for};
use crate::wstrust::{DelegatedSubject, Delegation, Target};
use crate::xml::Element;

/// Whose token is to be issued.
pub(super) struct Subject {
    /// They.
    pub(super) user: Arc<Authenticated>,
    /// When the token ends at the latest.
    pub(super) until: Option<Timestamp>,
}

/// Decides whose token is to be issued: the asker's own, or that of the user whom `asked` names.
pub(super) async fn subject(
    asked: Option<&Delegation<'_>>,
    asker: &mut Asker,
    party: &RelyingParty,
    carried: Option<&Element>,
    message: &Message<'_>,
    trail: &mut Trail,
) -> Result<Subject, Failure> {
    let Some(asked) = asked else { return Ok(Subject { user: asker.user.clone(), until: asker.until }) };
    trail.delegates(asked.kind, asked.subject.username());
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
        DelegatedSubject::Token(target) => vouched(target, carried, rules, message).await?,
    };
    let user = trail.in_the_name_of(message.context, &asker.user, &vouched, |entry| covers(&rules, entry)).await?;
    asker.uses_up(vouched.once);
    Ok(Subject { user, until: asker.until.into_iter().chain(vouched.until).min() })
}

/// What a token says besides of whom it is about: in ActAs, who acts.
pub(super) fn actor_of(user: &Authenticated, asked: Option<&Delegation<'_>>) -> Result<Option<AttributeOut>, Refusal> {
    match (asked.map(|asked| asked.kind), user.asker()) {
        (Some(DelegationKind::ActAs), Some(asker)) => actor(asker)
            .map(Some)
            .ok_or_else(|| not_permitted("the asker's entry has no name to be known by".to_owned())),
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
    Ok(Vouched { username, method: AuthenticationMethod::Unspecified, instant: now, once: None, until: None })
}

/// What a token says of its subject, and the rules whose askers may show it.
async fn vouched<'p>(
    target: Target<'_>,
    carried: Option<&Element>,
    rules: Vec<&'p DelegationRule>,
    message: &Message<'_>,
) -> Result<(Vouched, Vec<&'p DelegationRule>), Failure> {
    let trusted = &message.context.trusted;
    let token = match target {
        Target::Whole(token) => token,
        Target::Reference(id) => carried.ok_or_else(|| {
            let reason = format!("no assertion {} in the security header", quoted(id));
            Refusal::new(RefusalKind::SecurityTokenUnavailable, reason)
        })?,
    };
    let assertion = trusted.verify(message.envelope.document(), token).map_err(|refusal| match refusal.kind {
        RefusalKind::Authentication => not_permitted(refusal.reason),
        _ => refusal,
    })?;
    super::issued_token::refuse_ended(&assertion, message.context, message.now).await?;
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

fn not_permitted(reason: String) -> Refusal {
    Refusal::new(RefusalKind::NotPermitted, reason)
}
