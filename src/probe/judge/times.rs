//! From when until when, by whose clock.

use std::time::Duration;

use super::super::finding::Findings;
use super::Clocks;
use crate::answers::Assertion;
use crate::model::{MAX_SKEW, Timestamp};

/// Less than this leaves no time to use a token.
const SHORT: Duration = Duration::from_secs(5 * 60);

pub(super) fn judge(assertion: &Assertion, clocks: Clocks, findings: &mut Findings) {
    let Clocks { ours, theirs } = clocks;
    if let Some(theirs) = theirs {
        let (apart, which) = apart(theirs, ours, "ahead of", "behind");
        if apart > MAX_SKEW {
            let what = format!("the server's clock is {} s {which} this machine's", apart.as_secs());
            findings.warning(
                "clock",
                what,
                "set both by NTP: of tokens of another time it cannot be told whether they are good",
            );
        }
    }
    let now = theirs.unwrap_or(ours);
    match assertion.issue_instant {
        None => findings.refused(
            "issue_instant",
            "the assertion does not say when it was made",
            "have IssueInstant written, in UTC",
        ),
        Some(made) => {
            let (apart, which) = apart(made, now, "after", "before");
            if apart > MAX_SKEW {
                let what = format!("IssueInstant {made} is {} s {which} the answer", apart.as_secs());
                findings.refused("issue_instant", what, "set the clock of the server that signs, by NTP");
            }
        }
    }
    let Some((from, until)) = assertion.not_before.zip(assertion.not_on_or_after) else {
        findings.refused(
            "lifetime",
            "the assertion does not say from when until when it is good",
            "have NotBefore and NotOnOrAfter written",
        );
        return;
    };
    if from > now.plus(MAX_SKEW) {
        findings.refused(
            "lifetime",
            format!("the assertion is not good before {from}"),
            "set the clock of the server that signs, by NTP",
        );
    } else if until <= now {
        findings.refused(
            "lifetime",
            format!("the assertion was good until {until} alone"),
            "set the clock of the server that signs, or give tokens a longer lifetime",
        );
    } else if until.since(from) < SHORT {
        let what = format!(
            "the assertion is good for {} s only: a clock that is a little off makes it useless",
            until.since(from).as_secs()
        );
        findings.warning("lifetime", what, "give tokens a lifetime of an hour, as AD FS does");
    }
}

fn apart(one: Timestamp, other: Timestamp, later: &'static str, earlier: &'static str) -> (Duration, &'static str) {
    if one > other { (one.since(other), later) } else { (other.since(one), earlier) }
}
