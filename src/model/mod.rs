//! The words every floor speaks: who signs in, for whom, when, and what is said when it fails. No IO, nothing of ours.

mod access;
mod claim;
mod clock;
mod credential;
mod endpoint;
mod entry;
mod hex;
mod origin;
mod pairwise;
mod party;
mod pattern;
mod protocol;
mod refusal;
mod template;

pub use access::AccessRule;
pub use claim::{
    DirectoryAttribute, Encoding, ExpiryUnit, LetterCase, SignInValue, ValueRule, ValueSource, claim_uri, is_claim,
};
pub use clock::{Clock, Ids, MAX_AGE, MAX_SKEW, Timestamp, TimestampError};
pub use credential::{ClientAddress, Password, Username};
pub use endpoint::Endpoint;
pub use entry::{AttributeValue, Attributes, Authenticated, AuthenticationMethod, Entry, EntryId, FailureCount};
pub use hex::hex;
pub use origin::{Origin, written_address};
pub use pairwise::{NameSalt, PairwiseAlgorithm, PairwiseRule};
pub use party::{
    AttributeRelease, ContentEncryption, DelegationKind, DelegationRule, EcpRelease, EcpSwitches, EncryptAssertions,
    IssuerChoice, NameIdentifierRule, ReleasedTo, RelyingParty, Renewal, SignatureAlgorithm, TokenTypeSpelling,
};
pub use pattern::{Pattern, PatternError, Unmatched};
pub use protocol::Protocol;
pub use refusal::{Refusal, RefusalKind, Unavailable, is_misleading, plain, quoted};
pub use template::Template;
