//! Documents behind URLs, fetched piece by piece, read while they come, and kept on disk once they are believed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Response};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::warn;

use super::contents::{Contents, Reader, not_older};
use super::kept::{Draft, Kept};
use super::trust::Trust;
use super::{AGGREGATE_BYTES, Failure};
use crate::config::MetadataSourceConfig;
use crate::federation::{Fault, Objection};
use crate::http_client::{self, Body, explain, root};
use crate::keys::KeyError;
use crate::model::Timestamp;

/// For a connection, TCP and TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest silence of a server.
const SILENCE: Duration = Duration::from_secs(30);
/// For a whole aggregate.
const DEADLINE: Duration = Duration::from_secs(600);
/// Pieces that wait to be read: the server waits then.
const WAITING: usize = 4;
/// Of a validator that is kept.
const LONGEST_VALIDATOR: usize = 256;

/// Why nothing can be fetched by a configuration.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The certificates to trust in TLS.
    #[error("{}: {}", .0.file.display(), .0.message)]
    Authorities(KeyError),
    /// The certificates that are pinned.
    #[error("{}: {}", .0.file.display(), .0.message)]
    Signers(KeyError),
    /// The library's own.
    #[error("{0}")]
    Library(String),
}

/// A client for what a source names.
pub(super) fn client(config: &MetadataSourceConfig) -> Result<Client, SourceError> {
    let authorities =
        config.ca_file.as_deref().map(http_client::authorities).transpose().map_err(SourceError::Authorities)?;
    let builder = http_client::builder(CONNECT, authorities.as_deref()).read_timeout(SILENCE);
    builder.build().map_err(|error| SourceError::Library(root(&error)))
}

/// By what a server tells whether a document is another than the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        let short = |name| headers.get(name).filter(|value| value.len() <= LONGEST_VALIDATOR).cloned();
        Self { etag: short(ETAG), last_modified: short(LAST_MODIFIED) }
    }

    fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// What a server has.
pub(super) enum Answer {
    /// What it had before.
    Unchanged,
    /// Nothing.
    Absent,
    /// A document, and by what it is told from the next.
    Document(Box<Response>, Validators),
}

/// Asks for a document, unless it is still the one that `known` tells.
///
/// # Errors
/// Not reached, not trusted, or an answer that is none of these.
pub(super) async fn ask(client: &Client, url: &str, known: &Validators) -> Result<Answer, Failure> {
    let mut request = client.get(url);
    for (name, value) in [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.map_err(|error| Failure::Unreachable(explain(&error)))?;
    match response.status() {
        StatusCode::OK => {
            let validators = Validators::of(response.headers());
            Ok(Answer::Document(Box::new(response), validators))
        }
        StatusCode::NOT_MODIFIED if !known.is_empty() => Ok(Answer::Unchanged),
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Answer::Absent),
        status if status.is_redirection() && response.headers().contains_key("location") => {
            let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
            Err(Failure::Answer(format!(
                "status {}: it is at {to:?}, which the configuration must name",
                status.as_u16()
            )))
        }
        status => Err(Failure::Answer(format!("status {}", status.as_u16()))),
    }
}

/// A document that has been fetched, or is as it was.
pub(super) enum Fetched {
    Unchanged,
    Fresh(Contents, Validators),
}

/// Fetches a document of any size, which is read while it comes, and kept by its name once it is believed, unless it is older
/// than what was made `before`.
///
/// # Errors
/// There is none, or none that is believed.
pub(super) async fn fetch(
    client: &Client,
    url: &str,
    known: &Validators,
    trust: &Arc<Trust>,
    before: Option<Timestamp>,
    keep: Option<(Kept, String)>,
    now: Timestamp,
) -> Result<Fetched, Failure> {
    let whole = async {
        let (response, validators) = match ask(client, url, known).await? {
            Answer::Unchanged => return Ok(Fetched::Unchanged),
            Answer::Absent => return Err(Failure::Answer("there is nothing".to_owned())),
            Answer::Document(response, validators) => (response, validators),
        };
        let (pieces, received) = mpsc::channel(WAITING);
        let trust = trust.clone();
        let read = spawn_blocking(move || read(received, &trust, before, keep, now));
        let mut body = Body::new(*response, AGGREGATE_BYTES);
        let sent = async {
            loop {
                let piece = body.piece().await.map_err(Failure::Broken)?;
                let end = piece.is_none();
                // Whoever reads has seen enough; why, it says itself.
                if pieces.send(piece).await.is_err() || end {
                    return Ok(());
                }
            }
        };
        let sent: Result<(), Failure> = sent.await;
        drop(pieces);
        let read = read.await.unwrap_or_else(|_| Err(Objection::new(Fault::Form, "reading it broke off")));
        sent?;
        let contents = read.map_err(Failure::Invalid)?;
        Ok(Fetched::Fresh(contents, validators))
    };
    let late = || Failure::Broken(format!("not whole within {} s", DEADLINE.as_secs()));
    timeout(DEADLINE, whole).await.unwrap_or_else(|_| Err(late()))
}

/// Off the threads that serve: parsing, digests, the disk.
fn read(
    mut pieces: mpsc::Receiver<Option<Bytes>>,
    trust: &Trust,
    before: Option<Timestamp>,
    keep: Option<(Kept, String)>,
    now: Timestamp,
) -> Result<Contents, Objection> {
    let mut reader = Reader::new(trust, AGGREGATE_BYTES);
    let mut draft = keep.and_then(|(kept, name)| noted(kept.draft(&name)));
    loop {
        match pieces.blocking_recv() {
            Some(Some(piece)) => {
                reader.push(&piece)?;
                draft = draft.and_then(|mut draft| noted(draft.write(&piece)).map(|()| draft));
            }
            Some(None) => break,
            None => return Err(Objection::new(Fault::Form, "it broke off")),
        }
    }
    let contents = reader.finish(trust, now)?;
    not_older(contents.created, before, now)?;
    draft.and_then(|draft: Draft| noted(draft.keep(now)));
    Ok(contents)
}

/// What cannot be kept is served all the same.
pub(super) fn noted<T>(written: io::Result<T>) -> Option<T> {
    written.inspect_err(|error| warn!(%error, "metadata cannot be kept in cache.folder")).ok()
}
