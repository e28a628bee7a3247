//! The health of each part. Reasons are told where fedfront words them itself; what a server or a device has said is left to
//! the log.

use super::Teller;
use super::words::{self, sentence};
use crate::admin::report::{Kind, Level, Member, Part, redacted};
use crate::config::{DirectoryAdapter, MetadataMode};
use crate::directory::{Directory, ServerStanding};
use crate::federation::Source;
use crate::handler::ForwardedStanding;
use crate::model::Timestamp;
use crate::runtime::Phase;
use crate::server::rollover::slots;
use crate::server::snapshot::Snapshot;

/// Connections that are open, out of a hundred that may be, from which somebody should look.
const CROWDED: i64 = 90;

/// Each part, in the order in which a request meets them.
pub(super) fn parts(teller: &Teller, snapshot: &Snapshot, now: Timestamp) -> Vec<Part> {
    let adapters = snapshot.config().directories.iter().map(|directory| &directory.adapter);
    let directories = snapshot.directories().each().zip(adapters);
    let directories = directories.map(|(directory, adapter)| self::directory(&**directory, adapter));
    let sources = snapshot.sources().iter().map(|source| metadata_source(source, now));
    [listeners(teller), upstream(snapshot)]
        .into_iter()
        .chain(directories)
        .chain([signing(snapshot, now), state(teller), metadata(snapshot, now)])
        .chain(sources)
        .chain([configuration(teller), audit(teller)])
        .collect()
}

fn part(kind: Kind, name: impl Into<String>, level: Level, says: impl Into<String>) -> Part {
    Part { kind, name: name.into(), level, says: says.into(), members: Vec::new() }
}

fn listeners(teller: &Teller) -> Part {
    let (metrics, ends) = (&teller.process.metrics, teller.lifecycle.phase() >= Phase::Draining);
    let (level, word) = match (ends, teller.readiness.is_ready()) {
        (true, _) => (Level::Warning, "accepts nothing more"),
        (false, true) => (Level::Ok, "accepts connections"),
        (false, false) => (Level::Unknown, "is being opened"),
    };
    let members = teller.listeners.iter().zip(teller.certificates.each()).map(|(address, (_, reception))| {
        let scheme = if reception.tls.is_some() { "HTTPS" } else { "HTTP, without TLS" };
        let before = if reception.proxy_protocol { ", behind a PROXY protocol header" } else { "" };
        Member { name: address.to_string(), level, says: format!("{scheme}{before}: {word}") }
    });
    let (open, limit) = (metrics.connections_open.get(), metrics.connections_limit.get());
    let crowded = limit > 0 && open.saturating_mul(100) >= limit.saturating_mul(CROWDED);
    let advice = if crowded { ": nearly as many as may be (limits.connections)" } else { "" };
    let says = format!("{open} of {limit} connections are open{advice}.");
    let whole = if crowded { level.max(Level::Warning) } else { level };
    Part { members: members.collect(), ..part(Kind::Listeners, "Listeners", whole, says) }
}

fn upstream(snapshot: &Snapshot) -> Part {
    let member = |(name, how)| {
        let (level, says) = words::server_behind(how);
        Member { name: redacted(name), level, says: sentence(says) }
    };
    let members: Vec<_> = snapshot.proxy().servers().iter().map(|(name, how)| member((name, *how))).collect();
    let (level, says) = match Tally::of(&members) {
        Tally::Unused => (Level::Unknown, "Nothing has been forwarded yet.".to_owned()),
        Tally::All => (Level::Ok, "Answers.".to_owned()),
        Tally::Some { failed, of } => {
            (Level::Warning, format!("{failed} of {of} servers do not answer. Requests go to the others."))
        }
        Tally::None => {
            (Level::Failed, "No server answers: what is forwarded fails. Sign-ins by fedfront go on.".to_owned())
        }
    };
    Part { members, ..part(Kind::Upstream, "Identity provider", level, says) }
}

fn directory(directory: &dyn Directory, adapter: &DirectoryAdapter) -> Part {
    let member = |state: crate::directory::ServerState| {
        let level = match state.standing {
            ServerStanding::Unknown => Level::Unknown,
            ServerStanding::Up => Level::Ok,
            ServerStanding::Doubted => Level::Warning,
            ServerStanding::Away => Level::Failed,
        };
        Member { name: redacted(&state.name), level, says: sentence(&redacted(&state.says)) }
    };
    let members: Vec<_> = directory.server_states().into_iter().map(member).collect();
    let (level, says) = match (adapter, directory.availability().available, Tally::of(&members)) {
        (DirectoryAdapter::File { .. }, ..) => (Level::Ok, "Users in a file.".to_owned()),
        (DirectoryAdapter::Upstream(_), ..) => (Level::Ok, "The identity provider checks passwords.".to_owned()),
        (DirectoryAdapter::Ldap(_), false, Tally::None) => {
            (Level::Failed, "No server answers: its users cannot sign in. Forwarding goes on.".to_owned())
        }
        (DirectoryAdapter::Ldap(_), false, _) => {
            let says = "The service account is refused: its users cannot sign in. The log says why.";
            (Level::Failed, says.to_owned())
        }
        (_, true, Tally::Unused) => (Level::Unknown, "Has not been asked yet.".to_owned()),
        (_, true, Tally::All) => (Level::Ok, "Answers.".to_owned()),
        (_, true, Tally::Some { failed, of }) => {
            (Level::Warning, format!("{failed} of {of} servers do not answer as they should. The others are asked."))
        }
        (_, true, Tally::None) => (Level::Warning, "Its servers have failed, and are asked again.".to_owned()),
    };
    Part { members, ..part(Kind::Directory, format!("Directory {}", directory.name()), level, says) }
}

fn signing(snapshot: &Snapshot, now: Timestamp) -> Part {
    let keys = &snapshot.context().signing_keys;
    let members: Vec<_> = slots(keys, now)
        .enumerate()
        .map(|(number, (_, key))| {
            let (name, works, otherwise) = match number {
                0 => ("current", "Signs tokens.".to_owned(), Level::Failed),
                _ => ("next", takes_over(keys.next(now).and_then(crate::dsig::NextKey::from)), Level::Warning),
            };
            let (level, says) = match key.outage() {
                None => (Level::Ok, works),
                Some(_) => (otherwise, "Its device does not sign. The log says why.".to_owned()),
            };
            Member { name: name.to_owned(), level, says }
        })
        .collect();
    let level = members.iter().map(|member| member.level).max().unwrap_or(Level::Ok);
    let says = match level {
        Level::Failed => "The signing key's device does not sign: no tokens are issued. Forwarding goes on.",
        Level::Warning => "The next signing key's device does not sign. The current one does.",
        Level::Ok | Level::Unknown => "Signs tokens.",
    };
    Part { members, ..part(Kind::Signing, "Signing", level, says) }
}

fn takes_over(from: Option<Timestamp>) -> String {
    match from {
        Some(from) => format!("Takes over at {from}."),
        None => "Takes over when told to: fedfront promote.".to_owned(),
    }
}

fn state(teller: &Teller) -> Part {
    let (level, says) = match teller.process.sharing_away_since() {
        None => (Level::Ok, "This process keeps its own.".to_owned()),
        Some(None) => (Level::Ok, "Shared with other replicas.".to_owned()),
        Some(Some(since)) => {
            let says = "The store of shared state is not reached since";
            (Level::Warning, format!("{says} {since}: this replica goes on by itself. The log says why."))
        }
    };
    part(Kind::State, "Shared state", level, says)
}

fn metadata(snapshot: &Snapshot, now: Timestamp) -> Part {
    let ends = match &snapshot.config().metadata {
        MetadataMode::Forward { .. } => snapshot.metadata_not_after(),
        MetadataMode::Own(_) | MetadataMode::Merge(_) => snapshot.context().documents.published.load().not_after(),
    };
    let until = (ends > 0.0).then(|| Timestamp::from_unix_millis((ends * 1000.0) as i64));
    let lasts = until.map(|until| format!(" until {until}")).unwrap_or_default();
    let (level, says) = match &snapshot.config().metadata {
        _ if until.is_some_and(|until| until <= now) => {
            (Level::Failed, format!("What was published has ended{}. The log says why.", lasts.replace("until", "at")))
        }
        MetadataMode::Own(_) => (Level::Ok, format!("Published here, valid{lasts}.")),
        MetadataMode::Merge(_) if until.is_none() => (
            Level::Failed,
            "The identity provider's has not been had yet: nothing is published. The log says why.".to_owned(),
        ),
        MetadataMode::Merge(_) => (Level::Ok, format!("The identity provider's with ours in it, valid{lasts}.")),
        MetadataMode::Forward { .. } => forwarded(snapshot.proxy().documents().map(|it| it.standing(now)), &lasts),
    };
    part(Kind::Metadata, "SAML metadata", level, says)
}

/// Of the identity provider's own documents.
pub(super) fn forwarded(documents: Option<ForwardedStanding>, lasts: &str) -> (Level, String) {
    match documents {
        Some(ForwardedStanding { held, absent, of }) if held + absent < of => {
            let remedy = "The log says why; where it has none, write endpoints.metadata: forward.";
            (Level::Warning, format!("The identity provider's: {held} of {of} documents are kept here. {remedy}"))
        }
        Some(ForwardedStanding { held: 1.., .. }) => (Level::Ok, format!("The identity provider's, kept here{lasts}.")),
        // So it is with other products than the one that the default path is of: nothing that anybody should look at.
        Some(ForwardedStanding { absent: 1.., .. }) => {
            (Level::Ok, "The identity provider has none there (status 404): requests are forwarded.".to_owned())
        }
        _ => (Level::Ok, "The identity provider's, forwarded.".to_owned()),
    }
}

fn metadata_source(source: &Source, now: Timestamp) -> Part {
    let found = source.standing(now);
    let until = found.until.map(|until| format!(", valid until {until}")).unwrap_or_default();
    let providers = if found.providers == 1 {
        "1 service provider".to_owned()
    } else {
        format!("{} service providers", found.providers)
    };
    let (level, says) = match (found.believed, found.failing) {
        (true, false) => (Level::Ok, format!("{providers}{until}.")),
        (true, true) => {
            (Level::Warning, format!("Cannot be had anew; {providers} of before{until}. The log says why."))
        }
        (false, true) => {
            let says = "There is none that is believed: its service providers cannot sign in. The log says why.";
            (Level::Failed, says.to_owned())
        }
        (false, false) => (Level::Unknown, "Is being asked.".to_owned()),
    };
    part(Kind::MetadataSource, format!("Metadata source {}", source.name()), level, says)
}

fn configuration(teller: &Teller) -> Part {
    let last = teller.history.now();
    let mut says = match last.failure {
        None => format!("Read at {}.", last.success.0),
        Some((failure, _)) => {
            let before = last.success.0;
            format!("What was read at {failure} is wrong: that of {before} is in use. The log says what is wrong.")
        }
    };
    if !last.waiting.is_empty() {
        says += &format!(" Waits for a restart: {}.", last.waiting.join(", "));
    }
    let fine = last.failure.is_none() && last.waiting.is_empty();
    part(Kind::Configuration, "Configuration", if fine { Level::Ok } else { Level::Warning }, says)
}

fn audit(teller: &Teller) -> Part {
    let (level, says) = words::audit(&teller.process.metrics);
    part(Kind::Audit, "Audit log", level, sentence(&says))
}

/// How many of several work.
enum Tally {
    /// Nobody has needed any of them.
    Unused,
    /// All that are known.
    All,
    Some {
        failed: usize,
        of: usize,
    },
    None,
}

impl Tally {
    fn of(members: &[Member]) -> Self {
        let failed = members.iter().filter(|member| member.level >= Level::Warning).count();
        match failed {
            0 if members.iter().all(|member| member.level == Level::Unknown) => Self::Unused,
            0 => Self::All,
            _ if failed == members.len() => Self::None,
            _ => Self::Some { failed, of: members.len() },
        }
    }
}
