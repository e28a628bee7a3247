//! Every server of every directory.

use std::sync::Arc;

use super::lockout;
use super::report::Report;
use super::tls_problem::{Verification, explain};
use crate::directory::{Directory, Examined};
use crate::server::Prepared;

/// Tries each server, not only the first that works; returns the directories that a search can be made in.
pub(super) async fn examine(prepared: &Prepared, report: &mut Report<'_>) -> Vec<Arc<dyn Directory>> {
    let mut usable = Vec::new();
    for directory in prepared.directories.each() {
        if let Some(server) = examine_one(&**directory, report).await {
            lockout::compare(&prepared.config.guard, &**directory, server, report).await;
            usable.push(directory.clone());
        }
    }
    usable
}

/// The first server that can be searched.
async fn examine_one(directory: &dyn Directory, report: &mut Report<'_>) -> Option<usize> {
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
                let verification = Verification {
                    ca_file: "ldap.ca_file",
                    other_name: "write the name that is in the certificate in ldap.urls",
                    no_tls: "write ldap:// in ldap.urls (with start_tls: true), or name the TLS port",
                };
                match explain(&what, &verification) {
                    Some((meaning, help)) => report.failed(&step, meaning, help),
                    None => report.failed(&step, what, help),
                }
            }
        }
    }
    usable.filter(|_| !account_refused)
}
