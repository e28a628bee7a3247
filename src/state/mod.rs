//! What must be remembered between requests besides cached binds: the guard's records and the messages that were used.
//! In the memory of this process; callers wait for an answer, so that a shared store can take its place.

mod guard_records;
mod issued;
mod replay;
mod shared;

pub use guard_records::{Admission, GuardRecords, Reservation};
pub use issued::{Issued, IssuedToken, NoRoom};
pub use replay::Replay;
pub use shared::{Away, Shared};
