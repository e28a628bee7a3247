//! A report for machines: one JSON document. Its keys are stable; more may be added.

use serde_json::{Map, Value, json};

use super::compare::{Contrast, written};
use super::report::{Probed, Report};
use super::step::{Said, Step, Verdict};
use crate::answers::Mex;

/// The document, with a line feed at its end.
pub fn json(report: &Report) -> String {
    let mut document = Map::new();
    document.insert("version".to_owned(), json!(1));
    document.insert("fine".to_owned(), json!(report.is_fine()));
    document.insert("user".to_owned(), json!(report.user));
    document.insert("party".to_owned(), json!(report.party));
    document.insert("server".to_owned(), probed(&report.first));
    if let Some(comparison) = &report.comparison {
        document.insert("other".to_owned(), probed(&comparison.other));
        document.insert("differences".to_owned(), comparison.contrasts.iter().map(contrast).collect());
        document.insert("withheld".to_owned(), json!(comparison.withheld));
    }
    format!("{:#}\n", Value::Object(document))
}

fn contrast(contrast: &Contrast) -> Value {
    json!({
        "step": contrast.step.label(),
        "name": contrast.name,
        "of": contrast.of,
        "first": contrast.first,
        "second": contrast.second,
        "matters": contrast.matters,
    })
}

fn probed(probed: &Probed) -> Value {
    let findings: Vec<Value> = probed
        .findings
        .iter()
        .map(|finding| {
            json!({
                "step": finding.step.label(),
                "name": finding.name,
                "weight": finding.weight.label(),
                "what": finding.what,
                "do": finding.help,
            })
        })
        .collect();
    json!({
        "url": probed.origin,
        "fine": probed.is_fine(),
        "steps": probed.steps.iter().map(step).collect::<Vec<_>>(),
        "findings": findings,
    })
}

fn step(step: &Step) -> Value {
    let (verdict, failure, skipped) = match &step.verdict {
        Verdict::Fine => ("fine", Value::Null, Value::Null),
        Verdict::Failed(failure) => {
            let failure = json!({ "kind": failure.kind.label(), "what": failure.what, "do": failure.help });
            ("failed", failure, Value::Null)
        }
        Verdict::Skipped(why) => ("skipped", Value::Null, json!(why)),
    };
    let exchange = step.exchange.as_ref().map(|exchange| {
        json!({
            "method": exchange.method,
            "url": exchange.url,
            "sent_bytes": exchange.sent,
            "status": exchange.status,
            "received_bytes": exchange.received,
            "milliseconds": exchange.took.as_millis() as u64,
        })
    });
    json!({
        "step": step.name.label(),
        "verdict": verdict,
        "failure": failure,
        "skipped": skipped,
        "exchange": exchange,
        "facts": facts(step),
    })
}

/// What was said: of an answer all of it, by the names that differences have.
fn facts(step: &Step) -> Value {
    match &step.said {
        Said::Answer(answer) => {
            let said: Map<String, Value> =
                answer.facts().iter().map(written).map(|(name, value)| (name, json!(value))).collect();
            Value::Object(said)
        }
        Said::Mex(mex) => json!({ "endpoints": endpoints(mex) }),
        Said::Nothing => Value::Object(step.facts.iter().map(|(name, words)| (name.clone(), json!(words))).collect()),
    }
}

fn endpoints(mex: &Mex) -> Value {
    mex.endpoints
        .iter()
        .map(|endpoint| {
            json!({
                "credential": endpoint.credential.label(),
                "version": endpoint.version.label(),
                "address": endpoint.address,
                "known_to_clients": endpoint.known,
            })
        })
        .collect()
}
