//! A signed document that comes in pieces.

use std::sync::Arc;

use super::passing::{Content, PassingElement, Trusted};
use super::verify::{Reason, VerifyError};
use crate::xml::{Limits, Pieces};

/// Verifies the enveloped signature of the document element of a document that comes in pieces, and hands its canonical bytes
/// to a [`Content`], which comes back only when all of it has been verified.
pub struct SignedStream<C> {
    pieces: Pieces,
    element: PassingElement<C>,
}

impl<C: Content> SignedStream<C> {
    /// Nothing has come yet.
    pub fn new(limits: &Limits, trusted: Arc<Trusted>, content: C) -> Self {
        Self { pieces: Pieces::new(limits), element: PassingElement::new(trusted, Vec::new(), content) }
    }

    /// The next piece, of any length and cut anywhere.
    ///
    /// # Errors
    /// If the document is refused, the signature does not hold, or the content says so. After one, nothing more is taken.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), C::Error> {
        self.pieces.push(piece, &mut self.element)?;
        if self.element.is_unsigned() { Err(VerifyError(Reason::NotFirst).into()) } else { Ok(()) }
    }

    /// Nothing more comes: the content, which is proved now.
    ///
    /// # Errors
    /// As [`SignedStream::push`], and if the document is not whole or not signed.
    pub fn finish(mut self) -> Result<C, C::Error> {
        self.pieces.finish(&mut self.element)?;
        Ok(self.element.finish()?)
    }
}

#[cfg(test)]
mod tests;
