//! Bytes to tree, within limits. What is refused here never reaches anything else: DTDs, processing instructions,
//! undeclared prefixes, duplicate attributes, duplicate IDs, relative namespace URIs, anything but UTF-8.

use std::collections::HashSet;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::chars::{is_nc_name, is_space, is_xml_text};
use super::lexical::{
    attribute_value, check_declaration, check_spacing, is_absolute, malformed, normalize_line_ends, resolve_reference,
    unreadable,
};
use super::limits::{Limits, NAMESPACE_BYTES, NAMESPACES_IN_SCOPE};
use super::scope::Scope;
use super::tree::{Attribute, Document, Element, Name, Node};

const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";
const WSU_NS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

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
    fn at(self, at: u64) -> Self {
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
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| ParseError::Forbidden("bytes that are not UTF-8"))?;
    if !is_xml_text(text) {
        return Err(malformed("a character that XML does not have"));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    Builder::new(limits).run(&mut reader)
}

struct Builder<'l> {
    limits: &'l Limits,
    /// Elements that are open, outermost first, each with the number of bindings before it.
    open: Vec<(Element, usize)>,
    bindings: Scope<Arc<str>>,
    ids: HashSet<String>,
    nodes: usize,
    root: Option<Element>,
    nothing: Arc<str>,
    xml: Arc<str>,
}

impl<'l> Builder<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            bindings: Scope::new(),
            ids: HashSet::new(),
            nodes: 0,
            root: None,
            nothing: Arc::from(""),
            xml: Arc::from(XML_NS),
        }
    }

    fn run(mut self, reader: &mut Reader<&[u8]>) -> Result<Document, ParseError> {
        loop {
            let at = reader.buffer_position();
            match reader.read_event() {
                Ok(Event::Eof) => return self.document().map_err(|error| error.at(at)),
                Ok(event) => self.event(event, at == 0).map_err(|error| error.at(at))?,
                Err(error) => return Err(unreadable(&error).at(at)),
            }
        }
    }

    fn event(&mut self, event: Event<'_>, first: bool) -> Result<(), ParseError> {
        match event {
            Event::Start(start) => self.start(&start),
            Event::Empty(start) => {
                self.start(&start)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&normalize_line_ends(&text), true),
            Event::CData(text) => self.text(&normalize_line_ends(&text), false),
            Event::GeneralRef(reference) => self.reference(resolve_reference(&reference)?),
            Event::Comment(text) => self.comment(&text),
            Event::Decl(declaration) if first => check_declaration(&declaration),
            Event::Decl(_) => Err(malformed("an XML declaration that is not first")),
            Event::PI(_) => Err(ParseError::Forbidden("a processing instruction")),
            Event::DocType(_) => Err(ParseError::Forbidden("a DTD")),
            Event::Eof => Ok(()),
        }
    }

    fn document(self) -> Result<Document, ParseError> {
        if !self.open.is_empty() {
            return Err(malformed("it ends inside an element"));
        }
        self.root.map(|root| Document { root }).ok_or_else(|| malformed("no element"))
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), ParseError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(malformed("a second document element"));
        }
        if self.open.len() >= self.limits.depth {
            return Err(ParseError::TooLarge("depth"));
        }
        self.count()?;
        let raw = tag.attributes_raw();
        check_spacing(raw)?;
        let before = self.bindings.len();
        let mut plain = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| malformed("an attribute that XML does not allow"))?;
            let value = attribute_value(&attribute.value)?;
            let key = attribute.key.0;
            if key == "xmlns" {
                self.declare(before, "", value)?;
            } else if let Some(prefix) = key.strip_prefix("xmlns:") {
                self.declare(before, prefix, value)?;
            } else if plain.len() >= self.limits.attributes {
                return Err(ParseError::TooLarge("attributes"));
            } else {
                plain.push((key, value));
            }
        }
        let declarations = self.bindings.since(before).map(|(prefix, uri)| (prefix.clone(), uri.clone())).collect();
        let name = self.resolve(tag.name().0, true)?;
        let mut attributes: Vec<Attribute> = Vec::with_capacity(plain.len());
        for (key, value) in plain {
            let name = self.resolve(key, false)?;
            if attributes.iter().any(|a| a.name.local == name.local && a.name.namespace == name.namespace) {
                return Err(malformed("an attribute twice on one element"));
            }
            self.note_id(&name, &value)?;
            attributes.push(Attribute { name, value });
        }
        self.open.push((Element { name, declarations, attributes, children: Vec::new() }, before));
        Ok(())
    }

    fn end(&mut self) -> Result<(), ParseError> {
        let (element, bindings) = self.open.pop().ok_or_else(|| malformed("an end tag without a start tag"))?;
        self.bindings.undo(bindings);
        match self.open.last_mut() {
            Some((parent, _)) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, markup: bool) -> Result<(), ParseError> {
        if self.open.is_empty() {
            return if markup && text.chars().all(is_space) {
                Ok(())
            } else {
                Err(malformed("text outside an element"))
            };
        }
        if markup && text.contains("]]>") {
            return Err(malformed("`]]>` in text"));
        }
        self.append(text)
    }

    fn reference(&mut self, c: char) -> Result<(), ParseError> {
        if self.open.is_empty() {
            return Err(malformed("a reference outside an element"));
        }
        self.append(c.encode_utf8(&mut [0; 4]))
    }

    fn append(&mut self, text: &str) -> Result<(), ParseError> {
        if text.is_empty() {
            return Ok(());
        }
        let Some((element, _)) = self.open.last_mut() else { return Ok(()) };
        if let Some(Node::Text(before)) = element.children.last_mut() {
            before.push_str(text);
            return Ok(());
        }
        element.children.push(Node::Text(text.to_owned()));
        self.count()
    }

    fn comment(&mut self, text: &str) -> Result<(), ParseError> {
        self.count()?;
        if let Some((element, _)) = self.open.last_mut() {
            element.children.push(Node::Comment(normalize_line_ends(text).into_owned()));
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), ParseError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes { Err(ParseError::TooLarge("nodes")) } else { Ok(()) }
    }

    fn declare(&mut self, before: usize, prefix: &str, uri: String) -> Result<(), ParseError> {
        if self.bindings.len() - before >= self.limits.namespaces {
            return Err(ParseError::TooLarge("namespaces"));
        }
        if self.bindings.len() >= NAMESPACES_IN_SCOPE {
            return Err(ParseError::TooLarge("namespaces in scope"));
        }
        if uri.len() > NAMESPACE_BYTES {
            return Err(ParseError::TooLarge("namespace"));
        }
        if self.bindings.has_since(before, prefix) {
            return Err(malformed("a namespace prefix declared twice on one element"));
        }
        let reserved = prefix == "xmlns" || uri == XMLNS_NS || (prefix == "xml") != (uri == XML_NS);
        if reserved || (!prefix.is_empty() && (uri.is_empty() || !is_nc_name(prefix))) {
            return Err(malformed("a namespace declaration that XML does not allow"));
        }
        // A relative URI makes canonicalisers fail or disagree (Canonical XML 1.0, 1.3).
        if !uri.is_empty() && !is_absolute(&uri) {
            return Err(ParseError::Forbidden("a relative namespace URI"));
        }
        self.bindings.bind(Arc::from(prefix), Arc::from(uri));
        Ok(())
    }

    fn resolve(&self, qualified: &str, element: bool) -> Result<Name, ParseError> {
        let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
        if !is_nc_name(local) || (qualified.contains(':') && !is_nc_name(prefix)) || prefix == "xmlns" {
            return Err(malformed("a name that XML does not allow"));
        }
        let local = local.to_owned();
        if prefix.is_empty() && !element {
            return Ok(Name { prefix: self.nothing.clone(), local, namespace: self.nothing.clone() });
        }
        if let Some((prefix, uri)) = self.bindings.find(prefix) {
            return Ok(Name { prefix: prefix.clone(), local, namespace: uri.clone() });
        }
        match prefix {
            "" => Ok(Name { prefix: self.nothing.clone(), local, namespace: self.nothing.clone() }),
            "xml" => Ok(Name { prefix: Arc::from("xml"), local, namespace: self.xml.clone() }),
            _ => Err(malformed("a prefix that is not declared")),
        }
    }

    /// An ID names one element of the whole document, or a signature's reference could mean another than we read.
    fn note_id(&mut self, name: &Name, value: &str) -> Result<(), ParseError> {
        let is_id = match &*name.namespace {
            "" => matches!(name.local.as_str(), "ID" | "Id" | "id" | "AssertionID" | "RequestID" | "ResponseID"),
            WSU_NS => name.local == "Id",
            XML_NS => name.local == "id",
            _ => false,
        };
        if is_id && !self.ids.insert(value.to_owned()) {
            return Err(ParseError::Forbidden("an ID twice"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
