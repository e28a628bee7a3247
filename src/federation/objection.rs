//! What speaks against a document, by what an operator can do about it.

use crate::dsig::VerifyError;
use crate::saml::metadata::{LeftOut, LeftOutReason, MetadataError, ReceivedError};

/// What speaks against a document, or something in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Objection {
    /// For the operator.
    pub what: String,
    /// By which a remedy is chosen.
    pub fault: Fault,
}

/// Kinds of faults, each with a remedy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A file or a folder that is not there, or cannot be read.
    File,
    /// The server was not reached, or broke off.
    Unreachable,
    /// The server answers without a document.
    Answer,
    /// It cannot be read as metadata.
    Form,
    /// It is not signed.
    Unsigned,
    /// It is signed by an algorithm that is not accepted.
    Algorithm,
    /// It is signed, and the signature does not hold by the keys that are pinned.
    Signature,
    /// It has ended.
    Ended,
    /// It is older than the one in use.
    Older,
    /// It is valid for longer than may be.
    TooLong,
    /// It does not say until when it is valid, and must.
    Endless,
    /// It is of another entity than it must be.
    OtherEntity,
    /// An entity in it cannot be used.
    Entity,
    /// An entity in it has ended.
    EndedEntity,
    /// An entity is in it twice.
    Twice,
    /// There is no such service provider.
    Absent,
    /// A service provider, or all of them, cannot do ECP.
    NoEcp,
}

impl Objection {
    /// Speaks against something.
    pub fn new(fault: Fault, what: impl Into<String>) -> Self {
        Self { what: what.into(), fault }
    }

    /// The same, said of something.
    pub(super) fn of(self, whose: impl std::fmt::Display) -> Self {
        Self { what: format!("{whose}: {}", self.what), ..self }
    }
}

impl Fault {
    /// Whether a document came, and is not believed, so that somebody must do something: a page that asks to wait, or a server
    /// that is down, goes away by itself.
    pub(super) fn is_lasting(self) -> bool {
        !matches!(self, Self::File | Self::Unreachable | Self::Answer | Self::Form)
    }

    /// Of an entity that is left out.
    pub(super) fn of_left_out(left_out: &LeftOut) -> Self {
        if left_out.why == LeftOutReason::Duplicate { Self::Twice } else { Self::Entity }
    }

    fn of_signature(error: &VerifyError) -> Self {
        if error.is_missing() {
            Self::Unsigned
        } else if error.is_unsupported_algorithm() {
            Self::Algorithm
        } else {
            Self::Signature
        }
    }
}

impl From<MetadataError> for Objection {
    fn from(error: MetadataError) -> Self {
        let fault = match &error {
            MetadataError::Xml(_) | MetadataError::NotMetadata => Fault::Form,
            MetadataError::LeftOut(left_out) => Fault::of_left_out(left_out),
            MetadataError::ValidUntil(_) => Fault::Entity,
            MetadataError::Unknown(_) => Fault::Absent,
            MetadataError::Signature(error) => Fault::of_signature(error),
        };
        Self::new(fault, error.to_string())
    }
}

impl From<ReceivedError> for Objection {
    fn from(error: ReceivedError) -> Self {
        match error {
            ReceivedError::Unreadable(error) => error.into(),
            ReceivedError::NotThere { .. } => Self::new(Fault::OtherEntity, error.to_string()),
            ReceivedError::Unsigned => Self::new(Fault::Unsigned, error.to_string()),
            ReceivedError::Signature(ref verify) => Self::new(Fault::of_signature(verify), error.to_string()),
        }
    }
}
