//! The words every floor speaks: who signs in, for whom, when, and what is said when it fails. No IO, nothing of ours.

mod clock;
mod credential;
mod endpoint;
mod entry;
mod party;
mod refusal;

pub use clock::{Clock, Ids, MAX_AGE, MAX_SKEW, Timestamp, TimestampError};
pub use credential::{ClientAddress, Password, Username};
pub use endpoint::Endpoint;
pub use entry::{AttributeValue, Attributes, Authenticated, AuthenticationMethod, Entry, EntryId};
pub use party::{
    AttributeRelease, ContentEncryption, DelegationKind, DelegationRule, EcpRelease, IssuerChoice, NameIdentifierRule,
    RelyingParty, Renewal, SignatureAlgorithm, TokenTypeSpelling,
};
pub use refusal::{Refusal, RefusalKind, Unavailable, quoted};
