//! What is searched for: names out of what users type, filters out of templates.

use ldap3::{ldap_escape, parse_filter};

use crate::directory::{LONGEST_NAME, OpenError};
use crate::model::Username;

/// The name to search for. As typed, except that of `DOMAIN\user` and `DOMAIN/user` it is `user` (a directory holds logins
/// without their NetBIOS domain), and of `user@domain` it is `user` where `domain` is one of `strip_domains`. `None`: nothing
/// is left to search for, or nobody has such a name.
pub(super) fn searched_name<'a>(name: &'a Username, strip_domains: &[String]) -> Option<&'a str> {
    let typed = name.as_str().trim();
    let name = typed.split_once(['\\', '/']).map_or(typed, |(_, user)| user);
    let name = match name.rsplit_once('@') {
        Some((user, domain)) if strip_domains.iter().any(|strip| strip.eq_ignore_ascii_case(domain)) => user,
        _ => name,
    };
    let name = name.trim();
    (!name.is_empty() && name.len() <= LONGEST_NAME).then_some(name)
}

/// The template with `value` in its place, escaped so that it is only ever a value (RFC 4515, 3).
pub(super) fn fill(template: &str, place: &str, value: &str) -> String {
    template.replace(place, &ldap_escape(value))
}

/// The same with two places; a value that looks like a place is none.
pub(super) fn fill_both(template: &str, (place, value): (&str, &str), other: (&str, &str)) -> String {
    let pieces: Vec<String> = template.split(place).map(|piece| fill(piece, other.0, other.1)).collect();
    pieces.join(&ldap_escape(value))
}

/// One filter that finds what any of the values finds.
pub(super) fn fill_any(template: &str, place: &str, values: &[String]) -> String {
    let filters: String = values.iter().map(|value| enclosed(&fill(template, place, value))).collect();
    if values.len() == 1 { filters } else { format!("(|{filters})") }
}

/// One filter that finds whoever has one of these values, octet by octet.
pub(super) fn fill_octets(attribute: &str, values: &[Vec<u8>]) -> String {
    let mut filter = "(|".to_owned();
    for value in values {
        filter.push('(');
        filter.push_str(attribute);
        filter.push('=');
        for octet in value {
            filter.push_str(&format!("\\{octet:02x}"));
        }
        filter.push(')');
    }
    filter.push(')');
    filter
}

/// Refuses a template that is no filter.
pub(super) fn check_filter(directory: &str, key: &str, template: &str, places: &[&str]) -> Result<(), OpenError> {
    let filled = places.iter().fold(template.to_owned(), |filled, place| fill(&filled, place, "x"));
    parse_filter(enclosed(&filled)).map(drop).map_err(|()| {
        OpenError::new(
            directory,
            key,
            format!("is not an LDAP filter: {template}"),
            "check its parentheses (RFC 4515), such as in (uid={name})",
        )
    })
}

/// A filter may be written without its outermost parentheses.
fn enclosed(filter: &str) -> String {
    if filter.starts_with('(') { filter.to_owned() } else { format!("({filter})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_searched_as_typed_but_for_their_domain() {
        let strip = ["example.com".to_owned()];
        for (typed, searched) in [
            ("alice", Some("alice")),
            (" alice\n", Some("alice")),
            ("ALICE", Some("ALICE")),
            ("DOM\\alice", Some("alice")),
            ("DOM/alice", Some("alice")),
            ("alice@example.com", Some("alice")),
            ("alice@EXAMPLE.com", Some("alice")),
            ("alice@example.org", Some("alice@example.org")),
            ("a@b@example.com", Some("a@b")),
            ("DOM\\alice@example.com", Some("alice")),
            ("", None),
            ("  ", None),
            ("DOM\\", None),
            ("@example.com", None),
        ] {
            assert_eq!(searched_name(&Username::new(typed), &strip), searched, "{typed:?}");
        }
    }

    #[test]
    fn long_invented_names_grew_into_what_is_remembered() {
        let longest = "x".repeat(LONGEST_NAME);
        assert_eq!(searched_name(&Username::new(format!("DOM\\{longest}")), &[]), Some(&*longest));
        assert_eq!(searched_name(&Username::new(longest.clone() + "x"), &[]), None);
    }

    #[test]
    fn a_value_cannot_become_syntax() {
        for (value, filter) in [
            ("alice", "(uid=alice)"),
            ("*", "(uid=\\2a)"),
            (")(uid=*", "(uid=\\29\\28uid=\\2a)"),
            ("a\\b\0", "(uid=a\\5cb\\00)"),
            ("{name}", "(uid={name})"),
            ("é€𝄞", "(uid=é€𝄞)"),
        ] {
            assert_eq!(fill("(uid={name})", "{name}", value), filter);
            assert!(parse_filter(filter).is_ok(), "{filter}");
        }
        let both = fill_both("(|(upn={b})(uid={a}))", ("{a}", "{b}*"), ("{b}", "{a}"));
        assert_eq!(both, "(|(upn={a})(uid={b}\\2a))");
        assert_eq!(fill_any("(member={dn})", "{dn}", &["cn=a".to_owned()]), "(member=cn=a)");
        assert_eq!(
            fill_any("member={dn}", "{dn}", &["cn=a", "cn=(b)"].map(str::to_owned)),
            "(|(member=cn=a)(member=cn=\\28b\\29))"
        );
    }

    #[test]
    fn every_name_gives_a_filter() {
        for character in (0..0x3000u32).filter_map(char::from_u32) {
            let filter = fill("(|(a={name})(b={name}))", "{name}", &format!("x{character}y"));
            assert!(parse_filter(&filter).is_ok(), "{character:?}");
        }
    }

    #[test]
    fn templates_are_checked() {
        let sids = fill_octets("objectSid", &[b"\x01*".to_vec(), b"\x00\xff".to_vec()]);
        assert_eq!(sids, "(|(objectSid=\\01\\2a)(objectSid=\\00\\ff))");
        assert!(parse_filter(&sids).is_ok());
        for (template, right) in [
            ("(uid={name})", true),
            ("uid={name}", true),
            ("(&(objectClass=user)(|(userPrincipalName={name})(sAMAccountName={name})))", true),
            ("(uid={name}", false),
            ("{name}", false),
        ] {
            assert_eq!(check_filter("d", "ldap.user_filter", template, &["{name}"]).is_ok(), right, "{template}");
        }
    }
}
