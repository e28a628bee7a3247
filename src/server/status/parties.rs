//! Endpoints, relying parties, and what an Entra tenant is to be told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::admin::report::{Domain, Endpoint, Party};
use crate::config::{Config, EndpointConfig};
use crate::dsig::KeyKind;
use crate::entra::{Federation, SignInProtocol};
use crate::model::{self, IssuerChoice, SignatureAlgorithm, Timestamp};
use crate::server::snapshot::Snapshot;

/// Each endpoint.
pub(super) fn endpoints(config: &Config) -> Vec<Endpoint> {
    let endpoint = |endpoint: model::Endpoint| {
        let addresses = addresses(config, endpoint);
        Endpoint { key: endpoint.label(), own: !addresses.is_empty(), addresses }
    };
    model::Endpoint::ALL.into_iter().map(endpoint).collect()
}

/// Whom tokens are for, as little of it as an operator needs: neither who may have them, nor by which addresses they are asked
/// for.
pub(super) fn parties(snapshot: &Snapshot, now: Timestamp) -> Vec<Party> {
    let kind = snapshot.context().signing_keys.at(now).kind();
    let config = snapshot.config();
    let party = |party: &model::RelyingParty| {
        let (ws_trust, ecp) = (!party.applies_to.is_empty(), party.ecp.is_some());
        let protocols = [(ws_trust, "ws_trust"), (ecp, "ecp")];
        let used = [(ws_trust, ["mex", "sts", "federation_metadata"].as_slice()), (ecp, &["ecp", "metadata"])];
        Party {
            name: party.name.clone(),
            protocols: protocols.into_iter().filter_map(|(on, protocol)| on.then_some(protocol)).collect(),
            endpoints: used.into_iter().filter(|(on, _)| *on).flat_map(|(_, keys)| keys).copied().collect(),
            issuer: (party.issuer == IssuerChoice::EntityId).then(|| config.issuer.entity_id.clone()),
            signature: signature(party.signature, kind),
            weak_signature: party.signature == SignatureAlgorithm::RsaSha1,
        }
    };
    config.relying_parties.iter().map(|each| party(&each.party)).collect()
}

fn signature(asked: SignatureAlgorithm, kind: KeyKind) -> &'static str {
    match (asked, kind) {
        (SignatureAlgorithm::RsaSha1, _) => "rsa-sha1",
        (SignatureAlgorithm::RsaSha256, KeyKind::Rsa) => "rsa-sha256",
        (SignatureAlgorithm::RsaSha256, KeyKind::P256) => "ecdsa-sha256",
        (SignatureAlgorithm::RsaSha256, KeyKind::P384) => "ecdsa-sha384",
        (SignatureAlgorithm::RsaSha256, KeyKind::P521) => "ecdsa-sha512",
    }
}

/// What a tenant is to be told.
pub(super) fn domains(snapshot: &Snapshot, now: Timestamp) -> Vec<Domain> {
    let domain = |(domain, federation)| Domain { domain, federation };
    federations(snapshot, now).into_iter().map(domain).collect()
}

/// The federation of each domain by WS-Federation, and by SAML where Office 365 may use ECP; none without Office 365.
fn federations(snapshot: &Snapshot, now: Timestamp) -> Vec<(String, Federation)> {
    let (config, keys) = (snapshot.config(), &snapshot.context().signing_keys);
    let Some(office) = config.relying_parties.iter().find(|party| party.is_office365()) else { return Vec::new() };
    let first = |endpoint| addresses(config, endpoint).into_iter().next();
    // Empty: nobody here knows it.
    let passive = config.published.passive.clone().unwrap_or_default();
    let next = keys.next(now).and_then(|next| next.key.certificate().to_der().ok()).map(|der| STANDARD.encode(der));
    let federation = |protocol, issuer: &str, active: String, mex: Option<String>| Federation {
        preferred_authentication_protocol: protocol,
        issuer_uri: issuer.to_owned(),
        passive_sign_in_uri: passive.clone(),
        active_sign_in_uri: active,
        sign_out_uri: passive.clone(),
        metadata_exchange_uri: mex,
        signing_certificate: keys.at(now).certificate_base64().to_owned(),
        next_signing_certificate: next.clone(),
    };
    let by_domain = office.party.issuer == IssuerChoice::ByDomain;
    let listed = config.issuer.domains.iter().filter(|_| by_domain);
    let mut issuers: Vec<(String, &str)> = listed.map(|(domain, issuer)| (domain.clone(), issuer.as_str())).collect();
    if !by_domain {
        issuers.push((String::new(), &config.issuer.entity_id));
    }
    let mut all = Vec::new();
    for (domain, issuer) in issuers {
        if let Some(sts) = first(model::Endpoint::Sts) {
            let mex = first(model::Endpoint::Mex);
            all.push((domain.clone(), federation(SignInProtocol::WsFed, issuer, sts, mex)));
        }
        if let Some(ecp) = first(model::Endpoint::Ecp).filter(|_| office.party.ecp.is_some()) {
            all.push((domain, federation(SignInProtocol::Saml, issuer, ecp, None)));
        }
    }
    all
}

/// Where we answer an endpoint, the address first that is usually given out; nowhere if the identity provider does.
fn addresses(config: &Config, endpoint: model::Endpoint) -> Vec<String> {
    let Some(EndpointConfig::Paths(paths)) = config.endpoints.get(&endpoint) else { return Vec::new() };
    const USUAL: [&str; 3] = ["/trust/mex", "/trust/2005/usernamemixed", "/trust/13/usernamemixed"];
    let rank = |path: &&String| USUAL.iter().position(|usual| path.ends_with(usual)).unwrap_or(USUAL.len());
    let mut paths: Vec<&String> = paths.iter().collect();
    paths.sort_by_key(rank);
    paths.into_iter().map(|path| format!("{}{path}", config.public_url)).collect()
}
