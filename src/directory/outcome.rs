//! What a directory answers.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{Entry, Unavailable};

/// Who has a name.
#[derive(Clone)]
pub enum Resolution {
    /// This entry, and no other.
    Found(Arc<Entry>),
    /// This entry; but a directory that is asked before its own was not there, and may have the name as well.
    FoundDespite(Arc<Entry>, Unavailable),
    /// Nobody.
    Nobody,
    /// Nobody where it could be asked; but a directory that was not there may have the name.
    NobodyDespite(Unavailable),
    /// More than one entry: whoever it is, they are not let in by guessing which. Some of their names, for the audit log.
    Ambiguous(Vec<String>),
}

/// Whether a directory can be asked now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Whether anybody is asked.
    pub available: bool,
    /// How each of its servers is, for operators.
    pub says: String,
}

/// What became of trying one server for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examined {
    /// All that signing in needs is there: what was found.
    Fine(String),
    /// It works, and is likely not meant.
    Doubtful {
        /// What it is.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// It does not.
    Failed {
        /// What happened.
        what: String,
        /// What to do about it.
        help: String,
        /// Whether the service account was refused: trying it elsewhere too would bring it nearer to being locked.
        refused: bool,
    },
}

/// What became of a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindOutcome {
    /// The password is the entry's.
    Bound,
    /// The password is the entry's; and this is the entry as it shows itself to its owner, where [`Directory::resolve`] could not
    /// see it.
    ///
    /// [`Directory::resolve`]: super::Directory::resolve
    BoundAs(Arc<Entry>),
    /// The directory said no.
    Refused(BindRefusal),
}

/// Why a bind told nothing about the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// It was not sent, or the directory answered that it cannot check passwords now: it has counted nothing.
    #[error(transparent)]
    NotTried(Unavailable),
    /// It was sent and not answered: the directory may have counted a wrong password.
    #[error(transparent)]
    Unanswered(Unavailable),
}

impl From<BindError> for Unavailable {
    fn from(error: BindError) -> Self {
        let (BindError::NotTried(unavailable) | BindError::Unanswered(unavailable)) = error;
        unavailable
    }
}

/// Why a directory said no. For the audit log: the client gets the same bytes for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindRefusal {
    /// Wrong password.
    InvalidCredentials,
    /// The account is disabled.
    Disabled,
    /// The directory itself has locked the account.
    Locked,
    /// The password has expired.
    PasswordExpired,
    /// The password must be changed before its next use.
    MustChange,
    /// The account has expired.
    AccountExpired,
    /// Another reason: the server's result code and sub-code, never its text.
    Other(String),
}

impl BindRefusal {
    /// A sentence for the audit log.
    pub fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::InvalidCredentials => "wrong password".into(),
            Self::Disabled => "the account is disabled".into(),
            Self::Locked => "the directory has locked the account".into(),
            Self::PasswordExpired => "the password has expired".into(),
            Self::MustChange => "the password must be changed first".into(),
            Self::AccountExpired => "the account has expired".into(),
            Self::Other(code) => format!("the directory refused with result {code}").into(),
        }
    }

    /// Whether it is a wrong guess, such as brings the directory nearer to locking the account.
    pub const fn counts(&self) -> bool {
        matches!(self, Self::InvalidCredentials)
    }
}

/// Whether an entry may sign in without a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Good,
    /// A bind would be refused for this.
    Refused(BindRefusal),
}

impl Examined {
    pub(super) fn no_such_server() -> Self {
        let (what, help) = ("there is no such server".to_owned(), "this is a defect of fedfront".to_owned());
        Self::Failed { what, help, refused: false }
    }
}
