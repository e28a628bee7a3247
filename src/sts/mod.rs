//! Decisions: for whom, whether, and what is said. Pure.

mod access;
mod claims;
mod delegation;
mod dn;
mod group;
mod issue;
mod name;
mod pairwise;
mod party;
mod trust;
#[cfg(test)]
mod trust_tests;
mod validity;

pub use access::{Access, Approach, access, prospects, why_denied};
pub use claims::{Circumstances, Claims, Foreseen, NotEntitled, claims, evaluate, foresee, has_left, may_have};
pub use delegation::{LOGIN_ATTRIBUTES, Shown, actor, covers, is_named, names_actor, rules_for};
pub use issue::issue;
pub use name::choose_name;
pub use party::{Issuers, party_for};
pub use trust::{HeldBy, SubjectName, TrustedIssuer, TrustedIssuers, Vouched};
pub use validity::Validity;
