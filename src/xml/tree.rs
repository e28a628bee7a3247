//! The tree: elements with their names resolved, in document order.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Ns;

/// A parsed document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The document element.
    pub root: Element,
    /// How many bytes it was read from.
    pub bytes: usize,
}

/// A qualified name, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The prefix as written; empty for none.
    pub prefix: Arc<str>,
    /// The part after the prefix.
    pub local: String,
    /// The namespace; empty for none.
    pub namespace: Arc<str>,
}

/// An attribute that is no namespace declaration.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name; without a prefix it is in no namespace.
    pub name: Name,
    /// Its value, normalised, references resolved.
    pub value: String,
}

/// An element. Its `Debug` says nothing, for it may hold a password.
#[derive(Clone)]
pub struct Element {
    /// Its name.
    pub name: Name,
    /// Namespaces declared here: prefix (empty for the default) and URI.
    pub declarations: Vec<(Arc<str>, Arc<str>)>,
    /// Its attributes, in document order.
    pub attributes: Vec<Attribute>,
    /// What is in it.
    pub children: Vec<Node>,
}

/// An element that may be there once is there twice: one could be checked and the other used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than one {0}")]
pub struct Duplicate(pub &'static str);

/// What an element contains. Adjacent text, character references and CDATA are one `Text`.
#[derive(Clone)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, wiped from memory when dropped: it may be a password.
    Text(Zeroizing<String>),
    /// A comment, kept so that a text that has one inside can be seen to be broken.
    Comment(String),
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Element")
    }
}

impl Element {
    /// An element with nothing in it, by the prefix that we write.
    pub fn new(ns: &Ns, local: &str) -> Self {
        let name = Name { prefix: ns.prefix.into(), local: local.to_owned(), namespace: ns.uri.into() };
        Self { name, declarations: Vec::new(), attributes: Vec::new(), children: Vec::new() }
    }

    /// Whether this is `{namespace}local`.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.name.local == local && &*self.name.namespace == namespace
    }

    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The same, to be changed.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The child elements named `{namespace}local`.
    pub fn children_named<'a>(&'a self, namespace: &'a str, local: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements().filter(move |element| element.is(namespace, local))
    }

    /// The first child element named `{namespace}local`.
    pub fn child(&self, namespace: &str, local: &str) -> Option<&Element> {
        self.elements().find(|element| element.is(namespace, local))
    }

    /// The one child element named `{namespace}local`, if there is one.
    ///
    /// # Errors
    /// If there are more.
    pub fn only_child(&self, namespace: &str, local: &'static str) -> Result<Option<&Self>, Duplicate> {
        let mut found = self.elements().filter(|element| element.is(namespace, local));
        let first = found.next();
        if found.next().is_some() { Err(Duplicate(local)) } else { Ok(first) }
    }

    /// The value of the attribute that is in no namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.attribute_ns("", local)
    }

    /// The value of the attribute `{namespace}local`.
    pub fn attribute_ns(&self, namespace: &str, local: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name.local == local && &*attribute.name.namespace == namespace)
            .map(|attribute| attribute.value.as_str())
    }

    /// The text, if the element holds nothing but one run of it: no element and no comment, which has been used to cut
    /// names short (VU#475445). Empty for an empty element.
    pub fn text(&self) -> Option<&str> {
        match self.children.as_slice() {
            [] => Some(""),
            [Node::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// [`Element::text`] without the white space around it.
    pub fn trimmed_text(&self) -> Option<&str> {
        self.text().map(|text| text.trim_matches(super::chars::is_space))
    }

    /// The octets that the text is the base64 of, with no comment in it (CVE-2025-29775); white space and nothing else is
    /// skipped. `None` if it is not base64.
    pub fn octets(&self) -> Option<Vec<u8>> {
        let digits: Vec<u8> =
            self.text()?.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
        STANDARD.decode(digits).ok()
    }

    /// This element and all below it, in document order.
    pub fn descendants(&self) -> impl Iterator<Item = &Element> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let element = stack.pop()?;
            let before = stack.len();
            stack.extend(element.elements());
            stack.get_mut(before..)?.reverse();
            Some(element)
        })
    }
}

impl Document {
    /// The namespaces in scope where `target` stands, its own declarations not counted: for its canonicalisation with
    /// an InclusiveNamespaces list. `None` if it is not in this document.
    pub fn scope_above(&self, target: &Element) -> Option<Vec<(Arc<str>, Arc<str>)>> {
        let mut scope = Vec::new();
        find(&self.root, target, &mut scope).then_some(scope)
    }
}

fn find(here: &Element, target: &Element, scope: &mut Vec<(Arc<str>, Arc<str>)>) -> bool {
    if std::ptr::eq(here, target) {
        return true;
    }
    let before = scope.len();
    scope.extend(here.declarations.iter().cloned());
    if here.elements().any(|child| find(child, target, scope)) {
        return true;
    }
    scope.truncate(before);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, parse};

    #[test]
    fn octets_are_one_run_of_base64() {
        for (xml, octets) in [
            ("<a>AA EC\n\tAw==\r</a>", Some(vec![0, 1, 2, 3])),
            ("<a/>", Some(vec![])),
            ("<a>AAEC<!-- -->Aw==</a>", None),
            ("<a>AAECAw</a>", None),
            ("<a>AAEC\u{a0}</a>", None),
            ("<a><b/></a>", None),
        ] {
            assert_eq!(parse(xml.as_bytes(), &Limits::message(4096)).unwrap().root.octets(), octets, "{xml}");
        }
    }

    #[test]
    fn an_only_child_is_there_once_or_not_at_all() {
        for (xml, expected) in [
            ("<a/>", Ok(None)),
            ("<a xmlns:b='urn:b'><b:c n='1'/><c/><b:d/></a>", Ok(Some("1"))),
            ("<a xmlns:b='urn:b'><b:c n='1'/><b:d/><b:c/></a>", Err(Duplicate("c"))),
        ] {
            let root = parse(xml.as_bytes(), &Limits::message(4096)).unwrap().root;
            let found = root.only_child("urn:b", "c").map(|found| found.and_then(|child| child.attribute("n")));
            assert_eq!(found, expected, "{xml}");
        }
    }
}
