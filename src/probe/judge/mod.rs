//! What Entra, and the libraries that sign in to it, would have against an answer. Everybody else has something against a
//! signature that does not hold, a time that is over and a token for another.

mod ecp;
mod signature;
mod subject;
mod times;
mod trust;

use super::expected::Expected;
use super::finding::Findings;
use crate::answers::{Answer, Assertion, Carried, Confirmation, Issued, Protocol};
use crate::model::Timestamp;

/// When an answer came, by whose clock.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    /// Ours.
    pub ours: Timestamp,
    /// The server's.
    pub theirs: Option<Timestamp>,
}

/// Judges an answer to a sign-in. `request` is the ID of the AuthnRequest.
pub(super) fn answer(answer: &Answer, expected: &Expected, request: &str, clocks: Clocks, findings: &mut Findings) {
    let Answer::Issued(issued) = answer else { return };
    match &issued.protocol {
        Protocol::Trust(response) => trust::judge(response, issued, expected, findings),
        Protocol::Ecp(response) => ecp::judge(response, issued, request, expected, findings),
    }
    match &issued.carried {
        Carried::Encrypted { .. } if expected.is_entra() => findings.refused(
            "encrypted",
            "the assertion is encrypted, and Entra has no key to decrypt it",
            "switch encryption off for this relying party (in fedfront: encrypt, ecp.encrypt)",
        ),
        Carried::Encrypted { .. } => findings.warning(
            "encrypted",
            "the assertion is encrypted: nothing in it can be verified here",
            "if that is not meant, switch encryption off for this relying party",
        ),
        Carried::Plain(assertion) => {
            every(assertion, expected, findings);
            signature::judge(assertion, expected, clocks.ours, findings);
            times::judge(assertion, expected, clocks, findings);
            if expected.is_entra() {
                subject::judge(assertion, expected, findings);
            }
        }
    }
}

/// Judges what two answers say of the same user.
pub(super) fn both(first: &Issued, second: &Issued, expected: &Expected, findings: &mut Findings) {
    if expected.is_entra()
        && let Some((first, second)) = first.assertion().zip(second.assertion())
    {
        subject::judge_both(first, second, findings);
    }
}

fn every(assertion: &Assertion, expected: &Expected, findings: &mut Findings) {
    let audience = expected.audience.as_ref().unwrap_or(&expected.party);
    if assertion.audiences.is_empty() {
        findings.refused(
            "audience",
            "the assertion has no audience: it could be used anywhere",
            format!("have it restricted to {audience}"),
        );
    } else if !assertion.audiences.contains(audience) {
        findings.refused(
            "audience",
            format!("the audience is {}, and not {audience}", assertion.audiences.join(", ")),
            format!("have the server write {audience} as audience of what is for this relying party"),
        );
    }
    let bearer = |confirmation: &Confirmation| confirmation.method.ends_with(":cm:bearer");
    if !assertion.confirmations.iter().any(bearer) {
        findings.refused(
            "confirmation_method",
            "the subject confirmation is not bearer: whoever brings the assertion has no key to show",
            "have the server issue bearer tokens for this relying party",
        );
    }
}
