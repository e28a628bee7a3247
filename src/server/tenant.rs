//! What a tenant is to be told of the domains whose users sign in here, from a configuration, and what is doubtful about it.

use std::collections::BTreeSet;

use openssl::x509::X509;

use super::prepare::{is_public, port_problem};
use super::{Prepared, issuers};
use crate::config::{Config, Diagnostic, EndpointConfig, PartyConfig, PartyMetadata};
use crate::entra::{Certificate, Domain, MfaBehavior, PromptLoginBehavior, SignInProtocol};
use crate::handler::sign_in_addresses;
use crate::model::{Clock, Endpoint, IssuerChoice, Timestamp};
use crate::runtime::SystemClock;
use crate::saml::names::MICROSOFT_ONLINE;

/// What is asked for, and what a configuration does not say.
#[derive(Clone, Debug, Default)]
pub struct TenantOptions {
    /// Which domains; empty: those of `issuer.domains`.
    pub domains: Vec<String>,
    /// How browsers sign in; absent: as what fedfront answers suggests.
    pub protocol: Option<SignInProtocol>,
    /// Where browsers sign in, in the place of what the configuration says.
    pub passive: Option<String>,
    /// Where they sign out, likewise.
    pub sign_out: Option<String>,
    /// A name for people.
    pub display_name: Option<String>,
    /// What becomes of second factors.
    pub mfa: Option<MfaBehavior>,
    /// What becomes of `prompt=login`.
    pub prompt_login: Option<PromptLoginBehavior>,
}

/// What a tenant is to be told.
pub struct TenantSettings {
    /// How browsers sign in.
    pub protocol: SignInProtocol,
    /// Each domain; at least one.
    pub domains: Vec<Domain>,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
}

/// Why nothing can be told.
#[derive(Debug)]
pub enum TenantProblem {
    /// What was asked for is wrong.
    Usage(String),
    /// What is configured is.
    Configuration(Vec<Diagnostic>),
}

/// What a tenant is to be told of its domains.
///
/// # Errors
/// No domain is named, Office 365 is no relying party, or a domain has no issuer.
pub fn tenant_settings(prepared: &Prepared, wanted: &TenantOptions) -> Result<TenantSettings, TenantProblem> {
    let (config, now) = (&*prepared.config, SystemClock.now());
    let protocol = wanted.protocol.unwrap_or_else(|| suggested(config));
    let Some((at, party)) = office365(config, protocol) else {
        let help = "add - { name: office365, preset: office365 }";
        let error = prepared.positions.error("relying_parties", "has no party that is Office 365", help);
        return Err(TenantProblem::Configuration(vec![error]));
    };
    let names = names(config, wanted)?;
    let by_domain = party.party.issuer == IssuerChoice::ByDomain;
    let issuers = issuers(config);
    let mut domains = Vec::new();
    let mut errors = Vec::new();
    for name in names {
        let issuer = if by_domain { issuers.of_domain(&name) } else { Some(issuers.entity_id.as_str()) };
        match issuer {
            Some(issuer) => domains.push(domain(prepared, name, protocol, issuer, wanted, now)?),
            None => {
                let help = format!(
                    "add {name}: \"http://{name}/adfs/services/trust/\", or another URI that is this domain's alone"
                );
                let message = format!("has no issuer for {name}, and relying_parties[{at}].issuer is by_domain");
                errors.push(prepared.positions.error("issuer.domains", message, help));
            }
        }
    }
    if !errors.is_empty() {
        return Err(TenantProblem::Configuration(errors));
    }
    let warnings = Doubts { prepared, at, party, protocol, domains: &domains }.all();
    Ok(TenantSettings { protocol, domains, warnings })
}

/// What fedfront answers: WS-Trust if both.
fn suggested(config: &Config) -> SignInProtocol {
    let answers = |endpoint| {
        config.endpoints.get(&endpoint).and_then(EndpointConfig::paths).is_some_and(|paths| !paths.is_empty())
    };
    if !answers(Endpoint::Sts) && answers(Endpoint::Ecp) { SignInProtocol::Saml } else { SignInProtocol::WsFed }
}

/// The party that is Office 365 by this protocol, or else by the other, and its place.
fn office365(config: &Config, protocol: SignInProtocol) -> Option<(usize, &PartyConfig)> {
    let parties = || config.relying_parties.iter().enumerate().filter(|(_, party)| party.is_office365());
    parties().find(|(_, party)| is_served(party, protocol)).or_else(|| parties().next())
}

fn is_served(party: &PartyConfig, protocol: SignInProtocol) -> bool {
    match protocol {
        SignInProtocol::WsFed => party.party.applies_to.iter().any(|address| address == MICROSOFT_ONLINE),
        SignInProtocol::Saml => party.party.ecp.is_some() && party.metadata == Some(PartyMetadata::Office365),
    }
}

/// The domains that are meant, each once.
fn names(config: &Config, wanted: &TenantOptions) -> Result<Vec<String>, TenantProblem> {
    let asked: Vec<String> = wanted.domains.iter().map(|name| name.to_ascii_lowercase()).collect();
    let names = if asked.is_empty() { config.issuer.domains.keys().cloned().collect() } else { asked };
    if names.is_empty() {
        let message = "issuer.domains names no domain: give --domain NAME, as the tenant has it";
        return Err(TenantProblem::Usage(message.to_owned()));
    }
    if let Some(name) = names.iter().find(|name| !is_domain(name)) {
        let message = format!("{name:?} is no domain: write it as the tenant has it, such as example.com");
        return Err(TenantProblem::Usage(message));
    }
    let mut once = BTreeSet::new();
    Ok(names.into_iter().filter(|name| once.insert(name.clone())).collect())
}

/// Labels of letters, digits and hyphens, two at least. What has other letters is `xn--` to a tenant.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

fn domain(
    prepared: &Prepared,
    name: String,
    protocol: SignInProtocol,
    issuer: &str,
    wanted: &TenantOptions,
    now: Timestamp,
) -> Result<Domain, TenantProblem> {
    let keys = &prepared.signing_keys;
    let signing = facts(keys.at(now).certificate())?;
    let next = keys.next(now).map(|next| facts(next.key.certificate())).transpose()?;
    let mut addresses = sign_in_addresses(&prepared.config, protocol);
    addresses.sign_out = wanted.sign_out.clone().or(addresses.sign_out);
    addresses.passive = wanted.passive.clone().or(addresses.passive);
    let mut domain =
        Domain::new(name, protocol, issuer.to_owned(), addresses, signing, next, all(&prepared.idp_certificates));
    domain.federation.display_name.clone_from(&wanted.display_name);
    domain.federation.federated_idp_mfa_behavior = wanted.mfa;
    domain.federation.prompt_login_behavior = wanted.prompt_login;
    domain.known = all(keys.others(now));
    Ok(domain)
}

fn facts(certificate: &X509) -> Result<Certificate, TenantProblem> {
    Certificate::of(certificate)
        .map_err(|error| TenantProblem::Usage(format!("a signing certificate cannot be read: {error}")))
}

/// As many of them as can be read.
fn all<'x>(certificates: impl IntoIterator<Item = &'x X509>) -> Vec<Certificate> {
    certificates.into_iter().filter_map(|certificate| Certificate::of(certificate).ok()).collect()
}

/// What is doubtful about what a tenant would be told.
struct Doubts<'a> {
    prepared: &'a Prepared,
    at: usize,
    party: &'a PartyConfig,
    protocol: SignInProtocol,
    domains: &'a [Domain],
}

impl Doubts<'_> {
    fn all(&self) -> Vec<Diagnostic> {
        // What a start would say of what Entra sees: certificates, issuers, the party.
        let seen = ["issuer", "listen", "relying_parties"];
        let of_start =
            self.prepared.warnings.iter().filter(|warning| seen.iter().any(|key| warning.path.starts_with(key)));
        let mut found: Vec<Diagnostic> = of_start.cloned().collect();
        found.extend(self.host());
        found.extend(self.port());
        found.extend(self.issuers());
        found.extend(self.served());
        found.extend(self.idp_key());
        found.extend(self.endpoints());
        found.sort_by_key(|warning| warning.at);
        found
    }

    fn config(&self) -> &Config {
        &self.prepared.config
    }

    fn warning(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        self.prepared.positions.warning(key, message, help)
    }

    fn of_party(&self, key: &str) -> String {
        format!("relying_parties[{}].{key}", self.at)
    }

    fn host(&self) -> Option<Diagnostic> {
        let host = self.config().public_host();
        let help = "give it the name that public DNS has, with a certificate of a public CA";
        (!is_public(host))
            .then(|| self.warning("public_url", format!("names {host}, which Microsoft does not find"), help))
    }

    fn port(&self) -> Option<Diagnostic> {
        let (message, help) = port_problem(self.config().public_authority())?;
        Some(self.warning("public_url", message, help))
    }

    fn issuers(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let by_domain = self.party.party.issuer == IssuerChoice::ByDomain;
        let key = if by_domain { "issuer.domains" } else { "issuer.entity_id" };
        for (index, domain) in self.domains.iter().enumerate() {
            let issuer = &domain.federation.issuer_uri;
            let before = self.domains.iter().take(index).find(|other| other.federation.issuer_uri == *issuer);
            if let Some(before) = before {
                let message = format!(
                    "is the issuer of {} and of {}; Entra takes an issuer for one domain",
                    before.name, domain.name
                );
                let help = format!(
                    "list an issuer for each in issuer.domains, and write {}: by_domain",
                    self.of_party("issuer")
                );
                found.push(self.warning(key, message, help));
            } else if by_domain && !self.config().issuer.domains.contains_key(&domain.name) {
                let message = format!(
                    "has no issuer of {}'s own: it has that of the domain above it, whose federation Entra has it share",
                    domain.name
                );
                let help =
                    "federate the domain above alone; list one here if this is a root domain of its own in the tenant";
                found.push(self.warning(key, message, help));
            }
        }
        found
    }

    fn served(&self) -> Option<Diagnostic> {
        if is_served(self.party, self.protocol) {
            return None;
        }
        let (key, message, help) = match self.protocol {
            SignInProtocol::WsFed => (
                "applies_to",
                "has no WS-Trust for Office 365",
                format!("list {MICROSOFT_ONLINE} there, or give --protocol saml"),
            ),
            SignInProtocol::Saml => (
                "ecp",
                "is off: mail programs that sign in by passwords get no token",
                "write ecp: true, or give --protocol ws-fed".to_owned(),
            ),
        };
        Some(self.warning(&self.of_party(key), message, help))
    }

    fn idp_key(&self) -> Option<Diagnostic> {
        let domain = self.domains.first()?;
        let other = domain.idps_other()?;
        let message = format!(
            "names {}: the identity provider signs browsers' tokens with another key than fedfront, and Entra holds two \
             certificates at most",
            other.described()
        );
        let help = match &domain.next {
            None => {
                "have both sign with one key; until then nextSigningCertificate is this certificate, and Entra takes tokens of both"
            }
            Some(_) => {
                "have both sign with one key, or remove it if the identity provider no longer signs by it; until then \
                 nextSigningCertificate is this certificate, and the one of issuer.signing.next has no place in Entra"
            }
        };
        Some(self.warning("metadata.idp_certificates", message, help))
    }

    fn endpoints(&self) -> Vec<Diagnostic> {
        let forwards = |endpoint| matches!(self.config().endpoints.get(&endpoint), Some(EndpointConfig::Forward));
        let mut found = Vec::new();
        let mut forwarded = |endpoint, message: &str, help: &str| {
            if forwards(endpoint) {
                found.push(self.warning(&format!("endpoints.{}", Endpoint::label(endpoint)), message, help));
            }
        };
        match self.protocol {
            SignInProtocol::WsFed => {
                forwarded(
                    Endpoint::Sts,
                    "is forward: activeSignInUri is not fedfront's to say",
                    "list paths there, or give --protocol saml",
                );
                forwarded(
                    Endpoint::Mex,
                    "is forward: metadataExchangeUri is not fedfront's to say, and WSO2's own answers no GET, by which Microsoft's \
                     libraries ask",
                    "list paths there",
                );
            }
            SignInProtocol::Saml => forwarded(
                Endpoint::Ecp,
                "is forward: activeSignInUri is not fedfront's to say, and mail programs that sign in by passwords need it",
                "list paths there, or leave that to browsers",
            ),
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::is_domain;

    #[test]
    fn domains_are_written_as_in_dns() {
        for (name, expected) in [
            ("example.com", true),
            ("xn--bcher-kva.example", true),
            ("a.b.example.com", true),
            ("localhost", false),
            ("bücher.example", false),
            ("example..com", false),
            (".com", false),
            ("alice@example.com", false),
            ("example.com'; Remove-Item", false),
            ("", false),
        ] {
            assert_eq!(is_domain(name), expected, "{name}");
        }
    }
}
