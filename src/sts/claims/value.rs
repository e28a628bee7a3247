//! A rule's values: taken from their source, written, matched, put in a letter case.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Known;
use super::source::{Raw, each, first};
use crate::model::{AttributeValue, DirectoryAttribute, Encoding, LetterCase, Pattern, Unmatched};
use crate::model::{SignInValue, ValueRule, ValueSource, hex};

/// Why a value of the source is none of the claim's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    /// Not sixteen octets.
    NoGuid,
    /// Does not match.
    Different,
    /// Too long to be matched.
    TooLong,
    /// Nothing is left of it.
    Empty,
    /// Scoped, and not by ours.
    OtherScope,
}

/// Every value that a rule makes.
pub(super) fn values(rule: &ValueRule, known: &Known<'_>) -> Vec<String> {
    // What nearly every claim is costs no more than it must.
    if let (ValueSource::Attribute(attribute), true) = (&rule.source, rule.is_plain()) {
        return plain(attribute, known);
    }
    let mut values: Vec<String> = Vec::new();
    let distinct = rule.pattern.is_some() || matches!(rule.source, ValueSource::Roles(_));
    each(&rule.source, known, &mut |raw| {
        if rule.only_first && !values.is_empty() {
            return;
        }
        if let Ok(value) = made(rule, raw)
            && !(distinct && values.iter().any(|other| *other == value))
        {
            values.push(value.into_owned());
        }
    });
    values
}

fn plain(attribute: &DirectoryAttribute, known: &Known<'_>) -> Vec<String> {
    let entry = known.entry;
    match attribute {
        DirectoryAttribute::Upn => entry.upn.iter().cloned().collect(),
        DirectoryAttribute::ImmutableId => entry.immutable_id.iter().cloned().collect(),
        DirectoryAttribute::Groups => entry.groups.clone(),
        DirectoryAttribute::Named(name) => {
            let text = |value: &AttributeValue| match value {
                AttributeValue::Text(text) => text.clone(),
                AttributeValue::Binary(octets) => STANDARD.encode(octets),
            };
            entry.attributes.all(name).iter().map(text).collect()
        }
    }
}

/// What the rule makes of one value.
fn made<'a>(rule: &ValueRule, raw: Raw<'a>) -> Result<Cow<'a, str>, Dropped> {
    let text = match rule.encoding {
        None => raw.text(),
        Some(Encoding::Base64) => STANDARD.encode(raw.bytes()).into(),
        Some(Encoding::Base32) => base32(raw.bytes()).into(),
        Some(Encoding::Hex) => hex(raw.bytes()).into(),
        Some(Encoding::Guid) => guid(raw.bytes()).ok_or(Dropped::NoGuid)?.into(),
    };
    let matched = match &rule.pattern {
        None => text,
        Some(pattern) => match pattern.apply(text) {
            Ok(value) if value.is_empty() => return Err(Dropped::Empty),
            Ok(value) => value,
            Err(Unmatched::Different) => return Err(Dropped::Different),
            Err(Unmatched::TooLong) => return Err(Dropped::TooLong),
        },
    };
    let cased: Cow<'a, str> = match rule.case {
        None => matched,
        Some(LetterCase::Lower) => matched.to_lowercase().into(),
        Some(LetterCase::Upper) => matched.to_uppercase().into(),
    };
    match &rule.scope {
        None => Ok(cased),
        Some(scope) => scoped(cased, scope),
    }
}

/// A value of ours: one that a directory says to be somebody else's is not ours to give.
fn scoped<'a>(value: Cow<'a, str>, scope: &str) -> Result<Cow<'a, str>, Dropped> {
    match value.split_once('@') {
        None if value.is_empty() => Err(Dropped::Empty),
        None => Ok(format!("{value}@{scope}").into()),
        Some((local, own)) if !local.is_empty() && own.eq_ignore_ascii_case(scope) => Ok(value),
        Some(_) => Err(Dropped::OtherScope),
    }
}

/// RFC 4648, 6.
fn base32(octets: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(octets.len().div_ceil(5) * 8);
    for group in octets.chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, at| bits << 8 | u64::from(group.get(at).copied().unwrap_or_default()));
        let digits = (group.len() * 8).div_ceil(5);
        for at in 0..8_usize {
            let digit = DIGITS.get((bits >> (35 - 5 * at) & 31) as usize).copied().unwrap_or_default();
            text.push(if at < digits { char::from(digit) } else { '=' });
        }
    }
    text
}

/// As [MS-DTYP] 2.3.4 writes it: the first three groups are integers, which stand with their lowest octet first.
fn guid(octets: &[u8]) -> Option<String> {
    let octets: [u8; 16] = octets.try_into().ok()?;
    let [a, b, c, d, e, f, g, h, ..] = octets;
    let digits = hex(&[d, c, b, a, f, e, h, g]) + &hex(octets.get(8..)?);
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| digits.get(group).unwrap_or_default());
    Some(groups.join("-"))
}

/// Why a rule makes no value: of the source, or of what becomes of its values.
pub(super) fn why_none(rule: &ValueRule, known: &Known<'_>) -> String {
    let mut dropped = Vec::new();
    each(&rule.source, known, &mut |raw| dropped.extend(made(rule, raw).err()));
    if dropped.is_empty() {
        return nothing_to_take(&rule.source, known);
    }
    let reasons = [
        (Dropped::NoGuid, "not the 16 octets of a GUID".to_owned()),
        (Dropped::Different, "not matched by the pattern".to_owned()),
        (
            Dropped::TooLong,
            format!("longer than {} bytes, and not matched against the pattern", Pattern::LONGEST_VALUE),
        ),
        (Dropped::Empty, "empty once replaced".to_owned()),
        (Dropped::OtherScope, "of another scope".to_owned()),
    ];
    let count = |kind| dropped.iter().filter(|dropped| **dropped == kind).count();
    let counted = reasons.into_iter().map(|(kind, reason)| (count(kind), reason)).filter(|(count, _)| *count > 0);
    let told: Vec<String> = counted.map(|(count, reason)| format!("{count} {reason}")).collect();
    let values = if dropped.len() == 1 { "1 value".to_owned() } else { format!("{} values", dropped.len()) };
    format!("{values}, of which {}", told.join(", "))
}

fn nothing_to_take(source: &ValueSource, known: &Known<'_>) -> String {
    let names = |attributes: &[DirectoryAttribute]| {
        attributes.iter().map(DirectoryAttribute::name).collect::<Vec<_>>().join(", ")
    };
    match source {
        ValueSource::Attribute(attribute) => format!("{} has no value", attribute.name()),
        ValueSource::Pairwise(rule) => format!("{} has no value", rule.source.name()),
        ValueSource::FirstOf(attributes) => format!("none of {} has a value", names(attributes)),
        ValueSource::Template(template) => {
            let lacking = template.places().find(|attribute| first(attribute, known).is_none());
            format!("{} has no value", lacking.map_or("", DirectoryAttribute::name))
        }
        ValueSource::Roles(_) => {
            format!("no group of the user gives a role (of {} in all)", known.entry.groups.len())
        }
        ValueSource::Constant(_) => "no value".to_owned(),
        ValueSource::SignIn(SignInValue::InsideNetwork { .. }) => {
            "true or false by the address of a client, and there is none".to_owned()
        }
        ValueSource::SignIn(
            SignInValue::PasswordExpiry { attribute, .. } | SignInValue::PasswordChangeUrl { attribute, .. },
        ) => format!("{} does not hold an instant within the next 14 days", attribute.name()),
        ValueSource::SignIn(SignInValue::Issuer) => "no issuer".to_owned(),
        ValueSource::SignIn(SignInValue::AuthenticationInstant) => {
            "the instant of a sign-in, and there is none".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, 10.
    #[test]
    fn base32_is_the_rfcs() {
        for (text, expected) in [
            ("", ""),
            ("f", "MY======"),
            ("fo", "MZXQ===="),
            ("foo", "MZXW6==="),
            ("foob", "MZXW6YQ="),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI======"),
        ] {
            assert_eq!(base32(text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_value_has_our_scope_or_is_none_of_ours() {
        for (value, expected) in [
            ("staff", Ok("staff@example.org")),
            ("staff@example.org", Ok("staff@example.org")),
            ("staff@EXAMPLE.org", Ok("staff@EXAMPLE.org")),
            ("staff@evil.org", Err(Dropped::OtherScope)),
            ("staff@evil.org@example.org", Err(Dropped::OtherScope)),
            ("staff@example.org@evil.org", Err(Dropped::OtherScope)),
            ("@example.org", Err(Dropped::OtherScope)),
            ("staff@", Err(Dropped::OtherScope)),
            ("", Err(Dropped::Empty)),
        ] {
            assert_eq!(scoped(value.into(), "example.org").as_deref().map_err(|why| *why), expected, "{value}");
        }
    }
}
