//! What goes wrong, by whose fault it is.

use std::borrow::Cow;

/// What a client may see of a refusal; each protocol maps it to its own fault in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The user may not sign in: wrong password, unknown, locked, in the wrong group, disabled. One kind, so that the
    /// bytes cannot differ.
    Authentication,
    /// The message is not what the protocol wants.
    Malformed,
    /// A header that we must understand and do not.
    MustUnderstand,
    /// The security header is missing or broken, or has been used before.
    Security,
    /// The message's own times are too far from ours.
    Clock,
    /// A credential of a kind that we do not take.
    UnsupportedToken,
    /// The relying party is unknown.
    Scope,
    /// Well-formed, but asks for what we do not offer.
    Unsupported,
    /// The version of the protocol is not ours.
    Version,
    /// A security token that cannot be read, or is not for us.
    InvalidSecurityToken,
    /// A signature of the message that does not hold.
    FailedCheck,
    /// A signature or an encryption by an algorithm that is not accepted.
    UnsupportedAlgorithm,
    /// A reference to a token that is nowhere.
    SecurityTokenUnavailable,
    /// A signed message that has ended.
    MessageExpired,
    /// WS-Trust: an operation that is none.
    BadRequest,
    /// WS-Trust: the asker may not do this with that token, or for that user.
    NotPermitted,
    /// WS-Trust: the token that the request is about is not valid, or is cancelled.
    InvalidTarget,
    /// WS-Trust: the proof of a key that the request needs is not there.
    AuthenticationBadElements,
    /// WS-Trust: what the request shows has ended.
    ExpiredData,
    /// WS-Trust: a Lifetime that cannot be had.
    InvalidTimeRange,
    /// WS-Trust: the token that the request shows has ended and can be renewed.
    RenewNeeded,
    /// WS-Trust: the token cannot be renewed, or no longer.
    UnableToRenew,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::Authentication,
        Self::Malformed,
        Self::MustUnderstand,
        Self::Security,
        Self::Clock,
        Self::UnsupportedToken,
        Self::Scope,
        Self::Unsupported,
        Self::Version,
        Self::InvalidSecurityToken,
        Self::FailedCheck,
        Self::UnsupportedAlgorithm,
        Self::SecurityTokenUnavailable,
        Self::MessageExpired,
        Self::BadRequest,
        Self::NotPermitted,
        Self::InvalidTarget,
        Self::AuthenticationBadElements,
        Self::ExpiredData,
        Self::InvalidTimeRange,
        Self::RenewNeeded,
        Self::UnableToRenew,
    ];
}

/// The client's fault. `kind` and `told` are for the client, `reason` for the audit log alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What the client may see.
    pub kind: RefusalKind,
    /// Why, for the operator. Never a password.
    pub reason: String,
    /// A sentence for the client besides the code's own: how to ask instead. Never what depends on a user.
    pub told: Option<Cow<'static, str>>,
}

impl Refusal {
    /// A refusal with its private reason.
    pub fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), told: None }
    }

    /// This refusal, with a sentence that the client is told.
    #[must_use]
    pub fn telling(self, told: impl Into<Cow<'static, str>>) -> Self {
        Self { told: Some(told.into()), ..self }
    }
}

/// A client's own words, for a [`Refusal`]'s reason: on one line, and a hundred characters of them at most. Not for what
/// stands where a password may.
pub fn quoted(words: &str) -> String {
    let mut rest = words.chars();
    let start: String = rest.by_ref().take(100).collect();
    let cut = if rest.next().is_some() { "…" } else { "" };
    format!("{start:?}{cut}")
}

/// Whether a character changes what a terminal or a viewer shows of the words around it: a control, the end of a line, a
/// change of direction.
pub fn is_misleading(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Words of others for a terminal, on one line: what misleads it is written out.
pub fn plain(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    for c in words.chars() {
        if is_misleading(c) { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// A dependency's fault: the directory did not answer, or answered nonsense. Never told as a bad password, never counted
/// as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct Unavailable {
    /// Which dependency, as the configuration names it.
    pub what: String,
    /// What it did.
    pub reason: String,
}

impl Unavailable {
    /// An outage of `what`.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_words_are_few_and_on_one_line() {
        assert_eq!(quoted("urn:x\r\n\"y\""), r#""urn:x\r\n\"y\"""#);
        assert_eq!(quoted(&"é".repeat(100)), format!("\"{}\"", "é".repeat(100)));
        assert_eq!(quoted(&"é".repeat(101)), format!("\"{}\"…", "é".repeat(100)));
    }
}
