//! Canonicalisation of what goes by, as the product does it for documents too large for a tree.

use std::sync::Arc;

use fedfront::xml::{CanonicalStream, Element, Events, Limits, ParseError, Pieces};

use crate::documents::Case;

/// A document is looked at when so much of it has come.
const PART: usize = 16 * 1024;

/// What is written of a case's element, without comments; the document comes in two parts, of which the first ends `cut` bytes
/// before the document element's end.
pub fn canonical(case: &Case, cut: usize) -> Vec<u8> {
    let text = case.text();
    let end = case.prolog.len() + case.element.len();
    let first = end.saturating_sub(cut).max(case.prolog.len());
    // Whatever is before the element fills the first part up.
    let padding = format!("<!--{}-->", " ".repeat(PART - first - "<!---->".len()));
    let padded = [&text[..case.prolog.len()], &padding, &text[case.prolog.len()..]].concat();
    let mut pieces = Pieces::new(&Limits::aggregate(1 << 20));
    let mut apex = Apex::of(case);
    pieces.push(padded.as_bytes(), &mut apex).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    pieces.finish(&mut apex).unwrap();
    apex.written
}

type Declarations = Vec<(Arc<str>, Arc<str>)>;

/// Finds the element of a case among those that go by.
struct Apex<'c> {
    case: &'c Case,
    elements: usize,
    above: Vec<Declarations>,
    stream: Option<CanonicalStream>,
    /// Open elements, from the one of the case on, and from the one to leave out on.
    inside: usize,
    left_out: usize,
    written: Vec<u8>,
}

impl<'c> Apex<'c> {
    fn of(case: &'c Case) -> Self {
        Self { case, elements: 0, above: Vec::new(), stream: None, inside: 0, left_out: 0, written: Vec::new() }
    }

    fn take(&mut self) {
        if let Some(stream) = &mut self.stream {
            self.written.extend_from_slice(stream.written().as_bytes());
            stream.clear();
        }
    }
}

impl Events for Apex<'_> {
    type Error = ParseError;

    fn start(&mut self, element: Element) -> Result<(), ParseError> {
        let number = self.elements;
        self.elements += 1;
        if number == self.case.apex {
            let prefixes: Vec<&str> =
                self.case.prefixes.iter().map(|prefix| if *prefix == "#default" { "" } else { prefix }).collect();
            self.stream = Some(CanonicalStream::new(&prefixes, self.above.concat()));
        } else if self.inside == 0 {
            self.above.push(element.declarations);
            return Ok(());
        }
        if self.left_out > 0 || self.case.without == Some(number) {
            self.left_out += 1;
            return Ok(());
        }
        self.inside += 1;
        if let Some(stream) = &mut self.stream {
            stream.start(&element);
        }
        self.take();
        Ok(())
    }

    fn end(&mut self) -> Result<(), ParseError> {
        if self.left_out > 0 {
            self.left_out -= 1;
        } else if self.inside > 0 {
            self.inside -= 1;
            if let Some(stream) = &mut self.stream {
                stream.end();
            }
            self.take();
        } else {
            self.above.pop();
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ParseError> {
        if let Some(stream) = &mut self.stream
            && self.inside > 0
            && self.left_out == 0
        {
            stream.text(text);
        }
        Ok(())
    }

    fn comment(&mut self, _: &str) -> Result<(), ParseError> {
        Ok(())
    }
}
