//! Reloading, in one process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use tokio::runtime::Handle;

use super::reload::Reloader;
use super::*;
use crate::admin::Recent;
use crate::config;
use crate::directory::file::hash;
use crate::model::Password;
use crate::proxy::Snapshots;
use crate::runtime::Readiness;

/// The files of an installation, in a folder that goes away with the test.
pub(super) struct Installation(PathBuf);

const CONFIGURATION: &str = "\
public_url: https://localhost
listen: [{ address: 127.0.0.1:0, tls: { certificate_file: server.crt, private_key_file: server.key } }]
admin: { address: 127.0.0.1:0 }
upstream: { servers: [http://localhost:9], health: { path: /healthz, interval: 1h } }
issuer: { entity_id: localhost, signing: { certificate_file: signing.crt, private_key_file: signing.key } }
metadata: { mode: own }
directory: { file: { path: users.yaml } }
relying_parties: [{ name: office365, preset: office365 }]
endpoints: { mex: [/mex] }
limits: { threads: 1, keep_alive: 5s, lame_duck: 1s, drain: 5s }
telemetry: { format: text, audit_file: audit.json }
";

impl Installation {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fedfront-server-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let installation = Self(folder);
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        installation.write_pair("signing", &rsa, 365);
        installation.write_pair("server", &elliptic(), 365);
        let hash = hash(&Password::new("wonderland"), [1; 16]).unwrap();
        installation.write("users.yaml", &format!("users: [{{ name: alice, password_hash: \"{hash}\" }}]\n"));
        installation.write("proxy.yaml", CONFIGURATION);
        installation
    }

    pub fn write_pair(&self, name: &str, key: &PKey<Private>, days: u32) {
        let certificate = String::from_utf8(certificate(key, days).to_pem().unwrap()).unwrap();
        self.write(&format!("{name}.crt"), &certificate);
        let key = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        self.write(&format!("{name}.key"), &key);
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes the configuration with each first text in it, where it is there, replaced by the second.
    pub fn configure(&self, replacements: &[(&str, &str)]) {
        let replaced = |text: String, (from, to): &(&str, &str)| text.replacen(from, to, 1);
        self.write("proxy.yaml", &replacements.iter().fold(CONFIGURATION.to_owned(), replaced));
    }

    pub fn prepare(&self, replacements: &[(&str, &str)]) -> Prepared {
        self.configure(replacements);
        prepare(&self.file()).unwrap_or_else(|found| panic!("{found:#?}"))
    }

    fn file(&self) -> PathBuf {
        self.0.join("proxy.yaml")
    }

    fn start(&self) -> Running {
        self.start_with(&[])
    }

    pub fn start_with(&self, replacements: &[(&str, &str)]) -> Running {
        let prepared = self.prepare(replacements);
        let sockets = Sockets::bind(&prepared.config).unwrap();
        start(prepared, sockets).unwrap()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(AsRef::<Path>::as_ref(&self.0)));
    }
}

pub(super) fn elliptic() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(key: &PKey<Private>, days: u32) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(days).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

impl Running {
    /// What the status page asks.
    pub(super) fn teller(&self) -> status::Teller {
        let Reloader { process, snapshots, certificates, lifecycle, history, .. } = &*self.reloader;
        let readiness = Readiness::new();
        let recent = Arc::new(Recent::new(process.metrics.totals(), process.clock.now()));
        let listeners = self.reloader.edge.addresses().to_vec();
        status::Teller {
            process: process.clone(),
            snapshots: snapshots.clone(),
            certificates: certificates.clone(),
            history: history.clone(),
            readiness,
            lifecycle: lifecycle.clone(),
            recent,
            listeners,
        }
    }

    fn snapshot(&self) -> Weak<snapshot::Snapshot> {
        Arc::downgrade(&self.reloader.snapshots.load())
    }

    /// Whether the last reload worked, and when the certificates in use end.
    fn told(&self) -> (i64, f64, f64) {
        let metrics = &self.reloader.process.metrics;
        let signing = metrics.signing_certificate_not_after.with_label_values(&["current"]).get();
        (metrics.config_last_reload_successful.get(), metrics.tls_certificate_not_after.get(), signing)
    }
}

#[tokio::test]
async fn reloads_leave_nothing_behind() {
    let installation = Installation::new();
    let running = installation.start();
    running.reload().await.unwrap();
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut earlier = Vec::new();
    for _ in 0..200 {
        earlier.push(running.snapshot());
        running.reload().await.unwrap();
    }
    // A task that was told to end does so when its turn comes.
    let ended = async {
        while Handle::current().metrics().num_alive_tasks() > tasks {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("tasks that go on");
    assert_eq!(earlier.iter().filter(|snapshot| snapshot.strong_count() > 0).count(), 0);
    assert_eq!(running.snapshot().strong_count(), 1);
}

#[tokio::test]
async fn a_request_keeps_the_snapshot_that_it_began_with() {
    let installation = Installation::new();
    let running = installation.start();
    let (began, snapshot) = (running.reloader.snapshots.current(), running.snapshot());
    installation.configure(&[("mex: [/mex]", "mex: forward")]);
    running.reload().await.unwrap();
    assert!(!Arc::ptr_eq(&began.settings(), &running.reloader.snapshots.current().settings()));
    let settings = began.settings();
    drop(began);
    assert_eq!(snapshot.strong_count(), 0, "what only forwards holds no more than its settings");
    drop(settings);
}

#[tokio::test]
async fn what_is_wrong_changes_nothing_and_says_where() {
    let installation = Installation::new();
    let running = installation.start();
    let (snapshot, told) = (running.snapshot(), running.told());
    for (wrong, file, text, line, key) in [
        ("a key of another certificate", "server.key", None, 2, "listen[0].tls.private_key_file"),
        ("no certificate", "signing.crt", Some("nothing"), 5, "issuer.signing.certificate_file"),
        ("no users", "users.yaml", Some("users: [alice]"), 7, "directory.file.path"),
        ("a key that is not there", "proxy.yaml", Some("\nlistn: []\n"), 2, "listn"),
        ("not YAML", "proxy.yaml", Some("a: [\n"), 2, ""),
        ("no folder", "proxy.yaml", Some("audit"), 11, "telemetry.audit_file"),
    ] {
        let before = fs::read_to_string(installation.0.join(file)).unwrap();
        match (text, wrong) {
            (None, _) => {
                let key = elliptic().private_key_to_pem_pkcs8().unwrap();
                installation.write(file, &String::from_utf8(key).unwrap());
            }
            (_, "no folder") => installation.configure(&[("audit.json", "nowhere/audit.json")]),
            (Some(text), _) => installation.write(file, text),
        }
        let found = running.reload().await.expect_err(wrong);
        let at = |found: &config::Diagnostic| (found.at.line, found.path.clone());
        assert!(found.iter().any(|found| at(found) == (line, key.to_owned())), "{wrong}: {found:#?}");
        assert!(Weak::ptr_eq(&snapshot, &running.snapshot()), "{wrong}");
        assert_eq!(running.told(), (0, told.1, told.2), "{wrong}");
        installation.write(file, &before);
    }
    let (rsa, elliptic) = (PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), elliptic());
    installation.write_pair("signing", &rsa, 400);
    installation.write_pair("server", &elliptic, 500);
    running.reload().await.unwrap();
    let (successful, tls, signing) = running.told();
    assert!(successful == 1 && tls > told.1 && signing > told.2, "{:?}", running.told());
}

#[tokio::test]
async fn what_was_taken_over_is_told_by_section_file_and_key() {
    let installation = Installation::new();
    let running = installation.start();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    installation.configure(&[]);
    assert_eq!(running.reload().await.unwrap().changed, "nothing");
    installation.configure(&[("public_url", "# a comment\npublic_url")]);
    assert_eq!(running.reload().await.unwrap().changed, "proxy.yaml");
    installation.write_pair("server", &elliptic(), 365);
    assert_eq!(running.reload().await.unwrap().changed, "server.crt, server.key");
    installation.write_pair("signing", &rsa, 365);
    installation.configure(&[("mex: [/mex]", "mex: forward"), ("text", "json"), ("threads: 1", "threads: 2")]);
    let taken = running.reload().await.unwrap();
    assert_eq!(taken.changed, "endpoints, limits, telemetry, signing.crt, signing.key");
    assert_eq!(taken.waiting, ["limits.threads"]);
    assert_eq!(running.reload().await.unwrap().changed, "nothing");
    assert_eq!(running.reloader.process.metrics.config_restart_pending.get(), 1);
    installation.configure(&[]);
    assert!(running.reload().await.unwrap().waiting.is_empty());
    assert_eq!(running.reloader.process.metrics.config_restart_pending.get(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_of_the_configuration_and_a_port_is_not() {
    let installation = Installation::new();
    for (to, key) in [
        ("{ format: text, audit_file: nowhere/audit.json }", "telemetry.audit_file"),
        ("{ format: text }\nadmin: { address: 127.0.0.1:0, socket: nowhere/admin.sock }", "admin.socket"),
        ("{ format: text }\nadmin: { address: 127.0.0.1:0, socket: users.yaml }", "admin.socket"),
    ] {
        let without_admin = (
            "admin: { address: 127.0.0.1:0 }\n",
            if to.contains("admin:") { "" } else { "admin: { address: 127.0.0.1:0 }\n" },
        );
        let prepared = installation.prepare(&[("{ format: text, audit_file: audit.json }", to), without_admin]);
        let sockets = Sockets::bind(&prepared.config).unwrap();
        match start(prepared, sockets) {
            Err(StartError::Configuration(found)) => assert!(found.path == key && !found.help.is_empty(), "{found:?}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{key}"),
        }
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("admin: {{ address: {} }}", taken.local_addr().unwrap());
    let prepared = installation.prepare(&[("admin: { address: 127.0.0.1:0 }", &address)]);
    let sockets = Sockets::bind(&prepared.config).unwrap();
    assert!(matches!(start(prepared, sockets), Err(StartError::System(_))));
}
