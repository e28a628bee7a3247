//! The reader of metadata documents, which come in pieces. What is split is not the document but its canonical bytes, the very
//! ones that are digested: whoever reads on from there cannot see anything else.

use std::sync::Arc;

use super::sp::MetadataError;
use super::splitter::Splitter;
use super::{Aggregate, MetadataLimits, MetadataTrust};
use crate::dsig::{Content, SignedStream, Trusted};
use crate::xml::{Limits, Pieces};

/// How much longer the canonical form of a document may be than the document: where namespaces are declared once at the top,
/// it is a little; where each element is made to declare its own again, it could be a hundred times.
const CANONICAL_GROWTH: usize = 2;

/// Reads an `md:EntityDescriptor` or an `md:EntitiesDescriptor` that comes in pieces, in little memory whatever its length.
/// Elements may come in any order, because Microsoft's do; but a signature comes first in what it signs. Nothing that is in
/// the document can be had before [`MetadataReader::finish`] has said that all of it holds.
pub struct MetadataReader(Source);

enum Source {
    Signed(Box<SignedStream<Reading>>),
    Operators(Box<Reading>),
}

/// Text to entities.
struct Reading {
    pieces: Pieces,
    splitter: Splitter,
}

impl MetadataReader {
    /// Nothing has come yet.
    pub fn new(trust: MetadataTrust, limits: MetadataLimits) -> Self {
        let reading = |bytes, trusted| Reading {
            pieces: Pieces::new(&Limits::aggregate(bytes)),
            splitter: Splitter::new(limits, trusted),
        };
        Self(match trust {
            MetadataTrust::Operator => Source::Operators(Box::new(reading(limits.bytes, None))),
            MetadataTrust::SignedBy { keys, accepted } => {
                let trusted = Arc::new(Trusted { keys, accepted, id_attribute: "ID" });
                let content = reading(limits.bytes.saturating_mul(CANONICAL_GROWTH), Some(trusted.clone()));
                Source::Signed(Box::new(SignedStream::new(&Limits::aggregate(limits.bytes), trusted, content)))
            }
        })
    }

    /// The next piece, of any length and cut anywhere.
    ///
    /// # Errors
    /// As soon as something cannot be believed; whatever comes after that, it stays so.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), MetadataError> {
        match &mut self.0 {
            Source::Signed(stream) => stream.push(piece),
            Source::Operators(reading) => reading.take(piece),
        }
    }

    /// Nothing more comes: what is in the document, all of which holds.
    ///
    /// # Errors
    /// If the document is not whole, no metadata, or not signed as it must be.
    pub fn finish(self) -> Result<Aggregate, MetadataError> {
        match self.0 {
            Source::Signed(stream) => stream.finish()?.finish(),
            Source::Operators(reading) => reading.finish(),
        }
    }
}

impl Reading {
    fn finish(mut self) -> Result<Aggregate, MetadataError> {
        self.pieces.finish(&mut self.splitter)?;
        Ok(self.splitter.into_aggregate())
    }
}

impl Content for Reading {
    type Error = MetadataError;

    fn take(&mut self, canonical: &[u8]) -> Result<(), MetadataError> {
        self.pieces.push(canonical, &mut self.splitter)
    }
}

#[cfg(test)]
mod tests;
