//! What goes wrong, by whose fault it is.

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
}

/// The client's fault. `kind` is for the client, `reason` for the audit log alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What the client may see.
    pub kind: RefusalKind,
    /// Why, for the operator. Never a password.
    pub reason: String,
}

impl Refusal {
    /// A refusal with its private reason.
    pub fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
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
