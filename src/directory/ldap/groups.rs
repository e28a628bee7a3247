//! The groups that an entry does not list itself.

use std::collections::HashSet;

use tokio::time::Instant;

use super::failure::Failure;
use super::pool::Work;
use super::{LdapDirectory, query};
use crate::config::LdapConfig;
use crate::model::Entry;

/// Active Directory's LDAP_MATCHING_RULE_IN_CHAIN: members, members of members, and so on.
const IN_CHAIN: &str = "(member:1.2.840.113556.1.4.1941:={dn})";
/// Groups of groups of groups …: nobody means more, and a circle ends earlier.
const DEPTH: usize = 10;
/// A user in more groups than Windows can put into a token (1,015) is a mistake or an attack.
const GROUPS: usize = 2000;
/// Entries asked for in one filter.
const IN_ONE_FILTER: usize = 50;
/// RFC 4511, 4.5.1.8: no attributes, the DN is all we want.
const NO_ATTRIBUTES: &str = "1.1";

/// How groups are searched.
pub(super) struct Search<'a> {
    filter: &'a str,
    depth: usize,
}

impl<'a> Search<'a> {
    /// As configured; `None`: they are not.
    pub(super) fn of(config: &'a LdapConfig) -> Option<Self> {
        let (filter, depth) = match (&config.group_filter, config.nested_groups) {
            (Some(filter), true) => (filter.as_str(), DEPTH),
            (Some(filter), false) => (filter.as_str(), 1),
            (None, true) => (IN_CHAIN, 1),
            (None, false) => return None,
        };
        Some(Self { filter, depth })
    }

    /// Adds the groups that it finds to those that the entry lists.
    pub(super) async fn add(
        &self,
        directory: &LdapDirectory,
        entry: &mut Entry,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let Self { filter, depth } = *self;
        let mut seen: HashSet<String> = entry.groups.iter().map(|group| group.to_lowercase()).collect();
        let mut frontier = vec![entry.bind_name.to_string()];
        if depth > 1 {
            frontier.extend(entry.groups.iter().cloned());
        }
        for _ in 0..depth {
            let mut found = Vec::new();
            for members in frontier.chunks(IN_ONE_FILTER) {
                found.extend(search(directory, filter, members, deadline).await?);
            }
            found.retain(|group| seen.insert(group.to_lowercase()));
            entry.groups.extend(found.iter().cloned());
            frontier = found;
            if seen.len() > GROUPS {
                tracing::warn!(directory = %directory.name, limit = GROUPS, "a user's groups of groups are not all searched");
                break;
            }
        }
        Ok(())
    }
}

async fn search(
    directory: &LdapDirectory,
    template: &str,
    members: &[String],
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let filter = query::fill_any(template, "{dn}", members);
    let base = directory.config.group_base_dn.as_ref().unwrap_or(&directory.config.base_dn);
    let attributes = &[NO_ATTRIBUTES.to_owned()];
    let work = Work::Search { base, filter: &filter, attributes, limit: 0 };
    let (groups, complete) = directory.search(&work, deadline).await?;
    if !complete {
        // Whoever is missing a group is refused by mistake; nobody is let in by one.
        tracing::warn!(directory = %directory.name, "the server's size limit cut the search for a user's groups");
    }
    Ok(groups.into_iter().map(|group| group.dn).collect())
}
