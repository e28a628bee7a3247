//! What we know of a token that a request is about, and what its asker may do with it.

use std::sync::Arc;

use super::Message;
use super::asker::Asker;
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::trail::Trail;
use crate::model::{Entry, EntryId, Refusal, RefusalKind, RelyingParty, Timestamp, quoted};
use crate::saml::ReceivedAssertion;
use crate::state::IssuedToken;
use crate::sts::{foresee, is_named, names_actor};
use crate::wstrust::{Status, Target};

/// A token of ours: in the record, or shown with our signature, or both.
pub(super) struct Known {
    /// Its ID.
    pub(super) id: String,
    /// As it was issued, where that is remembered.
    pub(super) record: Option<Arc<IssuedToken>>,
    /// As it was shown and verified.
    pub(super) shown: Option<ReceivedAssertion>,
}

/// A token that is none of ours, as far as can be told.
pub(super) enum Unknown {
    /// Named, and not in the record.
    Gone,
    /// Shown, and not ours: why, for the audit log.
    NotOurs(String),
}

impl Unknown {
    /// What Validate says of it, and why.
    pub(super) fn status(&self) -> (Status, String) {
        let (reason, why) = match self {
            Self::Gone => ("This service knows no such token.", "no such token is remembered".to_owned()),
            Self::NotOurs(why) => ("This is no token of this service.", why.clone()),
        };
        (Status { valid: false, reason }, why)
    }
}

/// What Validate says of a token that is over.
pub(super) const EXPIRED: Status = Status { valid: false, reason: "The token has expired." };

/// Who asks, to the token.
pub(super) enum Right {
    /// Its own subject.
    Subject,
    /// One whom the relying party's `renewal.askers` names.
    Named,
}

impl Known {
    /// Looks a token up. One that is shown counts only with our own signature; its own ID is what is looked for then.
    pub(super) async fn find(target: &Target<'_>, message: &Message<'_>) -> Result<Result<Self, Unknown>, Failure> {
        let Message { now, context, .. } = *message;
        let (id, shown) = match target {
            Target::Reference(id) => ((*id).to_owned(), None),
            Target::Whole(element) => {
                let ours = |issuer: &str| context.issuers.are(issuer).then_some(context.signing_keys.verifying());
                match ReceivedAssertion::verify(message.envelope.document(), element, ours) {
                    Ok(assertion) => (assertion.id.clone(), Some(assertion)),
                    Err(error) => return Ok(Err(Unknown::NotOurs(error.to_string()))),
                }
            }
        };
        let record = context.issued.find(&id, now).await;
        if record.is_none() && shown.is_none() && !context.issued.is_cancelled(&id, now).await {
            return Ok(Err(Unknown::Gone));
        }
        Ok(Ok(Self { id, record, shown }))
    }

    /// Notes whose it is, where that is not who asks.
    pub(super) fn note(&self, asker: &Asker, trail: &mut Trail) {
        if let Some(record) = self.record.as_ref().filter(|record| record.subject != asker.user.entry().id) {
            trail.concerns(&record.username);
        }
    }

    /// Until when it is valid; `None` for one that was cancelled and is only named.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        let recorded = self.record.as_ref().map(|record| record.assertion.not_on_or_after);
        recorded.or_else(|| self.shown.as_ref()?.conditions.not_on_or_after)
    }

    fn begins(&self) -> Option<Timestamp> {
        let recorded = self.record.as_ref().map(|record| record.assertion.not_before);
        recorded.or_else(|| self.shown.as_ref()?.conditions.not_before)
    }

    /// Whether it was cancelled, or the one in whose place it is.
    pub(super) async fn is_cancelled(&self, context: &Context, now: Timestamp) -> bool {
        let first = self.record.as_ref().and_then(|record| record.made_of.as_deref());
        context.issued.is_cancelled(&self.id, now).await
            || match first {
                Some(first) => context.issued.is_cancelled(first, now).await,
                None => false,
            }
    }

    /// Whether it is valid now, for `party` if that is asked.
    pub(super) async fn status(&self, party: Option<&RelyingParty>, context: &Context, now: Timestamp) -> Status {
        let invalid = |reason| Status { valid: false, reason };
        if self.is_cancelled(context, now).await {
            return invalid("The token has been cancelled.");
        }
        // Which a token that is shown has been held against already.
        if self.record.as_ref().is_some_and(|record| !context.issuers.are(&record.assertion.issuer)) {
            return invalid("This is no token of this service.");
        }
        // Both instants are of our own clock, which needs no leeway.
        if self.begins().is_some_and(|begins| now < begins) {
            return invalid("The token is not valid yet.");
        }
        if self.ends().is_none_or(|ends| now >= ends) {
            return EXPIRED;
        }
        if party.is_some_and(|asked| !self.is_for(asked)) {
            return invalid("The token is for another relying party.");
        }
        Status { valid: true, reason: "The token is valid." }
    }

    /// Whom it is for, if the configuration still has them, and tells them from all others.
    pub(super) fn party<'c>(&self, context: &'c Context) -> Option<&'c RelyingParty> {
        let mut parties = context.parties.all.iter().filter(|party| self.is_for(party));
        parties.next().filter(|_| parties.next().is_none())
    }

    /// Whether it is for that party. A token that nobody remembers says its audience, which several may have.
    fn is_for(&self, party: &RelyingParty) -> bool {
        match (&self.record, &self.shown) {
            (Some(record), _) => party.name == record.party,
            (None, Some(shown)) => shown.conditions.is_for(|audience| match &party.audience {
                Some(own) => own == audience,
                None => party.applies_to.iter().any(|own| own == audience),
            }),
            (None, None) => false,
        }
    }

    /// What the asker is to this token.
    ///
    /// # Errors
    /// [`RefusalKind::NotPermitted`] if nothing.
    pub(super) fn right(&self, asker: &Asker, context: &Context, now: Timestamp) -> Result<Right, Refusal> {
        let party = self.party(context);
        let own = match (&self.record, &self.shown, party) {
            (Some(record), ..) => is_theirs(&record.subject, &record.bind_name, asker.user.entry()),
            (None, Some(shown), Some(party)) => is_about(shown, asker, party, context, now),
            _ => false,
        };
        if own {
            return Ok(Right::Subject);
        }
        let named = party.and_then(|party| party.renewal.as_ref()).map_or(&[][..], |renewal| &renewal.askers);
        if named.iter().any(|name| is_named(asker.user.entry(), name)) {
            return Ok(Right::Named);
        }
        let reason = format!("the asker is neither the subject of the token {} nor named in askers", quoted(&self.id));
        Err(Refusal::new(RefusalKind::NotPermitted, reason))
    }

    /// The same, of whoever wants another token that says what this one says. One that says who acts for its subject is not
    /// for the subject to have, for nobody acts then.
    ///
    /// # Errors
    /// As there.
    pub(super) fn right_to_another(&self, asker: &Asker, context: &Context, now: Timestamp) -> Result<Right, Refusal> {
        let right = self.right(asker, context, now)?;
        let attributes = self.record.as_ref().map(|record| record.assertion.attributes.as_slice());
        match right {
            Right::Subject if attributes.is_some_and(names_actor) => {
                let reason = format!("the token {} says who acts for the asker", quoted(&self.id));
                Err(Refusal::new(RefusalKind::NotPermitted, reason))
            }
            right => Ok(right),
        }
    }

    /// Whose share of the record of cancelled tokens its cancellation takes.
    pub(super) fn counted<'a>(right: &Right, asker: &'a Asker) -> Option<&'a EntryId> {
        match right {
            Right::Subject => Some(&asker.user.entry().id),
            Right::Named => None,
        }
    }
}

/// Whether a token that nobody remembers speaks of the asker: says by the same name what it would say of them.
fn is_about(shown: &ReceivedAssertion, asker: &Asker, party: &RelyingParty, context: &Context, now: Timestamp) -> bool {
    let entry = asker.user.entry();
    let own = foresee(entry, party, &context.issuers, &party.name_identifier, &[], None, now);
    let name = shown.name_identifier.as_ref().map(|name| name.value.as_str());
    own.is_ok_and(|own| own.issuer() == shown.issuer && Some(own.name_identifier()) == name)
}

/// Whether a token was issued to this entry: where a directory cannot tell which spellings are one user's, it counts failures of
/// several users together, under one id.
fn is_theirs(subject: &EntryId, bind_name: &str, entry: &Entry) -> bool {
    *subject == entry.id && bind_name.to_lowercase() == entry.bind_name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_counted_together_with_another_has_no_right_to_their_tokens() {
        let id = EntryId { directory: "idp".into(), entry: "alice".into() };
        let asker = |bind_name: &str| Entry {
            id: id.clone(),
            bind_name: bind_name.into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Default::default(),
            own_count: None,
        };
        for (bind_name, theirs) in
            [("JDBC/alice", true), ("jdbc/ALICE", true), ("LDAP/alice", false), ("JDBC/álice", false)]
        {
            assert_eq!(is_theirs(&id, "JDBC/alice", &asker(bind_name)), theirs, "{bind_name}");
        }
        let elsewhere = EntryId { directory: "corp".into(), entry: "alice".into() };
        assert!(!is_theirs(&elsewhere, "JDBC/alice", &asker("JDBC/alice")));
    }
}
