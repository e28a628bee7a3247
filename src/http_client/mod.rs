//! Asking other servers over HTTP: what all of our clients do alike.

mod behind;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use openssl::x509::X509;
pub(crate) use reqwest::Client;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Response};

use crate::keys::{self, KeyError};

pub use behind::ClientError;
pub(crate) use behind::{Connecting, ServerBehind, trusted};

/// A client that goes to the server that it is told, and nowhere else: no redirect, no proxy of the environment's.
pub(crate) fn builder(connect_timeout: Duration, authorities: Option<&[Certificate]>) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("fedfront/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(Policy::none())
        .http1_only()
        .connect_timeout(connect_timeout);
    match authorities {
        None => builder,
        Some(authorities) => authorities
            .iter()
            .cloned()
            .fold(builder.tls_built_in_root_certs(false), ClientBuilder::add_root_certificate),
    }
}

/// The certificates of a file, to be trusted instead of the system's.
///
/// # Errors
/// The file cannot be read, or holds none.
pub(crate) fn authorities(file: &Path) -> Result<Vec<Certificate>, KeyError> {
    let certificate = |one: &X509| Certificate::from_der(&one.to_der().ok()?).ok();
    Ok(keys::authorities(file)?.iter().filter_map(certificate).collect())
}

/// An answer's body, piece by piece, never more than so many bytes.
pub(crate) struct Body {
    response: Response,
    most: usize,
    read: usize,
}

impl Body {
    pub fn new(response: Response, most: usize) -> Self {
        Self { response, most, read: 0 }
    }

    /// The next piece; `None` at the end. The error is what an operator is told.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, String> {
        if self.read == 0 && self.response.content_length().is_some_and(|length| length > self.most as u64) {
            return Err(self.too_large());
        }
        let Some(piece) = self.response.chunk().await.map_err(|error| explain(&error))? else { return Ok(None) };
        self.read = self.read.saturating_add(piece.len());
        if self.read > self.most { Err(self.too_large()) } else { Ok(Some(piece)) }
    }

    fn too_large(&self) -> String {
        format!("more than {} bytes", self.most)
    }

    /// All of it.
    pub async fn whole(&mut self) -> Result<Bytes, String> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

/// The name has no address.
#[derive(Debug, thiserror::Error)]
#[error("its name cannot be resolved: {0}")]
pub(crate) struct Unresolved(pub std::io::Error);

/// What went wrong, by where: the name, the connection, TLS, HTTP.
pub(crate) fn explain(error: &reqwest::Error) -> String {
    if let Some(unresolved) = causes(error).find_map(|cause| cause.downcast_ref::<Unresolved>()) {
        return unresolved.to_string();
    }
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<native_tls::Error>()) {
        return keys::tls_failure(tls);
    }
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => "no connection in time".to_owned(),
        (true, false) => format!("no connection: {}", root(error)),
        (false, true) => "no answer: silence for too long".to_owned(),
        (false, false) => format!("no answer: {}", root(error)),
    }
}

/// The cause of all others, which says more than they do.
pub(crate) fn root(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error and what caused it, each by the next.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
