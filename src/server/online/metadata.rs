//! The identity provider's own metadata beside our issuer and key: for one domain Entra holds one issuer and one
//! certificate, and the next, for what the identity provider signs and for what we sign.

use std::path::Path;

use openssl::x509::X509Ref;

use super::{report::Report, upstream};
use crate::config::{Config, EndpointConfig, MetadataMode, PartyConfig, Upstream, UpstreamServer};
use crate::federation::METADATA_BYTES;
use crate::keys::Description;
use crate::model::{Clock, Endpoint, IssuerChoice};
use crate::runtime::SystemClock;
use crate::saml::metadata::{IdpDescriptor, MetadataDocument};
use crate::server::Prepared;

/// Where identity providers have it: WSO2 Identity Server, Oracle Access Manager.
const USUAL_PATHS: [&str; 2] = ["/identity/metadata/saml2", "/oamfed/idp/metadata"];
const STEP: &str = "identity provider's metadata";
const NOT_COMPARED: &str = "issuer and key were not compared with the identity provider's";
const NAME_IT: &str = "name it by --idp-metadata: a path on the identity provider, a URL or a file";

/// Finds the metadata and compares.
pub(super) async fn compare(prepared: &Prepared, place: Option<&str>, reached: bool, report: &mut Report<'_>) {
    let found = match place {
        Some(place) => match named(&prepared.config, place).await {
            Ok(document) => document,
            Err(what) => {
                return report.failed(STEP, what, "give --idp-metadata a path on it, a URL or a file that holds it");
            }
        },
        None if !reached => return report.note(STEP, "nothing is compared: no server answered"),
        None => match usual(&prepared.config).await {
            Ok(Some(found)) => found,
            Err(what) => return report.warning(STEP, format!("{NOT_COMPARED}: {what}"), NAME_IT),
            Ok(None) => {
                let paths = candidates(&prepared.config).join(", ");
                return report.warning(STEP, format!("{NOT_COMPARED}: none at {paths}"), NAME_IT);
            }
        },
    };
    let (place, document) = found;
    if document.valid_until.is_some_and(|until| until <= SystemClock.now()) {
        report.warning(STEP, format!("{place}: its validUntil is over"), "have the identity provider issue it anew");
    }
    let providers = &document.identity_providers;
    let ours = providers.iter().find(|idp| idp.entity_id == prepared.config.issuer.entity_id);
    let Some(idp) = ours.or_else(|| providers.first()) else {
        return report.warning(STEP, format!("{place}: no SAML 2.0 identity provider in it"), "look at what is there");
    };
    report.fine(STEP, format!("{place}: {}", idp.entity_id));
    let step = format!("{STEP}, issuer");
    issuers(&prepared.config, idp).into_iter().for_each(|verdict| verdict.tell(&step, report));
    key(&prepared.config, idp, prepared.signing_keys.at(SystemClock.now()).certificate())
        .tell(&format!("{STEP}, key"), report);
    if let Some(verdict) = published(prepared, idp) {
        verdict.tell(&format!("{STEP}, published"), report);
    }
}

/// A document and where it was.
type Found = (String, MetadataDocument);

async fn named(config: &Config, place: &str) -> Result<Found, String> {
    let bytes = if let Some((server, path)) = address(place) {
        let known = config.upstream.servers.contains(&server);
        let tls = if known { config.upstream.tls.clone() } else { Default::default() };
        let authority = server.authority();
        // What is set for the identity provider, a secret perhaps, is for nobody else.
        let set_headers = if known { config.upstream.set_headers.clone() } else { Vec::new() };
        let upstream = Upstream { servers: vec![server], tls, set_headers, ..config.upstream.clone() };
        fetch(&upstream, &path, if known { config.public_authority() } else { &authority }).await?
    } else if Path::new(place).is_file() {
        std::fs::read(place).map_err(|error| format!("{place}: {error}"))?
    } else if place.starts_with('/') {
        fetch(&config.upstream, place, config.public_authority()).await?
    } else {
        return Err(format!("{place}: there is no such file"));
    };
    let document = MetadataDocument::read(&bytes, METADATA_BYTES).map_err(|error| format!("{place}: {error}"))?;
    Ok((place.to_owned(), document))
}

/// The first of the usual places that has some; why there is none where one of them could not be asked.
async fn usual(config: &Config) -> Result<Option<Found>, String> {
    let client = upstream::client(&config.upstream).map_err(|error| error.to_string())?;
    let mut failed = None;
    for path in candidates(config) {
        // Some answer a path that is not theirs with an error of their own, and many with a page.
        match client.get(&path, config.public_authority()).await {
            Ok(answer) => {
                if let Ok(document) = MetadataDocument::read(&answer.body, METADATA_BYTES) {
                    return Ok(Some((path, document)));
                }
            }
            Err(unavailable) => failed = Some(format!("{path}: {}", unavailable.reason)),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// Our own paths first: they are the identity provider's, where it has metadata of the kind that we answer for it.
fn candidates(config: &Config) -> Vec<String> {
    let mut paths = match (&config.metadata, config.endpoints.get(&Endpoint::Metadata)) {
        (MetadataMode::Merge(merged), _) => vec![merged.path.clone()],
        (MetadataMode::Forward { paths }, _)
        | (_, Some(EndpointConfig::Paths(paths) | EndpointConfig::Shadow(paths))) => paths.clone(),
        _ => Vec::new(),
    };
    for usual in USUAL_PATHS {
        if !paths.iter().any(|path| path == usual) {
            paths.push(usual.to_owned());
        }
    }
    paths
}

/// The server and the path of a URL.
fn address(url: &str) -> Option<(UpstreamServer, String)> {
    let uri: http::Uri = url.parse().ok()?;
    let https = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Some((UpstreamServer { host, port, https }, path.to_owned()))
}

async fn fetch(upstream: &Upstream, path: &str, host: &str) -> Result<Vec<u8>, String> {
    let client = upstream::client(upstream).map_err(|error| error.to_string())?;
    let answer = client.get(path, host).await.map_err(|unavailable| unavailable.reason)?;
    if answer.status.is_success() {
        Ok(answer.body.to_vec())
    } else {
        Err(format!("{}{path} answers {}", answer.server, answer.status.as_u16()))
    }
}

/// What comes of one comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Fine(String),
    Doubtful(String, String),
    Wrong(String, String),
}

impl Verdict {
    fn tell(self, step: &str, report: &mut Report<'_>) {
        match self {
            Self::Fine(what) => report.fine(step, what),
            Self::Doubtful(what, help) => report.warning(step, what, help),
            Self::Wrong(what, help) => report.failed(step, what, help),
        }
    }
}

/// Whether Entra, which knows a domain by one issuer, takes that of the identity provider and ours for one.
fn issuers(config: &Config, idp: &IdpDescriptor) -> Vec<Verdict> {
    let theirs = &idp.entity_id;
    let refused = |ours: &str| {
        format!(
            "Entra knows a domain by one issuer: if that is {ours}, it refuses what the identity provider signs (the \
             browser's sign-in); if {theirs}, what we sign (WS-Trust, ECP)"
        )
    };
    let office365: Vec<IssuerChoice> =
        config.relying_parties.iter().filter(|party| party.is_office365()).map(|party| party.party.issuer).collect();
    let mut verdicts = Vec::new();
    if office365.contains(&IssuerChoice::EntityId) || office365.is_empty() {
        let ours = &config.issuer.entity_id;
        verdicts.push(if ours == theirs {
            Verdict::Fine(format!("issuer.entity_id is its entityID, {theirs}"))
        } else if office365.is_empty() {
            let what = format!(
                "issuer.entity_id is {ours}, and it calls itself {theirs}: a service provider that knows one of them \
                 refuses the other"
            );
            Verdict::Doubtful(what, format!("set issuer.entity_id to {theirs}, unless they are meant to be two"))
        } else {
            let what = format!("issuer.entity_id is {ours}, and it calls itself {theirs}. {}", refused(ours));
            if config.endpoints.get(&Endpoint::Sts).is_some_and(|config| config.paths().is_some()) {
                // WSO2 has a setting for each (Resident, Inbound Authentication Configuration).
                let help = "in WS-Federation it may call itself otherwise than here, in SAML: see that issuer.entity_id is \
                            what it says there, and the domain's IssuerUri in Entra";
                Verdict::Doubtful(what, help.to_owned())
            } else {
                let help =
                    format!("set issuer.entity_id to {theirs}, and see that it is the domain's IssuerUri in Entra");
                Verdict::Wrong(what, help)
            }
        });
    }
    if office365.contains(&IssuerChoice::ByDomain) {
        verdicts.extend(config.issuer.domains.iter().map(|(domain, ours)| {
            if ours == theirs {
                Verdict::Fine(format!("the issuer of {domain} is its entityID, {theirs}"))
            } else {
                let what = format!("the issuer of {domain} is {ours}, and it calls itself {theirs}. {}", refused(ours));
                let help = format!(
                    "see that the identity provider signs in {domain}'s users as {ours} in the browser, too (by a \
                     tenant of its own, say), or set issuer.domains.{domain} to {theirs}"
                );
                Verdict::Doubtful(what, help)
            }
        }));
    }
    verdicts
}

/// Whether Entra, which holds one certificate of a domain and the next, takes the identity provider's signatures and ours.
fn key(config: &Config, idp: &IdpDescriptor, ours: &X509Ref) -> Verdict {
    let theirs = &idp.signing_certificates;
    let same_key = |other: &X509Ref| match (other.public_key(), ours.public_key()) {
        (Ok(other), Ok(ours)) => other.public_eq(&ours),
        _ => false,
    };
    let others = theirs.iter().filter(|other| !same_key(other)).count();
    let next =
        if others > 0 { format!("; it publishes {others} other besides, its next perhaps") } else { String::new() };
    if theirs.iter().any(|other| fingerprint(other) == fingerprint(ours)) {
        return Verdict::Fine(format!("issuer.signing is its own certificate, {}{next}", fingerprint(ours)));
    }
    if theirs.iter().any(|other| same_key(other)) {
        return Verdict::Fine(format!("issuer.signing is its own key, with another certificate{next}"));
    }
    if theirs.is_empty() {
        let help = "compare the certificate that it signs with by hand";
        return Verdict::Doubtful("no signing certificate in it that can be read".to_owned(), help.to_owned());
    }
    let names: Vec<String> = theirs.iter().map(|other| fingerprint(other)).collect();
    let differs = format!("issuer.signing is {}, and it signs with {}", fingerprint(ours), names.join(" or "));
    if config.relying_parties.iter().any(PartyConfig::is_office365) {
        let what = format!(
            "{differs}. Entra holds one certificate of a domain, and the next: what is signed with neither is refused, \
             ours in WS-Trust and ECP, the identity provider's in the browser"
        );
        let help = "sign with the identity provider's key: export it as PKCS#12 and name it in issuer.signing; or register \
                    ours as nextSigningCertificate beside its own";
        Verdict::Wrong(what, help.to_owned())
    } else {
        let what = format!("{differs}: a service provider that knows one of them refuses the other");
        Verdict::Doubtful(what, "sign with its key, or give service providers both certificates".to_owned())
    }
}

/// Whether the metadata that we publish carries what the identity provider signs with.
fn published(prepared: &Prepared, idp: &IdpDescriptor) -> Option<Verdict> {
    if !matches!(prepared.config.metadata, MetadataMode::Own(_)) {
        return None;
    }
    let (keys, now) = (&prepared.signing_keys, SystemClock.now());
    let ours = std::iter::once(keys.at(now).certificate()).chain(keys.others(now)).chain(&prepared.idp_certificates);
    let carried: Vec<String> = ours.map(|certificate| fingerprint(certificate)).collect();
    let theirs = idp.signing_certificates.iter().map(|certificate| fingerprint(certificate));
    let missing: Vec<String> = theirs.filter(|certificate| !carried.contains(certificate)).collect();
    (!missing.is_empty()).then(|| {
        let what = format!(
            "our own metadata does not carry its signing certificate {}: service providers that read it refuse the \
             browser's sign-in",
            missing.join(" nor ")
        );
        Verdict::Doubtful(what, "name a file with it in metadata.idp_certificates".to_owned())
    })
}

/// The beginning of the certificate's SHA-256, as `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(certificate: &X509Ref) -> String {
    let sha256 = Description::of(certificate).sha256;
    let octets: Vec<&str> = sha256.split(':').take(8).collect();
    format!("{}:…", octets.join(":"))
}
