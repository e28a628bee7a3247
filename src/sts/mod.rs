//! Decisions: for whom, whether, and what is said. Pure.

mod claims;
mod group;
mod issue;
mod party;

pub use claims::{Claims, NotEntitled, claims};
pub use issue::{Validity, issue};
pub use party::{Issuers, party_for};
