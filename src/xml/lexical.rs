//! The lexical rules of XML that quick-xml leaves to its caller: references, normalisation, spacing, declarations.

use std::time::Duration;

use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::BytesDecl;

use super::chars::{is_space, is_xml_char};
use super::parse::ParseError;

/// Not well-formed, and why; where is for the parser to say.
pub(super) const fn malformed(what: &'static str) -> ParseError {
    ParseError::Malformed { what, at: 0 }
}

/// What quick-xml found. Its own texts quote the document, and with a `<` in it that may be a password.
pub(super) const fn unreadable(error: &Error) -> ParseError {
    malformed(match error {
        Error::Syntax(SyntaxError::UnclosedDoctype) => return ParseError::Forbidden("a DTD"),
        Error::Syntax(_) => "markup without an end",
        Error::IllFormed(IllFormedError::UnclosedReference) => "a reference without an end",
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "`--` in a comment",
        Error::InvalidAttr(_) => "an attribute that XML does not allow",
        _ => "markup that XML does not allow",
    })
}

/// The value of an `xs:boolean` (XML Schema Part 2, 3.2.2), white space around it allowed.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim_matches(is_space) {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The value of an `xs:duration` (XML Schema Part 2, 3.2.6), white space around it allowed: a year has 365 days, a month 30.
/// `None` for what is none, and for one that goes back in time.
pub fn duration(text: &str) -> Option<Duration> {
    const DAY: u64 = 86_400;
    let text = text.trim_matches(is_space).strip_prefix('P')?;
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    if text.is_empty() || text.ends_with('T') {
        return None;
    }
    let date = components(date, &[('Y', 365 * DAY), ('M', 30 * DAY), ('D', DAY)])?;
    date.checked_add(components(time, &[('H', 3600), ('M', 60), ('S', 1)])?)
}

/// The sum of numbers with units, each unit once at most and in this order.
fn components(mut rest: &str, units: &[(char, u64)]) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    let mut units = units.iter();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, unit) = rest.split_at_checked(end)?;
        let mut after = unit.chars();
        let unit = after.next()?;
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (unit != 'S' && number.contains('.')) {
            return None;
        }
        let part = Duration::from_secs(whole.parse::<u64>().ok()?.checked_mul(*seconds)?);
        let nanos = fraction.chars().chain(std::iter::repeat('0')).take(9).collect::<String>().parse().ok()?;
        sum = sum.checked_add(part)?.checked_add(Duration::from_nanos(nanos))?;
        rest = after.as_str();
    }
    Some(sum)
}

/// Whether a URI has a scheme.
pub(super) fn is_absolute(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    !rest.is_empty()
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// XML 1.0 in UTF-8 is all that is read.
pub(super) fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), ParseError> {
    let version =
        declaration.version().map_err(|_| malformed("an XML declaration that does not begin with its version"))?;
    if version != "1.0" {
        return Err(ParseError::Forbidden("a version other than 1.0"));
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if ["utf-8", "utf8", "us-ascii"].iter().any(|n| name.eq_ignore_ascii_case(n)) => Ok(()),
        Some(_) => Err(ParseError::Forbidden("an encoding other than UTF-8")),
    }
}

/// XML wants white space between attributes; quick-xml does not insist.
pub(super) fn check_spacing(raw: &str) -> Result<(), ParseError> {
    let mut quote = None;
    let mut closed = false;
    for c in raw.chars() {
        match quote {
            Some(open) if c == open => (quote, closed) = (None, true),
            Some(_) if c == '<' => return Err(malformed("`<` in an attribute")),
            Some(_) => {}
            None if closed && !is_space(c) => return Err(malformed("no space between two attributes")),
            None => {
                closed = false;
                if matches!(c, '"' | '\'') {
                    quote = Some(c);
                }
            }
        }
    }
    Ok(())
}

/// Attribute-value normalisation (XML 1.0, 3.3.3, for CDATA attributes), references resolved.
pub(super) fn attribute_value(raw: &str) -> Result<String, ParseError> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        let (before, special) = rest.split_at(at);
        out.push_str(before);
        if let Some(reference) = special.strip_prefix('&') {
            let (name, after) = reference.split_once(';').ok_or_else(|| malformed("a reference without an end"))?;
            out.push(resolve_reference(name)?);
            rest = after;
        } else {
            out.push(' ');
            rest = special.strip_prefix("\r\n").unwrap_or_else(|| special.get(1..).unwrap_or_default());
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The character that `&name;` stands for.
pub(super) fn resolve_reference(name: &str) -> Result<char, ParseError> {
    let code = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or(ParseError::Forbidden("an entity"))?,
    };
    let digits = code.strip_prefix('x');
    let (digits, radix) = digits.map_or((code, 10), |hex| (hex, 16));
    // from_str_radix would take a sign.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(malformed("a character reference without a number"));
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|c| is_xml_char(*c))
        .ok_or_else(|| malformed("a reference to a character that XML does not have"))
}

/// Every line ends with one line feed (XML 1.0, 2.11).
pub(super) fn normalize_line_ends(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_four_words() {
        for (text, value) in [
            ("true", Some(true)),
            (" 1\n", Some(true)),
            ("false", Some(false)),
            ("0", Some(false)),
            ("TRUE", None),
            ("", None),
            ("yes", None),
        ] {
            assert_eq!(boolean(text), value, "{text:?}");
        }
    }

    #[test]
    fn durations_are_read_by_their_units() {
        for (text, seconds) in [
            ("PT6H", Some(21_600.0)),
            (" P1D\n", Some(86_400.0)),
            ("P1Y2M3DT4H5M6.5S", Some(f64::from((365 + 60 + 3) * 86_400 + 4 * 3600 + 5 * 60) + 6.5)),
            ("P1M", Some(2_592_000.0)),
            ("PT1M", Some(60.0)),
            ("PT0S", Some(0.0)),
            ("PT0.0000000001S", Some(0.0)),
            ("", None),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("1D", None),
            ("P1", None),
            ("P1S", None),
            ("PT1D", None),
            ("PT1M1H", None),
            ("PT1H1H", None),
            ("P1.5D", None),
            ("PT.5S", None),
            ("PT5.S", None),
            ("PT+5S", None),
            ("-PT5S", None),
            ("pt5s", None),
            ("P99999999999999999999Y", None),
            ("P600000000000Y", None),
        ] {
            assert_eq!(duration(text).map(|duration| duration.as_secs_f64()), seconds, "{text:?}");
        }
    }
}
