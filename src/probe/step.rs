//! The steps of a sign-in, and what came of each.

use std::time::Duration;

use crate::answers::{Answer, Mex};
use crate::wstrust::TrustVersion;

/// A step, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepName {
    /// The connection.
    Tls,
    /// The endpoints that the server names.
    Mex,
    /// A token by WS-Trust 1.3.
    Trust13,
    /// A token by WS-Trust 2005/02.
    Trust200502,
    /// An assertion by ECP.
    Ecp,
}

impl StepName {
    /// Each.
    pub const ALL: [Self; 5] = [Self::Tls, Self::Mex, Self::Trust13, Self::Trust200502, Self::Ecp];

    /// The step of a version of WS-Trust.
    pub const fn of(version: TrustVersion) -> Self {
        match version {
            TrustVersion::V13 => Self::Trust13,
            TrustVersion::V200502 => Self::Trust200502,
        }
    }

    /// Whether a password is sent in it.
    pub const fn signs_in(self) -> bool {
        match self {
            Self::Tls | Self::Mex => false,
            Self::Trust13 | Self::Trust200502 | Self::Ecp => true,
        }
    }

    /// Its name for machines.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Mex => "mex",
            Self::Trust13 => "wstrust13",
            Self::Trust200502 => "wstrust2005",
            Self::Ecp => "ecp",
        }
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Mex => "Metadata exchange (MEX)",
            Self::Trust13 => "WS-Trust 1.3",
            Self::Trust200502 => "WS-Trust 2005/02",
            Self::Ecp => "SAML ECP",
        }
    }
}

/// A step that was taken, or why it was not.
#[derive(Debug)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// What was sent and came back, of several tries the last.
    pub exchange: Option<Exchange>,
    /// What is worth showing, by a short name.
    pub facts: Vec<(String, String)>,
    /// What came of it.
    pub verdict: Verdict,
    /// What the server said, where it could be read.
    pub said: Said,
}

/// What a server said.
#[derive(Debug)]
pub enum Said {
    /// Nothing that could be read.
    Nothing,
    /// Its endpoints.
    Mex(Mex),
    /// To a sign-in.
    Answer(Box<Answer>),
}

/// A request and its answer, in short.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// Bytes of the request's body.
    pub sent: usize,
    /// The answer's status.
    pub status: u16,
    /// Bytes of its body.
    pub received: usize,
    /// How long it took.
    pub took: Duration,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It worked.
    Fine,
    /// It did not.
    Failed(Failure),
    /// It was not taken; why.
    Skipped(String),
}

/// How a step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In which of the ways that ask for different remedies.
    pub kind: FailureKind,
    /// What happened.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// Ways in which a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection.
    Unreachable,
    /// A connection, but no TLS that can be trusted.
    Tls,
    /// TLS, but no answer.
    NoAnswer,
    /// An answer that says that there is nothing of the kind.
    NotThere,
    /// The password was refused, or the user.
    PasswordRefused,
    /// An outage: the server's own or of what is behind it.
    Unavailable,
    /// The request was refused for another reason.
    Fault,
    /// An answer that nothing can be made of.
    Unreadable,
}

impl FailureKind {
    /// Its name for machines.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::NoAnswer => "no_answer",
            Self::NotThere => "not_there",
            Self::PasswordRefused => "password_refused",
            Self::Unavailable => "unavailable",
            Self::Fault => "fault",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Step {
    pub(super) fn skipped(name: StepName, why: impl Into<String>) -> Self {
        Self { name, exchange: None, facts: Vec::new(), verdict: Verdict::Skipped(why.into()), said: Said::Nothing }
    }

    pub(super) fn failed(name: StepName, exchange: Option<Exchange>, failure: Failure) -> Self {
        Self { name, exchange, facts: Vec::new(), verdict: Verdict::Failed(failure), said: Said::Nothing }
    }

    /// Whether it worked.
    pub fn is_fine(&self) -> bool {
        self.verdict == Verdict::Fine
    }

    /// What the server answered to a sign-in.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.said {
            Said::Answer(answer) => Some(answer),
            Said::Nothing | Said::Mex(_) => None,
        }
    }

    /// Whether it failed so.
    pub fn failed_by(&self, kind: FailureKind) -> bool {
        matches!(&self.verdict, Verdict::Failed(failure) if failure.kind == kind)
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { kind, what: what.into(), help: help.into() }
    }
}
