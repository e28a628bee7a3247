//! One configuration at work. A request keeps the snapshot that it began with; a reload makes another.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;

use super::process::Process;
use super::rollover::Rollover;
use super::{Prepared, issuers};
use crate::config::{Config, Contents, EndpointConfig, MetadataMode};
use crate::directory::{Availability, Directories};
use crate::federation::Sources;
use crate::handler::{self, Context, Documents, ForwardedDocuments, NativeRequest, PublishError, Reply};
use crate::model::Endpoint;
use crate::proxy::{Native, ProxySettings};
use crate::runtime::Chores;
use crate::shadow::Shadow;
use crate::sign_in::SignIn;
use crate::state::Seals;
use crate::sts::TrustedIssuers;
use crate::telemetry::{Metrics, answering};
use crate::traces::Traces;

/// Everything made of one configuration.
pub(super) struct Snapshot {
    context: Arc<Context>,
    settings: Arc<ProxySettings>,
    sources: Sources,
    contents: Contents,
    directories: Arc<Directories>,
    rollover: Arc<Rollover>,
    /// Its tasks. They hold none of what holds them, so that they end with it.
    chores: Chores,
}

impl Snapshot {
    /// Makes what was prepared ready, on the current tokio runtime. `earlier` is the snapshot whose place it is to take.
    ///
    /// # Errors
    /// The metadata cannot be signed. A start does not fail for a device that does not sign now.
    pub fn new(prepared: Prepared, process: &Process, earlier: Option<&Self>) -> Result<Self, PublishError> {
        let Prepared { config, contents, signing_keys, directories, parties, sources, .. } = prepared;
        let (idp_certificates, mut settings, client) = (prepared.idp_certificates, prepared.settings, prepared.client);
        let merged = prepared.merged;
        if let Some(earlier) = earlier {
            settings.learn_from(&earlier.settings);
        }
        let (clock, ids, metrics) = (process.clock.clone(), process.ids.clone(), process.metrics.clone());
        let now = clock.now();
        process.promoted.recall(&signing_keys, now);
        let before = earlier.map(|earlier| (&*earlier.context.config, &*earlier.context.documents));
        let known = merged.as_ref().and_then(|merged| merged.recall(before, &config, &signing_keys, now));
        let may_wait = earlier.is_none();
        let documents = Documents::render(&config, &signing_keys, &idp_certificates, known, now, may_wait)?;
        settings = settings.with_certificate_ids(documents.certificates.ids());
        settings = settings.with_traces(prepared.exporter.map(|exporter| Traces::begin(exporter, &metrics)));
        let mut chores = Chores::default();
        if let Some(client) = client {
            let before = earlier.and_then(|earlier| earlier.settings.documents());
            let forwarded = ForwardedDocuments::new(&config, client, before, clock.clone(), metrics.clone());
            chores.spawn(forwarded.fetch());
            settings = settings.with_documents(forwarded);
        }
        sources.begin(earlier.map(|earlier| &earlier.sources));
        for source in sources.iter() {
            chores.spawn(source.clone().follow(parties.wanted_of(source.name())));
        }
        let sign_in = SignIn::new(&config, directories.clone(), process.memory.clone(), clock.clone(), metrics.clone());
        let issuers = issuers(&config);
        let (listed, own) = (prepared.trusted_issuers, signing_keys.verifying());
        let trusted = TrustedIssuers::new(listed, &issuers, own, handler::token_audiences(&config));
        let context = Arc::new(Context {
            parties: Arc::new(parties),
            issuers,
            trusted,
            signing_keys,
            documents: Arc::new(documents),
            ecp_addresses: handler::ecp_addresses(&config),
            sts_addresses: handler::sts_addresses(&config),
            client_trust: prepared.client_trust,
            sign_in: Arc::new(sign_in),
            signing: process.signing.clone(),
            replay: process.replay.clone(),
            issued: process.issued.clone(),
            clock,
            ids,
            metrics,
            audit: process.audit.clone(),
            config,
        });
        if shadowed(&context.config).next().is_some() {
            let desk = process.shadow.clone();
            let shadow =
                Shadow::new(&context, directories.clone(), &process.memory, desk).map_err(PublishError::System)?;
            settings = settings.with_shadow(Some(shadow));
        }
        chores.spawn(settings.watch_health());
        if let Some(merged) = merged {
            chores.spawn(merged.follow(context.clone()));
        }
        let rollover = Arc::new(Rollover::new(context.clone(), now));
        chores.spawn(rollover.clone().watch());
        Ok(Self { context, settings: Arc::new(settings), sources, contents, directories, rollover, chores })
    }

    /// What it was made of.
    pub fn config(&self) -> &Arc<Config> {
        &self.context.config
    }

    /// What its handlers work with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What its proxy works with.
    pub fn proxy(&self) -> &ProxySettings {
        &self.settings
    }

    /// Where service providers' metadata comes from.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Where passwords are checked.
    pub fn directories(&self) -> &Directories {
        &self.directories
    }

    /// The files that it was made of.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Who signs users in.
    pub fn sign_in(&self) -> &SignIn {
        &self.context.sign_in
    }

    /// Which of its keys signs, and when that changes.
    pub fn rollover(&self) -> &Rollover {
        &self.rollover
    }

    /// What issued tokens are shared under.
    pub fn seals(&self) -> Option<Seals> {
        let secret = self.config().state.as_ref().and_then(|state| state.key.as_ref());
        secret.map_or_else(|| Some(Seals::of(self.context.signing_keys.clone())), Seals::given)
    }

    /// Shows in the metrics what is in use from here on.
    pub fn show(&self, metrics: &Metrics) {
        self.rollover.show(metrics);
        self.show_directories(metrics);
        metrics.metadata_not_after.set(self.metadata_not_after());
        // The next bind that is remembered counts anew.
        metrics.cache_entries.with_label_values(&["bind"]).set(0);
    }

    fn show_directories(&self, metrics: &Metrics) {
        let each = self.directories.availability().into_iter().map(|(name, how)| (name, how.available));
        metrics.show_directories(&each.collect::<Vec<_>>());
    }

    /// How each directory is, a line each, for people.
    pub fn describe_directories(&self) -> String {
        let line = |(name, how): (String, Availability)| format!("{name}: {}", how.says);
        self.directories.availability().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The endpoints that are in shadow.
    pub fn shadowed(&self) -> Vec<Endpoint> {
        shadowed(self.config()).collect()
    }

    /// When what is published of the identity provider's metadata ends, Unix seconds; 0 if it does not.
    pub fn metadata_not_after(&self) -> f64 {
        match self.config().metadata {
            MetadataMode::Merge(_) => self.context.documents.published.load().not_after(),
            _ => self.settings.documents().map_or(0.0, ForwardedDocuments::not_after),
        }
    }

    /// Tidies up what is remembered, and brings its gauges up to date.
    pub async fn observe_memory(&self) {
        self.show_directories(&self.context.metrics);
        self.context.sign_in.observe().await;
        if let Some(spray) = self.context.sign_in.spray() {
            self.context.audit.write_spray(spray).await;
        }
        self.context.issued.observe(self.context.clock.now()).await;
    }

    /// Sends the traces that there are.
    pub async fn flush_traces(&self) {
        if let Some(traces) = self.settings.traces() {
            traces.flush().await;
        }
    }

    /// Ends its tasks: another has taken its place, and only requests that began with it still hold it.
    pub fn retire(&self) {
        self.chores.end();
    }
}

fn shadowed(config: &Config) -> impl Iterator<Item = Endpoint> {
    let each = config.endpoints.iter().filter(|(_, config)| matches!(config, EndpointConfig::Shadow(_)));
    each.map(|(endpoint, _)| *endpoint)
}

#[async_trait]
impl Native for Snapshot {
    fn settings(&self) -> Arc<ProxySettings> {
        self.settings.clone()
    }

    async fn answer(&self, request: NativeRequest) -> Reply {
        answering(&request.correlation_id, pin!(handler::answer(&request, &self.context))).await
    }

    async fn refuse(&self, request: NativeRequest, status: StatusCode) -> Reply {
        handler::refuse(&request, status, &self.context).await
    }
}
