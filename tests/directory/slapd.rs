//! An OpenLDAP server of one test's own: started on free ports, gone with the value.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

const SLAPD: &str = "/usr/sbin/slapd";
const READY: Duration = Duration::from_secs(10);

pub struct Slapd {
    dir: PathBuf,
    pub plain_port: u16,
    pub tls_port: u16,
    process: Option<Child>,
}

impl Slapd {
    /// A server with the entries of `ldif`; `None`, with the reason printed, where slapd is not installed. A build server
    /// has it installed.
    pub fn start(ldif: &str) -> Option<Self> {
        Self::start_with(ldif, "")
    }

    /// One with these lines for its database, such as overlays.
    pub fn start_with(ldif: &str, overlays: &str) -> Option<Self> {
        if !Path::new(SLAPD).exists() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{SLAPD} is not installed");
            eprintln!("skipped: {SLAPD} is not installed");
            return None;
        }
        let dir = temporary_directory();
        write_certificates(&dir);
        fs::create_dir(dir.join("db")).unwrap();
        fs::write(dir.join("slapd.conf"), configuration(&dir, overlays)).unwrap();
        fs::write(dir.join("data.ldif"), ldif).unwrap();
        let (conf, data) = (dir.join("slapd.conf"), dir.join("data.ldif"));
        let loaded = Command::new(SLAPD).args(["-T", "add", "-f"]).arg(conf).arg("-l").arg(data).output().unwrap();
        assert!(loaded.status.success(), "slapadd: {}", String::from_utf8_lossy(&loaded.stderr));
        // Somebody else may take a free port before slapd does.
        for _ in 0..5 {
            let mut slapd = Self { dir: dir.clone(), plain_port: free_port(), tls_port: free_port(), process: None };
            if slapd.run() {
                return Some(slapd);
            }
            std::mem::forget(slapd);
        }
        panic!("slapd does not start");
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Ends it, as a crash or a restart does: its connections are closed, its ports refuse.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// The same server again, on the same ports.
    pub fn start_again(&mut self) {
        assert!(self.run(), "slapd does not start again");
    }

    /// It keeps its ports and connections, and answers nothing.
    pub fn hang(&self) {
        self.signal("-STOP");
        // The signal is delivered in its own time, to each thread.
        while !self.threads().all(|state| state == 'T') {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What the kernel says each of its threads does: the letter after the name in `stat`.
    fn threads(&self) -> impl Iterator<Item = char> {
        let process = self.process.as_ref().expect("slapd runs");
        let tasks = fs::read_dir(format!("/proc/{}/task", process.id())).unwrap();
        tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
            stat.rsplit_once(") ")?.1.chars().next()
        })
    }

    /// It answers again.
    pub fn wake(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("slapd runs");
        assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
    }

    fn run(&mut self) -> bool {
        let urls = format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", self.plain_port, self.tls_port);
        let mut command = Command::new(SLAPD);
        command.args(["-d", "0", "-h", &urls, "-f"]).arg(self.path("slapd.conf"));
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        let answers = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        while started.elapsed() < READY && process.try_wait().unwrap().is_none() {
            if answers(self.plain_port) && answers(self.tls_port) && process.try_wait().unwrap().is_none() {
                self.process = Some(process);
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = process.kill();
        process.wait().unwrap();
        false
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn temporary_directory() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("fedfront-slapd-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn configuration(dir: &Path, overlays: &str) -> String {
    let dir = dir.display();
    format!(
        r#"
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.55555.1 NAME 'objectGUID' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.6.1.4.1.55555.2 NAME 'userPrincipalName'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.55555.4 NAME 'mS-DS-ConsistencyGuid' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.6.1.4.1.55555.5 NAME 'accountLocked' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
attributetype ( 1.3.6.1.4.1.55555.6 NAME 'orclIsEnabled'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.55555.3 NAME 'testUser' SUP top AUXILIARY
  MAY ( objectGUID $ userPrincipalName $ mS-DS-ConsistencyGuid $ accountLocked $ orclIsEnabled ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
pidfile {dir}/pid
TLSCACertificateFile {dir}/ca.pem
TLSCertificateFile {dir}/server.crt
TLSCertificateKeyFile {dir}/server.key
database mdb
maxsize 67108864
suffix "dc=example,dc=com"
directory {dir}/db
{overlays}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=service,dc=example,dc=com" read by self read by anonymous auth by * none
"#
    )
}

/// `ca.pem`, `server.crt` for 127.0.0.1 alone with its key, and `other-ca.pem`, which signed nothing.
fn write_certificates(dir: &Path) {
    let (ca_key, other_key, key) = (new_key(), new_key(), new_key());
    let ca = certificate("Test CA", &ca_key, None);
    let server = certificate("slapd", &key, Some((&ca, &ca_key)));
    fs::write(dir.join("ca.pem"), ca.to_pem().unwrap()).unwrap();
    fs::write(dir.join("other-ca.pem"), certificate("Other CA", &other_key, None).to_pem().unwrap()).unwrap();
    fs::write(dir.join("server.crt"), server.to_pem().unwrap()).unwrap();
    fs::write(dir.join("server.key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A CA's own certificate, or one that `issuer` signed.
fn certificate(name: &str, key: &PKey<Private>, issuer: Option<(&X509, &PKey<Private>)>) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&BigNum::from_u32(1 + u32::from(issuer.is_some())).unwrap().to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |(issuer, _)| issuer.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let extension = match issuer {
        None => BasicConstraints::new().critical().ca().build(),
        Some((issuer, _)) => {
            SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(Some(issuer), None))
        }
    };
    builder.append_extension(extension.unwrap()).unwrap();
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    builder.build()
}
