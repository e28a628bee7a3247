//! Whether the password is sent once more: a wrong one counts each time, and may lock the account.

use super::step::{FailureKind, Step, StepName, Verdict};
use crate::answers::Answer;

/// Codes that by their specification are about something else than who asks: SOAP's, WS-Addressing's, WS-Trust's, WS-Security's,
/// SAML's. Not among them is what servers also say to a wrong password (InvalidSecurity, SecurityError, Responder alone).
const ABOUT_SOMETHING_ELSE: [&str; 23] = [
    "VersionMismatch",
    "MustUnderstand",
    "DataEncodingUnknown",
    "ActionNotSupported",
    "DestinationUnreachable",
    "InvalidAddressingHeader",
    "InvalidMessageInformationHeader",
    "MessageAddressingHeaderRequired",
    "MessageInformationHeaderRequired",
    "InvalidRequest",
    "BadRequest",
    "InvalidScope",
    "InvalidTimeRange",
    "MessageExpired",
    "UnsupportedSecurityToken",
    "UnsupportedAlgorithm",
    "RequestUnsupported",
    "RequestVersionDeprecated",
    "RequestVersionTooHigh",
    "RequestVersionTooLow",
    "InvalidNameIDPolicy",
    "NoSupportedIDP",
    "UnsupportedBinding",
];

/// Why the server of these steps is not sent the password in the next one.
pub(super) fn here(steps: &[Step]) -> Option<&'static str> {
    let kind = |step: &Step| match &step.verdict {
        Verdict::Failed(failure) => Some(failure.kind),
        Verdict::Fine | Verdict::Skipped(_) => None,
    };
    steps.iter().find_map(|step| match kind(step)? {
        FailureKind::PasswordRefused => Some("the password was refused before: it is not sent again"),
        FailureKind::Unavailable => Some("there was an outage before: the password is not sent again"),
        FailureKind::Unreachable | FailureKind::Tls => Some("there was no connection before"),
        FailureKind::NoAnswer | FailureKind::Unreadable if step.name == StepName::Mex => {
            Some("there was no answer before")
        }
        FailureKind::NoAnswer | FailureKind::Unreadable => {
            Some("nobody knows what became of the password before: it is not sent again")
        }
        FailureKind::Fault if is_open(step) && !accepted(steps) => {
            Some("the fault before may be about the password: it is not sent again")
        }
        FailureKind::Fault | FailureKind::NotThere => None,
    })
}

/// What happened to the password in these steps, for which no other server is sent it: likely it counts on the same account.
/// `None` if it was accepted, or not looked at.
pub(super) fn elsewhere(steps: &[Step]) -> Option<&'static str> {
    if steps.iter().any(|step| step.failed_by(FailureKind::PasswordRefused)) {
        return Some("the password was refused");
    }
    if accepted(steps) {
        return None;
    }
    steps.iter().filter(|step| step.name.signs_in()).find_map(|step| match &step.verdict {
        Verdict::Fine | Verdict::Skipped(_) => None,
        Verdict::Failed(failure) => match failure.kind {
            FailureKind::Unavailable | FailureKind::NoAnswer | FailureKind::Unreadable => {
                Some("nobody knows what became of the password")
            }
            FailureKind::Fault if is_open(step) => Some("the fault may be about the password"),
            FailureKind::PasswordRefused
            | FailureKind::Fault
            | FailureKind::NotThere
            | FailureKind::Unreachable
            | FailureKind::Tls => None,
        },
    })
}

fn accepted(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step.answer(), Some(Answer::Issued(_))))
}

/// Whether an answer leaves open what the server thought of the password.
fn is_open(step: &Step) -> bool {
    let is_another = |code: &str| ABOUT_SOMETHING_ELSE.contains(&code);
    match step.answer() {
        Some(Answer::Issued(_)) => false,
        Some(Answer::Refused(status)) => !is_another(status.what()),
        Some(Answer::Fault(fault)) => !is_another(fault.what()),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::{Failure, Said};
    use super::super::steps::said_to;
    use super::*;
    use crate::answers::{Fault, Status};
    use crate::soap::SoapVersion;

    fn failed(name: StepName, kind: FailureKind) -> Step {
        Step::failed(name, None, Failure::new(kind, "it failed", "mend it"))
    }

    fn answered(answer: Answer, status: u16) -> Step {
        let verdict = match said_to(&answer, status) {
            Ok(()) => Verdict::Fine,
            Err(failure) => Verdict::Failed(failure),
        };
        let said = Said::Answer(Box::new(answer));
        Step { name: StepName::Trust13, exchange: None, facts: Vec::new(), verdict, said }
    }

    fn fault(code: &str, subcode: Option<&str>) -> Answer {
        let (code, subcode) = (code.to_owned(), subcode.map(str::to_owned));
        Answer::Fault(Fault { soap: SoapVersion::V12, code, subcode, prefixed: true, reason: None })
    }

    fn status(code: &str, second: Option<&str>) -> Answer {
        Answer::Refused(Status { code: code.to_owned(), second: second.map(str::to_owned), message: None })
    }

    fn issued() -> Answer {
        let token = include_bytes!("../../tests/data/answers/token/adfs13.xml");
        crate::answers::token(token, &[]).unwrap()
    }

    #[test]
    fn a_fault_that_may_be_about_the_password_is_sent_none_again() {
        use FailureKind::{Fault, PasswordRefused, Unavailable};
        for (answer, http, kind, withheld) in [
            (fault("Sender", Some("FailedAuthentication")), 500, PasswordRefused, true),
            (fault("Receiver", Some("FailedAuthentication")), 500, PasswordRefused, true),
            (fault("Receiver", Some("FailedAuthentication")), 503, PasswordRefused, true),
            (fault("Sender", Some("RequestFailed")), 500, PasswordRefused, true),
            (fault("Receiver", Some("RequestFailed")), 503, Unavailable, true),
            (fault("Server", None), 500, Unavailable, true),
            (fault("Sender", Some("InvalidSecurity")), 500, Fault, true),
            (fault("InvalidSecurity", None), 500, Fault, true),
            (fault("SecurityError", None), 500, Fault, true),
            (fault("Sender", None), 400, Fault, true),
            (fault("Sender", Some("SomethingOfTheirs")), 400, Fault, true),
            (status("Responder", None), 200, Fault, true),
            (status("Requester", Some("RequestDenied")), 200, Fault, true),
            (status("Responder", Some("AuthnFailed")), 200, PasswordRefused, true),
            (status("Requester", Some("NoSupportedIDP")), 200, Fault, false),
            (status("VersionMismatch", None), 200, Fault, false),
            (fault("Sender", Some("InvalidScope")), 500, Fault, false),
            (fault("Sender", Some("UnsupportedSecurityToken")), 500, Fault, false),
            (fault("Sender", Some("ActionNotSupported")), 500, Fault, false),
            (fault("VersionMismatch", None), 500, Fault, false),
            (fault("MustUnderstand", Some("InvalidRequest")), 500, Fault, false),
            (issued(), 500, Fault, false),
        ] {
            let said = format!("{answer:?}");
            let steps = [answered(answer, http)];
            assert!(steps[0].failed_by(kind), "{said}: {:?}", steps[0].verdict);
            assert_eq!((here(&steps).is_some(), elsewhere(&steps).is_some()), (withheld, withheld), "{said}");
        }
    }

    #[test]
    fn another_server_is_sent_no_password_of_which_nobody_knows_what_became() {
        for (name, kind, withheld) in [
            (StepName::Trust13, FailureKind::PasswordRefused, true),
            (StepName::Trust13, FailureKind::Unavailable, true),
            (StepName::Ecp, FailureKind::NoAnswer, true),
            (StepName::Ecp, FailureKind::Unreadable, true),
            (StepName::Trust13, FailureKind::NotThere, false),
            (StepName::Trust13, FailureKind::Unreachable, false),
            (StepName::Tls, FailureKind::Tls, false),
            (StepName::Mex, FailureKind::NoAnswer, false),
        ] {
            assert_eq!(elsewhere(&[failed(name, kind)]).is_some(), withheld, "{name:?} {kind:?}");
            // Where it was accepted, it is right, unless it was refused as well.
            let steps = [answered(issued(), 200), failed(name, kind)];
            assert_eq!(elsewhere(&steps).is_some(), kind == FailureKind::PasswordRefused, "{name:?} {kind:?}");
        }
    }

    #[test]
    fn a_password_that_was_accepted_is_doubted_by_no_fault() {
        let open = || answered(fault("Sender", Some("InvalidSecurity")), 500);
        assert!(here(&[open()]).is_some());
        assert_eq!(here(&[answered(issued(), 200), open()]), None);
    }
}
