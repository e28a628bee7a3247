//! SOAP 1.1 and 1.2 envelopes with WS-Addressing and WS-Security headers. The namespace of the envelope says which
//! version it is, never the Content-Type: Microsoft's clients send 1.1 as `application/soap+xml`.

mod addressing;
mod envelope;
mod fault;
mod security;

pub use addressing::{Addressing, AddressingVersion};
pub use envelope::{Envelope, SoapVersion, understood_by_wstrust};
pub use fault::{Fault, FaultCode};
pub use security::{
    AnswerError, BinarySecurityToken, CertificateEncoding, Credential, Endorsement, Required, SecurityHeader,
    SecurityTimestamp, SignedMessage, UsernameToken, is_encrypted, key_unavailable, signed_answer,
};

use crate::xml::Ns;

/// WS-Security 1.0 secext.
pub static WSSE: Ns =
    Ns { prefix: "o", uri: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" };
/// WS-Security 1.0 utility.
pub static WSU: Ns =
    Ns { prefix: "u", uri: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" };
