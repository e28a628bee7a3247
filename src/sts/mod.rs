//! Decisions: for whom, whether, and what is said. Pure.

mod claims;
mod dn;
mod group;
mod issue;
mod party;
mod validity;

pub use claims::{Circumstances, Claims, Foreseen, NotEntitled, claims, evaluate, foresee};
pub use issue::issue;
pub use party::{Issuers, party_for};
pub use validity::Validity;
