//! The metadata that would be published: the identity provider's own with ours in it, fetched once and judged as it is judged
//! while we serve.

use http::StatusCode;

use super::{report::Report, upstream};
use crate::config::{Config, MergedMetadataConfig, MetadataMode};
use crate::dsig::Unsigned;
use crate::federation::{Fault, METADATA_BYTES, Objection, UpstreamClient};
use crate::handler::MergedSource;
use crate::model::Clock;
use crate::runtime::SystemClock;
use crate::saml::metadata::{Endpoint, MergedMetadata, MetadataDocument};
use crate::server::{Prepared, remedies};

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
        Err(Objection { what, fault }) => {
            let help = remedies::of_merged(fault, merged);
            report.failed(
                STEP,
                format!("{} {what}", merged.path),
                format!("{help}; nothing is published until it is right"),
            );
        }
    }
}

async fn judged(
    prepared: &Prepared,
    source: &MergedSource,
    merged: &MergedMetadataConfig,
    client: &UpstreamClient,
) -> Result<Unsigned<MergedMetadata>, Objection> {
    let config = &prepared.config;
    let not_fetched = |fault, why: &str| Objection::new(fault, format!("cannot be fetched: {why}"));
    let answer = client.get(&merged.path, config.public_authority()).await;
    let answer = answer.map_err(|error| not_fetched(Fault::Unreachable, &error.reason))?;
    if answer.status != StatusCode::OK {
        return Err(not_fetched(Fault::Answer, &format!("status {}", answer.status.as_u16())));
    }
    let now = SystemClock.now();
    let judged = source.judge(&answer, config, merged, &prepared.signing_keys, now);
    judged.map_err(|Objection { what, fault }| {
        let how = if fault == Fault::Entity { "cannot be published" } else { "not believed" };
        Objection::new(fault, format!("is fetched, and {how}: {what}"))
    })
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
