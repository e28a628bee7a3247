//! What `/status.json` says: the state of this process, for the status page and for whoever else wants to read it. Whoever
//! reaches the admin listener reads it, so that there is nothing secret in it: no user, no client, no entry of a directory, no
//! path or content of a file, no password, and nothing that a guesser could go by.
//!
//! `deploy/docs/status.md` has every key. Keys are added, and neither renamed nor taken away, without another `format`.

mod redacted;
mod summary;

use serde::Serialize;

use super::recent::Activity;
use crate::entra::Federation;
use crate::model::Timestamp;
use crate::runtime::Phase;

pub use redacted::redacted;
use summary::Summary;

/// The number of the document's form.
const FORMAT: u32 = 1;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It works.
    Ok,
    /// Nobody has needed it yet.
    Unknown,
    /// It works, and somebody should look.
    Warning,
    /// It does not work.
    Failed,
}

/// What is behind the document, put together by who serves.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Where clients come.
    pub public_url: String,
    /// The health of each part.
    pub parts: Vec<Part>,
    /// Certificates of TLS and of signing.
    pub certificates: Vec<Certificate>,
    /// Who answers what, and where.
    pub endpoints: Vec<Endpoint>,
    /// Whom tokens are for.
    pub relying_parties: Vec<Party>,
    /// What an Entra tenant is to be told, by domain.
    pub entra: Vec<Domain>,
    /// What happened lately.
    pub activity: Activity,
    /// What the guard does.
    pub guard: Guard,
}

/// A part of the process, or what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which kind: see [`Kind`].
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// How it is.
    pub level: Level,
    /// What there is to say of that.
    pub says: String,
    /// Each of several in it, such as servers.
    pub members: Vec<Member>,
}

/// Kinds of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Where clients connect.
    Listeners,
    /// A directory.
    Directory,
    /// The servers behind.
    Upstream,
    /// What replicas share.
    State,
    /// The identity provider's metadata, or ours.
    Metadata,
    /// A source of service providers' metadata.
    MetadataSource,
    /// What signs.
    Signing,
    /// The configuration.
    Configuration,
    /// The audit log.
    Audit,
}

/// One of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// How it is.
    pub level: Level,
    /// What there is to say of that.
    pub says: String,
}

/// A certificate that is sent or signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// What for.
    pub purpose: Purpose,
    /// Which of several: `current`, `next`, `previous`; of TLS the listener's address.
    pub slot: String,
    /// The DNS names that it is sent for.
    pub names: Vec<String>,
    /// Whose it is.
    pub subject: String,
    /// Its key, such as `RSA, 2048 bits`.
    pub key: String,
    /// Its SHA-256, as `openssl x509 -fingerprint -sha256` prints it.
    pub sha256: String,
    /// Its first instant.
    pub starts: Option<String>,
    /// Its last instant.
    pub ends: Option<String>,
    /// Whole days until then; negative after it.
    pub days_left: Option<i64>,
    /// Whether something is to be done.
    pub level: Level,
    /// What there is to say of it.
    pub says: String,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Clients see it in the handshake.
    Tls,
    /// Tokens are signed with its key.
    Signing,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Its key in the configuration.
    pub key: &'static str,
    /// Whether we answer it; else the identity provider does.
    pub own: bool,
    /// What came of comparing, where the identity provider answers and our answers are compared with its.
    pub shadow: Option<Shadow>,
    /// Where it is, the address to be given out first.
    pub addresses: Vec<String>,
}

/// What came of comparing our answers with the identity provider's, since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shadow {
    /// Requests of which both answers were compared.
    pub compared: u64,
    /// Those of them that we would have answered otherwise.
    pub different: u64,
    /// Requests that were left out, or to which we had no answer.
    pub not_compared: u64,
}

/// Whom tokens are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its name in the configuration.
    pub name: String,
    /// `ws_trust`, `ecp`.
    pub protocols: Vec<&'static str>,
    /// The keys of the endpoints that it uses.
    pub endpoints: Vec<&'static str>,
    /// The issuer of its tokens; `null` where that is one for each domain.
    pub issuer: Option<String>,
    /// How its tokens are signed.
    pub signature: &'static str,
    /// Whether that is no longer safe.
    pub weak_signature: bool,
}

/// What an Entra tenant is to be told of a domain, for one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Domain {
    /// The domain; empty where it is not known which.
    pub domain: String,
    /// In the names of Microsoft Graph.
    pub federation: Federation,
}

/// What the guard does. Counts alone: names are told by `fedfront guard list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Guard {
    /// Users who are locked out now.
    pub locked: u64,
    /// Users who are locked out now from where they never signed in before.
    pub locked_from_unknown_places: u64,
    /// Whether a spray goes on.
    pub spraying: bool,
    /// Sprays since the process began.
    pub sprays: u64,
}

/// The whole document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    format: u32,
    /// Ours.
    pub version: &'static str,
    /// When this was so.
    pub time: String,
    /// For how long the process has run.
    pub uptime_seconds: u64,
    /// `starting`, `ready` or `draining`.
    pub phase: &'static str,
    #[serde(flatten)]
    pub(super) summary: Summary,
    #[serde(flatten)]
    pub(super) facts: Facts,
}

impl Report {
    /// Of these facts.
    pub fn new(facts: Facts, phase: Phase, ready: bool, uptime_seconds: u64, now: Timestamp) -> Self {
        let phase = match phase {
            Phase::Serving if ready => "ready",
            Phase::Serving => "starting",
            Phase::LameDuck | Phase::Draining | Phase::Done => "draining",
        };
        let (version, time) = (env!("CARGO_PKG_VERSION"), now.to_string());
        Self { format: FORMAT, version, time, uptime_seconds, phase, summary: Summary::of(&facts, phase), facts }
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| {
            tracing::error!(%error, "the status cannot be written");
            b"{}".to_vec()
        })
    }
}

impl Level {
    /// The word for people.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "Working",
            Self::Unknown => "Not used yet",
            Self::Warning => "Needs attention",
            Self::Failed => "Not working",
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
