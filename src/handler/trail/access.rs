//! The access rules of relying parties: what they say of a request before anybody is asked who sent it, and after.

use super::Trail;
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::model::{Password, Refusal, RefusalKind, RelyingParty};
use crate::sign_in::{Denial, Guarded, SignInError};
use crate::sts::{Access, Approach, access, why_denied};
use crate::telemetry::AuditResult;

/// Whose rules a sign-in must meet.
#[derive(Clone, Copy)]
pub(in crate::handler) enum For<'p> {
    /// Those of the party that it asks for.
    Party(&'p RelyingParty),
    /// Those of one party of WS-Trust at least: for a message about a token, whose party is told to nobody before they have
    /// signed in.
    AnyOf(&'p [RelyingParty]),
}

impl Trail {
    /// Decides about the user whose token it is to be.
    ///
    /// # Errors
    /// [`RefusalKind::Authentication`], where the rules do not let them have one.
    pub(in crate::handler) fn admit(&mut self, party: &RelyingParty, groups: &[String]) -> Result<(), Refusal> {
        let approach = self.approach(Some(groups));
        let Access::Denied(rule) = access(&party.access, &approach) else { return Ok(()) };
        let reason = why_denied(rule, &approach);
        self.record.result = AuditResult::Access;
        Err(Refusal::new(RefusalKind::Authentication, reason))
    }

    /// Refuses a password that no rule would let anybody sign in with, in the time of a wrong one. While the directory is not
    /// there that is told as an outage, too, and recorded as what it is: it may have come back since anybody was asked.
    pub(super) async fn admit_password(
        &mut self,
        context: &Context,
        sought: For<'_>,
        password: &Password,
    ) -> Result<(), Failure> {
        let Some(denial) = self.barred(sought) else { return Ok(()) };
        let reason = denial.reason.clone();
        let error = context.sign_in.refuse_untried(password, denial).await;
        let failure = self.nobody(error);
        (self.record.result, self.record.reason) = (AuditResult::Access, Some(reason));
        Err(failure)
    }

    /// The same of a certificate or a token.
    pub(super) fn admit_proof(&mut self, sought: For<'_>) -> Result<(), Failure> {
        match self.barred(sought) {
            None => Ok(()),
            Some(denial) => Err(self.nobody(SignInError::Denied(denial))),
        }
    }

    /// Why nobody may sign in from there, whoever it is.
    fn barred(&self, sought: For<'_>) -> Option<Denial> {
        let approach = self.approach(None);
        let denied = |party: &RelyingParty| match access(&party.access, &approach) {
            Access::Denied(rule) => Some(rule),
            Access::Allowed | Access::NeedsGroups => None,
        };
        let reason = match sought {
            For::Party(party) => why_denied(denied(party)?, &approach),
            For::AnyOf(parties) => {
                let mut parties = parties.iter().filter(|party| !party.applies_to.is_empty()).peekable();
                parties.peek()?;
                let each: Option<Vec<String>> = parties
                    .map(|party| Some(format!("{}: {}", party.name, why_denied(denied(party)?, &approach))))
                    .collect();
                each?.join("; ")
            }
        };
        Some(Denial { result: AuditResult::Access, reason, entry: None, guarded: Guarded::default() })
    }

    fn approach<'a>(&'a self, groups: Option<&'a [String]>) -> Approach<'a> {
        Approach { origin: &self.origin, forwarded: self.forwarded, protocol: self.record.protocol, groups }
    }
}
