//! What the status page is told of the configuration at work: gathered anew for whoever asks, from what is known already.
//! Nobody is asked for it and nothing is waited for.

mod certificates;
mod parties;
mod parts;
pub(super) mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::certificates::Certificates;
use super::history::History;
use super::process::Process;
use super::snapshot::Snapshot;
use crate::admin::Recent;
use crate::admin::report::{Facts, Guard};
use crate::runtime::{Lifecycle, Readiness};

/// Knows where to look.
pub(super) struct Teller {
    pub process: Arc<Process>,
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    pub certificates: Certificates,
    pub history: Arc<History>,
    pub readiness: Readiness,
    pub lifecycle: Lifecycle,
    pub recent: Arc<Recent>,
    /// Where the process listens.
    pub listeners: Vec<SocketAddr>,
}

impl Teller {
    /// How everything is now.
    pub fn facts(&self) -> Facts {
        let snapshot = self.snapshots.load_full();
        let now = self.process.clock.now();
        let config = snapshot.config();
        // What has happened since the last look counts, too.
        self.recent.look(self.process.metrics.totals(), now);
        Facts {
            public_url: config.public_url.clone(),
            parts: parts::parts(self, &snapshot, now),
            certificates: certificates::certificates(&self.certificates, &snapshot, now),
            endpoints: parties::endpoints(config, &self.process.metrics.shadow),
            relying_parties: parties::parties(&snapshot, now),
            entra: parties::domains(&snapshot, now),
            activity: self.recent.activity(now),
            guard: self.guard(),
        }
    }

    fn guard(&self) -> Guard {
        let metrics = &self.process.metrics;
        let locked = |scope| metrics.lockouts_active.with_label_values(&[scope]).get().try_into().unwrap_or_default();
        Guard {
            locked: locked("entry"),
            locked_from_unknown_places: locked("unknown"),
            spraying: metrics.guard.spray_active.get() > 0,
            sprays: metrics.guard.sprays_detected.get(),
        }
    }
}

#[cfg(test)]
mod tests;
