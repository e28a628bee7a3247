//! How a connection is made: the name is resolved anew, TCP, TLS, and the user is signed in.

use native_tls::{Certificate, TlsConnector};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use super::connection::Connection;
use super::failure::{Failure, TIMEOUT};
use crate::config::StateConfig;
use crate::keys::{authorities, tls_failure};

/// For all of it, for the socket, and for the handshake. Nobody waits for a connection.
const TIME: Duration = Duration::from_millis(1500);
const TIME_FOR_TCP: Duration = Duration::from_millis(700);
const TIME_FOR_TLS: Duration = Duration::from_millis(700);
/// Operations that may wait to be written.
const WAITING: usize = 1024;

/// A connection that lets us in; its task ends when the other side ends it.
pub(super) async fn dial(config: &StateConfig) -> Result<(Connection, JoinHandle<()>), Failure> {
    timeout(TIME, connect(config)).await.unwrap_or(Err(TIMEOUT))
}

async fn connect(config: &StateConfig) -> Result<(Connection, JoinHandle<()>), Failure> {
    let stream = tcp(config, Instant::now() + TIME_FOR_TCP).await?;
    let (connection, driver) = if config.tls {
        let connector = tokio_native_tls::TlsConnector::from(connector(config)?);
        // A port without TLS waits for more of a command.
        let stream = timeout(TIME_FOR_TLS, connector.connect(&config.host, stream)).await;
        let silent = |_| Failure::said("it does not answer the TLS handshake in time");
        begin(stream.map_err(silent)?.map_err(|error| Failure::said(tls_failure(&error)))?).await?
    } else {
        begin(stream).await?
    };
    if let Some(password) = &config.password {
        connection.authenticate(config.username.as_deref(), password.expose()).await?;
    }
    Ok((connection, driver))
}

async fn begin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> RedisResult<(Connection, JoinHandle<()>)> {
    let nobody = RedisConnectionInfo::default().set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(WAITING);
    let (pipe, driver) = MultiplexedConnection::new_with_config(&nobody, stream, config).await?;
    let driver = tokio::spawn(driver);
    Ok((Connection::new(pipe, driver.abort_handle()), driver))
}

/// A socket to the first address that lets it; each gets its share of what is left of the time.
async fn tcp(config: &StateConfig, until: Instant) -> Result<TcpStream, Failure> {
    let addresses = lookup_host((config.host.as_str(), config.port)).await;
    let addresses: Vec<_> = addresses.map_err(|_| Failure::said("its name cannot be resolved"))?.collect();
    let mut failure = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = until.saturating_duration_since(Instant::now()) / left;
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return stream.set_nodelay(true).map(|()| stream).map_err(Failure::said),
            Ok(Err(error)) => failure = Some(Failure::said(error.kind())),
            // Where another refused, that says more.
            Err(_) => failure = failure.or(Some(TIMEOUT)),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::said("its name has no address")))
}

/// Made for each connection, so that a CA in `ca_file` can be replaced.
fn connector(config: &StateConfig) -> Result<TlsConnector, Failure> {
    let mut builder = TlsConnector::builder();
    if let Some(file) = &config.ca_file {
        builder.disable_built_in_roots(true);
        for authority in authorities(file).map_err(|error| Failure::said(format!("ca_file {error}")))? {
            let der = authority.to_der().map_err(Failure::said)?;
            builder.add_root_certificate(Certificate::from_der(&der).map_err(Failure::said)?);
        }
    }
    builder.build().map_err(Failure::said)
}
