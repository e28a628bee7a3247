//! The Enhanced Client or Proxy profile (`saml-ecp-v2.0-cs01`), the identity provider's half: what the AuthnRequest asks,
//! whether we can give it, and the envelope that answers.

mod channel_bindings;
mod policy;
mod request;
mod response;
mod status;

pub use channel_bindings::{ChannelBindings, match_channel_bindings};
pub use policy::grant;
pub use request::{AcsRequest, AuthnRequest, Comparison, NameIdPolicy, RequestedAuthnContext, check};
pub use response::{CONTENT_TYPE, FaultCode, ResponseHead, failure, fault, success};
pub use status::{SecondLevelStatus, StatusCode};
