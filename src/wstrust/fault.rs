//! The one place where a refusal becomes a WS-Trust fault. Codes and texts are those of AD FS, which clients and their
//! users know; the real reason is in the audit log alone.

use std::borrow::Cow;

use super::TrustVersion;
use crate::model::{Refusal, RefusalKind};
use crate::soap::{Fault, FaultCode, WSSE, WSU};
use crate::xml::Ns;

/// Subcodes of WS-Security, prefixed as AD FS does.
static A: Ns = Ns { prefix: "a", uri: WSSE.uri };
/// The one subcode that WSS 1.1 has in the utility namespace (SOAP Message Security 1.1, 12).
static U: Ns = Ns { prefix: "u", uri: WSU.uri };

/// A sign-in that failed, whyever: one constant, so that its bytes cannot tell a user who exists from one who does not.
pub const AUTHENTICATION_FAULT: &str = "ID3242: The security token could not be authenticated or authorized.";

/// The fault for a refusal, in the request's version of WS-Trust.
pub fn fault(refusal: &Refusal, version: TrustVersion) -> Fault {
    let (code, subcode, reason) = words(refusal.kind, version);
    let reason = match &refusal.told {
        None => Cow::Borrowed(reason),
        Some(told) => Cow::Owned(format!("{reason} {told}")),
    };
    Fault { code, subcode, reason }
}

type Words = (FaultCode, (&'static Ns, &'static str), &'static str);

fn words(kind: RefusalKind, version: TrustVersion) -> Words {
    let trust = version.ns();
    let sender = |ns: &'static Ns, local, reason| (FaultCode::Sender, (ns, local), reason);
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
        RefusalKind::UnsupportedToken => sender(&A, "UnsupportedSecurityToken", "An unsupported token was provided."),
        RefusalKind::Scope => {
            sender(trust, "InvalidScope", "ID3082: The request scope is not valid or is unsupported.")
        }
        RefusalKind::Unsupported => {
            sender(trust, "RequestFailed", "The request asks for what this service does not offer.")
        }
        RefusalKind::MustUnderstand => (
            FaultCode::MustUnderstand,
            (trust, "InvalidRequest"),
            "A header that must be understood is not understood.",
        ),
        RefusalKind::Version => {
            (FaultCode::VersionMismatch, (trust, "InvalidRequest"), "The envelope is of neither SOAP 1.1 nor SOAP 1.2.")
        }
        RefusalKind::InvalidSecurityToken => {
            sender(&A, "InvalidSecurityToken", "An invalid security token was provided.")
        }
        RefusalKind::FailedCheck => sender(&A, "FailedCheck", "The signature or decryption was invalid."),
        RefusalKind::UnsupportedAlgorithm => {
            sender(&A, "UnsupportedAlgorithm", "An unsupported signature or encryption algorithm was used.")
        }
        RefusalKind::SecurityTokenUnavailable => {
            sender(&A, "SecurityTokenUnavailable", "Referenced security token could not be retrieved.")
        }
        RefusalKind::MessageExpired => sender(&U, "MessageExpired", "The message has expired."),
        RefusalKind::BadRequest => sender(trust, "BadRequest", "The specified RequestSecurityToken is not understood."),
        RefusalKind::NotPermitted => sender(trust, "FailedAuthentication", "Authentication failed."),
        RefusalKind::InvalidTarget => sender(trust, "InvalidSecurityToken", "Security token has been revoked."),
        RefusalKind::AuthenticationBadElements => {
            sender(trust, "AuthenticationBadElements", "Insufficient digest elements.")
        }
        RefusalKind::ExpiredData => sender(trust, "ExpiredData", "The request data is out-of-date."),
        RefusalKind::InvalidTimeRange => {
            sender(trust, "InvalidTimeRange", "The requested time range is invalid or unsupported.")
        }
        RefusalKind::RenewNeeded => sender(trust, "RenewNeeded", "A renewable security token has expired."),
        RefusalKind::UnableToRenew => sender(trust, "UnableToRenew", "The requested renewal failed."),
    }
}

/// The fault for an outage behind us: never a bad password, or clients would drop one that is right.
pub fn unavailable(version: TrustVersion) -> Fault {
    Fault {
        code: FaultCode::Receiver,
        subcode: (version.ns(), "RequestFailed"),
        reason: Cow::Borrowed("The service is temporarily unavailable."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::SoapVersion;
    use crate::xml::{Document, Element, Limits, parse};

    fn of(kind: RefusalKind, version: TrustVersion) -> Fault {
        fault(&Refusal::new(kind, "private"), version)
    }

    fn rendered(fault: &Fault, soap: SoapVersion) -> Document {
        parse(fault.render(soap, None).as_bytes(), &Limits::message(4096)).unwrap()
    }

    fn texts<'d>(document: &'d Document, name: &str) -> Vec<&'d str> {
        let named = document.root.descendants().filter(|element| element.name.local == name);
        named.filter_map(Element::text).collect()
    }

    #[test]
    fn every_soap_12_fault_has_a_prefixed_subcode() {
        for version in TrustVersion::ALL {
            let faults = RefusalKind::ALL.map(|kind| of(kind, version)).into_iter().chain([unavailable(version)]);
            for fault in faults {
                let document = rendered(&fault, SoapVersion::V12);
                let subcode = document.root.descendants().find(|element| element.name.local == "Subcode").unwrap();
                let value = subcode.elements().next().unwrap();
                let (prefix, local) = value.text().unwrap().split_once(':').unwrap();
                assert!(!local.is_empty());
                assert!(value.declarations.iter().any(|(declared, _)| &**declared == prefix), "{fault:?}");
                assert_eq!(texts(&document, "Text"), [&*fault.reason]);
            }
        }
    }

    #[test]
    fn soap_11_has_its_own_codes_and_no_attributes() {
        for (kind, expected) in [
            (RefusalKind::MustUnderstand, "s:MustUnderstand"),
            (RefusalKind::Version, "s:VersionMismatch"),
            (RefusalKind::Authentication, "a:FailedAuthentication"),
            (RefusalKind::Scope, "trust:InvalidScope"),
        ] {
            let document = rendered(&of(kind, TrustVersion::V13), SoapVersion::V11);
            assert_eq!(texts(&document, "faultcode"), [expected]);
            assert!(document.root.descendants().all(|element| element.attributes.is_empty()), "{kind:?}");
        }
    }
    #[test]
    fn the_client_is_told_what_it_may_know_and_not_why() {
        let refusal = Refusal::new(RefusalKind::Unsupported, "private").telling("Ask for a bearer token.");
        let told = fault(&refusal, TrustVersion::V13).reason;
        assert_eq!(told, "The request asks for what this service does not offer. Ask for a bearer token.");
    }
}
