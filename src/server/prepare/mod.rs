//! From a file to everything that can be made of it without a network, or to all that is wrong with it.

mod audiences;
mod credentials;
mod directories;
mod findings;
mod issuers;
mod metadata;
mod parties;
mod public;
mod signing;
mod sources;
mod tls;
mod upstream;
mod verifying;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::x509::X509;

use self::findings::Findings;
pub(super) use self::public::{is_public, port_problem};
use super::environment;
use crate::config::{self, AuditSink, Config, Contents, Diagnostic, LogFormat, Positions, SyslogServer};
use crate::directory::Directories;
use crate::dsig::SigningKeys;
use crate::edge::TlsCertificates;
use crate::federation::{Parties, Sources, UpstreamClient};
use crate::handler::MergedSource;
use crate::keys::{self, ClientTrust};
use crate::model::Clock;
use crate::proxy::ProxySettings;
use crate::runtime::SystemClock;
use crate::sts::TrustedIssuer;
use crate::telemetry::{Metrics, log};
use crate::traces::Exporter;

/// What `run` begins with, and a reload goes on with.
pub struct Prepared {
    /// What someone should look at.
    pub warnings: Vec<Diagnostic>,
    /// The file that it was read from, absolute.
    pub(super) file: PathBuf,
    /// Where its keys are.
    pub(super) positions: Positions,
    pub(super) config: Arc<Config>,
    pub(super) contents: Contents,
    pub(crate) metrics: Arc<Metrics>,
    pub(super) signing_keys: SigningKeys,
    pub(super) directories: Arc<Directories>,
    pub(super) parties: Parties,
    pub(super) sources: Sources,
    pub(super) settings: ProxySettings,
    /// Published beside our own.
    pub(super) idp_certificates: Vec<X509>,
    /// Whose tokens are believed, besides ours.
    pub(super) trusted_issuers: Vec<TrustedIssuer>,
    /// Fetches what is kept of the identity provider's documents, if anything is.
    pub(super) client: Option<UpstreamClient>,
    /// Fetches the identity provider's metadata that is published with ours in it, if it is.
    pub(super) merged: Option<MergedSource>,
    /// Sends traces, if anything does.
    pub(super) exporter: Option<Exporter>,
    /// Whose certificates users sign in with, if any.
    pub(super) client_trust: Option<Arc<ClientTrust>>,
    /// One for each listener; `None` where it is plain HTTP.
    pub(super) certificates: Vec<Option<TlsCertificates>>,
}

impl Prepared {
    /// Whether [`super::run`] tells the warnings by its log: JSON is for machines, which read nothing else.
    pub fn logs_warnings(&self) -> bool {
        self.config.telemetry.format == LogFormat::Json
    }
}

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A start, or to check what one would say. It must not wait for a device: whatever is forwarded has nothing to do with it.
    Start,
    /// To take the place of one that may sign well.
    Reload,
}

/// Reads a configuration and all that it names.
///
/// # Errors
/// Everything that is wrong, warnings last.
pub fn prepare(file: &Path) -> Result<Prepared, Vec<Diagnostic>> {
    let defect = |error: String| vec![Positions::default().error("", error, "this is a defect of fedfront")];
    let metrics = Metrics::new().map_err(|error| defect(error.to_string()))?;
    prepare_with(file, Arc::new(metrics), Occasion::Start, &mut Contents::default())
}

/// The same for a process that counts already. `contents` is what was read, though it be wrong.
pub(super) fn prepare_with(
    file: &Path,
    metrics: Arc<Metrics>,
    occasion: Occasion,
    contents: &mut Contents,
) -> Result<Prepared, Vec<Diagnostic>> {
    let loaded = config::load_noting(file, &environment, contents)?;
    let mut findings = Findings::new(loaded.positions, loaded.warnings);
    let config = loaded.config;
    let now = SystemClock.now();

    if let Err(error) = log::check_level(&config.telemetry.level) {
        findings.error("telemetry.level", error.to_string(), "choose error, warn, info, debug or trace");
    }
    let signing_keys = signing::keys(&config, now, occasion, &mut findings);
    let certificates = tls::certificates(&config, now, &mut findings);
    let client_trust = credentials::client_trust(&config, now, &mut findings);
    let directories = directories::open(&config, &metrics, &mut findings);
    let sources = sources::open(&config, &metrics, now, &mut findings);
    let parties = parties::load(&config, &sources, now, &mut findings);
    let idp_certificates = metadata::idp_certificates(&config, &mut findings);
    let trusted_issuers = issuers::trusted(&config, signing_keys.as_ref(), &mut findings);
    if let Some(parties) = &parties {
        audiences::look_at(&config, parties, &mut findings);
    }
    let settings = upstream::settings(&config, &mut findings);
    let exporter = upstream::exporter(&config, &mut findings);
    public::look_at(&config, &mut findings);
    let client = metadata::client(&config, &mut findings);
    let merged = metadata::merged(&config, &mut findings);
    check_folders(&config, &mut findings);
    check_syslog(&config, &mut findings);

    match (signing_keys, directories, parties, settings, !findings.has_errors()) {
        (Some(signing_keys), Some(directories), Some(parties), Some(settings), true) => Ok(Prepared {
            file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
            positions: findings.positions.clone(),
            warnings: findings.into_warnings(),
            config: Arc::new(config),
            contents: loaded.contents,
            metrics,
            signing_keys,
            directories: Arc::new(directories),
            parties,
            sources,
            settings,
            idp_certificates,
            trusted_issuers,
            client,
            merged,
            exporter,
            client_trust,
            certificates,
        }),
        _ => Err(findings.in_order()),
    }
}

/// The certificates of a configuration that is in use, as they are now; `None` where one is wrong.
pub(super) fn certificates_now(config: &Config) -> Option<Vec<Option<TlsCertificates>>> {
    let mut findings = Findings::new(Positions::default(), Vec::new());
    let certificates = tls::certificates(config, SystemClock.now(), &mut findings);
    (!findings.has_errors()).then_some(certificates)
}

/// The folders of what is made at the start. A service manager may make them just before it.
fn check_folders(config: &Config, findings: &mut Findings) {
    let audit = match &config.telemetry.audit {
        AuditSink::Stdout | AuditSink::Syslog(_) => None,
        AuditSink::File(path) => path.parent(),
    };
    let socket = config.admin.socket.as_ref().and_then(|socket| socket.parent());
    for (key, folder) in [("admin.socket", socket), ("telemetry.audit_file", audit)] {
        let Some(folder) = folder.filter(|folder| !folder.is_dir()) else { continue };
        let message = format!("there is no folder {} now", folder.display());
        findings.warning(key, message, "see that it is there before the start");
    }
    // It is made where it is not there, which needs folders all the way.
    let above = config.cache_folder.as_deref().and_then(|folder| folder.ancestors().find(|above| above.exists()));
    if let Some(file) = above.filter(|above| !above.is_dir()) {
        let message = format!("{} is no folder", file.display());
        findings.error("cache.folder", message, "name a folder that the user running fedfront may write to");
    }
}

/// Whom the log's server is known by. Audit records wait for it from the start, so it is not opened here.
fn check_syslog(config: &Config, findings: &mut Findings) {
    let AuditSink::Syslog(syslog) = &config.telemetry.audit else { return };
    let SyslogServer::Tls { ca_file: Some(file), .. } = &syslog.server else { return };
    if let Err(error) = keys::authorities(file) {
        findings.file("telemetry.audit_syslog", error);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FILE: &str = "\
public_url: https://sts.example.com
listen: [{ address: 127.0.0.1:0, tls: { certificate_file: secret, private_key_file: secret } }]
admin: { address: 127.0.0.1:0, socket: run/admin.sock }
upstream: { servers: [https://idp], tls: { ca_file: secret } }
issuer: { entity_id: urn:x, signing: { certificate_file: secret, private_key_file: secret } }
directory: { ldap: { urls: [ldaps://dc], ca_file: secret, bind_dn: cn=x, bind_password_file: secret, base_dn: dc=x } }
relying_parties: [{ name: office365, preset: office365 }]
telemetry: { audit_file: log/audit.json }
";

    #[test]
    fn says_all_that_is_wrong_in_the_order_of_the_file() {
        let expected = [
            (2, "listen[0].tls.certificate_file"),
            (4, "upstream.tls.ca_file"),
            (5, "issuer.signing.certificate_file"),
            (6, "directory.ldap.ca_file"),
            (3, "admin.socket"),
            (8, "telemetry.audit_file"),
        ];
        assert_eq!(wrong("order", FILE), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn the_authorities_of_syslog_are_read_before_a_start() {
        let syslog = "audit_syslog: { server: \"tls://log.example.com\", ca_file: secret }";
        let found = wrong("syslog", &FILE.replace("audit_file: log/audit.json", syslog));
        assert!(found.contains(&(8, "telemetry.audit_syslog.ca_file".to_owned())), "{found:?}");
    }

    /// Line and path of what is wrong with this file, beside which every file that it names is no PEM.
    fn wrong(name: &str, file: &str) -> Vec<(usize, String)> {
        let folder = std::env::temp_dir().join(format!("fedfront-prepare-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), "not PEM").unwrap();
        fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(folder.join("proxy.yaml"), file).unwrap();
        let diagnostics = prepare(&folder.join("proxy.yaml")).err().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        diagnostics.into_iter().map(|found| (found.at.line, found.path)).collect()
    }
}
