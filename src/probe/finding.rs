//! What somebody would have against what a server does.

use super::step::StepName;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Entra, or one of the libraries that sign in to it, refuses it.
    Refused,
    /// It works, and is likely not meant, or will not work for long.
    Warning,
}

impl Weight {
    /// Its name for machines.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Warning => "warning",
        }
    }
}

/// Something that is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it was found.
    pub step: StepName,
    /// Its name for machines; stable.
    pub name: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What is wrong, and what comes of it.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// Findings of one step.
pub(super) struct Findings {
    step: StepName,
    pub(super) found: Vec<Finding>,
}

impl Findings {
    pub(super) fn of(step: StepName) -> Self {
        Self { step, found: Vec::new() }
    }

    pub(super) fn refused(&mut self, name: &'static str, what: impl Into<String>, help: impl Into<String>) {
        self.push(name, Weight::Refused, what.into(), help.into());
    }

    pub(super) fn warning(&mut self, name: &'static str, what: impl Into<String>, help: impl Into<String>) {
        self.push(name, Weight::Warning, what.into(), help.into());
    }

    fn push(&mut self, name: &'static str, weight: Weight, what: String, help: String) {
        self.found.push(Finding { step: self.step, name, weight, what, help });
    }
}
