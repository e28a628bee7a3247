//! One file per endpoint: the list of steps by which a request becomes an answer.

mod message;

pub use message::{NativeRequest, Reply};
