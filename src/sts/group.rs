//! Whether a user is in a group.

use super::dn::{self, Part};

/// A user's groups, taken apart once to be asked for several.
pub(super) struct Memberships<'a>(Vec<(&'a str, Option<Vec<Vec<Part>>>)>);

impl<'a> Memberships<'a> {
    /// Of groups as a directory names them.
    pub(super) fn of(groups: &'a [String]) -> Self {
        Self(groups.iter().map(|group| (group.as_str(), dn::parse(group))).collect())
    }

    /// [`is_member`].
    pub(super) fn has(&self, required: &str) -> bool {
        let required = Required::of(required);
        self.0.iter().any(|(group, dn)| required.is(group, dn.as_deref()))
    }
}

/// A group that is looked for.
enum Required {
    Dn(Vec<Vec<Part>>),
    Name(String),
}

impl Required {
    fn of(required: &str) -> Self {
        let required = required.trim();
        dn::parse(required).map_or_else(|| Self::Name(required.to_lowercase()), Self::Dn)
    }

    /// Whether it is that group, by its name and, if that is one, its DN.
    fn is(&self, group: &str, dn: Option<&[Vec<Part>]>) -> bool {
        match (self, dn) {
            (Self::Dn(required), dn) => dn == Some(required),
            (Self::Name(name), _) if name.is_empty() => false,
            // In the first component of its DN, or as a whole where the directory gives plain names.
            (Self::Name(name), Some(components)) => {
                components.first().is_some_and(|parts| parts.iter().any(|(kind, value)| kind == "cn" && value == name))
            }
            (Self::Name(name), None) => group.trim().to_lowercase() == *name,
        }
    }
}

/// Whether one of `groups`, as a directory names them, is `required`: a DN if it is one, else a common name. Compared
/// without regard to case, as directories do.
pub(super) fn is_member(groups: &[String], required: &str) -> bool {
    let required = Required::of(required);
    groups.iter().any(|group| required.is(group, dn::parse(group).as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_group(group: &str, required: &str) -> bool {
        is_member(&[group.to_owned()], required)
    }

    #[test]
    fn by_common_name_or_dn() {
        let groups =
            ["CN=O365-Users,OU=Groups,DC=example,DC=com".to_owned(), "cn=A\\, B,dc=x".to_owned(), "plain".to_owned()];
        for (required, member) in [
            ("O365-Users", true),
            ("o365-users", true),
            ("cn=o365-users, ou=groups, dc=example, dc=com", true),
            ("cn=o365-users,dc=example,dc=com", false),
            ("A, B", true),
            ("A", false),
            ("Plain", true),
            ("Groups", false),
            ("", false),
        ] {
            assert_eq!(is_member(&groups, required), member, "{required}");
        }
    }

    #[test]
    fn escapes_are_only_spellings() {
        for group in [r"cn=A\2C B,dc=x", r"cn=A\, B,dc=x", r"CN=A\2c B, DC=x"] {
            for required in ["A, B", r"cn=A\2C B,dc=x", r"cn=a\, b,dc=x"] {
                assert!(in_group(group, required), "{group} is {required}");
            }
            assert!(!in_group(group, "A") && !in_group(group, "cn=A,cn=B,dc=x"), "{group}");
        }
        assert!(!in_group(r"cn=a\ ,dc=x", "cn=a,dc=x"));
    }

    #[test]
    fn a_common_name_is_no_other_attribute() {
        assert!(!in_group("ou=O365-Users,dc=x", "O365-Users"));
        assert!(!in_group("cn=Other,cn=O365-Users,dc=x", "O365-Users"));
        assert!(in_group("ou=Sales+cn=O365-Users,dc=x", "O365-Users"));
        assert!(in_group("cn=O365-Users+ou=Sales,dc=x", "ou=sales+cn=o365-users,dc=x"));
    }

    #[test]
    fn a_plain_name_is_compared_whole() {
        assert!(in_group("A, B", "a, b"));
        assert!(!in_group("A, B", "A"));
        assert!(!in_group("cn=", ""));
    }
}
