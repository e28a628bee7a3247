//! Where the metadata of service providers comes from: files, folders, documents behind URLs, metadata query services.
//!
//! What was had once is believed until its own end, whatever becomes of its source: a failure is a metric and a line in the
//! log. Whether somebody is unknown or could not be asked for are two things, and are told apart.

mod contents;
mod held;
mod kept;
mod local;
mod mdq;
mod remote;
mod schedule;
#[cfg(test)]
pub(crate) mod testing;
mod trial;
mod trust;

use std::path::Path;
use std::sync::Arc;

use self::held::{Held, Origin};
pub(super) use self::kept::{Kept, copy_of};
use self::mdq::Mdq;
use self::schedule::Pace;
use self::trust::Trust;
use super::{Fault, Objection};
use crate::config::{MetadataPlace, MetadataSourceConfig};
use crate::model::{ClientAddress, Clock, Timestamp, Unavailable};
use crate::saml::metadata::ServiceProvider;
use crate::telemetry::{Metrics, SourceMetrics};

pub use remote::SourceError;
pub use trial::Trial;

/// Why a check without the network knows nothing.
const NO_COPY: &str = "no last good copy that is believed is here";
/// The most that an aggregate may be, in bytes.
const AGGREGATE_BYTES: usize = 256 * 1024 * 1024;
/// How the names of metadata files end.
const METADATA_ENDING: &str = ".xml";

/// A source of metadata, and what is known from it. It is asked anew while somebody awaits [`Source::follow`].
pub struct Source {
    config: MetadataSourceConfig,
    kind: Kind,
}

enum Kind {
    /// A document, or several, that are held whole.
    Held(Box<Held>),
    /// A service that is asked for each entity.
    Mdq(Mdq),
}

/// What every kind of source works with.
#[derive(Clone)]
struct Works {
    trust: Arc<Trust>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    metrics: SourceMetrics,
}

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStanding {
    /// Of how many service providers there is something.
    pub providers: usize,
    /// Whether that may be believed; where each is asked for, always.
    pub believed: bool,
    /// Until when; `None`: without an end, or by entity.
    pub until: Option<Timestamp>,
    /// Whether the last try to have it anew failed.
    pub failing: bool,
}

/// Why a document could not be had, or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Failure {
    /// The server was not reached, or is not believed to be who it should be.
    #[error("{0}")]
    Unreachable(String),
    /// It began to answer.
    #[error("{0}")]
    Broken(String),
    /// It answered with something else.
    #[error("{0}")]
    Answer(String),
    /// It is not believed.
    #[error("{0}")]
    Invalid(Objection),
}

impl From<Failure> for Objection {
    /// Fetched and not believed is something else than not fetched.
    fn from(failure: Failure) -> Self {
        let not_fetched = |fault, why: String| Self::new(fault, format!("cannot be fetched: {why}"));
        match failure {
            Failure::Unreachable(why) | Failure::Broken(why) => not_fetched(Fault::Unreachable, why),
            Failure::Answer(why) => not_fetched(Fault::Answer, why),
            Failure::Invalid(objection) => objection.of("is fetched, and not believed"),
        }
    }
}

impl Failure {
    /// The label of metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Broken(_) | Self::Answer(_) => "unavailable",
            Self::Invalid(_) => "invalid",
        }
    }
}

impl Source {
    /// Reads the certificates that a source names; nothing else yet. Copies are kept below `folder`.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn open(
        config: &MetadataSourceConfig,
        folder: Option<&Path>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Self, SourceError> {
        let trust = Arc::new(Trust::load(config).map_err(SourceError::Signers)?);
        let pace = Pace { shortest: config.shortest_refresh, longest: config.longest_refresh };
        let works = Works { trust, pace, clock, metrics: metrics.of_source(&config.name) };
        let kept = folder.map(|folder| Kept::new(folder.join("metadata").join(&config.name)));
        let kind = match &config.place {
            MetadataPlace::File(_) | MetadataPlace::Directory(_) => {
                Kind::Held(Box::new(Held::new(&config.name, Origin::Local(config.place.clone()), works)))
            }
            MetadataPlace::Url(url) => {
                let origin = Origin::Url { url: url.clone(), client: remote::client(config)?, kept };
                Kind::Held(Box::new(Held::new(&config.name, origin, works)))
            }
            MetadataPlace::Mdq(base) => {
                Kind::Mdq(Mdq::new(&config.name, base.clone(), remote::client(config)?, kept, works))
            }
        };
        Ok(Self { config: config.clone(), kind })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How it is configured.
    pub fn config(&self) -> &MetadataSourceConfig {
        &self.config
    }

    /// Reads what is on this machine alone: files and folders. What is wrong there, or should be known of it.
    pub fn read_files(&self) -> Vec<Objection> {
        match &self.kind {
            Kind::Held(held) => held.read_files(),
            Kind::Mdq(_) => Vec::new(),
        }
    }

    /// What someone should know of the certificates that are pinned.
    pub fn doubts(&self, now: Timestamp) -> Vec<String> {
        self.works().trust.doubts(now)
    }

    /// Takes over what `earlier`, which it takes the place of, has of the same documents; what nobody has is read from the
    /// copies on disk. Blocks.
    pub fn begin(&self, earlier: Option<&Self>) {
        let earlier = earlier.filter(|earlier| earlier.config.place == self.config.place);
        match (&self.kind, earlier.map(|earlier| &earlier.kind)) {
            (Kind::Held(held), Some(Kind::Held(earlier))) => held.begin(Some(earlier)),
            (Kind::Held(held), _) => held.begin(None),
            (Kind::Mdq(mdq), Some(Kind::Mdq(earlier))) => mdq.begin(Some(earlier)),
            (Kind::Mdq(mdq), _) => mdq.begin(None),
        }
    }

    /// Keeps its documents up to date. Does not end, and may be dropped at any time. `wanted` are entities that are asked
    /// for before anybody names them.
    pub async fn follow(self: Arc<Self>, wanted: Vec<String>) {
        match &self.kind {
            Kind::Held(held) => held.follow().await,
            Kind::Mdq(mdq) => mdq.follow(&wanted).await,
        }
    }

    /// Learns what a check needs to know of an entity, for [`Source::provider`] to say what a start here would, and leaves
    /// nothing on disk: from what has been tried out, or the last good copy; a query service is asked itself if `online`.
    pub async fn rehearse(&self, entity_id: &str, online: bool) {
        match &self.kind {
            Kind::Held(held) => held.rehearse(),
            Kind::Mdq(mdq) => mdq.rehearse(entity_id, online).await,
        }
    }

    /// The service provider with that entityID, which a request of `client` names; `None`: the source says that it knows none.
    ///
    /// # Errors
    /// The source cannot say, or not to that client now.
    pub async fn provider(
        &self,
        entity_id: &str,
        client: ClientAddress,
        now: Timestamp,
    ) -> Result<Option<Arc<ServiceProvider>>, Unavailable> {
        let found = match &self.kind {
            Kind::Held(held) => held.provider(entity_id, now),
            Kind::Mdq(mdq) => mdq.provider(entity_id, client, now).await,
        };
        let metrics = &self.works().metrics;
        match &found {
            Ok(Some(_)) => metrics.found.inc(),
            Ok(None) => metrics.unknown.inc(),
            Err(_) => metrics.unavailable.inc(),
        }
        found.map_err(|why| Unavailable::new(format!("metadata source {}", self.config.name), why))
    }

    /// Whether it is known to have a service provider with that entityID. Nobody is asked, and nothing is counted.
    pub fn has(&self, entity_id: &str, now: Timestamp) -> bool {
        match &self.kind {
            Kind::Held(held) => matches!(held.provider(entity_id, now), Ok(Some(_))),
            Kind::Mdq(mdq) => mdq.has(entity_id, now),
        }
    }

    /// How it is at `now`, by what is known of it. Nobody is asked.
    pub fn standing(&self, now: Timestamp) -> SourceStanding {
        match &self.kind {
            Kind::Held(held) => held.standing(now),
            Kind::Mdq(mdq) => mdq.standing(),
        }
    }

    /// Somebody has signed in at that service provider: what is known of it is kept before what strangers name.
    pub fn is_used(&self, entity_id: &str) {
        match &self.kind {
            Kind::Held(_) => {}
            Kind::Mdq(mdq) => mdq.is_used(entity_id),
        }
    }

    fn works(&self) -> &Works {
        match &self.kind {
            Kind::Held(held) => held.works(),
            Kind::Mdq(mdq) => mdq.works(),
        }
    }
}
