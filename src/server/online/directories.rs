//! Every server of every directory.

use std::sync::Arc;

use super::lockout;
use super::report::Report;
use super::tls_problem::{Verification, explain_at};
use crate::config::DirectoryAdapter;
use crate::directory::{Directory, Examined};
use crate::server::Prepared;

/// Tries each server, not only the first that works; returns the directories that a search can be made in.
pub(super) async fn examine(prepared: &Prepared, report: &mut Report<'_>) -> Vec<Arc<dyn Directory>> {
    let mut usable = Vec::new();
    for directory in prepared.directories.each() {
        let config = prepared.config.directories.iter().find(|config| config.name == directory.name());
        let verification = verification(config.map(|config| &config.adapter));
        if let Some(server) = examine_one(&**directory, &verification, report).await {
            lockout::compare(&prepared.config.guard, &**directory, server, report).await;
            usable.push(directory.clone());
        }
    }
    usable
}

/// Which keys say how its servers are verified.
fn verification(adapter: Option<&DirectoryAdapter>) -> Verification<'static> {
    match adapter {
        Some(DirectoryAdapter::Upstream(upstream)) if upstream.is_own => Verification {
            ca_file: "directory.upstream.ca_file",
            other_name: "write the name that is in the certificate in directory.upstream.url",
            no_tls: "write http:// in directory.upstream.url, or name the TLS port",
        },
        Some(DirectoryAdapter::Upstream(_)) => Verification {
            ca_file: "upstream.tls.ca_file",
            other_name: "set upstream.tls.server_name to the name that is in the certificate",
            no_tls: "write http:// in upstream.servers, or name the TLS port",
        },
        Some(DirectoryAdapter::Ldap(_) | DirectoryAdapter::File { .. }) | None => Verification {
            ca_file: "ldap.ca_file",
            other_name: "write the name that is in the certificate in ldap.urls",
            no_tls: "write ldap:// in ldap.urls (with start_tls: true), or name the TLS port",
        },
    }
}

/// The first server that can be searched.
async fn examine_one(
    directory: &dyn Directory,
    verification: &Verification<'_>,
    report: &mut Report<'_>,
) -> Option<usize> {
    let (mut usable, mut account_refused) = (None, false);
    for (number, server) in directory.servers().iter().enumerate() {
        let step = format!("directory {}, {server}", directory.name());
        if account_refused {
            report.note(&step, "not tried: it would refuse the service account too, and count that");
            continue;
        }
        match directory.examine(number).await {
            Examined::Fine(what) => {
                usable = usable.or(Some(number));
                report.fine(&step, what);
            }
            Examined::Doubtful { what, help } => {
                usable = usable.or(Some(number));
                report.warning(&step, what, help);
            }
            Examined::Failed { what, help, refused } => {
                account_refused = refused;
                match explain_at(server, &what, verification).await {
                    Some((meaning, help)) => report.failed(&step, meaning, help),
                    None => report.failed(&step, what, help),
                }
            }
        }
    }
    usable.filter(|_| !account_refused)
}
