//! Reading everything again: the configuration, certificates, keys, users and metadata, by the same steps as the start.
//! What is wrong leaves all as it was, but for TLS certificates that were renewed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::certificates::Certificates;
use super::changes::{told, waiting};
use super::history::{Cause, History};
use super::prepare::{Occasion, certificates_now, prepare_with};
use super::process::Process;
use super::snapshot::Snapshot;
use super::watching::{Looked, Tried};
use crate::admin::Outcome;
use crate::config::{Config, Contents, Diagnostic, Positions, Severity};
use crate::dsig::SignError;
use crate::edge::{Edge, TlsCertificates};
use crate::handler::PublishError;
use crate::runtime::Lifecycle;
use crate::telemetry::Opened;

/// Replaces the snapshot, and what else of a configuration the process has in use.
pub(super) struct Reloader {
    pub file: PathBuf,
    pub process: Arc<Process>,
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    /// What the process was started with.
    pub first: Arc<Config>,
    pub certificates: Certificates,
    pub edge: Arc<Edge>,
    pub lifecycle: Lifecycle,
    pub history: Arc<History>,
    pub tried: Tried,
    /// Held by the one reload or upgrade that is under way.
    pub turn: Mutex<()>,
}

/// A configuration that can take the place of the present one without another error.
struct Candidate {
    snapshot: Snapshot,
    certificates: Vec<Option<TlsCertificates>>,
    audit: Opened,
    warnings: Vec<Diagnostic>,
    /// What differs from the present one.
    changed: String,
}

/// What was taken over.
#[derive(Debug)]
pub struct Taken {
    /// What someone should look at.
    pub warnings: Vec<Diagnostic>,
    /// The sections and files that are not as they were, or `nothing`.
    pub changed: String,
    /// The keys that wait for a restart.
    pub waiting: Vec<String>,
}

impl Reloader {
    /// Reads everything again and puts it to use, off the threads that serve.
    ///
    /// # Errors
    /// All that is wrong, which the log has been told; nothing has changed then, but that the audit file was opened again, and
    /// that TLS certificates of the configuration in use are served that have been renewed.
    pub async fn reload(
        self: &Arc<Self>,
        _turn: MutexGuard<'_, ()>,
        cause: Cause,
        looked: Option<Looked>,
    ) -> Result<Taken, Vec<Diagnostic>> {
        if let Some(looked) = &looked {
            let files = self.tried.changed(looked).join(", ");
            info!(files, "files have changed: the configuration is read again, by itself");
        }
        let this = self.clone();
        let reading = spawn_blocking(move || {
            let mut contents = Contents::default();
            (this.read(&mut contents), contents)
        });
        let broken = |_| (Err(defect("reading it broke off")), Contents::default());
        let (read, contents) = reading.await.unwrap_or_else(broken);
        let outcome = match read {
            Ok(candidate) => Ok(self.take(candidate, cause).await),
            Err(found) => {
                tell(&self.file, &found);
                error!(cause = cause.label(), "{STAYS}");
                self.reopen_audit().await;
                self.renew_certificates().await;
                Err(found)
            }
        };
        self.tried.note(contents, outcome.is_ok(), looked.as_ref());
        let waiting = outcome.as_ref().map(|taken| taken.waiting.clone()).map_err(drop);
        self.history.add(cause, waiting, self.process.clock.now());
        outcome
    }

    fn read(&self, contents: &mut Contents) -> Result<Candidate, Vec<Diagnostic>> {
        let mut prepared = prepare_with(&self.file, self.process.metrics.clone(), Occasion::Reload, contents)?;
        let audit = Opened::new(&prepared.config.telemetry.audit).map_err(|error| {
            let help = "name a file that the user running fedfront may write, or for syslog read";
            vec![prepared.positions.error(prepared.config.telemetry.audit.key(), error.to_string(), help)]
        })?;
        let certificates = std::mem::take(&mut prepared.certificates);
        let warnings = std::mem::take(&mut prepared.warnings);
        let earlier = self.snapshots.load_full();
        let positions = prepared.positions.clone();
        let snapshot = Snapshot::new(prepared, &self.process, Some(&earlier)).map_err(|error| match error {
            PublishError::Sign(SignError::Device(why)) => {
                let help = "see that the HSM, and whatever leads to it, is up";
                vec![positions.error("issuer.signing", format!("the metadata cannot be signed: {why}"), help)]
            }
            error => defect(error),
        })?;
        let changed = told((earlier.config(), earlier.contents()), (snapshot.config(), snapshot.contents()));
        Ok(Candidate { snapshot, certificates, audit, warnings, changed })
    }

    async fn take(&self, candidate: Candidate, cause: Cause) -> Taken {
        let Candidate { snapshot, certificates, audit, warnings, changed } = candidate;
        let (now, metrics) = (snapshot.config().clone(), &self.process.metrics);
        // It may wait for a server; nothing else has changed until then.
        self.process.share(self.snapshots.load().config().state.as_ref(), now.state.as_ref()).await;
        self.edge.take_limits(&now.limits);
        self.lifecycle.take_pace(&now.limits);
        self.process.memory.heed(&now.guard);
        self.process.issued.heed(now.token_capacity);
        self.process.issued.seal_by(snapshot.seals());
        self.certificates.replace(&now, certificates);
        self.certificates.show(metrics);
        snapshot.show(metrics);
        let signing = snapshot.rollover().signs();
        let snapshot = Arc::new(snapshot);
        let earlier = self.snapshots.swap(snapshot.clone());
        earlier.retire();
        snapshot.directories().follow(earlier.directories());
        self.process.audit.switch(audit).await;

        let (before, signed) = (earlier.config(), earlier.rollover().signs());
        self.process.log_level.heed(&before.telemetry, &now.telemetry);
        tell(&self.file, &warnings);
        info!(changed, cause = cause.label(), "the configuration was read again, with every file that it names");
        if signing != signed {
            let (key, before, now) = ("issuer.signing", signed.sha256, signing.sha256);
            warn!(key, before, now, "tokens are signed by another certificate: register it with every relying party");
        }
        let sources = |config: &Config| config.metadata_sources.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let kept = sources(&now);
        sources(before).iter().filter(|name| !kept.contains(name)).for_each(|name| metrics.forget_source(name));
        let waiting = waiting(&self.first, &now);
        if !waiting.is_empty() {
            warn!(keys = %waiting.join(", "), "these keys have changed, and wait for a restart");
        }
        Taken { warnings, changed, waiting }
    }

    /// For whoever asked at a terminal.
    pub fn render(&self, outcome: &Result<Taken, Vec<Diagnostic>>) -> Outcome {
        let rendered =
            |found: &[Diagnostic]| found.iter().map(|found| found.render(&self.file) + "\n").collect::<String>();
        match outcome {
            Ok(Taken { warnings, changed, waiting }) => {
                let file = self.file.display();
                let mut text = format!("{}{file}: read again; changed: {changed}\n", rendered(warnings));
                if !waiting.is_empty() {
                    text += &format!("{file}: waits for a restart: {}\n", waiting.join(", "));
                }
                Ok(text)
            }
            Err(found) => Err(format!("{}{}: {STAYS}\n", rendered(found), self.file.display())),
        }
    }

    /// Takes over the TLS certificates of the configuration in use. One that is wrong may stay so for long, and must not keep
    /// those that are renewed meanwhile from being served.
    async fn renew_certificates(&self) {
        let config = self.snapshots.load().config().clone();
        let reading = spawn_blocking(move || certificates_now(&config).map(|read| (config, read)));
        if let Ok(Some((config, certificates))) = reading.await {
            self.certificates.replace(&config, certificates);
            self.certificates.show(&self.process.metrics);
        }
    }

    /// For log rotation, which must not wait until the configuration is right.
    pub async fn reopen_audit(&self) {
        let sink = self.snapshots.load().config().telemetry.audit.clone();
        match spawn_blocking(move || Opened::new(&sink)).await {
            Ok(Ok(opened)) => self.process.audit.switch(opened).await,
            Ok(Err(error)) => error!(%error, "the audit log stays in the file that is open"),
            Err(_) => error!("the audit log stays in the file that is open"),
        }
    }
}

pub(super) const STAYS: &str = "the configuration that was read again is wrong; the one before stays";

pub(super) fn tell(file: &Path, findings: &[Diagnostic]) {
    let file = file.display();
    for Diagnostic { severity, path: key, at, message, help } in findings {
        let (line, column, subject) = (at.line, at.column, if key.is_empty() { "" } else { ": " });
        match severity {
            Severity::Error => error!(%file, line, column, key, help, "{key}{subject}{message}"),
            Severity::Warning => warn!(%file, line, column, key, help, "{key}{subject}{message}"),
        }
    }
}

fn defect(what: impl ToString) -> Vec<Diagnostic> {
    vec![Positions::default().error("", what.to_string(), "this is a defect of fedfront")]
}
