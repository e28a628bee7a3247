//! What the process needs to live well: time and ids, the phases of its life, its signals, the threads that sign.

mod lifecycle;
mod process;
mod random;
mod readiness;
mod signals;
mod signing_pool;
mod system;

pub use lifecycle::{Lifecycle, Phase};
pub use process::{raise_open_files, refuse_core_dumps};
pub use random::random_bits;
pub use readiness::{Latch, Readiness};
pub use signals::Signals;
pub use signing_pool::SigningPool;
pub use system::{RandomIds, SystemClock};
