//! A document that comes in pieces, cut anywhere, read with all that [`super::parse`] refuses. Held of it is only what is not
//! whole yet: a tag, a comment or a text.

use super::events::{Checks, Events};
use super::limits::{HELD_BYTES, Limits};
use super::parse::{BYTE_ORDER_MARK, ParseError, readable};

/// Bytes that are gathered before they are looked at, unless a test wants fewer.
const PART_BYTES: usize = 16 * 1024;

/// Reads a document that comes in pieces.
pub struct Pieces {
    checks: Checks,
    /// Bytes that the whole document may have.
    most: usize,
    /// Bytes that are gathered before they are looked at.
    part: usize,
    /// What has come and is not read yet.
    held: Vec<u8>,
    /// How much has to be held before it is looked at. Twice as much as was looked at in vain, so that a long tag that comes
    /// byte by byte is not searched for its end at each of them.
    enough: usize,
    /// Bytes that have been read.
    read: usize,
    /// Something was refused: whatever comes now is refused as well.
    refused: bool,
}

impl Pieces {
    /// Nothing has come yet.
    pub fn new(limits: &Limits) -> Self {
        Self::gathering(limits, PART_BYTES)
    }

    pub(super) fn gathering(limits: &Limits, part: usize) -> Self {
        Self {
            checks: Checks::new(limits),
            most: limits.bytes,
            part,
            held: Vec::new(),
            enough: part,
            read: 0,
            refused: false,
        }
    }

    /// The next piece, of any length.
    ///
    /// # Errors
    /// As [`super::parse`], and those of `to`. After one, nothing more is taken.
    pub fn push<E: Events>(&mut self, piece: &[u8], to: &mut E) -> Result<(), E::Error> {
        self.once_only(|pieces| piece.chunks(pieces.part).try_for_each(|part| pieces.part(part, to)))
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// As [`Pieces::push`], and if the document is not whole.
    pub fn finish<E: Events>(&mut self, to: &mut E) -> Result<(), E::Error> {
        self.once_only(|pieces| {
            pieces.look(pieces.held.len(), to)?;
            Ok(pieces.checks.finish().map_err(|error| error.at(pieces.read as u64))?)
        })
    }

    fn once_only<E: From<ParseError>>(&mut self, step: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        if std::mem::replace(&mut self.refused, true) {
            return Err(ParseError::Forbidden("a part that was refused").into());
        }
        step(self)?;
        self.refused = false;
        Ok(())
    }

    fn part<E: Events>(&mut self, part: &[u8], to: &mut E) -> Result<(), E::Error> {
        self.held.extend_from_slice(part);
        if self.read + self.held.len() > self.most {
            return Err(ParseError::TooLarge("bytes").into());
        }
        if self.held.len() < self.enough {
            return Ok(());
        }
        self.look(whole(&self.held), to)?;
        if self.held.len() > HELD_BYTES {
            return Err(ParseError::TooLarge("one tag, comment or text").into());
        }
        self.enough = self.part.max(2 * self.held.len());
        Ok(())
    }

    /// Reads the first `length` bytes of what is held.
    fn look<E: Events>(&mut self, length: usize, to: &mut E) -> Result<(), E::Error> {
        let part = self.held.get(..length).unwrap_or_default();
        let mark = if self.read == 0 && part.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let text = readable(part.get(mark..).unwrap_or_default())?;
        self.checks.read(text, self.read, to)?;
        self.read += text.len();
        self.held.drain(..length.min(self.held.len()));
        Ok(())
    }
}

/// How many bytes there are up to the end of the last markup that is whole. Where quick-xml sees an end elsewhere, it finds
/// the part cut in a tag, and refuses it.
fn whole(held: &[u8]) -> usize {
    let mut end = 0;
    while let Some(rest) = held.get(end..)
        && let Some(at) = rest.iter().position(|byte| *byte == b'<')
        && let Some(length) = rest.get(at..).and_then(markup)
    {
        end += at + length;
    }
    end
}

/// The length of the markup that stands at the beginning; `None` if its end is not there yet.
fn markup(bytes: &[u8]) -> Option<usize> {
    let until = |from: usize, end: &[u8]| {
        let found = bytes.get(from..)?.windows(end.len()).position(|window| window == end)?;
        Some(from + found + end.len())
    };
    match bytes {
        [b'<', b'!', b'-', b'-', ..] => until(4, b"-->"),
        [b'<', b'!', b'[', ..] => until(3, b"]]>"),
        [b'<', b'!', b'-'] | [b'<', b'!'] | [b'<'] => None,
        [b'<', b'?', ..] => until(2, b"?>"),
        [b'<', b'!' | b'/', ..] => until(2, b">"),
        _ => {
            let mut quote = None;
            let end = bytes.iter().position(|byte| match (quote, byte) {
                (None, b'>') => true,
                (None, b'"' | b'\'') => {
                    quote = Some(*byte);
                    false
                }
                (Some(open), byte) => {
                    quote = Some(open).filter(|open| open != byte);
                    false
                }
                _ => false,
            })?;
            Some(end + 1)
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
