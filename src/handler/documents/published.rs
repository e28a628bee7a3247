//! What is signed and ends: SAML metadata and WS-Federation's. The same day, keys and sources make the same bytes, here and in
//! every replica.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use openssl::x509::X509;

use super::{Document, PublishError};
use crate::config::{Config, MergedMetadataConfig, MetadataMode, OwnMetadata};
use crate::dsig::{SignError, SigningKey, SigningKeys, Unsigned, sign, sign_written};
use crate::federation::{BelievedMetadata, METADATA_BYTES};
use crate::handler::addresses::{ecp_address, federation_addresses};
use crate::handler::message::Reply;
use crate::model::{Endpoint, SignatureAlgorithm, Timestamp, claim_uri};
use crate::saml::metadata::{
    Additions, Claim, IdentityProvider, MergeError, MergedMetadata, ReceivedMetadata, SecurityTokenService,
    entity_descriptor, federation_metadata, id_of, is_uri, merge,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Consumers refuse a validity of more than 14 days.
const FORTNIGHT: Duration = Duration::from_secs(14 * 24 * 3600);
const CACHE_DURATION: Duration = Duration::from_secs(6 * 3600);
/// In what time somebody may ask again who came before there was anything.
const SOON: HeaderValue = HeaderValue::from_static("30");

/// What was signed, and what of.
pub struct Published {
    metadata: Option<Timed>,
    federation: Option<Timed>,
    /// `None` as long as nothing was signed.
    of: Option<Origin>,
}

/// A document and its end.
struct Timed {
    document: Document,
    until: Timestamp,
}

/// What makes a difference.
struct Origin {
    day: Timestamp,
    signs: Vec<u8>,
    idp: Option<Arc<BelievedMetadata>>,
}

impl Published {
    /// Signs everything that `config` publishes.
    pub(super) fn render(
        config: &Config,
        keys: &SigningKeys,
        idp_certificates: &[X509],
        idp: Option<&Arc<BelievedMetadata>>,
        now: Timestamp,
    ) -> Result<Self, PublishError> {
        let (key, valid_until) = (keys.at(now), day(now).plus(FORTNIGHT));
        let merges = matches!(config.metadata, MetadataMode::Merge(_));
        let received = idp.map(|idp| &*idp.metadata);
        let metadata = match (&config.metadata, received) {
            (MetadataMode::Own(own), _) => {
                let certificates = own_and(keys, idp_certificates.iter(), now)?;
                Some(own_metadata(config, own, certificates, key, valid_until)?)
            }
            (MetadataMode::Merge(merged), Some(theirs)) => {
                let unsigned = merged_metadata(config, merged, theirs, &own_and(keys, [].iter(), now)?, valid_until)?;
                let until = unsigned.value.valid_until;
                Some(timed(sign(unsigned, key, SignatureAlgorithm::RsaSha256)?.xml(), until))
            }
            _ => None,
        };
        let theirs = received.map(ReceivedMetadata::signing_certificates).unwrap_or_default();
        let until = received.and_then(|theirs| theirs.valid_until).map_or(valid_until, |until| until.min(valid_until));
        let describes = has_paths(config, Endpoint::FederationMetadata);
        // Where the identity provider says itself what it signs with, nothing is said before.
        let federation = (describes && (!merges || received.is_some())).then(|| {
            let certificates = own_and(keys, idp_certificates.iter().chain(&theirs), now)?;
            federation_document(config, certificates, key, until)
        });
        let federation = federation.transpose()?;
        let of = Origin { day: day(now), signs: fingerprint(key)?, idp: idp.cloned() };
        Ok(Self { metadata, federation, of: Some(of) })
    }

    /// Nothing yet.
    pub(super) const NOTHING: Self = Self { metadata: None, federation: None, of: None };

    /// Whether nothing would be signed otherwise.
    pub(super) fn is_as_signed(&self, keys: &SigningKeys, idp: Option<&Arc<BelievedMetadata>>, now: Timestamp) -> bool {
        let Some(of) = &self.of else { return false };
        let same_idp = match (&of.idp, idp) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        let same_key = fingerprint(keys.at(now)).is_ok_and(|signs| signs == of.signs);
        same_idp && same_key && of.day == day(now)
    }

    /// The SAML metadata, for a GET with these headers; `None`: it is not ours to publish.
    pub fn metadata(&self, request: &HeaderMap, now: Timestamp) -> Option<Reply> {
        self.metadata.as_ref().map(|metadata| metadata.reply(request, now))
    }

    /// WS-Federation's, likewise.
    pub fn federation(&self, request: &HeaderMap, now: Timestamp) -> Option<Reply> {
        self.federation.as_ref().map(|federation| federation.reply(request, now))
    }

    /// Until when the SAML metadata may be believed, Unix seconds; 0 if there is none.
    pub fn not_after(&self) -> f64 {
        self.metadata.as_ref().map_or(0.0, |metadata| metadata.until.unix_seconds())
    }

    /// The answer where there is nothing to publish yet.
    pub fn missing(&self) -> Reply {
        if self.of.is_some() { without_source() } else { not_now("The metadata cannot be signed now.\n") }
    }
}

fn without_source() -> Reply {
    not_now("The identity provider's metadata, which this is made of, cannot be had now.\n")
}

fn not_now(sentence: &'static str) -> Reply {
    Reply::text(StatusCode::SERVICE_UNAVAILABLE, sentence).with(RETRY_AFTER, SOON)
}

impl Timed {
    fn reply(&self, request: &HeaderMap, now: Timestamp) -> Reply {
        if now < self.until { self.document.reply(request) } else { without_source() }
    }
}

/// Whether an identity provider's metadata can be published with ours, and what of it would be.
///
/// # Errors
/// It has no role that ours could go into, or is too long.
pub fn check_merge(
    config: &Config,
    merged: &MergedMetadataConfig,
    theirs: &ReceivedMetadata,
    keys: &SigningKeys,
    now: Timestamp,
) -> Result<Unsigned<MergedMetadata>, PublishError> {
    merged_metadata(config, merged, theirs, &own_and(keys, [].iter(), now)?, day(now).plus(FORTNIGHT))
        .map_err(Into::into)
}

/// Whether the endpoint is ours, or is compared as if it were.
fn has_paths(config: &Config, endpoint: Endpoint) -> bool {
    config.endpoints.get(&endpoint).is_some_and(|config| config.paths().is_some())
}

fn merged_metadata(
    config: &Config,
    merged: &MergedMetadataConfig,
    theirs: &ReceivedMetadata,
    signing_certificates: &[String],
    valid_until: Timestamp,
) -> Result<Unsigned<MergedMetadata>, MergeError> {
    let sso_soap = ecp_address(config);
    let answers = has_paths(config, Endpoint::Ecp);
    let additions = Additions {
        sso_soap: answers.then_some(sso_soap.as_str()),
        signing_certificates,
        scope: config.issuer.scope.as_deref(),
        moves: &merged.moves,
        valid_until,
        cache_duration: CACHE_DURATION,
        most: METADATA_BYTES,
    };
    merge(theirs, &additions)
}

fn own_metadata(
    config: &Config,
    own: &OwnMetadata,
    signing_certificates: Vec<String>,
    key: &SigningKey,
    valid_until: Timestamp,
) -> Result<Timed, SignError> {
    let OwnMetadata { sso_redirect, sso_post, slo_redirect, slo_post, name_id_formats } = own.clone();
    let idp = IdentityProvider {
        entity_id: config.issuer.entity_id.clone(),
        id: "_".to_owned(),
        valid_until,
        cache_duration: CACHE_DURATION,
        signing_certificates,
        sso_soap: ecp_address(config),
        sso_redirect,
        sso_post,
        slo_redirect,
        slo_post,
        name_id_formats,
        scope: config.issuer.scope.clone(),
    };
    let id = id_of(&entity_descriptor(idp.clone()).xml);
    let signed = sign(entity_descriptor(IdentityProvider { id, ..idp }), key, SignatureAlgorithm::RsaSha256)?;
    Ok(timed(signed.xml(), valid_until))
}

fn federation_document(
    config: &Config,
    signing_certificates: Vec<String>,
    key: &SigningKey,
    valid_until: Timestamp,
) -> Result<Timed, PublishError> {
    let addresses = federation_addresses(config);
    let sts = SecurityTokenService {
        entity_id: config.issuer.entity_id.clone(),
        id: "_".to_owned(),
        valid_until,
        cache_duration: CACHE_DURATION,
        signing_certificates,
        claims: claims(config),
        sts: addresses.sts,
        mex: addresses.mex,
        passive: config.published.passive.clone(),
    };
    let id = id_of(&federation_metadata(sts.clone()).xml);
    let unsigned = federation_metadata(SecurityTokenService { id, ..sts });
    Ok(timed(sign_written(unsigned, key, SignatureAlgorithm::RsaSha256)?.xml(), valid_until))
}

/// The claims that some relying party of WS-Trust may get, each once.
fn claims(config: &Config) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let parties = config.relying_parties.iter().map(|party| &party.party).filter(|party| !party.applies_to.is_empty());
    for attribute in parties.flat_map(|party| &party.attributes) {
        let uri = claim_uri(attribute.namespace.as_deref(), &attribute.name).into_owned();
        if is_uri(&uri) && !claims.iter().any(|claim| claim.uri == uri) {
            claims.push(Claim { uri, display_name: attribute.friendly_name.clone() });
        }
    }
    claims
}

fn timed(xml: &str, until: Timestamp) -> Timed {
    Timed { document: Document::new("application/samlmetadata+xml", xml.to_owned()), until }
}

/// The beginning of a day, by UTC.
fn day(now: Timestamp) -> Timestamp {
    let millis = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_millis(now.unix_millis().div_euclid(millis) * millis)
}

fn fingerprint(key: &SigningKey) -> Result<Vec<u8>, SignError> {
    Ok(key.certificate().to_der()?)
}

/// Our certificates, the one that signs first, and others: base64 of the DER, each once.
fn own_and<'c>(
    keys: &'c SigningKeys,
    others: impl Iterator<Item = &'c X509>,
    now: Timestamp,
) -> Result<Vec<String>, SignError> {
    let mut once = vec![keys.at(now).certificate_base64().to_owned()];
    for certificate in keys.others(now).chain(others) {
        let base64 = STANDARD.encode(certificate.to_der()?);
        if !once.contains(&base64) {
            once.push(base64);
        }
    }
    Ok(once)
}
