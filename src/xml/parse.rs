//! Bytes to tree, within limits. What is refused never reaches anything else: DTDs, processing instructions, undeclared
//! prefixes, duplicate attributes, duplicate IDs, relative namespace URIs, anything but UTF-8.

use zeroize::Zeroizing;

use super::chars::is_xml_text;
use super::events::{Checks, Events};
use super::lexical::malformed;
use super::limits::Limits;
use super::tree::{Document, Element, Node};

/// Why a document is refused. For the operator: a client only learns that it is malformed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is larger than a limit allows; the limit's name.
    #[error("XML over the limit of {0}")]
    TooLarge(&'static str),
    /// It is XML, but has what this project never accepts.
    #[error("XML with {0}, which is not accepted")]
    Forbidden(&'static str),
    /// It is no well-formed XML.
    #[error("not well-formed XML: {what}, in what begins at byte {at}")]
    Malformed {
        /// What is wrong. Never the document's own words: they may be a password.
        what: &'static str,
        /// Where the piece of markup or text begins that it is in.
        at: u64,
    },
}

impl ParseError {
    pub(super) fn at(self, at: u64) -> Self {
        match self {
            Self::Malformed { what, .. } => Self::Malformed { what, at },
            other => other,
        }
    }
}

/// Parses a whole document.
///
/// # Errors
/// Whatever is not well-formed, over a limit, or forbidden; see [`ParseError`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    if bytes.len() > limits.bytes {
        return Err(ParseError::TooLarge("bytes"));
    }
    let text = readable(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes))?;
    let (mut checks, mut tree) = (Checks::new(limits), TreeBuilder::default());
    checks.read(text, 0, &mut tree)?;
    checks.finish().map_err(|error| error.at(text.len() as u64))?;
    tree.root.map(|root| Document { root, bytes: bytes.len() }).ok_or_else(|| malformed("no element"))
}

/// In UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Bytes as text, if XML may have all of it.
pub(super) fn readable(bytes: &[u8]) -> Result<&str, ParseError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ParseError::Forbidden("bytes that are not UTF-8"))?;
    if is_xml_text(text) { Ok(text) } else { Err(malformed("a character that XML does not have")) }
}

/// Makes a tree of an element that goes by.
#[derive(Default)]
pub struct TreeBuilder {
    /// Elements that are open, outermost first.
    open: Vec<Element>,
    root: Option<Element>,
}

impl TreeBuilder {
    /// The element, once it has ended.
    pub fn into_root(self) -> Option<Element> {
        self.root
    }
}

impl Events for TreeBuilder {
    type Error = ParseError;

    fn start(&mut self, element: Element) -> Result<(), ParseError> {
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ParseError> {
        let element = self.open.pop();
        match (self.open.last_mut(), element) {
            (Some(parent), Some(element)) => parent.children.push(Node::Element(element)),
            (_, element) => self.root = element,
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ParseError> {
        let Some(element) = self.open.last_mut() else { return Ok(()) };
        match element.children.last_mut() {
            Some(Node::Text(before)) => append(before, text),
            _ => element.children.push(Node::Text(text.to_owned().into())),
        }
        Ok(())
    }

    fn comment(&mut self, text: &str) -> Result<(), ParseError> {
        if let Some(element) = self.open.last_mut() {
            element.children.push(Node::Comment(text.to_owned()));
        }
        Ok(())
    }
}

/// Adds to a text, which leaves nothing of it behind where it needs more room.
fn append(before: &mut Zeroizing<String>, text: &str) {
    let length = before.len() + text.len();
    if length > before.capacity() {
        let mut roomier = Zeroizing::new(String::with_capacity(length.max(2 * before.capacity())));
        roomier.push_str(before);
        *before = roomier;
    }
    before.push_str(text);
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
