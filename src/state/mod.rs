//! What must be remembered between requests besides cached binds: the guard's records and the messages that were used.
//! In the memory of this process; callers wait for an answer, so that a shared store can take its place.

mod entry_key;
#[cfg(test)]
mod fake;
mod guard_records;
mod issued;
mod places;
mod replay;
mod shared;

pub use guard_records::{Admission, GuardRecords, Locked, Reservation};
pub use issued::{Issued, IssuedToken, NoRoom};
pub use places::Places;
pub use replay::Replay;
pub use shared::{Away, Shared};
