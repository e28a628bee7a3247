//! Distinguished names as RFC 4514 writes them, taken apart to be compared.

/// One part of a component: an attribute's type and its value, escapes resolved, both in lower case as directories compare
/// them.
pub(super) type Part = (String, String);

/// The components of a DN, each with its parts in order of their types: more than one where a `+` joins them. `None` for
/// what is no DN, such as a group's plain name. White space around the separators, and `;` for `,`, are RFC 2253's.
pub(super) fn parse(text: &str) -> Option<Vec<Vec<Part>>> {
    let mut components = Vec::new();
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (kind, after) = rest.split_once('=')?;
        let (value, separator, after) = value(after)?;
        parts.push((attribute_type(kind.trim())?, value.to_lowercase()));
        if separator != Some('+') {
            parts.sort();
            components.push(std::mem::take(&mut parts));
        }
        if separator.is_none() {
            return Some(components);
        }
        rest = after;
    }
}

/// A name, or an object identifier; a common name has more than one spelling.
fn attribute_type(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if text.is_empty() || !text.chars().all(allowed) {
        return None;
    }
    let folded = text.to_ascii_lowercase();
    Some(if matches!(folded.as_str(), "commonname" | "2.5.4.3") { "cn".to_owned() } else { folded })
}

/// The value at the start of `text`, what ends it and what comes after. A value in BER (`#`) is not read.
fn value(text: &str) -> Option<(String, Option<char>, &str)> {
    let mut rest = text.trim_start_matches(' ');
    if rest.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::new();
    // Spaces at the end do not count unless they are escaped.
    let mut end = 0;
    loop {
        let mut chars = rest.chars();
        let next = chars.next();
        let mut after = chars.as_str();
        match next {
            None | Some(',' | ';' | '+') => {
                bytes.truncate(end);
                return Some((String::from_utf8(bytes).ok()?, next, after));
            }
            Some('\\') => {
                let byte;
                (byte, after) = escaped(after)?;
                bytes.push(byte);
                end = bytes.len();
            }
            Some('"' | '<' | '>' | '\0') => return None,
            Some(c) => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                if c != ' ' {
                    end = bytes.len();
                }
            }
        }
        rest = after;
    }
}

/// The byte that two hexadecimal digits or a special character stand for, and what comes after.
fn escaped(text: &str) -> Option<(u8, &str)> {
    if let Some((digits, after)) = text.split_at_checked(2)
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Some((u8::from_str_radix(digits, 16).ok()?, after));
    }
    let special = u8::try_from(text.chars().next()?).ok().filter(|b| b" \"#+,;<=>\\".contains(b))?;
    Some((special, text.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Components on one line: parts joined by `+`, components by `|`.
    fn shown(text: &str) -> Option<String> {
        let part = |(kind, value): &Part| format!("{kind}={value}");
        let component = |parts: &Vec<Part>| parts.iter().map(part).collect::<Vec<_>>().join("+");
        Some(parse(text)?.iter().map(component).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn reads_what_rfc_4514_writes() {
        for (text, expected) in [
            ("CN=Users,DC=example,DC=com", Some("cn=users|dc=example|dc=com")),
            ("cn = Users , dc = x ;dc=y", Some("cn=users|dc=x|dc=y")),
            ("OU=Sales+CN=J.  Smith,O=x", Some("cn=j.  smith+ou=sales|o=x")),
            (r"cn=A\2C B,dc=x", Some("cn=a, b|dc=x")),
            (r"cn=A\, B,dc=x", Some("cn=a, b|dc=x")),
            (r"cn=\ A\ ,dc=x", Some("cn= a |dc=x")),
            (r"cn=Lu\C4\8Di\C4\87", Some("cn=lučić")),
            (r"cn=a\\,dc=x", Some(r"cn=a\|dc=x")),
            (r"cn=a\=b\#\+", Some("cn=a=b#+")),
            ("cn=a=b", Some("cn=a=b")),
            ("2.5.4.3=a,commonName=b", Some("cn=a|cn=b")),
            ("cn=", Some("cn=")),
            ("", None),
            ("Users", None),
            ("cn=a,", None),
            ("cn=a,b", None),
            ("=a", None),
            ("c n=a", None),
            (r"cn=a\", None),
            (r"cn=a\z", None),
            (r"cn=\C4", None),
            ("cn=\"a\"", None),
            ("cn=#0401", None),
            (r"cn=\é", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }
}
