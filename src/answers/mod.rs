//! What a server answered, ours or another's, read into facts by which two answers are compared: WS-MetadataExchange,
//! WS-Trust and SAML ECP. What others write is read as it stands, right or wrong; whether it is good is for the reader. Pure.

mod assertion;
mod difference;
mod ecp;
mod fact;
mod fault;
mod issued;
mod message;
mod mex;
mod signature;
mod subject;
#[cfg(test)]
mod tests;
mod token;

pub use assertion::{Assertion, Attribute, Carried, Confirmation, Name};
pub use difference::{Difference, differences};
pub use ecp::ecp;
pub use fact::{CLOSE, Fact, Value};
pub use fault::{Fault, Status};
pub use issued::{Answer, EcpResponse, Issued, Protocol, TrustResponse};
pub use message::Unreadable;
pub use mex::{Credential, Endpoint, Mex, Obstacle, mex};
pub use signature::{Signature, Verification};
pub use subject::Subject;
pub use token::token;
