//! What the values of metadata may be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;

use crate::model::Timestamp;
use crate::xml::boolean;

/// The longest URI, in characters: that of an entityID (`saml-metadata-2.0-os`, 2.2.1).
const LONGEST_URI: usize = 1024;

/// A type of value.
#[derive(Clone, Copy)]
pub(super) enum Lexical {
    /// Any text.
    Text,
    /// `xs:anyURI`.
    Uri,
    /// Some of those, with spaces between.
    Uris,
    /// Where something is asked over HTTP: an address that may be moved.
    Location,
    /// `xs:boolean`
    Boolean,
    /// `xs:unsignedShort`
    Index,
    /// `xs:positiveInteger`, within reason.
    Number,
    /// `xs:language`
    Language,
    /// One of these.
    Word(&'static [&'static str]),
    /// `xs:base64Binary`
    Base64,
    /// A certificate: base64 of its DER.
    Certificate,
    /// `xs:dateTime`
    Instant,
}

impl Lexical {
    /// Whether it is one of some words.
    pub fn is_word(self) -> bool {
        matches!(self, Self::Word(_))
    }

    /// The value as we write it; `None` if it is no such value.
    pub fn of(self, value: &str, moved: &dyn Fn(&str) -> String) -> Option<String> {
        let trimmed = value.trim_ascii();
        let sure = |fine: bool| fine.then(|| trimmed.to_owned());
        match self {
            Self::Text => Some(value.to_owned()),
            Self::Uri => sure(is_uri(trimmed)),
            Self::Uris => {
                let all: Vec<&str> = trimmed.split_ascii_whitespace().collect();
                (!all.is_empty() && all.iter().all(|uri| is_uri(uri))).then(|| all.join(" "))
            }
            Self::Location => is_location(trimmed).then(|| moved(trimmed)),
            Self::Boolean => boolean(trimmed).map(|value| value.to_string()),
            Self::Index => trimmed.parse::<u16>().ok().map(|index| index.to_string()),
            Self::Number => trimmed.parse::<u32>().ok().filter(|number| *number > 0).map(|number| number.to_string()),
            Self::Language => sure(is_language(trimmed)),
            Self::Word(words) => sure(words.contains(&trimmed)),
            Self::Base64 => octets(trimmed).map(|octets| STANDARD.encode(octets)),
            Self::Certificate => {
                let certificate = X509::from_der(&octets(trimmed)?).ok()?;
                certificate.to_der().ok().map(|der| STANDARD.encode(der))
            }
            Self::Instant => Timestamp::parse(trimmed).ok().map(|instant| instant.to_string()),
        }
    }
}

/// An absolute URI by RFC 3986, a little stricter: what `xs:anyURI` is to every validator.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let authority = rest.strip_prefix("//").map_or("", |rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    // Brackets are for the addresses of IPv6.
    let outside = rest.len() - rest.trim_start_matches("//").trim_start_matches(authority).len();
    let behind = rest.get(outside..).unwrap_or_default();
    scheme_fits
        && !rest.is_empty()
        && text.len() <= LONGEST_URI
        && is_host(authority)
        && !behind.contains(['[', ']'])
        && behind.matches('#').count() <= 1
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c))
        && rest
            .split('%')
            .skip(1)
            .all(|behind| behind.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())))
}

/// What stands between `//` and the path; nothing is an authority, too.
fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.contains(['[', ']', ':', '@']),
    };
    fits && (port.is_empty() || port.parse::<u16>().is_ok())
}

/// An address that a browser or a client may be sent to.
fn is_location(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':'])) && is_uri(text)
}

/// `xs:language`.
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let fits = |part: &str| (1..=8).contains(&part.len());
    let first = parts.next().is_some_and(|part| fits(part) && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    first && parts.all(|part| fits(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// What base64 stands for, spaces and line ends in it aside.
pub(super) fn octets(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok().filter(|octets| !octets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_what_every_validator_takes() {
        for (text, expected) in [
            ("https://idp.example.com/samlsso?a=b&c=%20#x", true),
            ("https://[2001:db8::1]:9443/x", true),
            ("urn:oasis:names:tc:SAML:2.0:protocol", true),
            ("mailto:admin@example.com", true),
            ("https://user@idp.example.com:443", true),
            ("", false),
            ("/samlsso", false),
            ("https:", false),
            ("1https://x", false),
            ("https://idp.example.com/a b", false),
            ("https://idp.example.com/%zz", false),
            ("https://idp.example.com/%2", false),
            ("https://idp.example.com/[x]", false),
            ("https://[x]/", false),
            ("https://idp:port/", false),
            ("https://x/#a#b", false),
            ("https://é.example.com/", false),
            ("https://x/\u{0}", false),
        ] {
            assert_eq!(is_uri(text), expected, "{text}");
        }
        assert!(!is_uri(&format!("urn:{}", "x".repeat(LONGEST_URI))));
    }

    #[test]
    fn values_are_written_in_one_form() {
        let moved = |location: &str| location.replace("inside", "outside");
        for (lexical, value, expected) in [
            (Lexical::Location, " https://inside/x\n", Some("https://outside/x")),
            (Lexical::Location, "HTTPS://inside/x", Some("HTTPS://outside/x")),
            (Lexical::Location, "javascript:alert(1)", None),
            (Lexical::Location, "https:///x", None),
            (Lexical::Location, "urn:x", None),
            (Lexical::Uris, " urn:a \n urn:b", Some("urn:a urn:b")),
            (Lexical::Uris, "", None),
            (Lexical::Uris, "urn:a b", None),
            (Lexical::Boolean, "1", Some("true")),
            (Lexical::Boolean, "yes", None),
            (Lexical::Index, "007", Some("7")),
            (Lexical::Index, "65536", None),
            (Lexical::Number, "0", None),
            (Lexical::Language, "de-CH", Some("de-CH")),
            (Lexical::Language, "", None),
            (Lexical::Language, "d3", None),
            (Lexical::Word(&["signing"]), "signing", Some("signing")),
            (Lexical::Word(&["signing"]), "Signing", None),
            (Lexical::Base64, " AA\nEC ", Some("AAEC")),
            (Lexical::Base64, "", None),
            (Lexical::Certificate, "AAEC", None),
            (Lexical::Instant, "2026-01-01T00:00:00+01:00", Some("2025-12-31T23:00:00.000Z")),
            (Lexical::Instant, "soon", None),
            (Lexical::Text, " as it is ", Some(" as it is ")),
        ] {
            assert_eq!(lexical.of(value, &moved).as_deref(), expected, "{value}");
        }
    }
}
