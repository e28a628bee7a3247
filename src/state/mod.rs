//! What must be remembered between requests besides cached binds: the guard's records, the messages that were used, and the
//! tokens that were issued or cancelled. In the memory of this process, and where replicas share it, in Redis besides.

mod entry_key;
#[cfg(test)]
mod fake;
mod guard_records;
mod issued;
mod places;
mod redis;
mod replay;
mod shared;

pub use self::redis::{Redis, Survey, survey};
pub use guard_records::{Admission, GuardRecords, Locked, News, Reservation, Settled};
pub use issued::{Issued, IssuedToken, NoRoom, Seals};
pub use places::Places;
pub use replay::Replay;
pub use shared::{Away, Shared, Sharing};

use self::redis::MOST_OCTETS;
use self::shared::Current;
