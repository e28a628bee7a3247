//! The server that replicas share their state through.

use super::report::Report;
use super::tls_problem::{Verification, explain};
use crate::server::Prepared;
use crate::state::survey;

/// What to do by what its refusal begins with.
const HELP: [(&str, &str); 8] = [
    ("WRONGPASS", "check state.username and the password"),
    ("NOAUTH", "name a user and their password in state"),
    ("ERR: AUTH", "remove state.password: the server asks for none"),
    ("NOPERM", "allow the user +info +getrange +get +set +del +eval +evalsha, and the keys of state.prefix"),
    ("READONLY", "name the server that takes writes, not its replica"),
    ("MOVED", "name a server that has all keys: the redirections of Redis Cluster are not followed"),
    ("it does not answer the TLS", "name the TLS port of the server in state.url, or write redis:// where it has none"),
    ("it does not answer in time", "look at the network and the server, or set state.timeout higher"),
];

/// What a port that wants TLS does without.
const ENDED: [&str; 2] = ["it ended the connection", "it does not answer in time"];
const WANTS_TLS: &str =
    "write rediss:// in state.url if it wants TLS there, or name its port without; else see that it is up";

/// Connects, signs in, and writes and deletes a key, as every replica does.
pub(super) async fn look(prepared: &Prepared, report: &mut Report<'_>) {
    let Some(config) = &prepared.config.state else { return };
    let step = format!("state, {}", config.url());
    let survey = match survey(config).await {
        Ok(survey) => survey,
        Err(what) => {
            let verification = Verification {
                ca_file: "state.ca_file",
                other_name: "write the name that is in the certificate in state.url",
                no_tls: "write redis:// in state.url, or name the TLS port",
            };
            return match explain(&what, &verification) {
                Some((meaning, help)) => report.failed(&step, meaning, help),
                None => {
                    let ended = !config.tls && ENDED.contains(&what.as_str());
                    let help = HELP.iter().find(|(begin, _)| what.starts_with(begin)).map(|(_, help)| *help);
                    let help = if ended { Some(WANTS_TLS) } else { help };
                    report.failed(&step, what, help.unwrap_or("see that it is up, and can be reached from here"));
                }
            };
        }
    };
    let version = survey.version.as_deref().unwrap_or("it does not tell its version");
    report
        .fine(&step, format!("{version}; the slowest operation took {:.1} ms", survey.longest.as_secs_f64() * 1000.0));
    let step = format!("{step}, maxmemory-policy");
    match survey.eviction.as_deref() {
        Some("noeviction") => {}
        Some(policy) => report.warning(
            &step,
            format!("{policy}: a server that is full forgets used messages, cancelled tokens and failed sign-ins"),
            "set maxmemory-policy to noeviction",
        ),
        None => report.note(&step, "it does not tell: see that it is noeviction"),
    }
    if survey.cluster {
        let what = "it is of a Redis Cluster, whose redirections are not followed";
        report.warning(
            &step,
            what,
            "name a server of its own, or write a state.prefix with one hash tag: \"{fedfront}:\"",
        );
    }
}
