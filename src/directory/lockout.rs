//! What a directory does by itself about wrong passwords.

use std::num::NonZeroU32;
use std::time::Duration;

/// Rules by which a directory locks accounts, as far as its service account may read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockout {
    /// Each rule that was read.
    pub policies: Vec<LockoutPolicy>,
    /// What there may be that could not be read: a sentence.
    pub unseen: Option<String>,
    /// Whether it may refuse a locked account as it does a wrong password, and not tell which it is.
    pub silent: bool,
}

/// One rule. To whom it applies, the directory knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// The entry that holds it.
    pub name: String,
    /// How many wrong passwords lock an account; `None`: none do.
    pub threshold: Option<NonZeroU32>,
    /// How long each counts; `None`: until a right one.
    pub window: Option<Duration>,
    /// How long the account stays locked; `None`: until somebody unlocks it.
    pub duration: Option<Duration>,
}
