//! Shadow mode: the identity provider goes on answering an endpoint, and beside it we compute our own answer to the same
//! request and say in what it differs. The client gets the identity provider's answer, byte for byte, and waits for nothing.
//!
//! What is forwarded is copied within bounds ([`Capture`]). When the identity provider's answer is complete, our own is made by
//! the steps of [`crate::handler`], at the time at which the request came, with what is remembered and recorded apart
//! ([`bench`]); both are read ([`seen`]), compared ([`compare`]) and reported ([`desk`]).
//!
//! The directory must not be hurt: the identity provider asks it, too, and a wrong password counts there twice if we ask again.
//! So a password is bound only where the identity provider has issued a token for it alone ([`credentials`]), and no failure of that user counts at the
//! guard, such as when our directory has refused it all the same ([`aside`]).

mod aside;
mod bench;
mod capture;
mod compare;
mod credentials;
mod described;
mod desk;
mod found;
mod seen;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::bench::Bench;
use self::capture::Exchange;
use self::compare::{Comparison, Why};
use crate::config::Limits;
use crate::directory::Directory;
use crate::handler::{Context, NativeRequest};
use crate::model::Endpoint;
use crate::sign_in::Memory;

pub use self::capture::{Capture, End, Known};
pub use self::desk::Desk;

/// How long a copy waits for its turn, and how long it is compared at most. A password is kept no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Compares what one configuration would answer.
pub struct Shadow {
    desk: Arc<Desk>,
    bench: Bench,
    limits: Limits,
    /// Of a hundred requests.
    sample: u32,
    /// How many are compared at a time.
    turns: Semaphore,
}

impl Shadow {
    /// With what `context` answers with; `directory` and `memory` are those that its users sign in with.
    ///
    /// # Errors
    /// The system has no thread or random key to give.
    pub fn new(
        context: &Context,
        directory: Arc<dyn Directory>,
        memory: &Memory,
        desk: Arc<Desk>,
    ) -> io::Result<Arc<Self>> {
        let config = &context.config;
        Ok(Arc::new(Self {
            bench: Bench::new(context, directory, memory, &desk)?,
            limits: config.limits,
            sample: config.shadow.sample,
            turns: Semaphore::new(config.shadow.concurrency),
            desk,
        }))
    }

    /// Begins to copy a request that is forwarded, its body left out. `None` if it is not to be compared, for the sample or for
    /// lack of room.
    pub fn begin(self: &Arc<Self>, request: NativeRequest, known: Known) -> Option<Capture> {
        if self.sample < 100 && RandomState::new().hash_one(0) % 100 >= u64::from(self.sample) {
            return None;
        }
        let limit = self.limits.body_of(request.endpoint);
        let endpoint = request.endpoint;
        let begun = Capture::begin(self.clone(), request, known, limit, self.bench.now());
        if begun.is_none() {
            self.desk.not_compared(endpoint, Why::Overload);
        }
        begun
    }

    /// Takes over what was copied, to be compared when there is a turn.
    fn take(self: Arc<Self>, exchange: Exchange) {
        let endpoint = exchange.request.endpoint;
        let Some(place) = self.desk.place() else {
            return self.desk.not_compared(endpoint, Why::Overload);
        };
        tokio::spawn(async move { self.compare(exchange, place).await });
    }

    async fn compare(&self, exchange: Exchange, _place: OwnedSemaphorePermit) {
        let endpoint = exchange.request.endpoint;
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.turns.acquire()).await else {
            return self.desk.not_compared(endpoint, Why::Overload);
        };
        let compared = AssertUnwindSafe(timeout(PATIENCE, compare::compare(exchange, &self.bench, &self.desk)));
        let comparison = match compared.catch_unwind().await {
            Ok(Ok(comparison)) => comparison,
            Ok(Err(_)) => Comparison::failed("no answer of ours within 30 s"),
            // The panic's own words may quote anything.
            Err(_) => Comparison::failed("a defect of fedfront broke it off"),
        };
        self.desk.report(endpoint, comparison).await;
    }

    fn not_compared(&self, endpoint: Endpoint, why: Why) {
        self.desk.not_compared(endpoint, why);
    }
}
