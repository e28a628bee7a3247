//! The signing key and its certificate, from the operator's files. Every way in which a file can be the wrong one has an
//! error that names the file and what to do.

mod error;
mod loaded;
mod pem;
mod pkcs12;
#[cfg(test)]
mod testing;

pub use error::{KeyError, KeyField};
pub use loaded::{LoadedKey, certificates, load};
