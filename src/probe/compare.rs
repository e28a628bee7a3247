//! In what two servers differ.

use super::report::Probed;
use super::show::fact_name;
use super::step::{Said, Step, StepName, Verdict};
use crate::answers::{self, Credential, Fact, Mex, Value};
use crate::wstrust::TrustVersion;

/// What came of the other server, and in what it differs.
#[derive(Debug)]
pub struct Comparison {
    /// The other server.
    pub other: Probed,
    /// In what.
    pub contrasts: Vec<Contrast>,
    /// Why the other server was not sent the password, after what became of it at the first: no sign-in is compared then.
    pub withheld: Option<String>,
}

/// One thing in which they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contrast {
    /// Where.
    pub step: StepName,
    /// What it is, for machines: `verdict`, `endpoint`, or a subject of [`answers::differences`].
    pub name: &'static str,
    /// Of attributes and endpoints, which.
    pub of: Option<String>,
    /// What the first has.
    pub first: String,
    /// What the other has.
    pub second: String,
    /// Whether a client or a relying party may decide otherwise by it.
    pub matters: bool,
}

const CREDENTIALS: [Credential; 5] =
    [Credential::UserName, Credential::Windows, Credential::Certificate, Credential::IssuedToken, Credential::Other];

impl Comparison {
    pub(super) fn of(first: &Probed, other: Probed, withheld: Option<String>) -> Self {
        let steps = first.steps.iter().filter(|step| step.name != StepName::Tls);
        let contrasts = steps
            .filter_map(|step| Some((step, other.step(step.name)?)))
            .flat_map(|(first, second)| contrasts(first, second))
            .collect();
        Self { other, contrasts, withheld }
    }

    /// Whether there is one that matters, or no other server that answers.
    pub fn matters(&self) -> bool {
        let silent = !self.other.steps.iter().any(|step| step.is_fine() && step.answer().is_some());
        silent || self.contrasts.iter().any(|contrast| contrast.matters)
    }
}

impl Contrast {
    /// What it is about, for people.
    pub fn title(&self) -> String {
        match &self.of {
            Some(of) => format!("{} {of}", self.name),
            None => self.name.to_owned(),
        }
    }
}

fn contrasts(first: &Step, second: &Step) -> Vec<Contrast> {
    match (&first.said, &second.said) {
        (Said::Answer(one), Said::Answer(other)) => answers::differences(one, other)
            .into_iter()
            .map(|difference| {
                let (words, others) = difference.words();
                let matters = difference.subject.matters();
                let (name, of) = (difference.subject.label(), difference.name);
                Contrast { step: first.name, name, of, first: words, second: others, matters }
            })
            .collect(),
        (Said::Mex(one), Said::Mex(other)) => endpoints(one, other),
        _ => verdicts(first, second),
    }
}

fn verdicts(first: &Step, second: &Step) -> Vec<Contrast> {
    let word = |step: &Step| match &step.verdict {
        Verdict::Fine => "fine".to_owned(),
        Verdict::Failed(failure) => failure.what.clone(),
        Verdict::Skipped(why) => format!("skipped: {why}"),
    };
    if !first.is_fine() && !second.is_fine() {
        return Vec::new();
    }
    vec![Contrast {
        step: first.name,
        name: "verdict",
        of: None,
        first: word(first),
        second: word(second),
        matters: true,
    }]
}

/// In which endpoints they differ, wherever these are.
fn endpoints(first: &Mex, second: &Mex) -> Vec<Contrast> {
    let kinds = CREDENTIALS.into_iter().flat_map(|credential| TrustVersion::ALL.map(|version| (credential, version)));
    kinds
        .filter_map(|(credential, version)| {
            let has = |mex: &Mex| {
                mex.endpoints.iter().any(|endpoint| (endpoint.credential, endpoint.version) == (credential, version))
            };
            let word = |there: bool| if there { "there" } else { "not there" }.to_owned();
            let (one, other) = (has(first), has(second));
            (one != other).then(|| Contrast {
                step: StepName::Mex,
                name: "endpoint",
                of: Some(format!("{} {}", credential.label(), version.label())),
                first: word(one),
                second: word(other),
                matters: credential == Credential::UserName,
            })
        })
        .collect()
}

/// A fact for the JSON document.
pub(super) fn written(fact: &Fact) -> (String, String) {
    let value = match &fact.value {
        Value::Text(text) => text.clone(),
        other => other.to_string(),
    };
    (fact_name(fact), value)
}
