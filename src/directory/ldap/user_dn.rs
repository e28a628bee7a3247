//! Names that are bound without a search, and whose failures count as one: many spellings reach one entry.

use ldap3::dn_escape;

use crate::config::UserDn;
use crate::directory::fold::fold;

/// Where the name stands in a template.
const NAME: &str = "{name}";
/// What no login of Active Directory has in it: much of it would make another kind of name of it.
const IN_NO_LOGIN: [char; 17] =
    ['"', '/', '\\', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '\u{fffd}'];

/// What is bound for a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) bind_name: String,
    /// The same for every spelling of the name that a directory may take for it; never more than one entry's, as far as names
    /// differ by more than case, accents and what cannot be seen.
    pub(super) id: String,
}

impl Named {
    /// By the template; `None` where nobody can have the name.
    pub(super) fn of(form: &UserDn, name: &str) -> Option<Self> {
        // RFC 4514 could escape a NUL, but no syntax of a name has one.
        if name.chars().any(char::is_control) {
            return None;
        }
        let folded = fold(name);
        match form {
            UserDn::Dn(template) => Some(Self {
                bind_name: template.replace(NAME, &dn_escape(name)),
                id: template.to_lowercase().replace(NAME, &dn_escape(folded)),
            }),
            UserDn::Login(_) if name.contains(IN_NO_LOGIN) || folded.is_empty() => None,
            UserDn::Login(template) => Some(Self {
                bind_name: template.replace(NAME, name),
                id: template.to_lowercase().replace(NAME, &folded),
            }),
        }
    }
}

/// The domain that a template adds itself, so that it is not added to a name that has it.
pub(super) fn own_domain(form: Option<&UserDn>) -> Option<&str> {
    match form? {
        UserDn::Login(template) => template.strip_prefix(NAME)?.strip_prefix('@'),
        UserDn::Dn(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(template: &str, name: &str) -> Option<(String, String)> {
        let template = template.to_owned();
        let form = if template.contains('=') { UserDn::Dn(template) } else { UserDn::Login(template) };
        Named::of(&form, name).map(|named| (named.bind_name, named.id))
    }

    #[test]
    fn a_name_cannot_become_syntax() {
        for (name, bound) in [
            ("alice", "uid=alice,ou=people"),
            ("a,ou=admins", "uid=a\\2cou\\3dadmins,ou=people"),
            ("a+cn=b", "uid=a\\2bcn\\3db,ou=people"),
            ("\"<a>\";\\", "uid=\\22\\3ca\\3e\\22\\3b\\5c,ou=people"),
            ("#04024869", "uid=\\2304024869,ou=people"),
            (" a ", "uid=\\20a\\20,ou=people"),
            ("{name}", "uid={name},ou=people"),
            ("Ålice", "uid=Ålice,ou=people"),
        ] {
            assert_eq!(named("uid={name},ou=people", name).map(|named| named.0).as_deref(), Some(bound), "{name}");
        }
        for name in ["a\0", "a\nb", "\u{7f}"] {
            assert_eq!(named("uid={name},ou=people", name), None, "{name:?}");
        }
        for (template, name, bound) in [
            ("{name}@example.com", "alice", Some("alice@example.com")),
            ("EXAMPLE\\{name}", "Alice", Some("EXAMPLE\\Alice")),
            ("{name}@example.com", "o'neil.a-b_c#1", Some("o'neil.a-b_c#1@example.com")),
            ("EXAMPLE\\{name}", "bob@example.com", None),
            ("EXAMPLE\\{name}", "OTHER\\bob", None),
            ("{name}@example.com", "example.com/Users/Bob", None),
            ("{name}@example.com", "CN=Bob,DC=example", None),
            ("{name}@example.com", "\u{ad}", None),
        ] {
            assert_eq!(named(template, name).map(|named| named.0).as_deref(), bound, "{template} {name:?}");
        }
    }

    #[test]
    fn all_spellings_of_a_user_count_as_one() {
        for (template, id, spellings) in [
            (
                "UID={name},DC=Example",
                "uid=alice,dc=example",
                &[
                    "alice",
                    "ALICE",
                    "Ａｌｉｃｅ",
                    "al\u{ad}ice",
                    "Älice",
                    "A\u{308}lice",
                    "al\u{200d}ice",
                    "ali\u{feff}ce",
                ][..],
            ),
            (
                "uid={name},dc=x",
                "uid=john smith,dc=x",
                &["John Smith", "john   smith", "john\u{a0}smith", "john\u{3000}smith"],
            ),
            ("uid={name},dc=x", "uid=a\\2cb,dc=x", &["a,b", "A,B", "a，b"]),
            ("EXAMPLE\\{name}", "example\\alice", &["alice", "Alice", "ａlice"]),
            ("{name}@Example.com", "strasse@example.com", &["strasse", "STRASSE", "straße", "STRA\u{1e9e}E"]),
        ] {
            for name in spellings {
                assert_eq!(named(template, name).map(|named| named.1).as_deref(), Some(id), "{name:?}");
            }
        }
        let ids: std::collections::BTreeSet<_> =
            ["alice", "alice2", "al ice", "bob", "боб", "鮑勃", "a_b", "a-b", "a.b"]
                .map(|name| named("uid={name}", name))
                .into();
        assert_eq!(ids.len(), 9, "{ids:?}");
    }

    #[test]
    fn only_a_login_brings_its_domain() {
        for (form, domain) in [
            (Some(UserDn::Login("{name}@example.com".to_owned())), Some("example.com")),
            (Some(UserDn::Login("EXAMPLE\\{name}".to_owned())), None),
            (Some(UserDn::Dn("mail={name}@example.com,dc=x".to_owned())), None),
            (None, None),
        ] {
            assert_eq!(own_domain(form.as_ref()), domain);
        }
    }
}
