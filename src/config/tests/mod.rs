//! The files in `tests/data/config`, each beside what it leads to, and the documented file beside the table of keys.

mod data;
mod documented;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder of its own with the files that configurations name, gone when dropped.
struct Folder(PathBuf);

/// Name, mode and content of each.
const FILES: [(&str, u32, &str); 26] = [
    ("tls/tls.crt", 0o644, "-"),
    ("tls/tls.key", 0o640, "-"),
    ("signing.crt", 0o644, "-"),
    ("signing.key", 0o600, "-"),
    ("signing.p12", 0o600, "-"),
    ("signing.p12.password", 0o600, "canary-p12\r\n"),
    ("signing.key.password", 0o600, "canary-pem\n"),
    ("next.crt", 0o644, "-"),
    ("next.key", 0o600, "-"),
    ("old.crt", 0o644, "-"),
    ("libhsm.so", 0o755, "-"),
    ("hsm-pin", 0o600, "canary-pin\n"),
    ("ldap-password", 0o600, "canary-ldap\n"),
    ("empty-password", 0o600, "\n"),
    ("world-readable.key", 0o644, "-"),
    ("wso2-ca.pem", 0o644, "-"),
    ("ad-ca.pem", 0o644, "-"),
    ("users.yaml", 0o600, "-"),
    ("sp.xml", 0o644, "-"),
    ("other.crt", 0o644, "-"),
    ("app.crt", 0o644, "-"),
    ("name-salt", 0o600, "canary-salt-of-many-octets\n"),
    ("two-lines", 0o600, "canary-salt-of-many-octets\nand-another-one\n"),
    ("federation.crt", 0o644, "-"),
    ("redis-password", 0o600, "canary-redis\n"),
    ("redis-key", 0o600, "canary-key-of-the-replicas-0123456789\n"),
];

impl Folder {
    /// An empty one.
    fn empty(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fedfront-config-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("tls")).expect("a folder");
        Self(path)
    }

    /// One with the files.
    fn new(name: &str) -> Self {
        let folder = Self::empty(name);
        for (name, mode, content) in FILES {
            let path = folder.0.join(name);
            fs::write(&path, content).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        }
        folder
    }

    /// Writes `proxy.yaml` and loads it. The texts name the folder as `DIR`.
    fn load(&self, yaml: &str) -> Result<super::Loaded, Vec<String>> {
        let path = self.0.join("proxy.yaml");
        fs::write(&path, yaml).expect("the file");
        let env = |name: &str| match name {
            "LDAP_PASSWORD" => Some("canary-env".to_owned()),
            "PORT" => Some("9443".to_owned()),
            "THREADS" => Some("2".to_owned()),
            _ => None,
        };
        super::load(&path, &env).map_err(|diagnostics| self.render(&diagnostics))
    }

    fn render(&self, diagnostics: &[super::Diagnostic]) -> Vec<String> {
        diagnostics.iter().map(|diagnostic| self.anonymous(&diagnostic.render(Path::new("proxy.yaml")))).collect()
    }

    fn anonymous(&self, text: &str) -> String {
        text.replace(&*self.0.to_string_lossy(), "DIR")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
