//! The directory as it is asked beside an identity provider that asks it, too: it is not to count a failure that is not ours.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::desk::Desk;
use crate::directory::{Availability, BindError, BindOutcome, BindRefusal, Directory, Resolution, Standing};
use crate::model::{Clock, Entry, EntryId, Password, Timestamp, Unavailable, Username};

/// Why a bind was not made: the identity provider has refused, so that the password may be wrong.
pub(super) const UNASKED: &str = "none, for it was not asked: the identity provider refused";
/// Why a bind was not made: this directory has refused one that the identity provider accepted.
pub(super) const PAUSED: &str =
    "this directory refused the user a while ago, and is not asked again before guard.window is over";

/// When a password is bound.
pub(super) enum Binding {
    /// Never; whoever's entry is in good standing is refused as for a wrong password.
    Never(Arc<dyn Clock>),
    /// As ever; but once refused, not again for so long.
    Once(Arc<Desk>, Duration),
}

/// A directory, asked with care.
pub(super) struct Aside {
    pub directory: Arc<dyn Directory>,
    pub binding: Binding,
}

#[async_trait]
impl Directory for Aside {
    fn name(&self) -> &str {
        self.directory.name()
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        self.directory.resolve(name).await
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        let (desk, pause) = match &self.binding {
            Binding::Never(clock) => {
                let refusal = match self.directory.standing(entry, clock.now()) {
                    Standing::Refused(refusal) => refusal,
                    Standing::Good | Standing::Unknown(_) => BindRefusal::Other(UNASKED.to_owned()),
                };
                return Ok(BindOutcome::Refused(refusal));
            }
            Binding::Once(desk, pause) => (desk, *pause),
        };
        if desk.is_paused(&entry.id, pause) {
            return Err(BindError::NotTried(Unavailable::new("shadow", PAUSED)));
        }
        let outcome = self.directory.bind(entry, password).await;
        // What was not answered may have been counted.
        if matches!(outcome, Ok(BindOutcome::Refused(_)) | Err(BindError::Unanswered(_))) {
            desk.pause(&entry.id);
        }
        outcome
    }

    async fn with_groups(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, Unavailable> {
        self.directory.with_groups(entry).await
    }

    fn forget(&self, entry: Option<&EntryId>) {
        self.directory.forget(entry);
    }

    fn standing(&self, entry: &Entry, now: Timestamp) -> Standing {
        self.directory.standing(entry, now)
    }

    /// Nobody waits for it whom its time could tell anything.
    async fn decoy(&self, _entry: Option<&Entry>, _password: &Password) -> Result<(), Unavailable> {
        Ok(())
    }

    fn availability(&self) -> Availability {
        self.directory.availability()
    }
}
