//! The directory as it is asked beside an identity provider that asks it, too: it is not to count a failure that is not ours.

use std::sync::Arc;

use async_trait::async_trait;

use crate::directory::{Availability, BindError, BindOutcome, BindRefusal, Directory, Resolution, Standing};
use crate::model::{Clock, Entry, EntryId, Password, Timestamp, Unavailable, Username};
use crate::sign_in::Memory;

/// Why a bind was not made: the identity provider has refused, or may have gone by something else, so that the password may be
/// wrong.
pub(super) const UNASKED: &str =
    "none, for it was not asked: the identity provider has not shown that the password is right";
/// Why a bind was not made: this directory has refused a password of the user, perhaps one that the identity provider accepted.
pub(super) const PAUSED: &str = "a failure of the user counts, and the directory is not asked before it does no more";

/// When a password is bound.
pub(super) enum Binding {
    /// Never; whoever's entry is in good standing is refused as for a wrong password.
    Never,
    /// As ever; but not while a failure counts that the guard knows of: one for each try that goes on at the same time is the
    /// most, and the guard's threshold the end of it.
    Once(Arc<Memory>),
}

/// A directory, asked with care.
pub(super) struct Aside {
    pub directory: Arc<dyn Directory>,
    pub binding: Binding,
    pub clock: Arc<dyn Clock>,
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
        let now = self.clock.now();
        match &self.binding {
            Binding::Never => Ok(BindOutcome::Refused(match self.directory.standing(entry, now) {
                Standing::Refused(refusal) => refusal,
                Standing::Good | Standing::Unknown(_) => BindRefusal::Other(UNASKED.to_owned()),
            })),
            Binding::Once(memory) if memory.has_failed(&entry.id, now).await => {
                Err(BindError::NotTried(Unavailable::new("shadow", PAUSED)))
            }
            Binding::Once(_) => self.directory.bind(entry, password).await,
        }
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
