//! Endpoints, relying parties, and what an Entra tenant is to be told.

use crate::admin::report::{Domain, Endpoint, Party, Shadow};
use crate::config::{Config, EndpointConfig};
use crate::dsig::KeyKind;
use crate::entra::{self, Certificate, Federation, SignInProtocol};
use crate::handler::sign_in_addresses;
use crate::model::{self, IssuerChoice, SignatureAlgorithm, Timestamp};
use crate::server::snapshot::Snapshot;
use crate::telemetry::ShadowMetrics;

/// Each endpoint, with what was counted of those in shadow since the start.
pub(super) fn endpoints(config: &Config, counted: &ShadowMetrics) -> Vec<Endpoint> {
    let endpoint = |endpoint: model::Endpoint| {
        let addresses = addresses(config, endpoint);
        let in_shadow = matches!(config.endpoints.get(&endpoint), Some(EndpointConfig::Shadow(_)));
        let shadow = in_shadow.then(|| shadow(endpoint, counted));
        Endpoint { key: endpoint.label(), own: !addresses.is_empty(), shadow, addresses }
    };
    model::Endpoint::ALL.into_iter().map(endpoint).collect()
}

fn shadow(endpoint: model::Endpoint, counted: &ShadowMetrics) -> Shadow {
    let tally = |result| counted.tally(endpoint, result);
    Shadow {
        compared: tally("same") + tally("different"),
        different: tally("different"),
        not_compared: tally("not_compared") + tally("failed"),
    }
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

/// The federation of each domain by WS-Federation, and by SAML where Office 365 may use ECP; none without Office 365. Where it
/// has one issuer for all, the domain has no name here.
fn federations(snapshot: &Snapshot, now: Timestamp) -> Vec<(String, Federation)> {
    let (config, keys) = (snapshot.config(), &snapshot.context().signing_keys);
    let Some(office) = config.relying_parties.iter().find(|party| party.is_office365()) else { return Vec::new() };
    let Ok(signing) = Certificate::of(keys.at(now).certificate()) else { return Vec::new() };
    let next = keys.next(now).and_then(|next| Certificate::of(next.key.certificate()).ok());
    let idp: Vec<Certificate> =
        snapshot.context().documents.idp_certificates().iter().filter_map(|one| Certificate::of(one).ok()).collect();
    let issuers = match office.party.issuer {
        IssuerChoice::ByDomain => config.issuer.domains.clone(),
        IssuerChoice::EntityId => [(String::new(), config.issuer.entity_id.clone())].into(),
    };
    let answered = |endpoint| !addresses(config, endpoint).is_empty();
    let by_ecp = office.party.ecp.is_some() && answered(model::Endpoint::Ecp);
    let offered = [(answered(model::Endpoint::Sts), SignInProtocol::WsFed), (by_ecp, SignInProtocol::Saml)];
    let mut all = Vec::new();
    for (name, issuer) in issuers {
        for protocol in offered.into_iter().filter_map(|(offered, protocol)| offered.then_some(protocol)) {
            let (name, issuer, addresses) = (name.clone(), issuer.clone(), sign_in_addresses(config, protocol));
            let (signing, next, idp) = (signing.clone(), next.clone(), idp.clone());
            let domain = entra::Domain::new(name, protocol, issuer, addresses, signing, next, idp);
            all.push((domain.name, domain.federation));
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
