//! Documents of the identity provider behind, asked for as a browser behind us would, by the same servers and the same
//! trust as what is forwarded.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout};

use super::METADATA_BYTES;
use crate::config::Upstream;
use crate::http_client::{Body, ClientError, Connecting, ServerBehind, explain, trusted};
use crate::model::Unavailable;

/// Where nobody waits for the answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// Fetches small documents from the identity provider behind.
pub struct UpstreamClient {
    servers: Vec<ServerBehind>,
    /// For one document, all servers together.
    deadline: Duration,
}

/// What a server answered, with a status below 500.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Which server: `scheme://host:port`.
    pub server: String,
    /// Redirects are not followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

impl UpstreamClient {
    /// A client for the servers of a configuration; reads `upstream.tls.ca_file`.
    ///
    /// # Errors
    /// A file that holds no certificates, a `server_name` that cannot be kept apart from a server's address.
    pub fn new(upstream: &Upstream) -> Result<Self, ClientError> {
        let authorities = trusted(&upstream.tls)?;
        let connecting = Connecting {
            connect_timeout: upstream.connect_timeout,
            idle_timeout: upstream.idle_timeout,
            idle: 1,
            set_headers: &upstream.set_headers,
        };
        let behind = |server| ServerBehind::new(server, &upstream.tls, authorities.as_deref(), &connecting);
        let servers = upstream.servers.iter().map(behind);
        Ok(Self { servers: servers.collect::<Result<_, _>>()?, deadline: DEADLINE })
    }

    /// The same, with this much time for one document: where somebody waits for it.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// GETs `path` from the first server that has an answer, for the host and port by which clients know us.
    ///
    /// # Errors
    /// What each server did: not reached, not trusted, too late, a status of 500 or above, a body over 4 MiB.
    pub async fn get(&self, path: &str, host: &str) -> Result<Fetched, Unavailable> {
        let deadline = Instant::now() + self.deadline;
        let mut failures = Vec::new();
        for (tried, server) in self.servers.iter().enumerate() {
            // One that hangs does not take the others' time.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(self.servers.len() - tried).unwrap_or(u32::MAX);
            match timeout(share, get_from(server, path, host)).await {
                Ok(Ok(fetched)) => return Ok(fetched),
                Ok(Err(failure)) => failures.push(format!("{}: {failure}", server.name)),
                Err(_) => failures.push(format!("{}: no answer within {} s", server.name, share.as_secs())),
            }
        }
        Err(Unavailable::new("upstream", failures.join("; ")))
    }
}

/// The error is what an operator is told, after the server's name.
async fn get_from(server: &ServerBehind, path: &str, host: &str) -> Result<Fetched, String> {
    let request =
        server.get(path).header(HOST, host).header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", host);
    let mut response = request.send().await.map_err(|error| explain(&error))?;
    let status = response.status();
    if status.is_server_error() {
        return Err(format!("status {}", status.as_u16()));
    }
    let headers = std::mem::take(response.headers_mut());
    let body = Body::new(response, METADATA_BYTES).whole().await?;
    Ok(Fetched { server: server.name.clone(), status, headers, body })
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
