//! nginx, for comparison: an identity provider behind, and a proxy with TLS in front of it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cpu;

/// A running nginx of one process; dropping it ends it.
pub struct Nginx {
    child: Child,
    port: u16,
}

/// Where the certificate and key are that a proxy serves.
pub struct Tls<'a> {
    pub certificate: &'a Path,
    pub key: &'a Path,
}

impl Nginx {
    /// Whether there is one to start.
    pub fn is_installed() -> bool {
        program().is_some()
    }

    /// Serves the files below `site`, by plain HTTP.
    pub fn origin(dir: &Path, site: &Path) -> Self {
        Self::start(dir, |port| {
            format!("access_log off; server {{ listen 127.0.0.1:{port}; root {}; }}", site.display())
        })
    }

    /// Forwards to `origin` by TLS, with connections kept alive and an access log, and serves the files below `site` at
    /// `/static/`.
    pub fn proxy(dir: &Path, origin: &Self, site: &Path, tls: &Tls<'_>) -> Self {
        let (certificate, key, site, origin) =
            (tls.certificate.display(), tls.key.display(), site.display(), origin.port);
        Self::start(dir, |port| {
            format!(
                "access_log {dir}/access.log; upstream idp {{ server 127.0.0.1:{origin}; keepalive 64; }} \
                 server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; \
                 location / {{ proxy_pass http://idp; proxy_http_version 1.1; proxy_set_header Connection ''; \
                 proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; \
                 proxy_set_header X-Forwarded-Proto $scheme; }} location /static/ {{ alias {site}/; }} }}",
                dir = dir.display()
            )
        })
    }

    fn start(dir: &Path, http: impl Fn(u16) -> String) -> Self {
        fs::create_dir_all(dir).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};", dir.display()))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {dir}/pid; error_log stderr warn; \
             events {{ worker_connections 1024; }} \
             http {{ {temporary} default_type text/html; keepalive_requests 10000000; {} }}",
            http(port),
            dir = dir.display(),
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut nginx = Command::new(program().expect("nginx"));
        let child = nginx.arg("-p").arg(dir).arg("-c").arg(file).stdout(Stdio::null()).spawn().unwrap();
        let this = Self { child, port };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "nginx does not listen");
            std::thread::yield_now();
        }
        this
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// CPU time so far.
    pub fn spent(&self) -> Duration {
        cpu::of_process(self.child.id().try_into().unwrap())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file())
}
