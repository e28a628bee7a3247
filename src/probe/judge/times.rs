//! From when until when, by whose clock.

use std::time::Duration;

use super::super::expected::Expected;
use super::super::finding::Findings;
use super::Clocks;
use crate::answers::Assertion;
use crate::model::{MAX_SKEW, Timestamp};

/// Less than this leaves no time to use a token.
const SHORT: Duration = Duration::from_secs(5 * 60);

pub(super) fn judge(assertion: &Assertion, expected: &Expected, clocks: Clocks, findings: &mut Findings) {
    let Clocks { ours, theirs } = clocks;
    if let Some(theirs) = theirs {
        let (apart, which) = apart(theirs, ours, "ahead of", "behind");
        if apart > MAX_SKEW {
            let what = format!("the server's clock is {} s {which} this machine's", apart.as_secs());
            if expected.is_entra() {
                let most = MAX_SKEW.as_secs();
                let what = format!("{what}, and Entra takes a difference of {most} s from its own at most");
                findings.refused("clock", what, "set the server's by NTP, and see that this machine's is right");
            } else {
                let help = "set both by NTP: of tokens of another time it cannot be told whether they are good";
                findings.warning("clock", what, help);
            }
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

#[cfg(test)]
mod tests {
    use super::super::super::step::StepName;
    use super::*;
    use crate::answers::token;
    use crate::saml::names::MICROSOFT_ONLINE;

    /// It was only worth knowing, and the probe went well.
    #[test]
    fn a_clock_that_is_further_off_than_entra_takes_is_refused() {
        let bytes = include_bytes!("../../../tests/data/answers/token/adfs13.xml");
        let answer = token(bytes, &[]).unwrap();
        let assertion = answer.assertion().unwrap();
        let theirs = assertion.issue_instant.unwrap();
        let off = MAX_SKEW + Duration::from_secs(1);
        for (ours, party, weight) in [
            (theirs.plus(MAX_SKEW), MICROSOFT_ONLINE, None),
            (theirs.minus(MAX_SKEW), MICROSOFT_ONLINE, None),
            (theirs.plus(off), MICROSOFT_ONLINE, Some("refused")),
            (theirs.minus(off), MICROSOFT_ONLINE, Some("refused")),
            (theirs.plus(off), "urn:app", Some("warning")),
        ] {
            let mut findings = Findings::of(StepName::Trust13);
            let clocks = Clocks { ours, theirs: Some(theirs) };
            judge(assertion, &Expected::of_party(party), clocks, &mut findings);
            let found: Vec<_> = findings.found.iter().map(|found| (found.name, found.weight.label())).collect();
            assert_eq!(found, weight.map(|weight| ("clock", weight)).into_iter().collect::<Vec<_>>(), "{ours} {party}");
        }
    }
}
