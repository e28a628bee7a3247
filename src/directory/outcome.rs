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

/// How one server of a directory is, by what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Its address, without whom to sign in as.
    pub name: String,
    /// In a word.
    pub standing: ServerStanding,
    /// For people.
    pub says: String,
}

/// Whether a server works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerStanding {
    /// Nobody has asked it yet.
    Unknown,
    /// It does.
    Up,
    /// It failed somebody, and others are asked before it.
    Doubted,
    /// It does not.
    Away,
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
    /// see it. It keeps the id by which it was found, for failures count and binds are remembered by that.
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
    /// Nobody has the name that was bound.
    UnknownUser,
    /// The account is disabled.
    Disabled,
    /// The directory itself has locked the account.
    Locked,
    /// The directory says no more than that the password is wrong; but the entry shows that it has locked the account, if that
    /// is not over: whatever the password, it was refused. It counts as a wrong one, since it may have been.
    ShownLocked,
    /// The password has expired.
    PasswordExpired,
    /// The password must be changed before its next use.
    MustChange,
    /// The account has expired.
    AccountExpired,
    /// Not at this time of day or week.
    Hours,
    /// Not from here.
    Workstation,
    /// There is no single value of this attribute, which the name to bind as is made of: nothing was bound.
    Incomplete(String),
    /// The password is right; but no entry, or not one alone, is what is searched for as its owner.
    NoEntry,
    /// Another reason: the server's result code and sub-code, never its text.
    Other(String),
    /// One of the others, and the code by which the server said so.
    Coded(Box<Self>, String),
}

impl BindRefusal {
    /// The same, with the code by which the server said so.
    pub fn coded(self, code: impl Into<String>) -> Self {
        Self::Coded(Box::new(self), code.into())
    }

    /// A sentence for the audit log.
    pub fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::InvalidCredentials => "wrong password".into(),
            Self::UnknownUser => "the directory does not know the user".into(),
            Self::Disabled => "the account is disabled".into(),
            Self::Locked => "the directory has locked the account".into(),
            Self::ShownLocked => {
                "the directory has locked the account, says the entry's pwdAccountLockedTime; the password may be right"
                    .into()
            }
            Self::PasswordExpired => "the password has expired".into(),
            Self::MustChange => "the password must be changed first".into(),
            Self::AccountExpired => "the account has expired".into(),
            Self::Hours => "the account may not sign in at this time".into(),
            Self::Workstation => "the account may not sign in from here".into(),
            Self::Incomplete(attribute) => {
                format!("not bound: the entry has no single value of {attribute}, which bind_as is made of").into()
            }
            Self::NoEntry => "bound, but user_filter finds no entry for it, or several".into(),
            Self::Other(code) => format!("the directory refused with result {code}").into(),
            Self::Coded(refusal, code) => format!("{} ({code})", refusal.reason()).into(),
        }
    }

    /// Its label in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "wrong_password",
            Self::UnknownUser => "unknown_user",
            Self::Disabled => "disabled",
            Self::Locked | Self::ShownLocked => "locked",
            Self::PasswordExpired => "password_expired",
            Self::MustChange => "must_change",
            Self::AccountExpired => "account_expired",
            Self::Hours => "hours",
            Self::Workstation => "workstation",
            Self::Incomplete(_) => "incomplete",
            Self::NoEntry => "no_entry",
            Self::Other(_) => "other",
            Self::Coded(refusal, _) => refusal.label(),
        }
    }

    /// Whether there is no such entry any more.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::UnknownUser => true,
            Self::Coded(refusal, _) => refusal.is_gone(),
            _ => false,
        }
    }

    /// Whether it is a wrong guess, such as brings the directory nearer to locking the account.
    pub fn counts(&self) -> bool {
        match self {
            Self::InvalidCredentials | Self::ShownLocked | Self::UnknownUser => true,
            Self::Coded(refusal, _) => refusal.counts(),
            _ => false,
        }
    }
}

/// Whether an entry may sign in without a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Good,
    /// A bind would be refused for this.
    Refused(BindRefusal),
    /// Only a bind can tell, so that whoever shows no password is refused for this; it speaks against no bind.
    Unknown(BindRefusal),
}

impl Examined {
    pub(super) fn no_such_server() -> Self {
        let (what, help) = ("there is no such server".to_owned(), "this is a defect of fedfront".to_owned());
        Self::Failed { what, help, refused: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn every_refusal_has_a_label_of_its_own_and_a_sentence() {
        let text = || "x".to_owned();
        let refusals = [
            BindRefusal::InvalidCredentials,
            BindRefusal::UnknownUser,
            BindRefusal::Disabled,
            BindRefusal::Locked,
            BindRefusal::PasswordExpired,
            BindRefusal::MustChange,
            BindRefusal::AccountExpired,
            BindRefusal::Hours,
            BindRefusal::Workstation,
            BindRefusal::Incomplete(text()),
            BindRefusal::NoEntry,
            BindRefusal::Other(text()),
        ];
        assert_eq!(refusals.each_ref().map(BindRefusal::label), Metrics::BIND_REFUSALS);
        for refusal in refusals {
            let coded = refusal.clone().coded("49/775");
            assert_eq!(coded.reason(), format!("{} (49/775)", refusal.reason()));
            assert_eq!((coded.label(), coded.counts()), (refusal.label(), refusal.counts()));
        }
    }
}
