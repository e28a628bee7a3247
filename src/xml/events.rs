//! What stands in a document, in its order, checked before anybody sees it: the one place of every refusal, whether a tree
//! is made of it or it only goes by.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::chars::{is_nc_name, is_space};
use super::lexical::{
    attribute_value, check_declaration, check_spacing, is_absolute, malformed, normalize_line_ends, resolve_reference,
    unreadable,
};
use super::limits::{IDS, Limits, NAMESPACE_BYTES, NAMESPACES_IN_SCOPE};
use super::parse::ParseError;
use super::scope::Scope;
use super::tree::{Attribute, Element, Name};

const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";
const WSU_NS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// A byte order mark, which is one only where a document begins.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Takes what stands in a document, in its order.
pub trait Events {
    /// What can go wrong: the document's refusal, or the taker's own.
    type Error: From<ParseError>;

    /// An element begins: all of it but what is in it.
    ///
    /// # Errors
    /// The taker's own; reading ends there.
    fn start(&mut self, element: Element) -> Result<(), Self::Error>;

    /// The element that began last and is still open ends.
    ///
    /// # Errors
    /// As [`Events::start`].
    fn end(&mut self) -> Result<(), Self::Error>;

    /// Text in the open element, which is never empty. What follows it directly belongs to it.
    ///
    /// # Errors
    /// As [`Events::start`].
    fn text(&mut self, text: &str) -> Result<(), Self::Error>;

    /// A comment, in an element or outside of all.
    ///
    /// # Errors
    /// As [`Events::start`].
    fn comment(&mut self, text: &str) -> Result<(), Self::Error>;
}

/// The checks of one document, with what they need to remember of it.
pub(super) struct Checks {
    limits: Limits,
    /// Elements that are open, outermost first.
    open: Vec<Open>,
    /// Their names as written, one after the other.
    names: String,
    bindings: Scope<Arc<str>>,
    /// Hashes under a key that nobody knows: an aggregate has many IDs, and two that collide are only refused.
    ids: HashSet<u64>,
    hasher: RandomState,
    nodes: usize,
    had_root: bool,
    in_text: bool,
    nothing: Arc<str>,
    xml: Arc<str>,
}

struct Open {
    /// Where its name begins in `names`.
    name: usize,
    /// How many bindings there were before it.
    bindings: usize,
}

impl Checks {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            open: Vec::new(),
            names: String::new(),
            bindings: Scope::new(),
            ids: HashSet::new(),
            hasher: RandomState::new(),
            nodes: 0,
            had_root: false,
            in_text: false,
            nothing: Arc::from(""),
            xml: Arc::from(XML_NS),
        }
    }

    /// Reads a part of the document that begins and ends where no markup is cut; `base` is where it begins.
    pub(super) fn read<E: Events>(&mut self, part: &str, base: usize, to: &mut E) -> Result<(), E::Error> {
        let text = part.trim_start_matches(BYTE_ORDER_MARK);
        let (marks, _) = part.split_at_checked(part.len() - text.len()).unwrap_or_default();
        // quick-xml would leave it out wherever it begins to read.
        if !marks.is_empty() && self.takes_text(marks, true).map_err(|error| error.at(base as u64))? {
            to.text(marks)?;
        }
        let base = (base + marks.len()) as u64;
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_comments = true;
        // End tags are compared here, because a part begins with elements open.
        (config.check_end_names, config.allow_unmatched_ends) = (false, true);
        loop {
            let at = base + reader.buffer_position();
            let event = reader.read_event().map_err(|error| unreadable(&error).at(at))?;
            if matches!(event, Event::Eof) {
                return Ok(());
            }
            self.event(event, at, to)?;
        }
    }

    fn event<E: Events>(&mut self, event: Event<'_>, at: u64, to: &mut E) -> Result<(), E::Error> {
        let placed = |error: ParseError| error.at(at);
        match event {
            Event::Start(tag) => to.start(self.start(&tag).map_err(placed)?),
            Event::Empty(tag) => {
                to.start(self.start(&tag).map_err(placed)?)?;
                self.close();
                to.end()
            }
            Event::End(tag) => {
                self.end(tag.name().0).map_err(placed)?;
                to.end()
            }
            Event::Text(text) => self.text(&normalize_line_ends(&text), true, placed, to),
            Event::CData(text) => self.text(&normalize_line_ends(&text), false, placed, to),
            Event::GeneralRef(reference) => {
                let c = resolve_reference(&reference).map_err(placed)?;
                if self.open.is_empty() {
                    return Err(placed(malformed("a reference outside an element")).into());
                }
                self.text(c.encode_utf8(&mut [0; 4]), false, placed, to)
            }
            Event::Comment(text) => {
                self.in_text = false;
                self.count().map_err(placed)?;
                to.comment(&normalize_line_ends(&text))
            }
            Event::Decl(declaration) if at == 0 => Ok(check_declaration(&declaration).map_err(placed)?),
            Event::Decl(_) => Err(placed(malformed("an XML declaration that is not first")).into()),
            Event::PI(_) => Err(ParseError::Forbidden("a processing instruction").into()),
            Event::DocType(_) => Err(ParseError::Forbidden("a DTD").into()),
            Event::Eof => Ok(()),
        }
    }

    /// That the document is whole.
    pub(super) fn finish(&self) -> Result<(), ParseError> {
        if !self.open.is_empty() {
            return Err(malformed("it ends inside an element"));
        }
        if self.had_root { Ok(()) } else { Err(malformed("no element")) }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<Element, ParseError> {
        if self.open.is_empty() && self.had_root {
            return Err(malformed("a second document element"));
        }
        if self.open.len() >= self.limits.depth {
            return Err(ParseError::TooLarge("depth"));
        }
        self.count()?;
        check_spacing(tag.attributes_raw())?;
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
        let written = tag.name().0;
        let name = self.resolve(written, true)?;
        let mut attributes: Vec<Attribute> = Vec::with_capacity(plain.len());
        for (key, value) in plain {
            let name = self.resolve(key, false)?;
            if attributes.iter().any(|a| a.name.local == name.local && a.name.namespace == name.namespace) {
                return Err(malformed("an attribute twice on one element"));
            }
            self.note_id(&name, &value)?;
            attributes.push(Attribute { name, value });
        }
        self.open.push(Open { name: self.names.len(), bindings: before });
        self.names.push_str(written);
        (self.had_root, self.in_text) = (true, false);
        Ok(Element { name, declarations, attributes, children: Vec::new() })
    }

    fn end(&mut self, name: &str) -> Result<(), ParseError> {
        let open = self.open.last().and_then(|open| self.names.get(open.name..));
        if open != Some(name) {
            return Err(malformed("an end tag that is not the open element's"));
        }
        self.close();
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.names.truncate(open.name);
            self.bindings.undo(open.bindings);
        }
        self.in_text = false;
    }

    fn text<E: Events>(
        &mut self,
        text: &str,
        markup: bool,
        placed: impl FnOnce(ParseError) -> ParseError,
        to: &mut E,
    ) -> Result<(), E::Error> {
        if self.takes_text(text, markup).map_err(placed)? { to.text(text) } else { Ok(()) }
    }

    /// Whether it is an element's text. `markup`: it stands there as it is, not in CDATA nor as a reference.
    fn takes_text(&mut self, text: &str, markup: bool) -> Result<bool, ParseError> {
        if self.open.is_empty() {
            return if markup && text.chars().all(is_space) {
                Ok(false)
            } else {
                Err(malformed("text outside an element"))
            };
        }
        if markup && text.contains("]]>") {
            return Err(malformed("`]]>` in text"));
        }
        if text.is_empty() {
            return Ok(false);
        }
        if !self.in_text {
            self.count()?;
        }
        self.in_text = true;
        Ok(true)
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
        if !is_id {
            return Ok(());
        }
        if self.ids.len() >= IDS {
            return Err(ParseError::TooLarge("IDs"));
        }
        if !self.ids.insert(self.hasher.hash_one(value)) {
            return Err(ParseError::Forbidden("an ID twice"));
        }
        Ok(())
    }
}
