//! What becomes known of a request on its way, for the one audit record at its end.

mod access;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::debug;

pub(super) use self::access::For;
use super::Failure;
use super::context::Context;
use super::message::NativeRequest;
use super::origin::{is_one_of, origin_of};
use crate::federation::EcpParty;
use crate::keys::{ClientTrust, ShownCertificate};
use crate::model::{
    Authenticated, AuthenticationMethod, DelegationKind, Entry, EntryId, Origin, Password, Refusal, RefusalKind,
    RelyingParty, Username,
};
use crate::sign_in::{Guarded, SignInError, SignInRequest, SignedIn};
use crate::sts::{NotEntitled, Vouched};
use crate::telemetry::{AuditCredential, AuditProtocol, AuditRecord, AuditResult};
use crate::traces;
use crate::wstrust::TrustOperation;

/// The step of a trace in which a user is found and proved, by the directory or what is remembered.
const SIGN_IN: &str = "sign_in";

/// A request's audit record in the making.
pub(super) struct Trail {
    record: AuditRecord,
    origin: Origin,
    /// Whether that is what one of `guard.forwarders` says.
    forwarded: bool,
    arrived: Instant,
    /// How much longer a refusal takes.
    slow_down: Duration,
    /// Whether a directory was not there for the sign-in.
    outage: bool,
    /// Whether the token that the request is about is; true where it is about none.
    valid: bool,
}

impl Trail {
    pub(super) fn of(request: &NativeRequest, context: &Context, protocol: Option<AuditProtocol>) -> Self {
        let forwarders = &context.config.guard.forwarders;
        let forwarded = is_one_of(request.client, forwarders);
        let origin = origin_of(request, forwarders, &context.config.trusted_proxies);
        let record = AuditRecord {
            time: context.clock.now(),
            correlation_id: request.correlation_id.clone(),
            trace_id: request.trace_id.clone(),
            endpoint: request.endpoint,
            protocol,
            operation: None,
            result: AuditResult::Success,
            relying_party: None,
            service_provider: None,
            metadata_source: None,
            user: None,
            upn: None,
            entry: None,
            credential: None,
            certificate_subject: None,
            certificate_serial: None,
            token_issuer: None,
            delegation: None,
            subject: None,
            subject_upn: None,
            client: request.client,
            forwarded_for: if forwarded { origin.clients.clone() } else { Vec::new() },
            client_application: origin.application.clone(),
            place: None,
            guard: None,
            reason: None,
            assertion_id: None,
            target_id: None,
            cached: false,
            duration: Duration::ZERO,
        };
        let slow_down = Duration::ZERO;
        Self { record, origin, forwarded, arrived: Instant::now(), slow_down, outage: false, valid: true }
    }

    pub(super) fn speaks(&mut self, protocol: AuditProtocol) {
        self.record.protocol = Some(protocol);
    }

    pub(super) fn asks_for(&mut self, operation: TrustOperation) {
        self.record.operation = Some(operation.label());
    }

    /// The token that the request is about, as it names it.
    pub(super) fn is_about(&mut self, assertion_id: Option<&str>) {
        self.record.target_id = assertion_id.map(str::to_owned);
    }

    /// What was found of that token.
    pub(super) fn judges(&mut self, valid: bool, reason: impl Into<String>) {
        self.valid = valid;
        self.record.reason = Some(reason.into());
    }

    pub(super) fn is_for(&mut self, party: &RelyingParty) {
        debug!(correlation_id = self.record.correlation_id, relying_party = party.name, "chosen");
        self.record.relying_party = Some(party.name.clone());
    }

    /// The service provider that an ECP request is of.
    pub(super) fn is_of(&mut self, party: &EcpParty<'_>) {
        self.is_for(party.party);
        self.record.service_provider = Some(party.provider.entity_id.clone());
        self.record.metadata_source = party.source.map(|source| source.name().to_owned());
    }

    pub(super) fn names(&mut self, user: &Username) {
        self.record.user = Some(user.clone());
    }

    /// What who asks shows to sign in with.
    pub(super) fn shows(&mut self, credential: AuditCredential) {
        self.record.credential = Some(credential);
    }

    /// The certificate that is shown, not believed yet.
    pub(super) fn shows_certificate(&mut self, shown: &ShownCertificate) {
        self.record.certificate_subject = Some(shown.subject());
        self.record.certificate_serial = shown.serial_number();
    }

    /// The token that is shown, by the issuer that it says it has.
    pub(super) fn shows_token(&mut self, issuer: Option<&str>) {
        self.record.token_issuer = issuer.map(str::to_owned);
    }

    pub(super) fn issues(&mut self, assertion_id: &str) {
        self.record.assertion_id = Some(assertion_id.to_owned());
    }

    /// Where the request comes from.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Signs the user in, noting what came of it.
    pub(super) async fn sign_in(
        &mut self,
        context: &Context,
        name: &Username,
        password: &Password,
        fresh: bool,
        sought: For<'_>,
    ) -> Result<Arc<Authenticated>, Failure> {
        self.admit_password(context, sought, password).await?;
        let (name, password, origin) = (name.clone(), password.clone(), self.origin.clone());
        let request = SignInRequest { name, password, origin, fresh };
        self.signed_in(traces::step(SIGN_IN, pin!(context.sign_in.sign_in(&request))).await)
    }

    /// Signs in whom a certificate names, if it is believed; that they have its key is the caller's to have seen.
    pub(super) async fn sign_in_by_certificate(
        &mut self,
        context: &Context,
        trust: &ClientTrust,
        shown: &ShownCertificate,
        method: AuthenticationMethod,
        sought: For<'_>,
    ) -> Result<Arc<Authenticated>, Failure> {
        self.admit_proof(sought)?;
        let name = match trust.user_of(shown) {
            Ok(name) => Username::new(name),
            Err(reason) => {
                self.record.result = AuditResult::BadCredentials;
                return Err(Failure::Refused(Refusal::new(RefusalKind::Authentication, reason)));
            }
        };
        self.names(&name);
        let user = traces::step(SIGN_IN, pin!(context.sign_in.by_certificate(&name, method))).await;
        self.signed_in(user.map(SignedIn::unguarded))
    }

    /// Signs in whom a token names, which was verified and judged.
    pub(super) async fn sign_in_by_token(
        &mut self,
        context: &Context,
        vouched: &Vouched,
        sought: For<'_>,
    ) -> Result<Arc<Authenticated>, Failure> {
        self.names(&vouched.username);
        self.admit_proof(sought)?;
        let vouches = context.sign_in.by_token(&vouched.username, vouched.method, vouched.instant);
        let user = traces::step(SIGN_IN, pin!(vouches)).await;
        self.signed_in(user.map(SignedIn::unguarded))
    }

    /// The token is to be another user's.
    pub(super) fn delegates(&mut self, kind: DelegationKind, subject: Option<Username>) {
        self.record.delegation = Some(kind);
        self.record.subject = subject;
    }

    /// Looks up whom a token is asked for, if the asker may have it.
    ///
    /// # Errors
    /// [`RefusalKind::NotPermitted`], whatever it is that speaks against it.
    pub(super) async fn in_the_name_of(
        &mut self,
        context: &Context,
        asker: &Authenticated,
        vouched: &Vouched,
        may: impl FnOnce(&Entry) -> bool,
    ) -> Result<Arc<Authenticated>, Failure> {
        let Vouched { username, method, instant, .. } = vouched;
        self.record.subject = Some(username.clone());
        let user = context.sign_in.in_the_name_of(asker, username, *method, *instant, may).await;
        let user = user.map_err(|error| self.no_subject(error))?;
        self.record.subject_upn = user.entry().upn.clone();
        Ok(user)
    }

    /// The token that the request is about is of another user than who asks.
    pub(super) fn concerns(&mut self, subject: &Username) {
        self.record.subject = Some(subject.clone());
    }

    fn signed_in(&mut self, outcome: Result<SignedIn, SignInError>) -> Result<Arc<Authenticated>, Failure> {
        let guarded = match &outcome {
            Ok(user) => user.guarded,
            Err(SignInError::Denied(denial)) => denial.guarded,
            Err(SignInError::Unavailable(_)) => Guarded::default(),
        };
        (self.record.place, self.record.guard, self.slow_down) = (guarded.place, guarded.refusal, guarded.slow_down);
        let SignedIn { user, remembered, .. } = outcome.map_err(|error| self.nobody(error))?;
        self.record.cached = remembered;
        self.record.upn = user.entry().upn.clone();
        self.record.entry = Some(user.entry().id.clone());
        Ok(user)
    }

    /// Looks up, for somebody who asks in their place, whoever was signed in before.
    ///
    /// # Errors
    /// [`RefusalKind::NotPermitted`], whatever it is that speaks against them.
    pub(super) async fn look_up(
        &mut self,
        context: &Context,
        name: &Username,
        entry: &EntryId,
    ) -> Result<Arc<Entry>, Failure> {
        let entry = context.sign_in.look_up(name, entry).await.map_err(|error| self.no_subject(error))?;
        if self.record.subject.is_some() {
            self.record.subject_upn = entry.upn.clone();
        }
        Ok(entry)
    }

    /// Whoever asks for another has signed in, and is not told that they have not.
    fn no_subject(&mut self, error: SignInError) -> Failure {
        // The record's entry is the asker's.
        let entry = self.record.entry.take();
        let failure = self.nobody(error);
        self.record.entry = entry;
        match failure {
            Failure::Refused(refusal) => Failure::Refused(Refusal { kind: RefusalKind::NotPermitted, ..refusal }),
            other => other,
        }
    }

    fn nobody(&mut self, error: SignInError) -> Failure {
        match error {
            SignInError::Denied(denial) => {
                let (result, reason) = (denial.result.label(), &denial.reason);
                debug!(correlation_id = self.record.correlation_id, result, reason, "not signed in");
                self.record.result = denial.result;
                self.record.entry = denial.entry;
                Failure::Refused(Refusal::new(RefusalKind::Authentication, denial.reason))
            }
            SignInError::Unavailable(unavailable) => {
                self.outage = true;
                Failure::Unavailable(unavailable)
            }
        }
    }

    /// The refusal of a user whose password was right.
    pub(super) fn not_entitled(&mut self, why: NotEntitled) -> Refusal {
        let (result, reason) = match why {
            NotEntitled::Claim(reason) => {
                let refusal = Refusal::new(RefusalKind::Unsupported, reason);
                return refusal
                    .telling("A claim that it insists on cannot be given: leave it out, or say Optional=\"true\".");
            }
            NotEntitled::Group(reason) => (AuditResult::WrongGroup, reason),
            NotEntitled::Issuer(reason) | NotEntitled::Incomplete(reason) => (AuditResult::Account, reason),
        };
        self.record.result = result;
        Refusal::new(RefusalKind::Authentication, reason)
    }

    /// Writes the record. A failed sign-in returns `guard.failure_delay` after the request arrived, or a multiple of it, so
    /// that the time does not tell why it failed, and during a spray later by `guard.spray.slow_down`; nor does it tell, when a directory was not there, how far the sign-in came.
    pub(super) async fn end(mut self, context: &Context, failure: Option<&Failure>) {
        let record = &mut self.record;
        match failure {
            None => record.result = AuditResult::Success,
            Some(Failure::Refused(refusal)) => {
                record.reason = Some(refusal.reason.clone());
                record.assertion_id = None;
                // Whoever refused a user has said more closely why.
                if !is_about_a_user(refusal) || record.result == AuditResult::Success {
                    record.result = AuditResult::from(refusal.kind);
                }
            }
            Some(Failure::Misconfigured(problem)) => {
                record.result = AuditResult::Configuration;
                record.reason = Some(problem.clone());
            }
            // Who was refused without asking anybody is told of an outage all the same, as others are at that time.
            Some(Failure::Unavailable(_)) if record.result == AuditResult::Access => {}
            Some(Failure::Unavailable(unavailable)) => {
                record.result = AuditResult::Unavailable;
                record.reason = Some(unavailable.to_string());
            }
            Some(Failure::Ours(problem)) => {
                record.result = AuditResult::Internal;
                record.reason = Some(problem.clone());
            }
        }
        record.time = context.clock.now();
        record.duration = self.arrived.elapsed();
        let denied = matches!(failure, Some(Failure::Refused(refusal)) if is_about_a_user(refusal));
        let delayed = denied || self.outage;
        context.metrics.authentications.with_label_values(&[record.result.metric_label()]).inc();
        traces::note("fedfront.result", record.result.label());
        if let Some(operation) = record.operation {
            let result = match failure {
                None if self.valid => "success",
                None => "invalid",
                Some(Failure::Refused(_)) => "refused",
                Some(Failure::Misconfigured(_) | Failure::Unavailable(_) | Failure::Ours(_)) => "unavailable",
            };
            context.metrics.wstrust_requests.with_label_values(&[operation, result]).inc();
        }
        context.audit.write(self.record).await;
        if delayed {
            let waits = whole_delays(self.arrived.elapsed(), context.config.guard.failure_delay);
            let slow_down = if denied { self.slow_down } else { Duration::ZERO };
            traces::step("failure_delay", pin!(sleep_until(self.arrived + waits + slow_down))).await;
        }
    }
}

/// Whether a refusal may depend on who a user is: the time that it took must not tell.
fn is_about_a_user(refusal: &Refusal) -> bool {
    matches!(refusal.kind, RefusalKind::Authentication | RefusalKind::NotPermitted)
}

/// How long after its arrival a failed sign-in that took `taken` so far is answered: after the first whole number of delays
/// that is more. That hides the few milliseconds by which the ways to a failure differ. It does not hide a bind, which may
/// take longer than a delay: who fails without one waits as long as one takes ([`crate::directory::Directory::decoy`]).
fn whole_delays(taken: Duration, delay: Duration) -> Duration {
    let delays = taken.as_nanos().checked_div(delay.as_nanos()).and_then(|whole| u32::try_from(whole).ok());
    delays.map_or(Duration::ZERO, |whole| delay.saturating_mul(whole.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_failed_sign_in_took_it_is_answered_after_whole_delays() {
        for (taken, delay, answered) in [
            (0, 250, 250),
            (1, 250, 250),
            (249, 250, 250),
            (250, 250, 500),
            (499, 250, 500),
            (3900, 250, 4000),
            (4000, 250, 4250),
            (5, 2, 6),
            (0, 0, 0),
            (900, 0, 0),
        ] {
            let milliseconds = Duration::from_millis;
            assert_eq!(whole_delays(milliseconds(taken), milliseconds(delay)), milliseconds(answered), "{taken}");
        }
        assert!(whole_delays(Duration::MAX, Duration::from_nanos(1)).is_zero());
    }
}
