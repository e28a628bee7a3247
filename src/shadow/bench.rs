//! Where our own answer is made, by the same steps as any, and without a trace of it where real ones leave theirs: what is
//! recorded, remembered as used or issued, counted and audited is kept apart. Only a bind is a bind: the guard counts it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use openssl::x509::X509;

use super::aside::{Aside, Binding};
use super::desk::Desk;
use crate::config::{Config, GuardConfig};
use crate::directory::Directory;
use crate::handler::{self, Context, NativeRequest, Reply};
use crate::model::{Clock, Timestamp};
use crate::runtime::SigningPool;
use crate::sign_in::{Memory, SignIn};
use crate::state::{Issued, Replay};
use crate::telemetry::{Audit, AuditRecord, Metrics};

/// Signatures that may wait: more than are compared at a time.
const WAITING: usize = 64;
/// Tokens that are remembered: those that nobody has need not be found again.
const TOKENS: usize = 1;

/// Makes our own answers.
pub(super) struct Bench {
    context: Context,
    /// Binds, with care.
    binding: Arc<SignIn>,
    /// Binds nobody.
    looking: Arc<SignIn>,
}

/// Whether a password may be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// The identity provider has issued a token for it, and for nothing else.
    Bind,
    /// It may be wrong.
    Look,
}

/// What we would have answered.
pub(super) struct Ours {
    pub reply: Reply,
    /// What would have been recorded, if anything.
    pub record: Option<AuditRecord>,
}

impl Bench {
    pub fn new(
        context: &Context,
        directory: Arc<dyn Directory>,
        memory: &Memory,
        desk: &Arc<Desk>,
    ) -> io::Result<Self> {
        let (clock, metrics) = (context.clock.clone(), desk.scratch().clone());
        // Nobody is kept waiting here, and no spray seen: what comes of users is compared, not what comes of all together.
        let guard =
            GuardConfig { failure_delay: Duration::ZERO, networks: None, spray: None, ..context.config.guard.clone() };
        let config = Arc::new(Config { guard, ..Config::clone(&context.config) });
        let unguarded = GuardConfig { enforced: false, directory_count: false, ..config.guard.clone() };
        let loose = Config { guard: unguarded, ..Config::clone(&config) };
        let nobodys = Memory::new(&loose.guard, &metrics, None).map_err(io::Error::other)?;
        let sign_in = |config: &Config, binding, memory: Arc<Memory>| {
            let aside = Arc::new(Aside { directory: directory.clone(), binding, clock: clock.clone() });
            Arc::new(SignIn::new(config, aside, memory, clock.clone(), metrics.clone()))
        };
        let memory = Arc::new(memory.beside());
        let binding = sign_in(&config, Binding::Once(memory.clone()), memory);
        let looking = sign_in(&loose, Binding::Never, Arc::new(nobodys));
        let context = Context {
            config,
            sign_in: looking.clone(),
            signing: Arc::new(SigningPool::new(1, WAITING, metrics.clone())?),
            replay: Arc::new(Replay::new(None)),
            issued: Arc::new(Issued::new(TOKENS, None, metrics.clone())),
            metrics,
            ..context.clone()
        };
        Ok(Self { context, binding, looking })
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    /// The largest message that is read.
    pub fn largest_message(&self) -> usize {
        self.context.config.limits.rst_body
    }

    /// The certificate of the key that signs.
    pub fn certificate(&self) -> X509 {
        self.context.signing_key().certificate().clone()
    }

    /// Our answer to a request that came at `arrived`.
    pub async fn answer(&self, request: &NativeRequest, arrived: Timestamp, may: May) -> Ours {
        let (audit, undecided) = Audit::aside(&self.context.metrics);
        let sign_in = match may {
            May::Bind => self.binding.clone(),
            May::Look => self.looking.clone(),
        };
        let context = Context { sign_in, clock: Arc::new(At(arrived)), audit: Arc::new(audit), ..self.context.clone() };
        let reply = handler::answer(request, &context).await;
        Ours { reply, record: undecided.record() }
    }
}

/// A clock that stands.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What our own answers are counted in, and nobody reads.
pub(super) fn scratch() -> io::Result<Arc<Metrics>> {
    Ok(Arc::new(Metrics::new().map_err(io::Error::other)?))
}
