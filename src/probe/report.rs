//! What came of a probe.

use super::compare::Comparison;
use super::expected::Expected;
use super::finding::{Finding, Weight};
use super::step::{Step, StepName, Verdict};
use crate::answers::Answer;
use crate::model::{Password, Username};

/// Who signs in, and what is expected.
pub struct Plan<'a> {
    /// The user.
    pub user: &'a Username,
    /// Their password.
    pub password: &'a Password,
    /// What answers are held against.
    pub expected: &'a Expected,
    /// Where MEX is, if not where it usually is.
    pub mex_path: Option<String>,
    /// Where ECP is, likewise.
    pub ecp_path: Option<String>,
}

/// What came of every step at one server.
#[derive(Debug)]
pub struct Probed {
    /// The server.
    pub origin: String,
    /// Every step, taken or not.
    pub steps: Vec<Step>,
    /// What somebody would have against it.
    pub findings: Vec<Finding>,
}

/// All of it.
#[derive(Debug)]
pub struct Report {
    /// Who signed in.
    pub user: String,
    /// For whom.
    pub party: String,
    /// Whether that is Entra.
    pub entra: bool,
    /// What issuers and certificates are held against, if that is known.
    pub against: Option<&'static str>,
    /// The server.
    pub first: Probed,
    /// The other one.
    pub comparison: Option<Comparison>,
}

impl Probed {
    /// The step of that name.
    pub fn step(&self, name: StepName) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Whether a user signs in, every step that was taken worked, and nothing would be refused.
    pub fn is_fine(&self) -> bool {
        let failed = self.steps.iter().any(|step| matches!(step.verdict, Verdict::Failed(_)));
        let signed_in = self.steps.iter().any(|step| step.is_fine() && step.answer().is_some());
        signed_in && !failed && self.refused() == 0
    }

    /// Whether an assertion came of any step.
    pub fn has_assertion(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.answer(), Some(Answer::Issued(_))))
    }

    /// How many findings are refusals.
    pub fn refused(&self) -> usize {
        self.findings.iter().filter(|finding| finding.weight == Weight::Refused).count()
    }
}

impl Report {
    pub(super) fn of(plan: &Plan<'_>, first: Probed, comparison: Option<Comparison>) -> Self {
        Self {
            user: plan.user.as_str().to_owned(),
            party: plan.expected.party.clone(),
            entra: plan.expected.is_entra(),
            against: plan.expected.held_against(),
            first,
            comparison,
        }
    }

    /// Whether all is as it should be; of the other server that it answers, and in nothing that matters otherwise.
    pub fn is_fine(&self) -> bool {
        self.first.is_fine() && self.comparison.as_ref().is_none_or(|comparison| !comparison.matters())
    }
}
