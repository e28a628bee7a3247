//! Names out of what users type: what is sent, what is counted, and whom the answer must be about.

use crate::directory::LONGEST_NAME;
use crate::directory::fold::fold;
use crate::model::Username;

/// What WSO2 appends to the name of a user of its first tenant, and takes off.
const SUPER_TENANT: &str = "@carbon.super";
/// The user store of which WSO2 does not name users.
const PRIMARY: &str = "primary";

/// The name as the identity provider knows it: as typed, but for what is around it, WSO2's own tenant, and a domain that is
/// one of `strip_domains`. `None`: it cannot be anybody's, or cannot be sent (RFC 7617, 2: no colon, no control character).
pub(super) fn known(name: &Username, strip_domains: &[String]) -> Option<String> {
    // Whatever is appended once may be appended again.
    let (mut name, mut before) = (name.as_str().trim(), "");
    while name != before {
        before = name;
        name = strip_suffix(name, SUPER_TENANT).trim();
        name = match name.rsplit_once('@') {
            Some((user, domain)) if strip_domains.iter().any(|strip| strip.eq_ignore_ascii_case(domain)) => user.trim(),
            _ => name,
        };
    }
    // Windows' spelling of a domain; WSO2's is a slash.
    let name = name.replacen('\\', "/", 1);
    let sendable = name.len() <= LONGEST_NAME && !name.contains([':', '\u{fffd}']) && !name.contains(char::is_control);
    (sendable && !counted(&name).is_empty()).then_some(name)
}

/// The one spelling by which failures are counted. It is coarser than who is who: a database may take `Álice` for `alice`, and
/// a user may name a user store or leave it to be searched, so that a guess at one counts for all of them. Coarser also than
/// [`fold`] alone, by which names of LDAP are counted: some collations leave out spaces and signs as well.
pub(super) fn counted(known: &str) -> String {
    let user = known.split_once('/').map_or(known, |(_, user)| user);
    fold(user).chars().filter(|c| c.is_alphanumeric() || c.is_ascii_punctuation()).collect()
}

/// Whether the user whom the answer is about, by the name that it gives, is the one who was asked for: but for letter case,
/// WSO2's own tenant, and a user store that only one of the two names.
pub(super) fn is_about(answered: &str, known: &str) -> bool {
    let (answered, known) = (parts(answered), parts(known));
    let stores_agree = match (&answered.0, &known.0) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    stores_agree && answered.1 == known.1
}

/// The user store, where the name has one that is not the first, and the rest.
fn parts(name: &str) -> (Option<String>, String) {
    let folded = name.trim().to_lowercase();
    let folded = strip_suffix(&folded, SUPER_TENANT);
    match folded.split_once('/') {
        Some((PRIMARY, user)) => (None, user.to_owned()),
        Some((store, user)) => (Some(store.to_owned()), user.to_owned()),
        None => (None, folded.to_owned()),
    }
}

/// The text without an ASCII ending, whatever its letter case.
fn strip_suffix<'a>(text: &'a str, ending: &str) -> &'a str {
    let at = text.len().saturating_sub(ending.len());
    match text.split_at_checked(at) {
        Some((rest, end)) if end.eq_ignore_ascii_case(ending) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sent_as_typed_but_for_their_domain() {
        let strip = ["example.com".to_owned()];
        for (typed, sent) in [
            ("alice", Some("alice")),
            (" alice ", Some("alice")),
            ("ALICE", Some("ALICE")),
            ("alice@Example.com", Some("alice")),
            ("alice@example.org", Some("alice@example.org")),
            ("alice@carbon.super", Some("alice")),
            ("alice@example.com@CARBON.super", Some("alice")),
            ("alice@carbon.super@example.com @carbon.super", Some("alice")),
            ("JDBC/alice", Some("JDBC/alice")),
            ("JDBC\\alice", Some("JDBC/alice")),
            ("Ålice", Some("Ålice")),
            ("alice:x", None),
            ("a\r\nb", None),
            ("a\0b", None),
            ("", None),
            ("  ", None),
            ("@example.com", None),
            ("JDBC/", None),
            ("\u{200b}", None),
        ] {
            assert_eq!(known(&Username::new(typed), &strip).as_deref(), sent, "{typed:?}");
        }
        assert!(known(&Username::new("x".repeat(LONGEST_NAME)), &[]).is_some());
        assert!(known(&Username::new("x".repeat(LONGEST_NAME + 1)), &[]).is_none());
    }

    #[test]
    fn all_spellings_of_a_name_share_one_budget() {
        for spelling in [
            "alice",
            "ALICE",
            "PRIMARY/alice",
            "JDBC/Alice",
            "álice",
            "a\u{301}lice",
            "ＡＬＩＣＥ",
            "al\u{200b}ice",
            "al\u{ad}ice",
            "alice\u{a0}",
            "ÀLİCE",
        ] {
            assert_eq!(counted(spelling), "alice", "{spelling:?}");
        }
        for (spelling, one) in [("straße", "strasse"), ("ΝΊΚΟΣ", "νικος"), ("مُحَمَّد", "محمد")]
        {
            assert_eq!(counted(spelling), counted(one), "{spelling:?}");
        }
        let all = ["alice", "alice@example.org", "alic", "alice.b", "alice-b", "алиса", "李"];
        let keys: std::collections::HashSet<_> = all.iter().map(|name| counted(name)).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn an_answer_is_about_one_user() {
        for (answered, known, same) in [
            ("alice", "alice", true),
            ("Alice", "aLICE", true),
            ("alice@carbon.super", "alice", true),
            ("JDBC/alice", "alice", true),
            ("alice", "JDBC/alice", true),
            ("PRIMARY/alice", "alice", true),
            ("jdbc/alice", "JDBC/ALICE", true),
            ("JDBC/alice", "LDAP/alice", false),
            ("alice", "alice@example.org", false),
            ("alice@example.org", "alice", false),
            ("alice", "álice", false),
            ("bob", "alice", false),
            ("", "alice", false),
        ] {
            assert_eq!(is_about(answered, known), same, "{answered} {known}");
        }
    }
}
