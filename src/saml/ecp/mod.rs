//! The Enhanced Client or Proxy profile (`saml-ecp-v2.0-cs01`), the identity provider's half: what the AuthnRequest asks,
//! whether we can give it, and the envelope that answers.

mod channel_bindings;
mod enclosed;
mod policy;
mod request;
mod response;
mod scoping;
mod status;
mod subject;

pub use channel_bindings::{ChannelBindings, match_channel_bindings};
pub use enclosed::Enclosed;
pub use policy::{Granted, GrantedSubject, Offer, Unmet, grant};
pub use request::{AcsRequest, AuthnRequest, Comparison, NameIdPolicy, RequestedAuthnContext, check};
pub use response::{CONTENT_TYPE, FaultCode, Outcome, Response, ResponseHead, answer, answer_signed, fault, response};
pub use scoping::Scoping;
pub use status::{SecondLevelStatus, StatusCode};
pub use subject::{RequestedIdentifier, RequestedName, RequestedSubject};
