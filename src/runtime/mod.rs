//! What the process needs to live well: time and ids, the phases of its life, its signals, who started it,
//! its tasks, the threads that sign, the files that it is made of, who takes its place.

mod activation;
mod chores;
mod handover;
mod lifecycle;
mod process;
mod random;
mod readiness;
mod service_manager;
mod signals;
mod signing_pool;
mod system;
mod watch;

pub use activation::activated;
pub use chores::Chores;
pub use handover::{Given, Interrupt, Launch, Met, NotReady, Place, Predecessor, Ready, Successor, Teller};
pub use lifecycle::{Lifecycle, Phase};
pub use process::{raise_open_files, refuse_core_dumps};
pub use random::random_bits;
pub use readiness::{Latch, Readiness};
pub use service_manager::ServiceManager;
pub use signals::{Calls, Signals};
pub use signing_pool::SigningPool;
pub use system::{RandomIds, SystemClock};
pub use watch::{Burst, QUIET, Watch};
