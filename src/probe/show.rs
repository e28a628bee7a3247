//! What is shown of an answer, by short names.

use crate::answers::{Answer, Assertion, Carried, Fact, Protocol, Signature, Value, Verification};
use crate::keys::Description;
use crate::saml::names::{NAMEID_PERSISTENT, NAMEID_UNSPECIFIED};

/// What an answer to a sign-in says, as far as somebody wants to see it.
pub(super) fn shown(answer: &Answer) -> Vec<(String, String)> {
    match answer {
        Answer::Issued(issued) => {
            let token_type = match &issued.protocol {
                Protocol::Trust(response) => response.token_type.clone(),
                Protocol::Ecp(_) => None,
            };
            let mut lines: Vec<_> = token_type.map(|token_type| line("TokenType", token_type)).into_iter().collect();
            match &issued.carried {
                Carried::Plain(assertion) => {
                    lines.push(line("signature", signature(assertion.signature.as_ref())));
                    lines.extend(said(assertion));
                }
                Carried::Encrypted { algorithm } => {
                    lines.push(line("encrypted", algorithm.clone().unwrap_or_default()));
                }
            }
            lines
        }
        Answer::Refused(_) | Answer::Fault(_) => Vec::new(),
    }
}

/// What an assertion says of its issuer and its subject, and until when.
pub fn said(assertion: &Assertion) -> Vec<(String, String)> {
    let mut lines = vec![line("issuer", assertion.issuer.clone().unwrap_or_default())];
    if let Some(name) = &assertion.name {
        let format = match name.format.as_deref() {
            // Microsoft's two ways to write one.
            Some(NAMEID_UNSPECIFIED | NAMEID_PERSISTENT) => "ImmutableID",
            Some(format) => format,
            None => "no format",
        };
        lines.push(line("name", format!("{} ({format})", Value::Text(name.value.clone()))));
    }
    for attribute in &assertion.attributes {
        let label = attribute.name.rsplit('/').next().unwrap_or_default();
        lines.push(line(label, attribute.values.join(", ")));
    }
    if let Some(until) = assertion.not_on_or_after {
        lines.push(line("valid until", until.to_string()));
    }
    lines
}

fn signature(signature: Option<&Signature>) -> String {
    let Some(signature) = signature else { return "none".to_owned() };
    let algorithm = signature.algorithm.rsplit(['#', '/']).next().unwrap_or_default();
    match &signature.verification {
        Verification::Holds(by) => {
            let Description { subject, sha256, .. } = Description::of(by);
            let subject = if subject.is_empty() { "a certificate without a name".to_owned() } else { subject };
            format!("{algorithm}, holds by {subject}, SHA-256 {sha256}")
        }
        Verification::Fails(why) => format!("{algorithm}, does not hold: {why}"),
        Verification::NoKey => format!("{algorithm}, without a certificate"),
    }
}

/// A line without what misleads a terminal.
fn line(label: &str, words: String) -> (String, String) {
    (Value::Text(label.to_owned()).to_string(), Value::Text(words).to_string())
}

/// A fact's name, for people and machines: with the attribute's, where it is about one.
pub(super) fn fact_name(fact: &Fact) -> String {
    match &fact.name {
        Some(name) => format!("{} {name}", fact.subject.label()),
        None => fact.subject.label().to_owned(),
    }
}
