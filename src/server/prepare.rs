//! From a file to everything that can be made of it without a network, or to all that is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::x509::X509;

use super::environment;
use crate::config::{self, AuditSink, Config, Diagnostic, MetadataMode, Positions, SigningFiles};
use crate::directory::{Directories, open_all};
use crate::dsig::SigningKey;
use crate::edge::TlsCertificates;
use crate::federation::{ClientError, Parties, UpstreamClient};
use crate::keys::{self, KeyField};
use crate::model::{Clock, Timestamp};
use crate::proxy::{ProxySettings, SettingsError};
use crate::runtime::SystemClock;
use crate::telemetry::{Metrics, log};

/// What `run` begins with, and a reload goes on with.
pub struct Prepared {
    /// What someone should look at.
    pub warnings: Vec<Diagnostic>,
    /// The file that it was read from, absolute.
    pub(super) file: PathBuf,
    /// Where its keys are.
    pub(super) positions: Positions,
    pub(super) config: Arc<Config>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) signing_key: Arc<SigningKey>,
    /// Unix seconds.
    pub(super) signing_key_ends: i64,
    pub(super) directories: Arc<Directories>,
    pub(super) parties: Parties,
    /// Published beside our own.
    pub(super) idp_certificates: Vec<X509>,
    pub(super) settings: ProxySettings,
    /// Fetches what is kept of the identity provider's documents, if anything is.
    pub(super) client: Option<UpstreamClient>,
    /// One for each listener; `None` where it is plain HTTP.
    pub(super) certificates: Vec<Option<TlsCertificates>>,
}

/// Reads a configuration and all that it names.
///
/// # Errors
/// Everything that is wrong, warnings last.
pub fn prepare(file: &Path) -> Result<Prepared, Vec<Diagnostic>> {
    let defect = |error: String| vec![Positions::default().error("", error, "this is a defect of fedfront")];
    let metrics = Metrics::new().map_err(|error| defect(error.to_string()))?;
    prepare_with(file, Arc::new(metrics))
}

/// The same for a process that counts already.
pub(super) fn prepare_with(file: &Path, metrics: Arc<Metrics>) -> Result<Prepared, Vec<Diagnostic>> {
    let loaded = config::load(file, &environment)?;
    let mut findings = Findings { positions: loaded.positions, errors: Vec::new(), warnings: loaded.warnings };
    let config = loaded.config;
    let now = SystemClock.now();

    if let Err(error) = log::check_level(&config.telemetry.level) {
        findings.error("telemetry.level", error.to_string(), "choose error, warn, info, debug or trace");
    }
    let signing = signing_key(&config, now, &mut findings);
    let certificates = certificates(&config, &mut findings);
    let directories = open_all(&config.directories, &metrics)
        .map_err(|errors| {
            for error in errors {
                findings.error("directory", format!("{}: {}", error.directory, error.problem), error.remedy);
            }
        })
        .ok();
    let parties = parties(&config, now, &mut findings);
    let idp_certificates = idp_certificates(&config, &mut findings);
    let settings = settings(&config, &mut findings);
    let client = client(&config, &mut findings);
    check_folders(&config, &mut findings);

    match (signing, directories, parties, settings, findings.errors.is_empty()) {
        (Some((signing_key, signing_key_ends)), Some(directories), Some(parties), Some(settings), true) => {
            Ok(Prepared {
                file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
                positions: findings.positions.clone(),
                warnings: findings.into_warnings(),
                config: Arc::new(config),
                metrics,
                signing_key: Arc::new(signing_key),
                signing_key_ends,
                directories: Arc::new(directories),
                parties,
                idp_certificates,
                settings,
                client,
                certificates,
            })
        }
        _ => Err(findings.in_order()),
    }
}

fn parties(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<Parties> {
    let at = |party: usize| format!("relying_parties[{party}].metadata_file");
    match Parties::load(&config.relying_parties, now) {
        Ok(parties) => {
            for doubt in parties.doubts() {
                let help = "give its own metadata_file, or a name_identifier that it takes";
                findings.warning(&at(doubt.party), doubt.what, help);
            }
            Some(parties)
        }
        Err(errors) => {
            for error in errors {
                let help = "name the SAML metadata of one service provider, with a PAOS endpoint, once";
                findings.error(&at(error.party), error.what, help);
            }
            None
        }
    }
}

/// What is found wrong after the file itself was read.
struct Findings {
    positions: Positions,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Findings {
    fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(self.positions.error(path, message, help));
    }

    /// The warnings, in the order of the file.
    fn into_warnings(mut self) -> Vec<Diagnostic> {
        self.warnings.sort_by_key(|warning| warning.at);
        self.warnings
    }

    /// Errors and warnings, each in the order of the file.
    fn in_order(mut self) -> Vec<Diagnostic> {
        self.errors.sort_by_key(|error| error.at);
        self.warnings.sort_by_key(|warning| warning.at);
        self.errors.append(&mut self.warnings);
        self.errors
    }

    fn warning(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(self.positions.warning(path, message, help));
    }
}

fn signing_key(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<(SigningKey, i64)> {
    let loaded = match keys::load(&config.issuer.signing) {
        Ok(loaded) => loaded,
        Err(error) => {
            let key = match error.field {
                KeyField::Certificate => "certificate_file",
                KeyField::PrivateKey => "private_key_file",
                KeyField::Pkcs12 => "pkcs12_file",
            };
            let message = format!("{}: {}", error.file.display(), error.message);
            findings.error(&format!("issuer.signing.{key}"), message, error.help);
            return None;
        }
    };
    let certificate = match config.issuer.signing {
        SigningFiles::Pem { .. } => "issuer.signing.certificate_file",
        SigningFiles::Pkcs12 { .. } => "issuer.signing.pkcs12_file",
    };
    for warning in loaded.warnings(now) {
        findings.warning(certificate, warning, "renew it, and register the new one where this one is known");
    }
    let ends = loaded.not_after_unix();
    match SigningKey::new(loaded.key, loaded.certificate) {
        Ok(key) => Some((key, ends)),
        Err(error) => {
            findings.error(certificate, error.to_string(), "give an RSA key and its own certificate");
            None
        }
    }
}

/// Who fetches the metadata that is forwarded. Without, it is forwarded all the same, but not kept.
fn client(config: &Config, findings: &mut Findings) -> Option<UpstreamClient> {
    let MetadataMode::Forward { paths } = &config.metadata else { return None };
    if paths.is_empty() {
        return None;
    }
    match UpstreamClient::new(&config.upstream) {
        Ok(client) => return Some(client),
        // `settings` has said so.
        Err(ClientError::Authorities { .. }) => {}
        Err(error @ (ClientError::ServerName(_) | ClientError::Library(_))) => {
            let help = "write a name, or endpoints: { metadata: forward }; what cannot be fetched is not kept";
            findings.warning("upstream.tls.server_name", error.to_string(), help);
        }
    }
    None
}

/// The certificates that the identity provider signs with, for our metadata.
fn idp_certificates(config: &Config, findings: &mut Findings) -> Vec<X509> {
    let MetadataMode::Own(own) = &config.metadata else { return Vec::new() };
    let mut all = Vec::new();
    for (number, file) in own.idp_certificates.iter().enumerate() {
        match keys::certificates(file) {
            Ok(mut certificates) => all.append(&mut certificates),
            Err(error) => {
                let message = format!("{}: {}", error.file.display(), error.message);
                findings.error(&format!("metadata.idp_certificates[{number}]"), message, error.help);
            }
        }
    }
    all
}

fn certificates(config: &Config, findings: &mut Findings) -> Vec<Option<TlsCertificates>> {
    let mut all = Vec::new();
    for (number, listen) in config.listen.iter().enumerate() {
        let Some(files) = &listen.tls else {
            all.push(None);
            continue;
        };
        match TlsCertificates::load(std::slice::from_ref(files)) {
            Ok(certificates) => all.push(Some(certificates)),
            Err(error) => {
                let help = "give a PEM chain, leaf first, and the leaf's own key";
                findings.error(&format!("listen[{number}].tls"), error.to_string(), help);
            }
        }
    }
    all
}

fn settings(config: &Config, findings: &mut Findings) -> Option<ProxySettings> {
    match ProxySettings::new(config) {
        Ok(settings) => return Some(settings),
        Err(SettingsError::Authorities { file, what }) => {
            let message = format!("{}: {what}", file.display());
            let help = "put the CA's certificate there, from BEGIN CERTIFICATE to END CERTIFICATE";
            findings.error("upstream.tls.ca_file", message, help);
        }
        Err(SettingsError::Header(name)) => {
            findings.error(
                &format!("upstream.set_headers.{name}"),
                "cannot be sent",
                "give what HTTP allows in a header",
            );
        }
    }
    None
}

/// The folders of what is made at the start. A service manager may make them just before it.
fn check_folders(config: &Config, findings: &mut Findings) {
    let audit = match &config.telemetry.audit {
        AuditSink::Stdout => None,
        AuditSink::File(path) => Some(path),
    };
    for (key, file) in [("admin.socket", config.admin.socket.as_ref()), ("telemetry.audit_file", audit)] {
        let Some(folder) = file.and_then(|file| file.parent()).filter(|folder| !folder.is_dir()) else { continue };
        let message = format!("there is no folder {} now", folder.display());
        findings.warning(key, message, "see that it is there before the start");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FILE: &str = "\
public_url: https://sts.example.com
listen: [{ address: 127.0.0.1:0 }]
admin: { address: 127.0.0.1:0, socket: run/admin.sock }
upstream: { servers: [https://idp], tls: { ca_file: secret } }
issuer: { entity_id: x, signing: { certificate_file: secret, private_key_file: secret } }
directory: { ldap: { urls: [ldaps://dc], ca_file: secret, bind_dn: cn=x, bind_password_file: secret, base_dn: dc=x } }
relying_parties: [{ name: office365, preset: office365 }]
telemetry: { audit_file: log/audit.json }
";

    #[test]
    fn says_all_that_is_wrong_in_the_order_of_the_file() {
        let folder = std::env::temp_dir().join(format!("fedfront-prepare-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), "not PEM").unwrap();
        fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(folder.join("proxy.yaml"), FILE).unwrap();
        let diagnostics = prepare(&folder.join("proxy.yaml")).err().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let found: Vec<_> = diagnostics.iter().map(|found| (found.at.line, found.path.as_str())).collect();
        let expected = [
            (4, "upstream.tls.ca_file"),
            (5, "issuer.signing.certificate_file"),
            (6, "directory"),
            (3, "admin.socket"),
            (8, "telemetry.audit_file"),
        ];
        assert_eq!(found, expected, "{diagnostics:#?}");
    }
}
