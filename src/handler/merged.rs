//! The identity provider's metadata with ours in it, kept up to date.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tracing::{error, warn};

use super::context::Context;
use super::documents::{Documents, check_merge};
use super::forwarded::host;
use crate::config::{Config, MergedMetadataConfig, MetadataMode, Upstream, UpstreamServer};
use crate::dsig::{SigningKeys, Unsigned};
use crate::federation::{
    BelievedMetadata, Fault, Fetched, MetadataCopy, MetadataSource, MetadataVerifier, Objection, UpstreamClient,
};
use crate::model::Timestamp;
use crate::saml::metadata::{DocumentTrust, MergedMetadata};

/// Where the identity provider's metadata comes from.
pub struct MergedSource {
    client: UpstreamClient,
    verifier: MetadataVerifier,
    copy: Option<MetadataCopy>,
}

impl MergedSource {
    /// What `client` fetches, if `verifier` believes it. Of what is signed a copy is kept, if there is a folder for it; of
    /// anything else whoever may write there would be believed.
    pub fn new(client: UpstreamClient, verifier: MetadataVerifier, config: &Config) -> Self {
        let place = origin(config).map(|(upstream, host, path)| {
            let servers: Vec<String> = upstream.servers.iter().map(UpstreamServer::url).collect();
            [&servers.join(" "), host, path].join(" ")
        });
        let signed = matches!(verifier.trust, DocumentTrust::Signed(_));
        let copy = config.cache_folder.as_deref().filter(|_| signed).zip(place);
        Self { client, verifier, copy: copy.map(|(folder, place)| MetadataCopy::new(folder, &place)) }
    }

    /// What an earlier configuration believed of the same identity provider, or a copy on disk says, if this one believes it
    /// and can publish it.
    pub fn recall(
        &self,
        earlier: Option<(&Config, &Documents)>,
        config: &Config,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Option<BelievedMetadata> {
        let MetadataMode::Merge(merged) = &config.metadata else { return None };
        let same = |(before, _): &(&Config, &Documents)| origin(before) == origin(config);
        let known = earlier.filter(same).and_then(|(_, documents)| documents.idp_metadata());
        let known = known.map(|known| known.body.clone()).or_else(|| self.copy.as_ref()?.read())?;
        let believed = self
            .verifier
            .read(known, now)
            .and_then(|believed| fits(config, merged, &believed, keys, now).map(|_| believed));
        believed.inspect_err(|why| warn!(%why, "what was known of the identity provider's metadata is of no use")).ok()
    }

    /// Fetches it, and again ahead of its end, and publishes it with ours, for as long as this is polled.
    pub async fn follow(self, context: Arc<Context>) {
        let MetadataMode::Merge(merged) = &context.config.metadata else { return };
        let source = MetadataSource {
            path: merged.path.clone(),
            shown: context.documents.idp_metadata().map(|known| BelievedMetadata::clone(&known)),
            clock: context.clock.clone(),
            metrics: context.metrics.clone(),
        };
        let Self { client, verifier, copy } = self;
        let asked_for = host(context.config.public_authority());
        let fetch = || client.get(&merged.path, asked_for);
        let judging = (context.clone(), merged.clone());
        let judge = move |answer: &Fetched, now| {
            let (Context { config, signing_keys, .. }, merged) = (&*judging.0, &judging.1);
            let (believed, pause) = verifier.judge(answer, now)?;
            fits(config, merged, &believed, signing_keys, now)?;
            Ok((believed, pause))
        };
        source.follow(fetch, judge, |metadata| publish(context.clone(), metadata, copy.clone())).await;
    }

    /// What would be published of what the identity provider answered.
    ///
    /// # Errors
    /// It is not believed, or not fit to be published.
    pub fn judge(
        &self,
        answer: &Fetched,
        config: &Config,
        merged: &MergedMetadataConfig,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Result<Unsigned<MergedMetadata>, Objection> {
        let (believed, _) = self.verifier.judge(answer, now)?;
        fits(config, merged, &believed, keys, now)
    }
}

/// What would be published of it with ours in it.
fn fits(
    config: &Config,
    merged: &MergedMetadataConfig,
    believed: &BelievedMetadata,
    keys: &SigningKeys,
    now: Timestamp,
) -> Result<Unsigned<MergedMetadata>, Objection> {
    let checked = check_merge(config, merged, &believed.metadata, keys, now);
    checked.map_err(|error| Objection::new(Fault::Entity, error.to_string()))
}

/// Signs what ends, or would be signed otherwise by now; where tokens are signed, for the key may be in a device.
///
/// # Errors
/// It cannot be signed; what was signed before stays.
pub async fn renew_published(context: &Arc<Context>) -> Result<(), String> {
    let renewing = context.clone();
    let renew = move || renewing.documents.renew(&renewing.config, &renewing.signing_keys, &*renewing.clock);
    let renewed = context.signing.run(renew).await.map_err(|error| error.to_string())?;
    if matches!(context.config.metadata, MetadataMode::Merge(_)) {
        context.metrics.metadata_not_after.set(context.documents.published.load().not_after());
    }
    renewed.map_err(|error| error.to_string())
}

async fn publish(context: Arc<Context>, metadata: BelievedMetadata, copy: Option<MetadataCopy>) {
    // The same document is not signed again.
    if context.documents.idp_metadata().is_none_or(|known| known.body != metadata.body) {
        let (body, now) = (metadata.body.clone(), context.clock.now());
        context.documents.learn(metadata);
        if let Some(copy) = copy {
            // The publishing goes on without it.
            drop(spawn_blocking(move || copy.write(&body, now)));
        }
    }
    if let Err(error) = renew_published(&context).await {
        error!(%error, "the metadata is not signed again; the one before stays, and it is tried again");
    }
}

/// Where it is fetched: the servers, the host and the path.
fn origin(config: &Config) -> Option<(&Upstream, &str, &str)> {
    match &config.metadata {
        MetadataMode::Merge(merged) => Some((&config.upstream, config.public_authority(), &merged.path)),
        _ => None,
    }
}
