//! One question to the service, and the copies on disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, Shared};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Service;
use super::entity::Entity;
use super::memory::{Key, Memory};
use super::query::query_url;
use crate::federation::source::Failure;
use crate::federation::source::contents::{Contents, Reader, not_older};
use crate::federation::source::kept::copy_by;
use crate::federation::source::remote::{Answer, Validators, ask, noted};
use crate::federation::source::trust::Trust;
use crate::federation::{Fault, Objection};
use crate::http_client::Body;
use crate::model::Timestamp;

/// What is known of an entity in the end; `None`: nothing, by the service's own word.
pub(super) type Outcome = Result<Option<Arc<Entity>>, String>;
/// A question that is under way, for all who want to know.
pub(super) type Flight = Shared<BoxFuture<'static, Outcome>>;

/// For one document, from the question to its end.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of one entity's document; identity providers have their logos in theirs.
const MOST_BYTES: usize = 1024 * 1024;

/// An entity that nobody has (RFC 6761): a service that says so works.
pub(in crate::federation::source) const NOBODY: &str = "https://fedfront.invalid/nobody";

/// What the service says.
pub(super) enum Answered {
    /// It knows the entity.
    Entity(Box<Entity>, Bytes),
    /// It is as it was.
    Unchanged,
    /// It knows no such entity.
    Absent,
}

impl Service {
    /// Asks for one entity.
    pub(super) async fn ask(&self, entity_id: &str, url: &str, known: Option<&Entity>) -> Result<Answered, Failure> {
        let validators = known.map(|known| known.validators.clone()).unwrap_or_default();
        let fetched = async {
            match ask(&self.client, url, &validators).await? {
                Answer::Document(response, validators) => {
                    let bytes = Body::new(*response, MOST_BYTES).whole().await.map_err(Failure::Broken)?;
                    Ok(Ok((bytes, validators)))
                }
                Answer::Unchanged => Ok(Err(Answered::Unchanged)),
                Answer::Absent => Ok(Err(Answered::Absent)),
            }
        };
        let late = || Failure::Broken(format!("not whole within {} s", DEADLINE.as_secs()));
        let (bytes, validators) = match timeout(DEADLINE, fetched).await.unwrap_or_else(|_| Err(late()))? {
            Ok(document) => document,
            Err(other) => return Ok(other),
        };
        let now = self.works.clock.now();
        let entity = self.read(bytes.clone(), entity_id, validators, now, now).await?;
        let before = known.and_then(|known| known.created);
        not_older(entity.created, before, now).map_err(Failure::Invalid)?;
        Ok(Answered::Entity(Box::new(entity), bytes))
    }

    /// Whether the service answers, by what came of asking for an entity. Strangers choose which: one of a long document, or
    /// that it takes too long over, makes no outage if it still says of another that there is none.
    pub(super) async fn answers(&self, asked: Result<(), &Failure>) -> bool {
        let answered = |failure: &Failure| matches!(failure, Failure::Invalid(_));
        match (asked, query_url(&self.base, NOBODY)) {
            (Ok(()), _) => true,
            (Err(failure), _) if answered(failure) => true,
            (Err(_), Some(url)) => self.ask(NOBODY, &url, None).await.as_ref().err().is_none_or(answered),
            (Err(_), None) => false,
        }
    }

    /// The copy of an entity, if there is one that is believed.
    pub(super) async fn read_copy(&self, key: Key, entity_id: &str) -> Option<Arc<Entity>> {
        let kept = self.kept.clone()?;
        let read = spawn_blocking(move || kept.read(&copy_by(&key), MOST_BYTES)).await.ok()?;
        let (bytes, had) =
            read.inspect_err(|error| warn!(source = self.name, %error, "a copy cannot be read")).ok()??;
        let now = self.works.clock.now();
        // What is of the future was had when the clock, or whoever wrote it, was wrong.
        let had = if had <= now { had } else { Timestamp::from_unix_millis(0) };
        let entity = self.read(bytes.into(), entity_id, Validators::default(), now, had).await;
        let told = |why: &Failure| debug!(source = self.name, %why, "the copy of an entity's metadata is not used");
        entity.inspect_err(told).ok().map(Arc::new)
    }

    /// Off the threads that serve.
    async fn read(
        &self,
        bytes: Bytes,
        entity_id: &str,
        validators: Validators,
        now: Timestamp,
        had: Timestamp,
    ) -> Result<Entity, Failure> {
        let (trust, length) = (self.works.trust.clone(), bytes.len());
        let read = spawn_blocking(move || read(&bytes, &trust, now)).await;
        let read = read.unwrap_or_else(|_| Err(Objection::new(Fault::Form, "reading it broke off")));
        let contents = read.map_err(Failure::Invalid)?;
        Entity::of(&contents, entity_id, validators, length, self.works.pace, had)
            .ok_or_else(|| Objection::new(Fault::OtherEntity, "it is of another entity than was asked for"))
            .map_err(Failure::Invalid)
    }

    /// Keeps a copy of a document that was had then.
    pub(super) async fn keep(&self, memory: &Memory, key: Key, bytes: Bytes, had: Timestamp) {
        let Some(kept) = self.kept.clone() else { return };
        let makes_room = memory.takes_copy(key, self.works.clock.now());
        let writing = move || {
            noted(kept.write(&copy_by(&key), &bytes, had));
            makes_room.and_then(|other| noted(kept.forget(&copy_by(&other))))
        };
        drop(spawn_blocking(writing).await);
    }

    pub(super) async fn confirm_copy(&self, key: Key, now: Timestamp) {
        if let Some(kept) = self.kept.clone() {
            drop(spawn_blocking(move || kept.confirm(&copy_by(&key), now)).await);
        }
    }

    pub(super) async fn forget_copy(&self, memory: &Memory, key: Key) {
        if let Some(kept) = self.kept.clone().filter(|_| memory.has_copy(&key)) {
            drop(spawn_blocking(move || noted(kept.forget(&copy_by(&key)))).await);
            memory.forget_copy(&key);
        }
    }
}

fn read(bytes: &[u8], trust: &Trust, now: Timestamp) -> Result<Contents, Objection> {
    let mut reader = Reader::new(trust, MOST_BYTES);
    reader.push(bytes)?;
    reader.finish(trust, now)
}
