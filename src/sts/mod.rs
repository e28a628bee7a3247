//! Decisions: for whom, whether, and what is said. Pure.

mod claims;
mod delegation;
mod dn;
mod group;
mod issue;
mod party;
mod trust;
#[cfg(test)]
mod trust_tests;
mod validity;

pub use claims::{Claims, Foreseen, NotEntitled, claims, foresee};
pub use delegation::{LOGIN_ATTRIBUTES, Shown, actor, covers, rules_for};
pub use issue::issue;
pub use party::{Issuers, party_for};
pub use trust::{HeldBy, SubjectName, TrustedIssuer, TrustedIssuers, Vouched};
pub use validity::Validity;
