//! Why a server gave no answer.

use std::fmt;

use ldap3::LdapError;

use crate::keys::tls_failure;

/// Why a server gave no answer that says anything about the user. Its text is for operators, and never holds what a user
/// or the server wrote.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Timeout,
    /// The service account may not.
    Refused,
    /// The connection ended before the answer.
    Lost,
    Other,
}

impl Failure {
    pub(super) fn timeout() -> Self {
        Self { kind: Kind::Timeout, text: "timeout".to_owned() }
    }

    /// Every connection is in use, and stays so.
    pub(super) fn busy() -> Self {
        Self { kind: Kind::Timeout, text: "timeout: all connections are busy".to_owned() }
    }

    pub(super) fn refused(text: String) -> Self {
        Self { kind: Kind::Refused, text }
    }

    pub(super) fn malformed() -> Self {
        Self::error("malformed answer")
    }

    pub(super) fn error(text: impl ToString) -> Self {
        Self { kind: Kind::Other, text: text.to_string() }
    }

    /// The label of metrics.
    pub(super) fn label(&self) -> &'static str {
        match self.kind {
            Kind::Timeout => "timeout",
            Kind::Refused => "refused",
            Kind::Lost | Kind::Other => "error",
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    pub(super) fn is_lost(&self) -> bool {
        self.kind == Kind::Lost
    }

    /// The same, with the server's address before it.
    pub(super) fn at(self, url: &str) -> Self {
        Self { text: format!("{url}: {}", self.text), ..self }
    }

    /// This, and what the next server did.
    pub(super) fn and(self, next: Self) -> Self {
        Self { kind: next.kind, text: format!("{}; {}", self.text, next.text) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<LdapError> for Failure {
    fn from(error: LdapError) -> Self {
        match error {
            LdapError::Io { .. }
            | LdapError::OpSend { .. }
            | LdapError::ResultRecv { .. }
            | LdapError::IdScrubSend { .. }
            | LdapError::EndOfStream => Self { kind: Kind::Lost, text: "connection lost".to_owned() },
            LdapError::Timeout { .. } => Self::timeout(),
            LdapError::NativeTLS { source } => Self::error(tls_failure(&source)),
            LdapError::LdapResult { result } => Self::error(format!("refused with result {}", result.rc)),
            LdapError::FilterParsing => Self::error("the filter cannot be read"),
            _ => Self::error("the LDAP library gave up"),
        }
    }
}
