//! How users of an LDAP directory are found and bound, and where their groups come from.

use super::check_place;
use crate::config::files::Files;
use crate::config::section::{Section, duration, parse, text};
use crate::config::{GroupCache, NestedGroups, USUAL_FILTER, UserDn};
use crate::model::{Password, Template};

/// Where `name` stands in `user_dn` and filters.
const NAME: &str = "{name}";
/// What `user_dn` made of the name, in a filter.
const BIND_NAME: &str = "{bind_name}";
/// Where the DN already says which entry it is.
const ANY_ENTRY: &str = "(objectClass=*)";

/// `cache.groups`.
pub(super) fn group_cache(root: &Section<'_>) -> Option<GroupCache> {
    let cache = root.section("cache")?;
    match cache.section("groups") {
        Some(groups) => {
            Some(GroupCache { ttl: Some(groups.get("ttl", duration)?), capacity: groups.get("capacity", parse)? })
        }
        None => cache.get("groups", text).map(|_off| GroupCache { ttl: None, capacity: 0 }),
    }
}

/// The service account's DN and password; an empty DN where users bind without it.
pub(super) fn service_account(section: &Section<'_>, files: &mut Files<'_>) -> Option<(String, Password)> {
    let (named, by_name) = (section.has("bind_dn"), section.has("user_dn"));
    if !named && !by_name {
        let help = "add it: the service account that searches for users; or, to bind them by their name without a search, \
                    add user_dn";
        files.report.error(&section.path("bind_dn"), "is missing", help);
    }
    if named || !by_name {
        let password = files.secret(section, "bind_password");
        return Some((section.get("bind_dn", text)?, password?));
    }
    for key in ["bind_password", "bind_password_file"].into_iter().filter(|key| section.has(key)) {
        let help = "remove it, or name in bind_dn whose password it is";
        files.report.error(&section.path(key), "is given without bind_dn", help);
    }
    if section.has("group_filter") || section.get("nested_groups", text).is_some_and(|nested| nested != "false") {
        let key = if section.has("group_filter") { "group_filter" } else { "nested_groups" };
        let help = "add bind_dn and its password, or remove it: without them groups are those that an attribute of the user lists";
        files.report.error(&section.path(key), "needs a service account, which searches for groups", help);
    }
    Some((String::new(), Password::new("")))
}

/// Users sign in without a password too, and somebody must look them up.
pub(super) fn want_service_account(section: &Section<'_>, files: &mut Files<'_>) {
    if !section.has("bind_dn") && section.has("user_dn") {
        let message = "is missing, and users who sign in by a certificate or a token, or in whose name others ask, are looked \
                       up by it";
        let help = "add bind_dn and its password, or remove credentials, renewal.askers and delegation";
        files.report.error(&section.path("bind_dn"), message, help);
    }
}

/// `bind_as`.
pub(super) fn bind_as(section: &Section<'_>, files: &mut Files<'_>) -> Option<Template<String>> {
    let written = section.get("bind_as", text)?;
    let path = section.path("bind_as");
    let help = "write {dn}, or what users bind as with their attributes in braces, such as {userPrincipalName}";
    let template = match Template::parse(&written, attribute) {
        Ok(template) if template.places().next().is_some() => template,
        Ok(_) => {
            files.report.error(&path, "has no place for anything of the user, so that all would be bound as one", help);
            return None;
        }
        Err(problem) => {
            files.report.error(&path, problem, help);
            return None;
        }
    };
    if written != "{dn}" && !section.has("bind_dn") && section.has("user_dn") {
        let message = "needs a service account, which reads the user's attributes before they are bound";
        files.report.error(&path, message, "add bind_dn and its password, or say in user_dn alone what is bound");
    }
    Some(template)
}

/// RFC 4512, 2.5: a name or an object identifier.
fn attribute(name: &str) -> Result<String, String> {
    match name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) {
        true => Ok(name.to_owned()),
        false => Err(format!("has `{{{name}}}`, which is no attribute's name")),
    }
}

/// `user_dn`.
pub(super) fn user_dn(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<UserDn>> {
    let Some(template) = section.maybe("user_dn", text)? else { return Some(None) };
    let path = section.path("user_dn");
    let help = "write a DN such as uid={name},ou=people,dc=example,dc=com, or {name}@example.com or EXAMPLE\\{name}";
    let mut wrong = |message: &str| {
        files.report.error(&path, message, help);
        None
    };
    if template.matches(NAME).count() != 1 {
        return wrong("must have {name} once");
    }
    if template.contains('=') {
        return Some(Some(UserDn::Dn(template)));
    }
    // Of the other names by which Active Directory binds, one user has many, and would have as many budgets of failures.
    let domain = template.strip_prefix("{name}@").or_else(|| template.strip_suffix("\\{name}"));
    if domain.is_none_or(|domain| domain.is_empty() || domain.contains(['@', '\\', '{', '}'])) {
        return wrong("is neither a DN nor a name in one domain");
    }
    if section.has("bind_dn") {
        return wrong("is a name, which is for directories without bind_dn; with it, bind_as says what is bound");
    }
    Some(Some(UserDn::Login(template)))
}

/// `user_filter`, or what it is by default.
pub(super) fn user_filter(section: &Section<'_>, form: Option<&UserDn>, files: &mut Files<'_>) -> Option<String> {
    let written = section.maybe("user_filter", text)?;
    let Some(filter) = written else {
        return Some(match form {
            None => USUAL_FILTER.to_owned(),
            Some(UserDn::Dn(_)) => ANY_ENTRY.to_owned(),
            // As Active Directory itself finds whom it binds: whoever else has a part of the name is not them.
            Some(UserDn::Login(template)) if template.contains('@') => format!("(userPrincipalName={BIND_NAME})"),
            Some(UserDn::Login(_)) => format!("(sAMAccountName={NAME})"),
        });
    };
    match form {
        None => check_place(section, "user_filter", Some(&filter), NAME, files),
        Some(UserDn::Login(_)) if !filter.contains(BIND_NAME) => {
            check_place(section, "user_filter", Some(&filter), NAME, files);
        }
        Some(_) => {}
    }
    Some(filter)
}

/// `nested_groups`, and what must be there besides.
pub(super) fn nested_groups(section: &Section<'_>, files: &mut Files<'_>) -> Option<NestedGroups> {
    let (filter, base) = (section.has("group_filter"), section.has("group_base_dn"));
    let nested = match section.get("nested_groups", text)?.as_str() {
        "true" if filter => NestedGroups::ByFilter,
        "true" | "matching_rule" => NestedGroups::MatchingRule,
        "token_groups" => NestedGroups::TokenGroups,
        _ => NestedGroups::No,
    };
    let itself = matches!(nested, NestedGroups::MatchingRule | NestedGroups::TokenGroups);
    if itself && filter {
        let help = "remove it, or set nested_groups: true to follow groups by group_filter";
        files.report.error(&section.path("group_filter"), "is not used where Active Directory finds the groups", help);
    } else if filter != base && !(base && itself) {
        let missing = if base { "group_filter" } else { "group_base_dn" };
        let help = "group_base_dn and group_filter go together";
        files.report.error(&section.path(missing), "is missing", help);
    }
    Some(nested)
}
