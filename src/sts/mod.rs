//! Decisions: for whom, whether, and what is said. Pure.

mod claims;
mod dn;
mod group;
mod issue;
mod party;

pub use claims::{Circumstances, Claims, Foreseen, NotEntitled, claims, evaluate, foresee};
pub use issue::{Validity, issue};
pub use party::{Issuers, party_for};
