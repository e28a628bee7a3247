//! Asking the identity provider for a user's record, with the user's name and password by HTTP Basic (RFC 7617).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HOST};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::config::UpstreamDirectoryConfig;
use crate::http_client::{Body, ClientError, Connecting, ServerBehind, explain, trusted};
use crate::model::Password;

/// The most that a user's record may be, in bytes.
const RECORD_BYTES: usize = 1024 * 1024;
/// The longest name and password that are sent: more would make a header that servers refuse.
const LONGEST_CREDENTIALS: usize = 2048;
/// How long a server that failed is tried after the others.
const PENALTY: Duration = Duration::from_secs(10);

/// The servers, and what may be asked of them at once.
pub(super) struct Asker {
    directory: Arc<str>,
    servers: Vec<Server>,
    path: String,
    host: Option<String>,
    /// So that servers that hang hold no more than these.
    permits: Semaphore,
    connect_timeout: Duration,
    operation_timeout: Duration,
}

struct Server {
    server: ServerBehind,
    failed: Mutex<Option<Instant>>,
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer; what an operator is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing was sent.
    NotSent(String),
    /// It was sent, perhaps.
    Unanswered(String),
}

impl Asker {
    /// Reads the file with the certificates to trust; connects to nothing.
    pub(super) fn new(directory: &Arc<str>, config: &UpstreamDirectoryConfig) -> Result<Self, ClientError> {
        let authorities = trusted(&config.tls)?;
        let connecting = Connecting {
            connect_timeout: config.connect_timeout,
            idle_timeout: config.idle_timeout,
            idle: config.pool_size,
            set_headers: &config.set_headers,
        };
        let server = |server| {
            let server = ServerBehind::new(server, &config.tls, authorities.as_deref(), &connecting)?;
            Ok(Server { server, failed: Mutex::default() })
        };
        Ok(Self {
            directory: directory.clone(),
            servers: config.servers.iter().map(server).collect::<Result<_, _>>()?,
            path: config.path.clone(),
            host: config.host.clone(),
            permits: Semaphore::new(config.pool_size),
            connect_timeout: config.connect_timeout,
            operation_timeout: config.operation_timeout,
        })
    }

    /// The servers, in order of preference.
    pub(super) fn names(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.server.name.clone()).collect()
    }

    /// Asks one server; another only where the one before could not be connected to, so that a password is never sent twice.
    ///
    /// # Errors
    /// No server answered in time, or not whole.
    pub(super) async fn ask(&self, authorization: &HeaderValue) -> Result<Answer, Silence> {
        let busy =
            || Silence::NotSent("too many sign-ins wait for the identity provider (upstream.pool_size)".to_owned());
        let permit = timeout(self.connect_timeout, self.permits.acquire()).await.map_err(|_| busy())?;
        let _permit = permit.map_err(|_| busy())?;
        let deadline = Instant::now() + self.connect_timeout + self.operation_timeout;
        let mut failures = Vec::new();
        for server in self.in_order() {
            let name = &server.server.name;
            let late = || Silence::Unanswered("no answer in time".to_owned());
            let answer = timeout_at(deadline, self.ask_one(server, Some(authorization))).await;
            match answer.unwrap_or_else(|_| Err(late())) {
                Ok(answer) => {
                    server.forgive();
                    return Ok(answer);
                }
                Err(Silence::NotSent(what)) => {
                    server.penalise(&self.directory, &what);
                    failures.push(format!("{name}: {what}"));
                }
                Err(Silence::Unanswered(what)) => {
                    server.penalise(&self.directory, &what);
                    failures.push(format!("{name}: {what}"));
                    return Err(Silence::Unanswered(failures.join("; ")));
                }
            }
        }
        Err(Silence::NotSent(failures.join("; ")))
    }

    /// Asks a server by its number for nobody's record; `None`: there is no such server.
    pub(super) async fn ask_for_nobody(&self, number: usize) -> Option<Result<Answer, String>> {
        let server = self.servers.get(number)?;
        let within = self.connect_timeout + self.operation_timeout;
        let answer = timeout(within, self.ask_one(server, None)).await;
        Some(answer.unwrap_or_else(|_| Err(Silence::Unanswered("no answer in time".to_owned()))).map_err(|silence| {
            let (Silence::NotSent(what) | Silence::Unanswered(what)) = silence;
            what
        }))
    }

    async fn ask_one(&self, server: &Server, authorization: Option<&HeaderValue>) -> Result<Answer, Silence> {
        // Whatever stands between must neither answer from memory nor remember.
        let mut request = server
            .server
            .get(&self.path)
            .header(ACCEPT, "application/scim+json, application/json")
            .header(CACHE_CONTROL, "no-cache, no-store");
        if let Some(host) = &self.host {
            request = request.header(HOST, host).header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", host);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let mut response = request.send().await.map_err(|error| match error.is_connect() {
            true => Silence::NotSent(explain(&error)),
            false => Silence::Unanswered(explain(&error)),
        })?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = Body::new(response, RECORD_BYTES).whole().await.map_err(Silence::Unanswered)?;
        Ok(Answer { status, headers, body })
    }

    /// The servers, those that failed lately last.
    fn in_order(&self) -> Vec<&Server> {
        let mut order: Vec<_> = self.servers.iter().collect();
        order.sort_by_cached_key(|server| server.is_penalised());
        order
    }
}

impl Server {
    fn is_penalised(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < PENALTY)
    }

    /// It failed: others come first for a while. Says so in the log when it is news.
    fn penalise(&self, directory: &str, reason: &str) {
        if !self.is_penalised() {
            tracing::warn!(directory, server = %self.server.name, reason, "identity provider checks no passwords");
        }
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn forgive(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The header with a name and a password, whose memory is wiped with its last copy; `None` where they cannot be sent (RFC
/// 7617, 2: no colon in the name, no control character in either).
pub(super) fn basic(name: &str, password: &Password) -> Option<HeaderValue> {
    let password = password.expose();
    let length = name.len() + password.len();
    if name.contains(':') || [name, password].iter().any(|text| text.contains(char::is_control)) {
        return None;
    }
    if length > LONGEST_CREDENTIALS {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(length + 1));
    [name, ":", password].iter().for_each(|part| plain.extend_from_slice(part.as_bytes()));
    // Room for all of it at once: a vector that grows leaves copies behind.
    const SCHEME: &str = "Basic ";
    let mut header = Zeroizing::new(vec![0; SCHEME.len() + plain.len().div_ceil(3) * 4]);
    let (scheme, encoded) = header.split_at_mut_checked(SCHEME.len())?;
    scheme.copy_from_slice(SCHEME.as_bytes());
    STANDARD.encode_slice(&plain, encoded).ok()?;
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(header)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_sent_as_utf_8_and_never_shown() {
        let header = basic("Ålice", &Password::new("pass:wörd")).unwrap();
        assert_eq!(header.as_bytes(), [b"Basic ".as_slice(), STANDARD.encode("Ålice:pass:wörd").as_bytes()].concat());
        assert!(!format!("{header:?}").contains(&STANDARD.encode("Ålice:pass:wörd")));
        let long = "x".repeat(LONGEST_CREDENTIALS);
        for (name, password) in
            [("a:b", "p"), ("a\n", "p"), ("a", "p\r\n"), ("a", "p\0"), ("a", "\u{85}"), ("a", long.as_str())]
        {
            assert!(basic(name, &Password::new(password)).is_none(), "{name:?} {password:?}");
        }
    }
}
