//! What the log is told of a sign-in's way through the directories, at `debug`.
//!
//! What was typed as a name is in none of it: somebody may have typed their password there. The audit record has the name, by
//! the same correlation id. An entry is named where one was found.

use std::sync::Arc;

use tracing::debug;

use super::{BindError, BindOutcome, Resolution};
use crate::config::LdapConfig;
use crate::model::{Entry, EntryId, Unavailable};
use crate::telemetry::correlation_id;

/// Groups that are named; a user of more is rare, and the first of them tell what they are called.
const GROUPS: usize = 100;

/// An LDAP server was asked for a name: by which filter, whether without the domain that was typed with it, and what is there.
pub(super) fn searched(directory: &str, ldap: &LdapConfig, cut: bool, found: &Result<Resolution, Unavailable>) {
    let LdapConfig { base_dn, user_filter, .. } = ldap;
    let name = if cut { "without its domain" } else { "as typed" };
    debug!(
        correlation_id = correlation_id().as_deref(),
        directory,
        base_dn,
        user_filter,
        by_user_dn = ldap.user_dn.is_some(),
        name,
        found = %entries(found),
        "searched for the user"
    );
}

/// A directory was asked for a name.
pub(super) fn asked(directory: &str, answer: &Result<Resolution, Unavailable>) {
    let answer = match answer {
        Ok(Resolution::Found(_) | Resolution::FoundDespite(..)) => "somebody",
        Ok(Resolution::Nobody | Resolution::NobodyDespite(_)) => "nobody",
        Ok(Resolution::Ambiguous(_)) => "several",
        Err(_) => "unavailable",
    };
    debug!(correlation_id = correlation_id().as_deref(), directory, answer, "asked who has the name");
}

/// A password was tried as that entry.
pub(super) fn bound(entry: &Entry, outcome: &Result<BindOutcome, BindError>) {
    let EntryId { directory, entry } = &entry.id;
    let id = correlation_id();
    let correlation_id = id.as_deref();
    match outcome {
        Ok(BindOutcome::Bound | BindOutcome::BoundAs(_)) => {
            debug!(correlation_id, %directory, %entry, "bound: the password is right");
        }
        Ok(BindOutcome::Refused(why)) => debug!(correlation_id, %directory, reason = %why.reason(), "not bound"),
        Err(error) => debug!(correlation_id, %directory, %error, "not bound, and nothing is known of the password"),
    }
}

/// An entry's groups were found.
pub(super) fn grouped(directory: &str, found: &Result<Arc<Entry>, Unavailable>) {
    let id = correlation_id();
    let correlation_id = id.as_deref();
    match found {
        Ok(entry) => debug!(
            correlation_id,
            directory,
            number = entry.groups.len(),
            groups = %entry.groups.get(..GROUPS).unwrap_or(&entry.groups).join("; "),
            "groups found"
        ),
        Err(error) => debug!(correlation_id, directory, %error, "no groups found"),
    }
}

fn entries(found: &Result<Resolution, Unavailable>) -> String {
    match found {
        Ok(Resolution::Found(entry) | Resolution::FoundDespite(entry, _)) => entry.bind_name.to_string(),
        Ok(Resolution::Nobody | Resolution::NobodyDespite(_)) => "nobody".to_owned(),
        Ok(Resolution::Ambiguous(entries)) => entries.join("; "),
        Err(unavailable) => unavailable.to_string(),
    }
}
