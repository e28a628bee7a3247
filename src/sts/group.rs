//! Whether a user is in a group.

/// Whether one of `groups`, as a directory names them, is `required`: a DN where it has a `=`, else a common name.
/// Compared without regard to case, as directories do.
pub(super) fn is_member(groups: &[String], required: &str) -> bool {
    if required.contains('=') {
        let required = fold_dn(required);
        groups.iter().any(|group| fold_dn(group) == required)
    } else {
        let required = required.to_lowercase();
        groups.iter().any(|group| common_name(group).to_lowercase() == required)
    }
}

/// The value of a DN's first component, or the whole of a plain name.
fn common_name(group: &str) -> String {
    let Some((_, rest)) = group.split_once('=').filter(|(attribute, _)| is_attribute(attribute)) else {
        return group.trim().to_owned();
    };
    let mut name = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            ',' | '+' | ';' => break,
            '\\' => name.extend(chars.next()),
            c => name.push(c),
        }
    }
    name.trim().to_owned()
}

fn is_attribute(text: &str) -> bool {
    !text.is_empty() && text.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

/// A DN in one spelling: lower case, no space around `,` and `=`.
fn fold_dn(dn: &str) -> String {
    let mut folded = String::with_capacity(dn.len());
    for component in dn.split(',') {
        let component = match component.split_once('=') {
            Some((attribute, value)) => format!("{}={}", attribute.trim(), value.trim()),
            None => component.trim().to_owned(),
        };
        if !folded.is_empty() {
            folded.push(',');
        }
        folded.push_str(&component.to_lowercase());
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
