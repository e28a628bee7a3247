//! Where a server's host name leads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::failure::Failure;

/// How long a look-up is waited for where an earlier one is there to go by.
const PATIENCE: Duration = Duration::from_millis(300);

type Found = Option<Arc<[SocketAddr]>>;
type LookUp = Shared<BoxFuture<'static, Found>>;

/// A host name and a port. It is looked up for every connection, so that a change is noticed; what was found last stands in
/// while nobody can say, as when the name servers are the very machines that are away.
pub(super) struct Addresses {
    /// As a resolver takes it: an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Of the last look-up that found any.
    known: Found,
    /// The one under way, which whoever asks meanwhile joins: each holds a thread for as long as the resolver waits.
    current: Option<LookUp>,
}

impl Addresses {
    pub(super) fn new(host: String, port: u16) -> Self {
        Self { host, port, state: Arc::default() }
    }

    /// All of them, at least one.
    pub(super) async fn find(&self) -> Result<Arc<[SocketAddr]>, Failure> {
        let (look_up, known) = self.look_up();
        let found = match known {
            Some(known) => timeout(PATIENCE, look_up).await.ok().flatten().or(Some(known)),
            None => look_up.await,
        };
        found.ok_or_else(|| Failure::error("the host name cannot be resolved"))
    }

    /// The look-up under way, or a new one; and what was known before.
    fn look_up(&self) -> (LookUp, Found) {
        let mut state = lock(&self.state);
        let known = state.known.clone();
        if let Some(current) = &state.current {
            return (current.clone(), known);
        }
        let (host, port, shared) = (self.host.clone(), self.port, self.state.clone());
        // A task of its own: it ends for all, whoever stops waiting.
        let task = tokio::spawn(async move {
            let found = lookup_host((host.as_str(), port)).await;
            let found: Found = found.ok().map(Iterator::collect).filter(|found: &Arc<[_]>| !found.is_empty());
            let mut state = lock(&shared);
            state.current = None;
            if found.is_some() {
                state.known.clone_from(&found);
            }
            found
        });
        let look_up = task.map(|ended| ended.ok().flatten()).boxed().shared();
        state.current = Some(look_up.clone());
        (look_up, known)
    }
}

#[cfg(test)]
impl Addresses {
    /// Takes these for what an earlier look-up found.
    pub(super) fn assume(&self, known: &[SocketAddr]) {
        lock(&self.state).known = Some(known.into());
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_known_stands_in_while_nobody_can_say() {
        // Too long for a name: no server need be asked.
        let addresses = Addresses::new("x".repeat(64), 389);
        assert!(addresses.find().await.is_err());
        let known = [SocketAddr::from(([192, 0, 2, 1], 389))];
        addresses.assume(&known);
        assert_eq!(*addresses.find().await.unwrap(), known, "the name is not there");
        lock(&addresses.state).current = Some(std::future::pending().boxed().shared());
        assert_eq!(*addresses.find().await.unwrap(), known, "the resolver hangs");
    }

    #[tokio::test]
    async fn a_name_is_looked_up_for_every_connection_and_once_at_a_time() {
        let addresses = Addresses::new("127.0.0.1".to_owned(), 389);
        let (one, other) = (addresses.look_up().0, addresses.look_up().0);
        assert!(one.ptr_eq(&other));
        assert_eq!(one.await.unwrap().as_ref(), [SocketAddr::from(([127, 0, 0, 1], 389))]);
        assert!(lock(&addresses.state).current.is_none());
        assert!(!other.ptr_eq(&addresses.look_up().0));
    }
}
