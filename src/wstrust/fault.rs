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
    let sender = |ns: &'static Ns, local, reason| Fault { code: FaultCode::Sender, subcode: (ns, local), reason };
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
            subcode: (trust, "InvalidRequest"),
            reason: "A header that must be understood is not understood.",
        },
        RefusalKind::Version => Fault {
            code: FaultCode::VersionMismatch,
            subcode: (trust, "InvalidRequest"),
            reason: "The envelope is of neither SOAP 1.1 nor SOAP 1.2.",
        },
    }
}

/// The fault for an outage behind us: never a bad password, or clients would drop one that is right.
pub fn unavailable(version: TrustVersion) -> Fault {
    Fault {
        code: FaultCode::Receiver,
        subcode: (version.ns(), "RequestFailed"),
        reason: "The service is temporarily unavailable.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::SoapVersion;
    use crate::xml::{Document, Element, Limits, parse};

    const KINDS: [RefusalKind; 9] = [
        RefusalKind::Authentication,
        RefusalKind::Malformed,
        RefusalKind::MustUnderstand,
        RefusalKind::Security,
        RefusalKind::Clock,
        RefusalKind::UnsupportedToken,
        RefusalKind::Scope,
        RefusalKind::Unsupported,
        RefusalKind::Version,
    ];

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
            let faults = KINDS.map(|kind| fault(kind, version)).into_iter().chain([unavailable(version)]);
            for fault in faults {
                let document = rendered(&fault, SoapVersion::V12);
                let subcode = document.root.descendants().find(|element| element.name.local == "Subcode").unwrap();
                let value = subcode.elements().next().unwrap();
                let (prefix, local) = value.text().unwrap().split_once(':').unwrap();
                assert!(!local.is_empty());
                assert!(value.declarations.iter().any(|(declared, _)| &**declared == prefix), "{fault:?}");
                assert_eq!(texts(&document, "Text"), [fault.reason]);
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
            let document = rendered(&fault(kind, TrustVersion::V13), SoapVersion::V11);
            assert_eq!(texts(&document, "faultcode"), [expected]);
            assert!(document.root.descendants().all(|element| element.attributes.is_empty()), "{kind:?}");
        }
    }
}
