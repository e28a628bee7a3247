//! The metadata that would be published: the identity provider's own with ours in it, fetched once and judged as it is judged
//! while we serve.

use super::{report::Report, upstream};
use crate::config::{Config, MergedMetadataConfig, MetadataMode};
use crate::dsig::Unsigned;
use crate::federation::{METADATA_BYTES, UpstreamClient};
use crate::handler::{MergedSource, check_merge};
use crate::model::Clock;
use crate::runtime::SystemClock;
use crate::saml::metadata::{Endpoint, MergedMetadata, MetadataDocument};
use crate::server::Prepared;

const STEP: &str = "metadata, merged";

/// Says what would be published, or why nothing would.
pub(super) async fn look(prepared: &Prepared, reached: bool, report: &mut Report<'_>) {
    let MetadataMode::Merge(merged) = &prepared.config.metadata else { return };
    let Some(source) = &prepared.merged else { return };
    if !reached {
        return report.note(STEP, "nothing is merged: no server answered");
    }
    let client = match upstream::client(&prepared.config.upstream) {
        Ok(client) => client,
        Err(error) => return report.failed(STEP, error.to_string(), "correct upstream.tls"),
    };
    match judged(prepared, source, merged, &client).await {
        Ok(found) => tell(&prepared.config, merged, &found, report),
        Err(what) => {
            let help = "nothing is published until this is right: see that metadata.idp_metadata is where the identity \
                        provider has its own, and metadata.idp_certificate_file what signs it";
            report.failed(STEP, format!("{}: {what}", merged.path), help);
        }
    }
}

async fn judged(
    prepared: &Prepared,
    source: &MergedSource,
    merged: &MergedMetadataConfig,
    client: &UpstreamClient,
) -> Result<Unsigned<MergedMetadata>, String> {
    let config = &prepared.config;
    let answer = client.get(&merged.path, config.public_authority()).await.map_err(|error| error.reason)?;
    if !answer.status.is_success() {
        return Err(format!("status {}", answer.status.as_u16()));
    }
    let now = SystemClock.now();
    let (believed, _) = source.judge(&answer, config, merged, &prepared.signing_keys, now)?;
    check_merge(config, merged, &believed.metadata, &prepared.signing_keys, now).map_err(|error| error.to_string())
}

fn tell(config: &Config, merged: &MergedMetadataConfig, found: &Unsigned<MergedMetadata>, report: &mut Report<'_>) {
    let believed = match &merged.certificate_file {
        Some(_) => "signed by a key of metadata.idp_certificate_file",
        None => "not looked at for a signature (metadata.allow_unsigned)",
    };
    report.fine(STEP, format!("{}: {}, {believed}", merged.path, config.issuer.entity_id));
    let MergedMetadata { valid_until, left_out, unmoved } = &found.value;
    let Ok(document) = MetadataDocument::read(found.xml.as_bytes(), METADATA_BYTES) else { return };
    let ours = document.identity_providers.iter().find(|idp| idp.entity_id == config.issuer.entity_id);
    let Some(idp) = ours else { return };
    for (service, endpoints) in
        [("SingleSignOnService", &idp.single_sign_on), ("SingleLogoutService", &idp.single_logout)]
    {
        let listed: Vec<String> = endpoints.iter().map(endpoint).collect();
        if !listed.is_empty() {
            report.fine(&format!("{STEP}, {service}"), listed.join(", "));
        }
    }
    let keys = idp.signing_certificates.len();
    report.fine(&format!("{STEP}, keys"), format!("{keys} signing certificates; believed until {valid_until}"));
    if !left_out.is_empty() {
        report.note(&format!("{STEP}, left out"), left_out.join(", "));
    }
    if !unmoved.is_empty() {
        let what = format!("nothing in it is at {}", unmoved.join(" nor "));
        report.warning(&format!("{STEP}, move"), what, "write the addresses in metadata.move as the document has them");
    }
}

fn endpoint(endpoint: &Endpoint) -> String {
    let binding = endpoint.binding.rsplit(':').next().unwrap_or_default();
    format!("{binding} {}", endpoint.location)
}
