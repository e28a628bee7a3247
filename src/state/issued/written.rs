//! A token as bytes that another replica reads, and the versions of that.

use serde::{Deserialize, Serialize};

use super::IssuedToken;
use crate::model::{EntryId, Timestamp, Username};
use crate::saml::{Advice, Assertion};
use crate::wstrust::{Renewing, TokenType};

/// How it is written. A replica that knows another way only reads it not at all: raise it whenever a token says more than
/// before, for who left out what it does not know would give a token that says less.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<A> {
    assertion: A,
    token_type: TokenType,
    party: String,
    applies_to: String,
    directory: String,
    entry: String,
    bind_name: String,
    username: String,
    renewing: Renewing,
    made_of: Option<String>,
    until: Option<Timestamp>,
    kept_until: Timestamp,
}

/// The bytes of a token; `None` for one of ECP, of which nothing is kept.
pub(super) fn write(token: &IssuedToken) -> Option<Vec<u8>> {
    if token.assertion.advice != Advice::default() {
        return None;
    }
    let written = Written {
        assertion: &token.assertion,
        token_type: token.token_type,
        party: token.party.clone(),
        applies_to: token.applies_to.clone(),
        directory: token.subject.directory.to_string(),
        entry: token.subject.entry.to_string(),
        bind_name: token.bind_name.to_string(),
        username: token.username.as_str().to_owned(),
        renewing: token.renewing,
        made_of: token.made_of.clone(),
        until: token.until,
        kept_until: token.kept_until,
    };
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, &written).ok()?;
    Some(bytes)
}

/// The token, if that is what the bytes are.
pub(super) fn read(bytes: &[u8]) -> Option<IssuedToken> {
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let Written::<Assertion> {
        assertion,
        token_type,
        party,
        applies_to,
        directory,
        entry,
        bind_name,
        username,
        renewing,
        made_of,
        until,
        kept_until,
    } = serde_json::from_slice(rest).ok()?;
    Some(IssuedToken {
        assertion,
        token_type,
        party,
        applies_to,
        subject: EntryId { directory: directory.into(), entry: entry.into() },
        bind_name: bind_name.into(),
        username: Username::new(username),
        renewing,
        made_of,
        until,
        kept_until,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dsig::testing::{certificate, rsa};
    use crate::dsig::{KeyInfo, Recipient, encrypt_key};
    use crate::saml::Confirmation;
    use crate::saml::testing::{alice, holder, mallory};

    fn token(assertion: Assertion) -> IssuedToken {
        IssuedToken {
            token_type: TokenType::Saml20,
            party: "app".to_owned(),
            applies_to: "urn:app".to_owned(),
            subject: EntryId { directory: "corp".into(), entry: "cn=alice".into() },
            bind_name: "CN=Alice".into(),
            username: Username::new("alice"),
            renewing: Renewing { allowed: true, after_end: false },
            made_of: Some("_0".to_owned()),
            until: Some(assertion.not_before),
            kept_until: assertion.not_on_or_after,
            assertion,
        }
    }

    fn assertions() -> [Assertion; 5] {
        let certificate = certificate(&rsa());
        let encrypted = encrypt_key(&[1; 32], &Recipient::new(&certificate).unwrap()).unwrap();
        let of = |key| Assertion { confirmation: Confirmation::HolderOfKey(key), ..alice() };
        let certified = KeyInfo::of_certificate(&certificate).unwrap();
        [alice(), holder(), mallory(), of(KeyInfo::EncryptedKey(encrypted)), of(certified)]
    }

    #[test]
    fn what_is_written_is_read_again() {
        for assertion in assertions() {
            let token = token(assertion);
            let bytes = write(&token).unwrap();
            let again = read(&bytes).unwrap();
            assert_eq!(again.assertion, token.assertion);
            assert_eq!(write(&again), Some(bytes.clone()));
            for length in 0..bytes.len() {
                assert!(read(&bytes[..length]).is_none());
            }
        }
    }

    /// Whoever finds this test failing has a token say more than before, or less: raise [`VERSION`].
    #[test]
    fn this_version_is_written_like_this() {
        let mut names = BTreeSet::new();
        for assertion in assertions() {
            let bytes = write(&token(assertion)).unwrap();
            assert_eq!(bytes[0], 1);
            collect("", &serde_json::from_slice(&bytes[1..]).unwrap(), &mut names);
        }
        let names: Vec<_> = names.into_iter().collect();
        assert_eq!(names.join("\n"), include_str!("../../../tests/data/issued_token.expected").trim_end());
    }

    fn collect(path: &str, value: &serde_json::Value, names: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| collect(&format!("{path}.{name}"), value, names));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(&format!("{path}[]"), item, names)),
            _ => drop(names.insert(path.to_owned())),
        }
    }
}
