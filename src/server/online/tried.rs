//! What a sign-in of a sample user would come to before their password is judged: how they are searched, what they are bound
//! as, and what is counted against them.

use std::sync::Arc;

use super::report::Report;
use crate::config::{DirectoryAdapter, DirectoryConfig, GuardConfig, USUAL_FILTER};
use crate::directory::Directory;
use crate::model::{Entry, FailureCount, Timestamp};
use crate::server::Prepared;

/// How a directory looked for the name.
pub(super) async fn searched(prepared: &Prepared, directory: &Arc<dyn Directory>) -> String {
    let config = prepared.config.directories.iter().find(|config| config.name == directory.name());
    let Some(DirectoryAdapter::Ldap(ldap)) = config.map(|config| &config.adapter) else { return String::new() };
    let (filter, base) = (&ldap.user_filter, &ldap.base_dn);
    let mut how =
        format!("; directory {} was searched by user_filter {filter}, below base_dn {base}", directory.name());
    if filter == USUAL_FILTER && directory.is_active_directory().await == Some(false) {
        how.push_str(
            ": that is the filter for Active Directory, which this server is not; set user_filter, as to (|(uid={name})(mail={name}))",
        );
    }
    how
}

/// Whether anybody can be bound as the entry.
pub(super) async fn bound(
    config: Option<&DirectoryConfig>,
    directory: &Arc<dyn Directory>,
    entry: &Entry,
    step: &str,
    report: &mut Report<'_>,
) {
    if let Some(refusal) = directory.unbindable(entry) {
        let help = "name an attribute in ldap.bind_as of which each user has one value that bind_dn may read, or write \"{dn}\"";
        return report.failed(step, format!("would be refused everywhere: {}", refusal.reason()), help);
    }
    let Some(DirectoryAdapter::Ldap(ldap)) = config.map(|config| &config.adapter) else { return };
    let template = ldap.bind_as.text();
    if template != "{dn}" && !template.contains('=') && directory.is_active_directory().await == Some(false) {
        let what = format!(
            "ldap.bind_as {template:?} makes no DN, and this server is no Active Directory, which takes others"
        );
        report.failed(step, what, "remove ldap.bind_as, or write \"{dn}\"");
    }
}

/// What brings the account nearer to being locked, by whomever; and whether the guard refuses because of it.
pub(super) fn own_count(guard: &GuardConfig, entry: &Entry, now: Timestamp, step: &str, report: &mut Report<'_>) {
    let Some(FailureCount { failures, last }) = entry.own_count else { return };
    let what = format!("wrong passwords that the directory has counted: {failures}, the last at {last}");
    let until = last.plus(guard.window);
    let refuses = guard.directory_count && failures >= guard.threshold && now < until;
    if !refuses || !guard.enforced {
        return report.note(step, what);
    }
    let help = "wait, or reset it there: unlock the account in Active Directory; in OpenLDAP delete its pwdFailureTime (ldapmodify \
                -e relax), or set a new password. guard unlock does not change it";
    let threshold = guard.threshold;
    let what = format!(
        "{what}: fedfront refuses each password until {until}, the right one too (guard.threshold {threshold}, guard.directory_count)"
    );
    report.warning(step, what, help);
}
