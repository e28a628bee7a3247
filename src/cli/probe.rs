//! `fedfront probe`: what is asked on the command line, made into what is probed.

use std::path::PathBuf;
use std::process::ExitCode;

use openssl::x509::X509;

use super::{USAGE, complain, refuse, say};
use crate::config::{self, Config, PartyConfig, SigningFiles};
use crate::entra::{self, Certificate, Tenant};
use crate::model::{Endpoint, Username};
use crate::probe::{self, Expected, Issuer, Plan, Server};
use crate::saml::names::MICROSOFT_ONLINE;
use crate::{keys, server};

const HELP: &str = "\
The password is sent at most once in each step that signs in (WS-Trust 1.3, WS-Trust 2005/02, ECP), to --url and --compare alone, \
and not again once it was refused or a fault leaves that open: a mistyped one counts as one failure. What is not known to have been \
accepted at --url is not sent to --compare.

Exit codes: 0 fine; 1 a step failed, something would be refused, or a difference matters; 64 usage; 78 the configuration.

--json prints one document: `fine`, `user`, `party`; `server` with `url`, `fine`, `steps` (`step`, `verdict` fine|failed|skipped, \
`failure` {kind, what, do}, `skipped`, `exchange` {method, url, sent_bytes, status, received_bytes, milliseconds}, `facts`) and \
`findings` (`step`, `name`, `weight` refused|warning, `what`, `do`); with --compare `other`, like `server`, `withheld` \
(why sign-ins were not compared, or null) and `differences` (`step`, `name`, `of`, `first`, `second`, `matters`). A failure's kind is unreachable, tls, no_answer, not_there, \
password_refused, unavailable, fault or unreadable.";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Probe {
    /// The server, as https://host[:port]: this fedfront, AD FS, WSO2 or any other.
    #[arg(long, value_name = "URL")]
    url: String,
    /// The user, as they type their name.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// A file with the password on its one line. Absent: it is asked for, or read from standard input if that is no terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Certificates of CAs to trust besides the system's, PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Connect there, whatever the name in --url resolves to: a server under its future name.
    #[arg(long, value_name = "HOST[:PORT]")]
    connect_to: Option<String>,
    /// Where MEX is at --url. Absent: where the tenant says (--entra), the configuration (-c), or where it usually is.
    #[arg(long, value_name = "PATH")]
    mex_path: Option<String>,
    /// Where ECP is at --url, likewise.
    #[arg(long, value_name = "PATH")]
    ecp_path: Option<String>,
    /// For whom tokens are asked: a URN or URL, or with -c the name of a relying party. Absent: Entra
    /// (urn:federation:MicrosoftOnline).
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    /// The domain that the user's UPN must have. Absent: the one in --user, if it has one.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Certificates that are registered for the domain, PEM: tokens must be signed by one of them.
    #[arg(long, value_name = "FILE", conflicts_with = "entra")]
    signing_certificate: Option<PathBuf>,
    /// What the tenant has of the domain: Microsoft Graph's internalDomainFederation, as JSON. Issuer, certificates and addresses
    /// are held against it.
    #[arg(long, value_name = "FILE")]
    entra: Option<PathBuf>,
    /// Another server, as https://host[:port]: the same is done there, and differences are shown.
    #[arg(long, value_name = "URL")]
    compare: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The configuration of the fedfront at --url: issuers, certificates, relying parties and paths are taken from it.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Probe {
    pub(super) fn run(self) -> ExitCode {
        let config = match self.config.as_ref().map(|file| (file, config::load(file, &server::environment))) {
            None => None,
            Some((_, Ok(loaded))) => Some(loaded.config),
            Some((file, Err(diagnostics))) => return refuse(file, &diagnostics),
        };
        match self.probed(config.as_ref()) {
            Ok(report) => {
                say(&if self.json { probe::json(&report) } else { probe::text(&report) });
                if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(problem) => {
                complain(&format!("fedfront: {problem}"));
                ExitCode::from(USAGE)
            }
        }
    }

    fn probed(&self, config: Option<&Config>) -> Result<probe::Report, String> {
        let authorities = match &self.ca_file {
            Some(file) => keys::authorities(file).map_err(|error| problem("--ca-file", file, &error.message))?,
            None => Vec::new(),
        };
        let party = self.party_of(config)?;
        let expected = self.expected(config, party)?;
        let first = Server::new(&self.url, self.connect_to.as_deref(), authorities.clone())
            .map_err(|error| format!("--url {error}"))?;
        let other = self.compare.as_deref().map(|base| Server::new(base, None, authorities)).transpose();
        let other = other.map_err(|error| format!("--compare {error}"))?;
        let configured = |endpoint| config?.endpoints.get(&endpoint)?.paths()?.first().cloned();
        let answers_ecp = party.is_some_and(|party| party.party.ecp.is_some());
        let tenant = self.entra.is_some();
        let plan = Plan {
            user: &Username::new(&self.user),
            password: &probe::password(self.password_file.as_deref())?,
            expected: &expected,
            mex_path: self.mex_path.clone().or_else(|| configured(Endpoint::Mex).filter(|_| !tenant)),
            ecp_path: self.ecp_path.clone().or_else(|| configured(Endpoint::Ecp).filter(|_| !tenant && answers_ecp)),
        };
        let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
        Ok(runtime.block_on(probe::run(&first, other.as_ref(), &plan)))
    }

    /// The relying party of the configuration that is meant.
    fn party_of<'c>(&self, config: Option<&'c Config>) -> Result<Option<&'c PartyConfig>, String> {
        let Some(config) = config else { return Ok(None) };
        let Some(wanted) = &self.party else {
            return Ok(config.relying_parties.iter().find(|party| party.is_office365()));
        };
        let is_it = |party: &&PartyConfig| party.party.name == *wanted || party.party.applies_to.contains(wanted);
        let found = config.relying_parties.iter().find(is_it);
        if found.is_none() && !wanted.contains(':') {
            let names: Vec<&str> = config.relying_parties.iter().map(|party| party.party.name.as_str()).collect();
            return Err(format!("--party {wanted}: the configuration has {}, and no such party", names.join(", ")));
        }
        Ok(found)
    }

    fn expected(&self, config: Option<&Config>, party: Option<&PartyConfig>) -> Result<Expected, String> {
        let address = match (&self.party, party) {
            (Some(wanted), Some(party)) if party.party.name == *wanted => {
                let address = party.party.applies_to.first().cloned();
                address.ok_or_else(|| format!("--party {wanted} has no applies_to: give its entityID"))?
            }
            (Some(wanted), _) => wanted.clone(),
            (None, _) => MICROSOFT_ONLINE.to_owned(),
        };
        let mut expected = Expected::of_party(address);
        expected.audience = party.and_then(|party| party.party.audience.clone());
        let typed = || self.user.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        expected.domain = self.domain.clone().or_else(typed).map(|domain| domain.to_ascii_lowercase());
        if let Some((config, party)) = config.zip(party) {
            expected.issuer = Issuer::Configured(server::issuers(config), Box::new(party.party.clone()));
            expected.certificates = configured_certificates(config)?;
            expected.registered = "the configuration (issuer.signing)";
        }
        if let Some(file) = &self.signing_certificate {
            expected.certificates =
                keys::certificates(file).map_err(|error| problem("--signing-certificate", file, &error.message))?;
            expected.registered = "--signing-certificate";
        }
        if let Some(file) = &self.entra {
            let failed = |what: &dyn std::fmt::Display| problem("--entra", file, what);
            let bytes = std::fs::read(file).map_err(|error| failed(&error))?;
            let tenant =
                only(entra::tenants(&bytes).map_err(|error| failed(&error))?).map_err(|error| failed(&error))?;
            expected.certificates = tenants_certificates(&tenant).map_err(|error| failed(&error))?;
            expected.registered = "the tenant";
            expected.issuer = tenant.issuer_uri.clone().map_or(Issuer::Unknown, Issuer::Tenant);
            expected.tenant = Some(tenant);
        }
        Ok(expected)
    }
}

fn problem(option: &str, file: &std::path::Path, what: &dyn std::fmt::Display) -> String {
    format!("{option} {}: {what}", file.display())
}

fn configured_certificates(config: &Config) -> Result<Vec<X509>, String> {
    let signing = &config.issuer.signing;
    let each = [Some(&signing.current), signing.next.as_ref().map(|next| &next.files)];
    each.into_iter().flatten().map(certificate).collect()
}

/// The certificate of a signing key, which is not read where it is apart.
fn certificate(files: &SigningFiles) -> Result<X509, String> {
    match files {
        SigningFiles::Pem { certificate_file, .. } | SigningFiles::Pkcs11 { certificate_file, .. } => {
            let failed =
                |what: &dyn std::fmt::Display| format!("issuer.signing: {}: {what}", certificate_file.display());
            let certificates = keys::certificates(certificate_file).map_err(|error| failed(&error.message))?;
            certificates.into_iter().next().ok_or_else(|| failed(&"no certificate"))
        }
        SigningFiles::Pkcs12 { file, .. } => {
            let loaded =
                keys::load(files).map_err(|error| format!("issuer.signing: {}: {}", file.display(), error.message))?;
            Ok(loaded.key.certificate().clone())
        }
    }
}

fn only(listed: Vec<Tenant>) -> Result<Tenant, String> {
    <[Tenant; 1]>::try_from(listed)
        .map(|[tenant]| tenant)
        .map_err(|listed| format!("has {} federations; give the one of the domain", listed.len()))
}

fn tenants_certificates(tenant: &Tenant) -> Result<Vec<X509>, String> {
    let both = [
        ("signingCertificate", &tenant.signing_certificate),
        ("nextSigningCertificate", &tenant.next_signing_certificate),
    ];
    let read = |(name, text): (&str, &String)| {
        let certificate = Certificate::read(text).map_err(|error| format!("{name} {error}"))?;
        certificate.x509().map_err(|error| format!("{name}: {error}"))
    };
    both.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))).map(read).collect()
}
