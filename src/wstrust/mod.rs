//! WS-Trust 2005/02 and 1.3, and WS-MetadataExchange as Microsoft's clients expect it.

mod computed_key;
mod fault;
pub mod mex;
mod request;
mod response;
mod version;
pub mod wsdl;

pub use computed_key::p_sha1;
pub use fault::{AUTHENTICATION_FAULT, fault, unavailable};
pub use request::{
    CancelRequest, ClientEntropy, DelegatedSubject, Delegation, IssueRequest, KeyRequest, Operation, RenewRequest,
    Renewing, RequestSecurityToken, RequestedClaims, RequestedLifetime, Target, TokenType, UseKey, ValidateRequest,
};
pub use response::{Heading, IssuedKey, Proof, Rstr, Status, cancelled, render, status};
pub use version::{TrustOperation, TrustVersion};

use crate::xml::Ns;

/// WS-Policy 1.2, whose AppliesTo every client uses.
pub static WSP: Ns = Ns { prefix: "wsp", uri: "http://schemas.xmlsoap.org/ws/2004/09/policy" };
