//! What our documents are called.

use openssl::sha::sha256;

use crate::model::hex;

/// The ID of a document by what it says without one, so that the same is called the same in every replica.
pub fn id_of(xml: &str) -> String {
    format!("_{}", hex(sha256(xml.as_bytes()).get(..20).unwrap_or_default()))
}
