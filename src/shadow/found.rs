//! What differs, in words that tell no more of a user than the audit log does anyway: a name identifier or the value of an
//! attribute that is not the name they typed, or their user principal name, is told by its form and a digest, by which the same
//! value is known again until fedfront is restarted.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::answers::{Difference, Subject, Value};
use crate::dsig::Mac;
use crate::model::hex;
use crate::telemetry::{AuditRecord, ShadowDifference};

/// Values of one attribute that are told.
const MOST: usize = 8;
/// Bytes of a digest.
const DIGEST: usize = 6;

/// Puts values into words.
pub(super) struct Words(Mac);

/// One difference that is not of what two answers say.
pub(super) fn found(
    difference: &'static str,
    of: Option<String>,
    fedfront: impl Into<String>,
    idp: impl Into<String>,
) -> ShadowDifference {
    ShadowDifference { difference, of, fedfront: fedfront.into(), idp: idp.into() }
}

/// What only one of two sets has, ours first; `None` if they are the same.
pub(super) fn of_sets(
    difference: &'static str,
    ours: &BTreeSet<String>,
    theirs: &BTreeSet<String>,
) -> Option<ShadowDifference> {
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        let only: Vec<&str> = one.difference(other).map(String::as_str).collect();
        if only.is_empty() { "nothing else".to_owned() } else { only.join(", ") }
    };
    (ours != theirs).then(|| found(difference, None, only(ours, theirs), only(theirs, ours)))
}

impl Words {
    /// By a key that nobody else has: a short value could be guessed by a plain digest.
    pub fn new(key: Mac) -> Self {
        Self(key)
    }

    /// A difference of two answers, of which the first is ours.
    pub fn of(&self, difference: &Difference, record: Option<&AuditRecord>) -> ShadowDifference {
        let (fedfront, idp) = match difference.subject {
            Subject::NameIdentifier | Subject::Attribute => {
                let side =
                    |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), |v| self.hidden(v, record));
                (side(&difference.first), side(&difference.second))
            }
            _ => difference.words(),
        };
        found(difference.subject.label(), difference.name.clone(), fedfront, idp)
    }

    fn hidden(&self, value: &Value, record: Option<&AuditRecord>) -> String {
        match value {
            Value::Text(text) => self.form(text, record),
            Value::Set(values) if values.is_empty() => value.to_string(),
            Value::Set(values) => {
                let told = values.iter().take(MOST).map(|value| self.form(value, record));
                let more = values.len().saturating_sub(MOST);
                let more = (more > 0).then(|| format!("and {more} more"));
                told.chain(more).collect::<Vec<_>>().join("; ")
            }
            Value::Instant(_) | Value::Lifetime(_) | Value::Present => value.to_string(),
        }
    }

    fn form(&self, value: &str, record: Option<&AuditRecord>) -> String {
        let known = record.into_iter().flat_map(|r| [r.upn.as_deref(), r.user.as_ref().map(|user| user.as_str())]);
        if known.flatten().any(|known| known == value) {
            return value.to_owned();
        }
        let form = match STANDARD.decode(value) {
            _ if value.is_empty() => return "(empty)".to_owned(),
            Ok(bytes) if bytes.len() >= 12 => format!("base64 of {} bytes", bytes.len()),
            _ if value.bytes().all(|byte| byte.is_ascii_digit()) => format!("{} digits", value.len()),
            _ if value.contains('@') => format!("{} characters with an @", value.chars().count()),
            _ => format!("{} characters", value.chars().count()),
        };
        let digest = self.0.of(&[value.as_bytes()]);
        format!("{form}, digest {}", hex(digest.get(..DIGEST).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_by_form_and_digest() {
        let words = Words::new(Mac::new(&[7; 32]));
        let digest = |value: &str| hex(&Mac::new(&[7; 32]).of(&[value.as_bytes()])[..DIGEST]);
        for (value, form) in [
            ("AAECAwQFBgcICQoLDA0ODw==", "base64 of 16 bytes"),
            ("alice@example.com", "17 characters with an @"),
            ("4711", "4 digits"),
            ("Zoë", "3 characters"),
        ] {
            let told = words.hidden(&Value::Text(value.to_owned()), None);
            assert_eq!(told, format!("{form}, digest {}", digest(value)));
            assert!(!told.contains(value));
        }
        let many = Value::Set((0..10).map(|number| format!("group {number}")).collect());
        let told = words.hidden(&many, None);
        assert!(told.ends_with("; and 2 more") && !told.contains("group"), "{told}");
        assert_eq!(words.hidden(&Value::Text(String::new()), None), "(empty)");
    }
}
