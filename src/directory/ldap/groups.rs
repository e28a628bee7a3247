//! The groups that an entry does not list itself.

use std::collections::HashSet;
use std::sync::Arc;

use ldap3::Scope;
use tokio::time::Instant;

use super::entry::RawEntry;
use super::failure::Failure;
use super::work::{ANY, Search, Size};
use super::{LdapDirectory, query};
use crate::config::{LdapConfig, NestedGroups};
use crate::model::Entry;

/// Active Directory's LDAP_MATCHING_RULE_IN_CHAIN: members, members of members, and so on.
const IN_CHAIN: &str = "(member:1.2.840.113556.1.4.1941:={dn})";
/// Active Directory's: the SIDs of all groups that count for an account, computed where the entry itself is read.
const TOKEN_GROUPS: &str = "tokenGroups";
const SID: &str = "objectSid";
/// Groups of groups of groups …: nobody means more, and a circle ends earlier.
const DEPTH: usize = 10;
/// A user in more groups than Windows can put into a token (1,015) is a mistake or an attack.
const GROUPS: usize = 2000;
/// Entries asked for in one filter.
const IN_ONE_FILTER: usize = 50;
/// RFC 4511, 4.5.1.8: no attributes, the DN is all we want.
const NO_ATTRIBUTES: &str = "1.1";

/// How groups are searched.
pub(super) enum Groups<'a> {
    /// By a filter for those that an entry is a member of, then for those that these are, to this depth.
    Filter(&'a str, usize),
    /// By their SIDs.
    Tokens,
}

impl<'a> Groups<'a> {
    /// As configured; `None`: they are not.
    pub(super) fn of(config: &'a LdapConfig) -> Option<Self> {
        match (config.nested_groups, &config.group_filter) {
            (NestedGroups::No, None) => None,
            (NestedGroups::No, Some(filter)) => Some(Self::Filter(filter, 1)),
            (NestedGroups::ByFilter, Some(filter)) => Some(Self::Filter(filter, DEPTH)),
            (NestedGroups::ByFilter, None) | (NestedGroups::MatchingRule, _) => Some(Self::Filter(IN_CHAIN, 1)),
            (NestedGroups::TokenGroups, _) => Some(Self::Tokens),
        }
    }

    /// Those that searches find.
    pub(super) async fn search(
        &self,
        directory: &LdapDirectory,
        entry: &Entry,
        deadline: Instant,
    ) -> Result<Arc<[String]>, Failure> {
        match *self {
            Self::Filter(filter, depth) => by_filter(directory, filter, depth, entry, deadline).await,
            Self::Tokens => by_tokens(directory, entry, deadline).await,
        }
    }
}

/// The groups that an entry lists, and those that were found.
pub(super) fn join(listed: &mut Vec<String>, found: &[String]) {
    let mut seen: HashSet<String> = listed.iter().map(|group| group.to_lowercase()).collect();
    listed.extend(found.iter().filter(|group| seen.insert(group.to_lowercase())).cloned());
}

async fn by_filter(
    directory: &LdapDirectory,
    filter: &str,
    depth: usize,
    entry: &Entry,
    deadline: Instant,
) -> Result<Arc<[String]>, Failure> {
    let mut seen: HashSet<String> = entry.groups.iter().map(|group| group.to_lowercase()).collect();
    let mut frontier = vec![entry.bind_name.to_string()];
    if depth > 1 {
        frontier.extend(entry.groups.iter().cloned());
    }
    let mut all = Vec::new();
    for _ in 0..depth {
        let mut found = Vec::new();
        for members in frontier.chunks(IN_ONE_FILTER) {
            let filter = query::fill_any(filter, "{dn}", members);
            let (groups, _) = search(directory, &filter, NO_ATTRIBUTES, deadline).await?;
            found.extend(groups.into_iter().map(|group| group.dn));
        }
        found.retain(|group| seen.insert(group.to_lowercase()));
        all.extend(found.iter().cloned());
        frontier = found;
        if seen.len() > GROUPS {
            tracing::warn!(directory = %directory.name, limit = GROUPS, "a user's groups of groups are not all searched");
            break;
        }
    }
    Ok(all.into())
}

async fn by_tokens(directory: &LdapDirectory, entry: &Entry, deadline: Instant) -> Result<Arc<[String]>, Failure> {
    let attributes = &[TOKEN_GROUPS.to_owned()];
    let own = Search { base: &entry.bind_name, scope: Scope::Base, filter: ANY, attributes, size: Size::Few(1) };
    let (own, _) = directory.search(own, deadline).await?;
    let sids: Vec<Vec<u8>> = own.into_iter().flat_map(|own| own.into_values(TOKEN_GROUPS)).take(GROUPS).collect();
    if sids.is_empty() {
        // Every account is in its primary group.
        let problem = "the entry's tokenGroups cannot be read: is bind_dn in Windows Authorization Access Group?";
        return Err(Failure::error(problem));
    }
    let (mut groups, mut unknown): (Vec<String>, _) = (Vec::new(), Vec::new());
    for sid in sids {
        match directory.groups.name(&sid) {
            Some(dn) => groups.extend(dn.map(|dn| dn.to_string())),
            None => unknown.push(sid),
        }
    }
    for sids in unknown.chunks(IN_ONE_FILTER) {
        let filter = query::fill_octets(SID, sids);
        let mut unnamed: HashSet<&Vec<u8>> = sids.iter().collect();
        let (found, complete) = search(directory, &filter, SID, deadline).await?;
        for group in found {
            groups.push(group.dn.clone());
            let dn: Arc<str> = group.dn.as_str().into();
            for sid in group.into_values(SID) {
                unnamed.remove(&sid);
                directory.groups.remember_name(sid, Some(dn.clone()));
            }
        }
        for sid in unnamed.into_iter().filter(|_| complete) {
            // A group of another domain, or outside the base.
            directory.groups.remember_name(sid.clone(), None);
        }
    }
    Ok(groups.into())
}

async fn search(
    directory: &LdapDirectory,
    filter: &str,
    attribute: &str,
    deadline: Instant,
) -> Result<(Vec<RawEntry>, bool), Failure> {
    let base = directory.config.group_base_dn.as_ref().unwrap_or(&directory.config.base_dn);
    let attributes = &[attribute.to_owned()];
    let search = Search { base, scope: Scope::Subtree, filter, attributes, size: Size::All };
    let (groups, complete) = directory.search(search, deadline).await?;
    if !complete {
        // Whoever is missing a group is refused by mistake; nobody is let in by one.
        tracing::warn!(directory = %directory.name, "the server's size limit cut the search for a user's groups");
    }
    Ok((groups, complete))
}
