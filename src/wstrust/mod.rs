//! WS-Trust 2005/02 and 1.3, and WS-MetadataExchange as Microsoft's clients expect it.

mod fault;
pub mod mex;
mod request;
mod response;
mod version;
pub mod wsdl;

pub use fault::{AUTHENTICATION_FAULT, fault, unavailable};
pub use request::{IssueRequest, Operation, RequestSecurityToken, RequestedClaims, TokenType};
pub use response::{Rstr, render};
pub use version::{TrustOperation, TrustVersion};

use crate::xml::Ns;

/// WS-Policy 1.2, whose AppliesTo every client uses.
pub static WSP: Ns = Ns { prefix: "wsp", uri: "http://schemas.xmlsoap.org/ws/2004/09/policy" };
