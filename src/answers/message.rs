//! Bytes to the SOAP message that they are, read more leniently than a request is.

use crate::model::Timestamp;
use crate::soap::SoapVersion;
use crate::xml::{Document, Element, Limits, ParseError, parse};

/// Bytes of the longest answer that is read.
const LONGEST: usize = 1 << 20;

/// An answer of which nothing can be told. The words are for the operator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no XML, or has what is never accepted.
    #[error(transparent)]
    Xml(#[from] ParseError),
    /// It is XML, and not what was to be expected: what is missing, or there twice.
    #[error("{0}")]
    Form(&'static str),
}

/// A SOAP message of either version.
pub(super) struct Message {
    pub(super) document: Document,
    pub(super) soap: SoapVersion,
}

impl Message {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let document = document(bytes)?;
        let namespace = Some(&*document.root.name.namespace).filter(|_| document.root.name.local == "Envelope");
        let soap = [SoapVersion::V11, SoapVersion::V12].into_iter().find(|soap| Some(soap.ns().uri) == namespace);
        Ok(Self { document, soap: soap.ok_or(Unreadable::Form("XML, but no SOAP envelope"))? })
    }

    /// A block of the header.
    pub(super) fn header(&self, wanted: impl Fn(&Element) -> bool) -> Option<&Element> {
        self.document.root.child(self.soap.ns().uri, "Header")?.elements().find(|block| wanted(block))
    }

    /// The one element in the body.
    pub(super) fn content(&self) -> Result<&Element, Unreadable> {
        let body = self.document.root.child(self.soap.ns().uri, "Body");
        let mut elements = body.ok_or(Unreadable::Form("an envelope without a Body"))?.elements();
        match (elements.next(), elements.next()) {
            (Some(content), None) => Ok(content),
            (None, _) => Err(Unreadable::Form("an envelope with nothing in its Body")),
            (Some(_), Some(_)) => Err(Unreadable::Form("a Body with more than one element")),
        }
    }
}

/// The document of an answer: WSDL has far more elements than a message.
pub(super) fn document(bytes: &[u8]) -> Result<Document, Unreadable> {
    Ok(parse(bytes, &Limits::metadata(LONGEST))?)
}

/// An instant; `None` for what is none.
pub(super) fn instant(text: Option<&str>) -> Option<Timestamp> {
    Timestamp::parse(text?).ok()
}

/// What an element says, without the white space around it.
pub(super) fn said(element: Option<&Element>) -> Option<String> {
    element.and_then(Element::trimmed_text).filter(|text| !text.is_empty()).map(str::to_owned)
}
