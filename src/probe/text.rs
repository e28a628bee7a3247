//! A report for people.

use std::fmt::Write as _;

use super::compare::Comparison;
use super::finding::{Finding, Weight};
use super::report::{Probed, Report};
use super::step::{Exchange, Step, Verdict};
use crate::answers::Value;

/// The report, with a line feed at its end.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write(report, &mut out);
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{} at {}, for {}", plain(&report.user), report.first.origin, plain(&report.party))?;
    probed(&report.first, report.entra, out)?;
    let Some(comparison) = &report.comparison else {
        writeln!(out, "\n{}", conclusion(&report.first))?;
        return uncompared(report, out);
    };
    writeln!(out, "\nThe same at {}", comparison.other.origin)?;
    probed(&comparison.other, report.entra, out)?;
    contrasts(comparison, &report.first.origin, out)?;
    writeln!(out, "\n{}: {}", report.first.origin, conclusion(&report.first))?;
    uncompared(report, out)?;
    if let Some(why) = &comparison.withheld {
        writeln!(out, "{}: Nobody was signed in: {}", comparison.other.origin, plain(why))?;
        return writeln!(out, "Sign-ins were not compared.");
    }
    writeln!(out, "{}: {}", comparison.other.origin, conclusion(&comparison.other))?;
    let matter = comparison.contrasts.iter().filter(|contrast| contrast.matters).count();
    writeln!(
        out,
        "{}",
        if matter == 0 {
            "They differ in nothing that matters.".to_owned()
        } else {
            count(matter, "difference that matters", "differences that matter")
        }
    )
}

/// What is found in several steps alike is told once.
fn probed(probed: &Probed, entra: bool, out: &mut String) -> std::fmt::Result {
    for (number, each) in probed.steps.iter().enumerate() {
        step(number + 1, each, out)?;
    }
    let refused = if entra { "Entra, or clients on their way to it, would refuse" } else { "Would be refused" };
    for (title, weight) in [(refused, Weight::Refused), ("Worth knowing", Weight::Warning)] {
        let of_weight: Vec<&Finding> = probed.findings.iter().filter(|finding| finding.weight == weight).collect();
        if !of_weight.is_empty() {
            writeln!(out, "\n{title}:")?;
        }
        for (number, finding) in of_weight.iter().enumerate() {
            let same = |other: &Finding| (&other.what, &other.help) == (&finding.what, &finding.help);
            if of_weight.iter().take(number).any(|before| same(before)) {
                continue;
            }
            let steps: Vec<&str> =
                of_weight.iter().filter(|other| same(other)).map(|other| other.step.title()).collect();
            writeln!(out, "   {}: {}", steps.join(", "), plain(&finding.what))?;
            writeln!(out, "      do: {} [{}]", plain(&finding.help), finding.name)?;
        }
    }
    Ok(())
}

fn step(number: usize, step: &Step, out: &mut String) -> std::fmt::Result {
    let verdict = match &step.verdict {
        Verdict::Fine => "fine",
        Verdict::Failed(_) => "FAILED",
        Verdict::Skipped(_) => "skipped",
    };
    writeln!(out, "\n{number}. {}: {verdict}", step.name.title())?;
    if let Some(exchange) = &step.exchange {
        writeln!(out, "   {}", in_short(exchange))?;
    }
    for (label, words) in &step.facts {
        writeln!(out, "   {:<11} {}", plain(label), plain(words))?;
    }
    match &step.verdict {
        Verdict::Fine => Ok(()),
        Verdict::Failed(failure) => {
            writeln!(out, "   {}: {}", failure.kind.label().replace('_', " "), plain(&failure.what))?;
            writeln!(out, "      do: {}", plain(&failure.help))
        }
        Verdict::Skipped(why) => writeln!(out, "   {}", plain(why)),
    }
}

fn in_short(exchange: &Exchange) -> String {
    let Exchange { method, url, sent, status, received, took } = exchange;
    let sent = if *sent == 0 { String::new() } else { format!(" ({sent} bytes)") };
    let url = plain(url);
    format!("{method} {url}{sent}: {status}, {received} bytes in {} ms", took.as_millis())
}

fn contrasts(comparison: &Comparison, first: &str, out: &mut String) -> std::fmt::Result {
    for (title, matters) in [("Differences that matter", true), ("Differences worth knowing", false)] {
        let of_weight: Vec<_> = comparison.contrasts.iter().filter(|contrast| contrast.matters == matters).collect();
        if !of_weight.is_empty() {
            writeln!(out, "\n{title}:")?;
        }
        for contrast in of_weight {
            writeln!(out, "   {}: {}", contrast.step.title(), plain(&contrast.title()))?;
            writeln!(out, "      {first}: {}", plain(&contrast.first))?;
            writeln!(out, "      {}: {}", comparison.other.origin, plain(&contrast.second))?;
        }
    }
    Ok(())
}

fn conclusion(probed: &Probed) -> String {
    if probed.is_fine() {
        return "Fine: the user signs in, and nothing would be refused.".to_owned();
    }
    let failed = probed.steps.iter().filter(|step| matches!(step.verdict, Verdict::Failed(_))).count();
    match (failed, probed.refused()) {
        (0, 0) => "The user signs in nowhere.".to_owned(),
        (0, refused) => count(refused, "thing would be refused", "things would be refused"),
        (failed, 0) => count(failed, "step failed", "steps failed"),
        (failed, refused) => {
            let failed = count(failed, "step failed", "steps failed");
            format!("{} {}", failed, count(refused, "thing would be refused", "things would be refused"))
        }
    }
}

/// That nothing was said of who signs is no good sign.
fn uncompared(report: &Report, out: &mut String) -> std::fmt::Result {
    match report.against {
        Some(against) if !report.first.has_assertion() => {
            writeln!(out, "Issuer and certificate were not compared with {against}: no token came.")
        }
        _ => Ok(()),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}.", if number == 1 { one } else { many })
}

/// What a server says must not steer the terminal, and nothing must not look like a gap.
fn plain(words: &str) -> String {
    Value::Text(words.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::compare::Contrast;
    use super::super::step::{Failure, FailureKind, Said, StepName};
    use super::*;

    const STEERING: &str = "x\u{9b}2Jy\u{202e}z\n";

    #[test]
    fn nothing_that_a_server_says_steers_the_terminal() {
        let theirs = || STEERING.to_owned();
        let step = |verdict| Step {
            name: StepName::Trust13,
            exchange: Some(Exchange {
                method: "POST",
                url: theirs(),
                sent: 1,
                status: 200,
                received: 1,
                took: Duration::ZERO,
            }),
            facts: vec![(theirs(), theirs())],
            verdict,
            said: Said::Nothing,
        };
        let probed = || Probed {
            origin: "https://sts.example.com".to_owned(),
            steps: vec![
                step(Verdict::Fine),
                step(Verdict::Failed(Failure::new(FailureKind::Fault, theirs(), theirs()))),
                step(Verdict::Skipped(theirs())),
            ],
            findings: vec![Finding {
                step: StepName::Mex,
                name: "finding",
                weight: Weight::Warning,
                what: theirs(),
                help: theirs(),
            }],
        };
        let contrast = Contrast {
            step: StepName::Mex,
            name: "endpoint",
            of: Some(theirs()),
            first: theirs(),
            second: theirs(),
            matters: true,
        };
        let report = |withheld| Report {
            user: theirs(),
            party: theirs(),
            entra: true,
            against: None,
            first: probed(),
            comparison: Some(Comparison { other: probed(), contrasts: vec![contrast.clone()], withheld }),
        };
        for report in [report(None), report(Some(theirs()))] {
            let text = text(&report);
            assert!(text.contains("POST x\\u{9b}2Jy\\u{202e}z\\n (1 bytes)"), "{text}");
            assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text}");
            assert!(text.lines().all(|line| !line.ends_with('z')), "{text}");
        }
    }
}
