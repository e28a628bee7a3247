//! Trying one server for an operator: connection, TLS, the service account, and where searches begin.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ldap3::Scope;
use tokio::time::timeout;

use super::connect::Connection;
use super::dial::Dialer;
use super::failure::Failure;
use super::result;
use super::server::Server;
use crate::config::LdapConfig;
use crate::directory::Examined;

/// RFC 4511, 4.5.1.8: no attributes.
const NO_ATTRIBUTES: [&str; 1] = ["1.1"];

/// Tries all that a search needs of `server`.
pub(super) async fn examine(config: &LdapConfig, dialer: &Dialer, server: &Arc<Server>) -> Examined {
    let mut connection = match dialer.dial_one(server).await {
        Ok(connection) => connection,
        Err(failure) => return not_connected(&failure),
    };
    let tls = if server.is_tls() { "TLS verified, " } else { "" };
    if config.binds_unseen() {
        return Examined::Fine(format!("connected, {tls}no service account: users are looked up when they are bound"));
    }
    for (key, base) in [("base_dn", Some(&config.base_dn)), ("group_base_dn", config.group_base_dn.as_ref())] {
        let Some(base) = base else { continue };
        match look_at(&mut connection, base, config.operation_timeout).await {
            Ok(result::SUCCESS) => {}
            Ok(code) => return no_base(key, base, code),
            Err(failure) => {
                let what = format!("connected, but no answer about {key} {base:?}: {failure}");
                let help = "see what the server logged; raise operation_timeout if it is slow";
                return Examined::Failed { what, help: help.to_owned(), refused: false };
            }
        }
    }
    let account =
        if config.bind_dn.is_empty() { "anonymous".to_owned() } else { format!("bound as {}", config.bind_dn) };
    Examined::Fine(format!("connected, {tls}{account}, {} is there", config.base_dn))
}

/// The result code of a search for the entry itself.
async fn look_at(connection: &mut Connection, base: &str, within: Duration) -> Result<u32, Failure> {
    let search = connection.ldap.search(base, Scope::Base, "(objectClass=*)", NO_ATTRIBUTES);
    // ldap3 panics on malformed answers.
    match timeout(within, AssertUnwindSafe(search).catch_unwind()).await {
        Err(_) => Err(Failure::timeout()),
        Ok(Err(_)) => Err(Failure::malformed()),
        Ok(Ok(answer)) => Ok(answer?.1.rc),
    }
}

fn not_connected(failure: &Failure) -> Examined {
    let help = if failure.is_refused() {
        "correct bind_dn and bind_password_file; the other servers were not asked, so that the account is not locked"
    } else {
        "check the address, and that a firewall lets this machine reach it"
    };
    Examined::Failed { what: failure.to_string(), help: help.to_owned(), refused: failure.is_refused() }
}

fn no_base(key: &str, base: &str, code: u32) -> Examined {
    let (what, help) = match code {
        32 => ("is not there, or bind_dn may not see it", "correct it, or let bind_dn read it"),
        34 => ("is no DN", "write it as dc=example,dc=com"),
        50 => ("may not be searched by bind_dn", "give the service account the right to read below it"),
        10 => ("is on another server", "name the server that holds it, or a global catalogue"),
        _ => ("cannot be searched", "look the result up in RFC 4511, and at what the server logged"),
    };
    let what = format!("connected, but {key} {base:?} {what} (result {code})");
    Examined::Failed { what, help: help.to_owned(), refused: false }
}
