//! What comes of a sign-in, by whatever protocol.

use super::super::expected::Expected;
use super::super::finding::Findings;
use super::super::judge::{self, Clocks};
use super::super::server::Received;
use super::super::show::shown;
use super::super::step::{Failure, FailureKind, Said, Step, StepName, Verdict};
use crate::answers::{Answer, Fault, Status, Unreadable};

/// Codes by which servers refuse a password or a user, whosever fault they call it.
const REFUSALS: [&str; 3] = ["FailedAuthentication", "InvalidSecurityToken", "AuthnFailed"];
/// WSO2's STS says so of some users; where it is the server's fault, it is an outage.
const REQUEST_FAILED: &str = "RequestFailed";

const PASSWORD: &str = "check name and password. The answer is the same for a wrong password, an unknown user, a lockout and a \
                        user who may not sign in; fedfront's audit log (telemetry.audit_file) has the reason. Nothing more is \
                        sent, so that this counts as one failure at most";
const OUTAGE: &str = "nothing is said about the password. Look into the server's log, and whether it reaches its directory (in \
                      fedfront: /readyz?verbose)";

const PATH: &str = "correct it where it is from: what MEX names, --ecp-path or endpoints, or the tenant's activeSignInUri, which fedfront \
                    entra diff compares";

/// Reads and judges what came back.
pub(super) fn concluded(
    name: StepName,
    received: Result<Received, Failure>,
    read: impl FnOnce(&[u8]) -> Result<Answer, Unreadable>,
    expected: &Expected,
    request: &str,
    findings: &mut Findings,
) -> Step {
    let received = match received {
        Ok(received) => received,
        Err(failure) => return Step::failed(name, None, failure),
    };
    let answer = read(&received.body);
    let clocks = Clocks { ours: received.at, theirs: received.date };
    let status = received.exchange.status;
    let exchange = Some(received.exchange);
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Step::failed(name, exchange, unread(status, &why)),
    };
    let verdict = match said_to(&answer, status) {
        Ok(()) => {
            judge::answer(&answer, expected, request, clocks, findings);
            Verdict::Fine
        }
        Err(failure) => Verdict::Failed(failure),
    };
    Step { name, exchange, facts: shown(&answer), verdict, said: Said::Answer(Box::new(answer)) }
}

/// Whether an answer with this status is a token that clients take; how the sign-in failed, if not.
pub(in crate::probe) fn said_to(answer: &Answer, status: u16) -> Result<(), Failure> {
    match answer {
        Answer::Issued(_) if status == 200 => Ok(()),
        Answer::Issued(_) => {
            let what = format!("a token with status {status}: clients take it from 200 alone");
            Err(Failure::new(FailureKind::Fault, what, "look for what changes the status on its way"))
        }
        Answer::Refused(refused) => Err(refusal(refused)),
        Answer::Fault(fault) => Err(of_fault(fault, status)),
    }
}

fn refusal(status: &Status) -> Failure {
    let words = status.message.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    let what = format!("the status is {}, {}{words}", status.code, status.second.as_deref().unwrap_or("without more"));
    if REFUSALS.contains(&status.what()) {
        return Failure::new(FailureKind::PasswordRefused, what, PASSWORD);
    }
    let help = "look into the server's log; is the relying party (--party) known there, and is the password right?";
    Failure::new(FailureKind::Fault, what, help)
}

fn of_fault(fault: &Fault, status: u16) -> Failure {
    let words = fault.reason.as_deref().unwrap_or("without a reason");
    let what = format!("status {status}, fault {}: {words}", fault.what());
    if REFUSALS.contains(&fault.what()) {
        return Failure::new(FailureKind::PasswordRefused, what, PASSWORD);
    }
    if status == 503 || fault.is_the_servers() {
        return Failure::new(FailureKind::Unavailable, what, OUTAGE);
    }
    if fault.what() == REQUEST_FAILED {
        return Failure::new(FailureKind::PasswordRefused, what, PASSWORD);
    }
    let help = "look into the server's log (in fedfront: the audit log); is the relying party (--party) known there, are the \
                clocks right, and is the password?";
    Failure::new(FailureKind::Fault, what, help)
}

fn unread(status: u16, why: &Unreadable) -> Failure {
    match status {
        401 | 403 => Failure::new(FailureKind::PasswordRefused, format!("status {status}"), PASSWORD),
        404 | 405 => {
            let what = format!("status {status}: there is no such endpoint");
            Failure::new(FailureKind::NotThere, what, PATH)
        }
        429 => Failure::new(FailureKind::Unavailable, "status 429: too many requests", "wait, and try again"),
        500..=599 => Failure::new(FailureKind::Unavailable, format!("status {status}, and no fault"), OUTAGE),
        _ => {
            let what = format!("status {status}, and an answer that cannot be read: {why}");
            Failure::new(
                FailureKind::Unreadable,
                what,
                "is this the endpoint? A page of HTML is a sign-in page or a portal's",
            )
        }
    }
}
