//! A running proxy, a server behind it, and a client that sees bytes.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use fedfront::config::*;
pub use fedfront::edge::Farewell;
use fedfront::edge::{Edge, Listener, Reception, TlsCertificates};
use fedfront::handler::{NativeRequest, Reply};
use fedfront::model::Endpoint;
use fedfront::proxy::{App, Native, ProxySettings};
use fedfront::telemetry::Metrics;
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Nothing in these tests takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Proxy {
    pub edge: Edge,
    pub metrics: Arc<Metrics>,
    pub asked: Arc<Mutex<Vec<String>>>,
    reception: Arc<ArcSwap<Reception>>,
    snapshots: Arc<ArcSwap<Stub>>,
}

struct Stub {
    settings: Arc<ProxySettings>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Native for Stub {
    fn settings(&self) -> Arc<ProxySettings> {
        Arc::clone(&self.settings)
    }

    async fn answer(&self, request: NativeRequest) -> Reply {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let said = format!(
            "{} {} {}?{} {} {}",
            request.endpoint.label(),
            request.method,
            request.path,
            request.query,
            request.client,
            body.len(),
        );
        self.asked.lock().unwrap().push(said.clone());
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "text/plain".parse().unwrap());
        Reply { status: StatusCode::OK, headers, body: Bytes::from(said) }
    }

    async fn refuse(&self, request: NativeRequest, status: StatusCode) -> Reply {
        let said = format!("{} refused", request.endpoint.label());
        Reply { status, headers: HeaderMap::new(), body: Bytes::from(said) }
    }
}

impl Proxy {
    pub fn start(config: &Config) -> Self {
        Self::start_with(config, None)
    }

    pub fn start_with(config: &Config, tls: Option<TlsCertificates>) -> Self {
        Self::start_on(config, tls, false)
    }

    /// On a listener that requires a PROXY protocol header.
    pub fn start_behind_balancer(config: &Config) -> Self {
        Self::start_on(config, None, true)
    }

    fn start_on(config: &Config, tls: Option<TlsCertificates>, proxy_protocol: bool) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let settings = Arc::new(ProxySettings::new(config).unwrap());
        tokio::spawn(settings.watch_health());
        let snapshots = Arc::new(ArcSwap::from_pointee(Stub { settings, asked: Arc::clone(&asked) }));
        let app = App::new(snapshots.clone(), &config.limits, &metrics);
        let socket = fedfront::edge::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let reception = Arc::new(ArcSwap::from_pointee(Reception { tls, proxy_protocol }));
        let listeners = vec![Listener { socket, reception: Arc::clone(&reception) }];
        let edge = Edge::start(listeners, app, &config.limits, Arc::clone(&metrics)).unwrap();
        Self { edge, metrics, asked, reception, snapshots }
    }

    /// Receives connections that begin from now on in another way.
    pub fn receive(&self, tls: Option<TlsCertificates>, proxy_protocol: bool) {
        self.reception.store(Arc::new(Reception { tls, proxy_protocol }));
    }

    /// Gives another configuration to requests that begin from now on.
    pub fn reload(&self, config: &Config) {
        let settings = Arc::new(ProxySettings::new(config).unwrap());
        self.snapshots.store(Arc::new(Stub { settings, asked: Arc::clone(&self.asked) }));
    }

    pub fn address(&self) -> SocketAddr {
        self.edge.addresses()[0]
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// Sends a request on a connection of its own and reads the answer to the end of the connection.
    pub async fn ask(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut client).await
    }

    /// Waits until a metric has that value.
    pub async fn until_metric(&self, name: &str, value: f64) {
        let reached = async {
            while self.metric(name) != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, reached).await;
        in_time.unwrap_or_else(|_| panic!("{name} is {}, not {value}", self.metric(name)));
    }

    /// The value of a metric, by the beginning of its line.
    pub fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.metrics.render()).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// A configuration with every endpoint on its default paths.
pub fn config(servers: &[SocketAddr]) -> Config {
    let server =
        |address: &SocketAddr| UpstreamServer { host: address.ip().to_string(), port: address.port(), https: false };
    let paths = |endpoint: Endpoint| {
        EndpointConfig::Paths(endpoint.default_paths().iter().map(|path| (*path).to_owned()).collect())
    };
    Config {
        public_url: "https://sts.example.com".into(),
        listen: Vec::new(),
        admin: Admin { address: "127.0.0.1:0".parse().unwrap(), socket: None, watch_files: true },
        upstream: Upstream {
            servers: servers.iter().map(server).collect(),
            tls: UpstreamTls::default(),
            health: None,
            set_headers: vec![("X-Set".into(), http::HeaderValue::from_static("by us"))],
            remove_headers: vec!["OAM_REMOTE_USER".into(), "WL-Proxy-*".into()],
            rewrite_location: false,
            strip_basic_authorization: vec!["/oamfed".into()],
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
        },
        issuer: Issuer {
            entity_id: "https://sts.example.com".into(),
            signing: Signing {
                current: SigningFiles::Pem {
                    certificate_file: PathBuf::new(),
                    private_key_file: PathBuf::new(),
                    password: None,
                },
                next: None,
                previous: Vec::new(),
            },
            domains: BTreeMap::new(),
            scope: None,
            name_salt_file: None,
        },
        directories: Vec::new(),
        certificates: None,
        issued_tokens: None,
        bind_cache: BindCache { ttl: None, capacity: 0 },
        token_capacity: 1,
        cache_folder: None,
        guard: GuardConfig {
            enforced: true,
            threshold: 3,
            unknown_threshold: 2,
            window: Duration::ZERO,
            familiar_for: None,
            directory_count: true,
            networks: None,
            spray: None,
            failure_delay: Duration::ZERO,
            forwarders: Vec::new(),
        },
        relying_parties: Vec::new(),
        endpoints: Endpoint::ALL.iter().map(|endpoint| (*endpoint, paths(*endpoint))).collect(),
        shadow: ShadowConfig { sample: 100, concurrency: 4 },
        metadata: MetadataMode::Own(OwnMetadata::default()),
        published: Published::default(),
        metadata_sources: Vec::new(),
        trusted_proxies: Vec::new(),
        faults: Faults { bad_password_status: 500 },
        limits: Limits {
            rst_body: 1000,
            ecp_body: 2000,
            headers: 8 * 1024,
            header_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(10),
            handshake_deadline: Duration::from_secs(10),
            body_silence: Duration::from_secs(10),
            body_rate: 100,
            keep_alive: Duration::from_secs(10),
            connections: 100,
            drain: Duration::from_secs(10),
            lame_duck: Duration::ZERO,
            sign_in_deadline: Duration::from_secs(5),
            threads: 1,
        },
        state: None,
        telemetry: TelemetryConfig {
            format: LogFormat::Text,
            level: "info".into(),
            audit: AuditSink::Stdout,
            traces: None,
        },
    }
}

/// A server that answers each request with what `respond` says to its head and body; its address and the heads.
pub async fn server(
    respond: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let (kept, respond) = (Arc::clone(&heads), Arc::new(respond));
    let address = raw_server(move |mut stream, connection| {
        let (heads, respond) = (Arc::clone(&kept), Arc::clone(&respond));
        async move {
            let mut buffer = Vec::new();
            while let Some(head) = read_head(&mut stream, &mut buffer).await {
                let body = read_body(&mut stream, &mut buffer, &head).await;
                heads.lock().unwrap().push(format!("{head}connection {connection}"));
                if stream.write_all(&respond(&head, &body)).await.is_err() {
                    return;
                }
            }
        }
    });
    (address.await, heads)
}

/// A server whose connections are given to `handle`, with their number.
pub async fn raw_server<F: Future<Output = ()> + Send + 'static>(
    handle: impl Fn(TcpStream, usize) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream, number));
            number += 1;
        }
    });
    address
}

/// A complete response.
pub fn response(extra: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{extra}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The head of the next message, blank line included; `None` at the end.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(buffer)).await.expect("no head came");
        if read.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// The body of a message with a Content-Length or in chunks.
pub async fn read_body(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, head: &str) -> Vec<u8> {
    if let Some(length) = header(head, "content-length") {
        return take(stream, buffer, length.parse().unwrap()).await;
    }
    let mut body = Vec::new();
    if header(head, "transfer-encoding").is_some() {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.extend(take(stream, buffer, 1).await);
            }
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let chunk = take(stream, buffer, size + 2).await;
            if size == 0 {
                break;
            }
            body.extend(&chunk[..size]);
        }
    }
    body
}

async fn take(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, length: usize) -> Vec<u8> {
    while buffer.len() < length {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(buffer)).await.expect("no body came");
        assert_ne!(read.unwrap(), 0, "the body ended early");
    }
    buffer.drain(..length).collect()
}

/// Sends a request and reads one answer: its head, and its body as text.
pub async fn exchange(client: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> (String, String) {
    client.write_all(request.as_bytes()).await.unwrap();
    client.flush().await.unwrap();
    let mut buffer = Vec::new();
    let head = read_head(client, &mut buffer).await.expect("the connection was closed");
    let body = read_body(client, &mut buffer, &head).await;
    (head, String::from_utf8(body).unwrap())
}

/// Everything until the connection ends.
pub async fn read_to_end(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut out = Vec::new();
    let read = tokio::time::timeout(PATIENCE, client.read_to_end(&mut out));
    let _ = read.await.expect("the connection was not closed");
    String::from_utf8_lossy(&out).into_owned()
}

/// The value of a header, by its name in any case.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}
