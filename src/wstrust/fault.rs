//! The one place where a refusal becomes a WS-Trust fault. Codes and texts are those of AD FS, which clients and their
//! users know; the real reason is in the audit log alone.

use super::TrustVersion;
use crate::model::RefusalKind;
use crate::soap::{Fault, FaultCode, WSSE};
use crate::xml::Ns;

/// Subcodes of WS-Security, prefixed as AD FS does.
static A: Ns = Ns { prefix: "a", uri: WSSE.uri };

/// A sign-in that failed, whyever: one constant, so that its bytes cannot tell a user who exists from one who does not.
pub const AUTHENTICATION_FAULT: &str = "ID3242: The security token could not be authenticated or authorized.";

/// The fault for a refusal, in the request's version of WS-Trust.
pub fn fault(kind: RefusalKind, version: TrustVersion) -> Fault {
    let trust = version.ns();
    let sender = |ns: &'static Ns, local, reason| Fault { code: FaultCode::Sender, subcode: Some((ns, local)), reason };
    match kind {
        RefusalKind::Authentication => sender(&A, "FailedAuthentication", AUTHENTICATION_FAULT),
        RefusalKind::Malformed => sender(trust, "InvalidRequest", "MSIS3127: The specified request failed."),
        RefusalKind::Security => {
            sender(&A, "InvalidSecurity", "An error occurred when verifying security for the message.")
        }
        RefusalKind::Clock => sender(
            &A,
            "InvalidSecurity",
            "An error occurred when verifying security for the message: its Timestamp is too far from this server's clock.",
        ),
        RefusalKind::UnsupportedToken => sender(
            &A,
            "UnsupportedSecurityToken",
            "An unsupported token was provided: this service takes a UsernameToken with a password in clear text over TLS.",
        ),
        RefusalKind::Scope => {
            sender(trust, "InvalidScope", "ID3082: The request scope is not valid or is unsupported.")
        }
        RefusalKind::Unsupported => {
            sender(trust, "RequestFailed", "The request asks for what this service does not offer.")
        }
        RefusalKind::MustUnderstand => Fault {
            code: FaultCode::MustUnderstand,
            subcode: None,
            reason: "A header that must be understood is not understood.",
        },
        RefusalKind::Version => Fault {
            code: FaultCode::VersionMismatch,
            subcode: None,
            reason: "The envelope is of neither SOAP 1.1 nor SOAP 1.2.",
        },
    }
}

/// The fault for an outage behind us: never a bad password, or clients would drop one that is right.
pub fn unavailable(version: TrustVersion) -> Fault {
    Fault {
        code: FaultCode::Receiver,
        subcode: Some((version.ns(), "RequestFailed")),
        reason: "The service is temporarily unavailable.",
    }
}
