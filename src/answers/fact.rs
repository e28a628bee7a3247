//! An answer as a list of facts with names, by which it is shown and compared.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use openssl::x509::X509;

use super::assertion::{Assertion, Attribute, Carried};
use super::fault::{Fault, Status};
use super::issued::{Answer, EcpResponse, Issued, Protocol, TrustResponse};
use super::signature::{Signature, Verification};
use super::subject::Subject;
use crate::model::{MAX_SKEW, Timestamp, hex, plain};
use crate::saml::SamlVersion;
use crate::saml::names::NAMEID_TRANSIENT;
use crate::soap::SoapVersion;
use crate::wstrust::TrustVersion;

/// How far apart instants may be that are taken for the same: answers are not made at once.
pub const CLOSE: Duration = MAX_SKEW;
/// The same of lifetimes, which are configured: less than anybody would configure.
const CLOSE_LIFETIME: Duration = Duration::from_secs(59);

/// One thing that an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub subject: Subject,
    /// Of attributes the name.
    pub name: Option<String>,
    /// What is said.
    pub value: Value,
}

/// What is said, by how it is compared. `Display` is for people: without what misleads a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Letter for letter.
    Text(String),
    /// Letter for letter, in whatever order.
    Set(BTreeSet<String>),
    /// An instant, of which another [`CLOSE`] is the same.
    Instant(Timestamp),
    /// A lifetime, of which another within the minute is the same.
    Lifetime(Duration),
    /// Something that is never the same twice: only that it is there counts.
    Present,
}

impl Value {
    /// Whether both say the same.
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Instant(one), Self::Instant(other)) => one.since(*other).max(other.since(*one)) <= CLOSE,
            (Self::Lifetime(one), Self::Lifetime(other)) => one.abs_diff(*other) <= CLOSE_LIFETIME,
            _ => self == other,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&shown(text)),
            Self::Set(values) if values.is_empty() => f.write_str("(no value)"),
            Self::Set(values) => {
                let values: Vec<String> = values.iter().map(|value| shown(value)).collect();
                f.write_str(&values.join(", "))
            }
            Self::Instant(at) => at.fmt(f),
            Self::Lifetime(time) if time.as_secs() < 120 => write!(f, "{} s", time.as_secs()),
            Self::Lifetime(time) => write!(f, "{} min", time.as_secs() / 60),
            Self::Present => f.write_str("present"),
        }
    }
}

/// Words of others for people.
fn shown(text: &str) -> String {
    if text.is_empty() { "(empty)".to_owned() } else { plain(text) }
}

impl Answer {
    /// All that it says, in the order in which people read it.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Facts::default();
        match self {
            Self::Issued(issued) => facts.issued(issued),
            Self::Refused(status) => facts.refused(status),
            Self::Fault(fault) => facts.fault(fault),
        }
        facts.0
    }
}

#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn push(&mut self, subject: Subject, value: Value) {
        self.0.push(Fact { subject, name: None, value });
    }

    fn text(&mut self, subject: Subject, text: impl Into<Option<String>>) {
        if let Some(text) = text.into() {
            self.push(subject, Value::Text(text));
        }
    }

    fn instant(&mut self, subject: Subject, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.push(subject, Value::Instant(at));
        }
    }

    fn lifetime(&mut self, subject: Subject, from: Option<Timestamp>, until: Option<Timestamp>) {
        if let Some((from, until)) = from.zip(until) {
            self.push(subject, Value::Lifetime(until.since(from)));
        }
    }

    fn present(&mut self, subject: Subject, there: bool) {
        if there {
            self.push(subject, Value::Present);
        }
    }

    fn issued(&mut self, issued: &Issued) {
        self.text(Subject::Outcome, "issued".to_owned());
        match &issued.protocol {
            Protocol::Trust(response) => self.trust(response),
            Protocol::Ecp(response) => self.ecp(response),
        }
        match &issued.carried {
            Carried::Plain(assertion) => self.assertion(assertion),
            Carried::Encrypted { algorithm } => {
                self.text(Subject::Encryption, algorithm.clone().unwrap_or_else(|| "unknown".to_owned()));
            }
        }
    }

    fn refused(&mut self, status: &Status) {
        self.text(Subject::Outcome, "refused".to_owned());
        self.text(Subject::Status, status.code.clone());
        self.text(Subject::StatusSecond, status.second.clone());
        self.text(Subject::StatusMessage, status.message.clone());
    }

    fn fault(&mut self, fault: &Fault) {
        self.text(Subject::Outcome, "fault".to_owned());
        self.text(Subject::Soap, soap(fault.soap));
        self.text(Subject::FaultCode, fault.code.clone());
        self.text(Subject::FaultSubcode, fault.subcode.clone());
        self.text(Subject::FaultReason, fault.reason.clone());
    }

    fn trust(&mut self, response: &TrustResponse) {
        let version = match response.version {
            TrustVersion::V13 => "1.3",
            TrustVersion::V200502 => "2005/02",
        };
        self.text(Subject::Soap, soap(response.soap));
        self.text(Subject::TrustVersion, version.to_owned());
        self.text(Subject::Action, response.action.clone());
        self.present(Subject::Collection, response.collection);
        self.text(Subject::TokenType, response.token_type.clone());
        self.text(Subject::AppliesTo, response.applies_to.clone());
        self.text(Subject::KeyType, response.key_type.clone());
        self.lifetime(Subject::ResponseLifetime, response.created, response.expires);
        self.present(Subject::ProofToken, response.proof);
        self.present(Subject::TextBeside, response.text_beside);
    }

    fn ecp(&mut self, response: &EcpResponse) {
        self.text(Subject::AcsUrl, response.acs_url.clone());
        self.text(Subject::Destination, response.destination.clone());
        self.present(Subject::InResponseTo, response.in_response_to.is_some());
        self.text(Subject::ResponseIssuer, response.issuer.clone());
        self.instant(Subject::ResponseInstant, response.issue_instant);
        let signature = response.signature.as_ref();
        self.text(Subject::ResponseSignature, signature.map(holds));
    }

    fn assertion(&mut self, assertion: &Assertion) {
        let version = match assertion.version {
            SamlVersion::V11 => "1.1",
            SamlVersion::V20 => "2.0",
        };
        self.text(Subject::SamlVersion, version.to_owned());
        self.text(Subject::Prefix, assertion.prefix.clone());
        self.present(Subject::AssertionId, assertion.id.is_some());
        self.text(Subject::Issuer, assertion.issuer.clone());
        self.instant(Subject::IssueInstant, assertion.issue_instant);
        self.instant(Subject::ValidFrom, assertion.not_before);
        self.lifetime(Subject::Lifetime, assertion.not_before, assertion.not_on_or_after);
        self.set(Subject::Audience, &assertion.audiences);
        self.set(Subject::Conditions, &assertion.conditions);
        if let Some(name) = &assertion.name {
            let transient = name.format.as_deref() == Some(NAMEID_TRANSIENT);
            let value = if transient { Value::Present } else { Value::Text(name.value.clone()) };
            self.push(Subject::NameIdentifier, value);
            self.text(Subject::NameFormat, name.format.clone());
        }
        let methods = assertion.confirmations.iter().map(|confirmation| confirmation.method.clone());
        self.set(Subject::ConfirmationMethod, &methods.collect::<Vec<_>>());
        let recipients = assertion.confirmations.iter().filter_map(|confirmation| confirmation.recipient.clone());
        self.set(Subject::Recipient, &recipients.collect::<Vec<_>>());
        assertion.attributes.iter().for_each(|attribute| self.attribute(attribute));
        self.text(Subject::AuthenticationMethod, assertion.authentication_method.clone());
        self.instant(Subject::AuthenticationInstant, assertion.authentication_instant);
        match &assertion.signature {
            None => self.text(Subject::Signature, "none".to_owned()),
            Some(signature) => self.signature(signature),
        }
    }

    fn set(&mut self, subject: Subject, values: &[String]) {
        if !values.is_empty() {
            self.push(subject, Value::Set(values.iter().cloned().collect()));
        }
    }

    /// An instant in an attribute is compared as one: that of the sign-in, or of a password's end.
    fn attribute(&mut self, attribute: &Attribute) {
        let value = match attribute.values.as_slice() {
            [one] => Timestamp::parse(one).ok().map(Value::Instant),
            _ => None,
        };
        let value = value.unwrap_or_else(|| Value::Set(attribute.values.iter().cloned().collect()));
        self.0.push(Fact { subject: Subject::Attribute, name: Some(attribute.name.clone()), value });
    }

    fn signature(&mut self, signature: &Signature) {
        self.text(Subject::Signature, holds(signature));
        self.text(Subject::SignatureAlgorithm, signature.algorithm.clone());
        self.text(Subject::DigestAlgorithm, signature.digest.clone());
        self.text(Subject::Canonicalization, signature.canonicalization.clone());
        self.text(Subject::Certificate, signature.certificate.as_ref().map(fingerprint));
    }
}

fn soap(version: SoapVersion) -> String {
    match version {
        SoapVersion::V11 => "1.1",
        SoapVersion::V12 => "1.2",
    }
    .to_owned()
}

fn holds(signature: &Signature) -> String {
    match &signature.verification {
        Verification::Holds(_) => "holds".to_owned(),
        Verification::Fails(why) => format!("does not hold: {why}"),
        Verification::NoKey => "cannot be verified: no certificate in it".to_owned(),
    }
}

fn fingerprint(certificate: &X509) -> String {
    let der = certificate.to_der().unwrap_or_default();
    format!("SHA-256 {}", hex(&openssl::sha::sha256(&der)))
}
