//! The service account, and what becomes of it when it is refused.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::connect::Connection;
use super::failure::Failure;
use super::result;
use crate::directory::BindOutcome;
use crate::model::Password;

/// How long a service account that was refused is not tried again: every name that a stranger invents wants a connection, and
/// the directory would lock the account.
const REFUSED: Duration = Duration::from_secs(60);

/// Whom to bind as before anybody is searched, and the last refusal.
pub(super) struct Service {
    name: Arc<str>,
    password: Password,
    refused: Mutex<Option<(Instant, Failure)>>,
}

impl Service {
    pub(super) fn new(name: &str, password: Password) -> Self {
        Self { name: name.into(), password, refused: Mutex::default() }
    }

    /// The last refusal, for as long as it stands for the next.
    pub(super) fn refused_lately(&self) -> Option<Failure> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().filter(|(at, _)| at.elapsed() < REFUSED).map(|(_, failure)| failure.clone())
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
            Some(BindOutcome::Bound | BindOutcome::BoundAs(_)) => Ok(()),
            Some(BindOutcome::Refused(refusal)) => {
                let text = format!("{}: the service account's bind was refused: {}", server.url, refusal.reason());
                Err(self.refuse(Failure::refused(text)))
            }
            None => Err(Failure::error(format!("the service account's bind failed with result {}", answer.rc))),
        }
    }

    fn refuse(&self, failure: Failure) -> Failure {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), failure.clone()));
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_service_account_stands_for_a_minute() {
        let service = Service::new("cn=service", Password::new("old"));
        assert!(service.refused_lately().is_none());
        service.refuse(Failure::refused("wrong password".to_owned()));
        tokio::time::advance(REFUSED - Duration::from_millis(1)).await;
        assert!(service.refused_lately().is_some_and(|failure| failure.is_refused()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(service.refused_lately().is_none());
    }
}
