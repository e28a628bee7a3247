//! The service account, and what becomes of it when it is refused.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::connect::Connection;
use super::failure::Failure;
use super::result;
use crate::directory::{BindOutcome, BindRefusal};
use crate::model::Password;

/// How long a service account that was refused is not tried again: every name that a stranger invents wants a connection, and
/// the directory would lock the account. Soon enough for whoever mends it there, or for a server that has yet to hear of a new
/// password.
const SOON: Duration = Duration::from_secs(60);
/// How long if its password was wrong again: longer than the half hour that directories count within at most as a rule, so that of one
/// process they count two in that time, whatever its pools and however many servers it asks.
const LATER: Duration = Duration::from_secs(31 * 60);
/// A refusal this long after the last has nothing to do with it.
const APART: Duration = LATER.saturating_mul(2);

/// Whom to bind as before anybody is searched, and whether that is refused.
pub(super) struct Service {
    directory: Arc<str>,
    name: Arc<str>,
    password: Password,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Stands until a bind succeeds.
    refusal: Option<Refusal>,
    /// When a bind was last refused as a wrong guess, whatever came after it.
    last: Option<Instant>,
    /// Since when it has been refused, by a configuration before this if that was so, and the log was not told of the end.
    since: Option<Instant>,
}

struct Refusal {
    failure: Failure,
    /// When it may be tried again.
    again: Instant,
}

impl Service {
    pub(super) fn new(directory: &Arc<str>, name: &str, password: Password) -> Self {
        Self { directory: directory.clone(), name: name.into(), password, state: Mutex::default() }
    }

    /// The refusal that is not over, though it may be time to try again.
    pub(super) fn refused(&self) -> Option<String> {
        let state = self.state();
        let Refusal { failure, again } = state.refusal.as_ref()?;
        let left = again.saturating_duration_since(Instant::now()).as_secs();
        let next = if left > 0 { format!("for {left} s not again") } else { "again with the next sign-in".to_owned() };
        Some(format!("{failure}; tried {next}, or at once by fedfront reload"))
    }

    /// Since when it has been refused, be it by a configuration before this.
    pub(super) fn refused_since(&self) -> Option<Instant> {
        self.state().since
    }

    /// Was refused since then, by the configuration before this: the log is told when that is over.
    pub(super) fn follow_refused(&self, since: Instant) {
        self.state().since.get_or_insert(since);
    }

    /// The last refusal, for as long as nobody is to try again.
    pub(super) fn refused_lately(&self) -> Option<Failure> {
        let state = self.state();
        state.refusal.as_ref().filter(|refusal| Instant::now() < refusal.again).map(|refusal| refusal.failure.clone())
    }

    pub(super) async fn bind(&self, connection: &mut Connection) -> Result<(), Failure> {
        let server = connection.server.clone();
        let _turn = server.service_turn.lock().await;
        if let Some(refused) = self.refused_lately() {
            return Err(refused);
        }
        // ldap3 panics on a malformed answer.
        let bind = AssertUnwindSafe(connection.ldap.simple_bind(&self.name, self.password.expose())).catch_unwind();
        let answer = bind.await.map_err(|_| Failure::malformed())??;
        match result::bind_outcome(&answer) {
            Some(BindOutcome::Bound | BindOutcome::BoundAs(_)) => {
                self.accept(&server.url);
                Ok(())
            }
            Some(BindOutcome::Refused(refusal)) => Err(self.refuse(&server.url, &refusal)),
            None => Err(Failure::error(format!("the service account's bind failed with result {}", answer.rc))),
        }
    }

    fn refuse(&self, server: &str, refusal: &BindRefusal) -> Failure {
        let reason = match refusal {
            // Few directories say that the account is locked, if they do not know who asks.
            BindRefusal::InvalidCredentials => "wrong password, or the account is locked".into(),
            other => other.reason(),
        };
        let failure = Failure::refused(format!("{server}: the service account's bind was refused: {reason}"));
        let (mut state, now) = (self.state(), Instant::now());
        // That it is locked, disabled or expired brings it no nearer to a lock.
        let again = refusal.counts() && state.last.replace(now).is_some_and(|last| now - last < APART);
        let refusal = Refusal { failure: failure.clone(), again: now + if again { LATER } else { SOON } };
        let news = state.refusal.replace(refusal).is_none();
        state.since.get_or_insert(now);
        drop(state);
        if news {
            let directory = &*self.directory;
            tracing::error!(
                directory,
                server,
                %reason,
                "the service account is refused: no user of the directory can sign in; mend its password or the account, and \
                 tell each replica by fedfront reload: by itself it tries again after a minute, then a wrong password every \
                 half hour"
            );
        }
        failure
    }

    fn accept(&self, server: &str) {
        let mut state = self.state();
        state.refusal = None;
        let since = state.since.take();
        drop(state);
        if let Some(since) = since {
            let (directory, seconds) = (&*self.directory, since.elapsed().as_secs());
            tracing::info!(directory, server, seconds, "the service account is accepted again");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "ldap://a:389";

    fn service() -> Service {
        Service::new(&"people".into(), "cn=service", Password::new("old"))
    }

    /// Binds whenever that is allowed for so long; how many seconds after the beginning it did.
    async fn binds(service: &Service, minutes: u64) -> Vec<u64> {
        let (begun, mut binds) = (Instant::now(), Vec::new());
        while begun.elapsed() < Duration::from_secs(minutes * 60) {
            if service.refused_lately().is_none() {
                binds.push(begun.elapsed().as_secs());
                service.refuse(SERVER, &BindRefusal::InvalidCredentials);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        binds
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_secret_was_bound_every_minute_until_the_directory_locked_the_service_account() {
        let at = |minutes: &[u64]| minutes.iter().map(|minute| minute * 60).collect::<Vec<_>>();
        let service = service();
        assert_eq!(binds(&service, 120).await, at(&[0, 1, 32, 63, 94]));
        service.accept(SERVER);
        assert!(service.refused_lately().is_none());
        // A server that accepts it between two refusals of another does not bring it nearer to a lock there.
        assert_eq!(binds(&service, 40).await, at(&[0, 31]));
        service.accept(SERVER);
        tokio::time::advance(APART).await;
        assert_eq!(binds(&service, 2).await, at(&[0, 1]), "long ago");
        assert_eq!(binds(&self::service(), 2).await, at(&[0, 1]), "of a new configuration nothing is known");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_was_forgotten_after_a_minute_in_which_nobody_signed_in() {
        let service = service();
        assert!(service.refused().is_none() && service.refused_since().is_none());
        let failure = service.refuse(SERVER, &BindRefusal::InvalidCredentials);
        let said = "ldap://a:389: the service account's bind was refused: wrong password, or the account is locked";
        assert!(failure.is_refused() && failure.to_string() == said, "{failure}");
        let next = |next: &str| Some(format!("{said}; tried {next}, or at once by fedfront reload"));
        assert_eq!(service.refused(), next("for 60 s not again"));
        tokio::time::advance(SOON).await;
        assert!(service.refused_lately().is_none(), "it may be tried");
        assert_eq!(service.refused(), next("again with the next sign-in"), "and is not over");
        service.accept(SERVER);
        assert!(service.refused().is_none() && service.refused_since().is_none());
        let locked = service.refuse(SERVER, &BindRefusal::Locked.coded("49/775")).to_string();
        assert!(locked.ends_with("refused: the directory has locked the account (49/775)"), "{locked}");
        tokio::time::advance(SOON).await;
        assert!(service.refused_lately().is_none(), "which no bind counts for: it may be over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_service_account_left_no_line_in_the_log() {
        let (said, (old, new)) = (crate::telemetry::testing::Said::default(), (service(), service()));
        said.hears(|| {
            old.refuse(SERVER, &BindRefusal::InvalidCredentials);
            old.refuse(SERVER, &BindRefusal::InvalidCredentials);
            new.follow_refused(old.refused_since().unwrap());
            new.accept(SERVER);
            new.accept(SERVER);
        });
        let lines = said.lines();
        let [refused, accepted] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(
            refused.contains("ERROR") && refused.contains("wrong password") && refused.contains(SERVER),
            "{refused}"
        );
        assert!(refused.contains("people") && !refused.contains("old"), "{refused}");
        assert!(accepted.contains("INFO") && accepted.contains("the service account is accepted again"), "{accepted}");
    }
}
