//! The identity provider's own metadata, passed on as it is: fetched and judged.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::follow::{KeptDocument, not_over};
use super::lifetime::{Lifetime, refresh_in};
use super::{Fetched, METADATA_BYTES, Objection};
use crate::model::Timestamp;
use crate::saml::metadata::MetadataDocument;

/// A metadata document, byte for byte as the identity provider sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedMetadata {
    /// The document.
    pub body: Bytes,
    /// What it was sent as.
    pub content_type: Option<HeaderValue>,
    /// From then on it may not be shown to anybody.
    pub valid_until: Option<Timestamp>,
}

impl KeptDocument for ForwardedMetadata {
    const WITHOUT: &'static str = "requests are forwarded";
    const IS_OPTIONAL: bool = true;

    fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| now < until)
    }
}

impl ForwardedMetadata {
    /// What to show of an answer, and when to fetch it anew.
    ///
    /// # Errors
    /// It is no metadata, or has ended.
    pub fn judge(answer: &Fetched, now: Timestamp) -> Result<(Self, Duration), Objection> {
        let document = MetadataDocument::read(&answer.body, METADATA_BYTES)?;
        not_over(document.valid_until, now)?;
        let lifetime = Lifetime { valid_until: document.valid_until, cache_duration: document.cache_duration };
        let pause = refresh_in(lifetime, &answer.headers, now);
        let content_type = answer.headers.get(CONTENT_TYPE).cloned();
        Ok((Self { body: answer.body.clone(), content_type, valid_until: document.valid_until }, pause))
    }
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
