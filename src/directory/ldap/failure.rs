//! Why a server gave no answer.

use std::fmt;

use ldap3::LdapError;

use crate::keys::tls_failure;

/// Why a server gave no answer that says anything about the user. Its text is for operators, and never holds what a user
/// or the server wrote.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: Kind,
    text: String,
    unanswered: bool,
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
        Self::new(Kind::Timeout, "timeout")
    }

    /// Every connection is in use, and stays so.
    pub(super) fn busy() -> Self {
        Self::new(Kind::Timeout, "timeout: all connections are busy")
    }

    pub(super) fn refused(text: String) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// The server says that it cannot work now.
    pub(super) fn not_available(rc: u32) -> Self {
        Self::error(format!("the server is not available, result {rc}"))
    }

    pub(super) fn malformed() -> Self {
        Self::error("malformed answer")
    }

    pub(super) fn error(text: impl ToString) -> Self {
        Self::new(Kind::Other, text.to_string())
    }

    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), unanswered: false }
    }

    /// The same, of an operation that may have reached the server.
    pub(super) fn after_sending(self) -> Self {
        Self { unanswered: true, ..self }
    }

    /// Whether the server may have done what it was asked for.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered
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

    pub(super) fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
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
        Self { text: format!("{}; {}", self.text, next.text), ..next }
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
            | LdapError::EndOfStream => Self::new(Kind::Lost, "connection lost"),
            LdapError::Timeout { .. } => Self::timeout(),
            LdapError::NativeTLS { source } => Self::error(tls_failure(&source)),
            LdapError::LdapResult { result } => Self::error(format!("refused with result {}", result.rc)),
            LdapError::FilterParsing => Self::error("the filter cannot be read"),
            _ => Self::error("the LDAP library gave up"),
        }
    }
}
