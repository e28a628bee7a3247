//! Exclusive XML Canonicalization 1.0 over the tree (<https://www.w3.org/TR/xml-exc-c14n/>).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scope::Scope;
use super::tree::{Attribute, Element, Name, Node};
use super::write::{escape_attribute, escape_text};

/// What to canonicalise, and how.
#[derive(Clone, Copy, Default)]
pub struct Canonicalization<'a> {
    /// Whether comments are kept (`…#WithComments`).
    pub with_comments: bool,
    /// InclusiveNamespaces PrefixList: prefixes (empty for `#default`) treated as inclusive canonicalisation does.
    pub inclusive_prefixes: &'a [&'a str],
    /// Namespaces in scope above the element ([`super::Document::scope_above`]); only the inclusive ones matter.
    pub scope_above: &'a [(Arc<str>, Arc<str>)],
    /// An element to leave out: the enveloped signature.
    pub without: Option<&'a Element>,
}

/// The canonical bytes of `element` and what is in it.
pub fn canonicalize(element: &Element, how: &Canonicalization<'_>) -> Vec<u8> {
    run(element, how, usize::MAX)
}

/// The same, if it is no longer than `most` bytes: a namespace is written again wherever it is used first, so that it can be
/// many times as long as the document.
pub fn canonicalize_within(element: &Element, how: &Canonicalization<'_>, most: usize) -> Option<Vec<u8>> {
    Some(run(element, how, most)).filter(|canonical| canonical.len() <= most)
}

fn run(element: &Element, how: &Canonicalization<'_>, most: usize) -> Vec<u8> {
    let mut run = Run { how, canonical: Canonicalizer::new(how.inclusive_prefixes), most };
    // Where it starts, what was declared above counts as declared here.
    run.element(element, how.scope_above.iter().chain(&element.declarations));
    run.canonical.out.into_bytes()
}

/// A namespace declaration: prefix and URI.
type Declaration = (Arc<str>, Arc<str>);

struct Run<'t> {
    how: &'t Canonicalization<'t>,
    canonical: Canonicalizer,
    /// Bytes after which no further element is written.
    most: usize,
}

impl<'t> Run<'t> {
    /// `declared`: what the element adds to the namespaces in scope, nearest last.
    fn element(&mut self, element: &'t Element, declared: impl Iterator<Item = &'t Declaration>) {
        if self.canonical.out.len() > self.most {
            return;
        }
        let rendered = self.canonical.start(element, declared);
        for node in &element.children {
            self.node(node);
        }
        self.canonical.end(&element.name, rendered);
    }

    fn node(&mut self, node: &'t Node) {
        match node {
            Node::Element(child) if self.how.without.is_some_and(|without| std::ptr::eq(without, child)) => {}
            Node::Element(child) => self.element(child, child.declarations.iter()),
            Node::Text(text) => escape_text(text, &mut self.canonical.out),
            Node::Comment(text) if self.how.with_comments => {
                self.canonical.out.push_str("<!--");
                self.canonical.out.push_str(text);
                self.canonical.out.push_str("-->");
            }
            Node::Comment(_) => {}
        }
    }
}

/// Writes the tags of an element and of what is in it, as they come.
pub(super) struct Canonicalizer {
    inclusive_prefixes: Vec<Box<str>>,
    /// Namespaces that the output has declared for the element at hand.
    rendered: Scope<Arc<str>>,
    pub(super) out: String,
}

impl Canonicalizer {
    pub(super) fn new(inclusive_prefixes: &[&str]) -> Self {
        let inclusive_prefixes = inclusive_prefixes.iter().map(|prefix| Box::from(*prefix)).collect();
        Self { inclusive_prefixes, rendered: Scope::new(), out: String::new() }
    }

    /// The start tag. `declared`: what the element adds to the namespaces in scope, nearest last. Returns what
    /// [`Canonicalizer::end`] wants.
    pub(super) fn start<'e>(&mut self, element: &'e Element, declared: impl Iterator<Item = &'e Declaration>) -> usize {
        let rendered = self.rendered.len();
        self.out.push('<');
        self.name(&element.name);
        for (prefix, uri) in self.namespaces_to_render(element, declared) {
            self.declaration(prefix, uri);
            self.rendered.bind(prefix.clone(), uri.clone());
        }
        let mut attributes: Vec<&Attribute> = element.attributes.iter().collect();
        attributes.sort_by_key(|attribute| (&*attribute.name.namespace, attribute.name.local.as_str()));
        for attribute in attributes {
            self.out.push(' ');
            self.name(&attribute.name);
            self.value(&attribute.value);
        }
        self.out.push('>');
        rendered
    }

    pub(super) fn end(&mut self, name: &Name, rendered: usize) {
        self.out.push_str("</");
        self.name(name);
        self.out.push('>');
        self.rendered.undo(rendered);
    }

    /// What the element and its attributes visibly use, and what the PrefixList asks for, unless the output says so
    /// already; sorted by prefix, the default first. A listed prefix that is not declared anew here has been rendered
    /// above.
    fn namespaces_to_render<'e>(
        &self,
        element: &'e Element,
        declared: impl Iterator<Item = &'e Declaration>,
    ) -> BTreeMap<&'e Arc<str>, &'e Arc<str>> {
        let prefixed =
            element.attributes.iter().map(|attribute| &attribute.name).filter(|name| !name.prefix.is_empty());
        let used = [&element.name].into_iter().chain(prefixed).map(|name| (&name.prefix, &name.namespace));
        let asked = declared
            .map(|(prefix, uri)| (prefix, uri))
            .filter(|(prefix, _)| self.inclusive_prefixes.iter().any(|listed| **listed == ***prefix));
        let wanted: BTreeMap<&Arc<str>, &Arc<str>> = asked.chain(used).collect();
        wanted.into_iter().filter(|(prefix, uri)| !self.is_rendered(prefix, uri)).collect()
    }

    /// `xml` never needs a declaration, nor does "no default namespace" where no default was declared.
    fn is_rendered(&self, prefix: &str, uri: &str) -> bool {
        prefix == "xml" || self.rendered.find(prefix).map_or("", |(_, rendered)| rendered) == uri
    }

    fn declaration(&mut self, prefix: &str, uri: &str) {
        self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        self.out.push_str(prefix);
        self.value(uri);
    }

    fn name(&mut self, name: &Name) {
        if !name.prefix.is_empty() {
            self.out.push_str(&name.prefix);
            self.out.push(':');
        }
        self.out.push_str(&name.local);
    }

    fn value(&mut self, value: &str) {
        self.out.push_str("=\"");
        escape_attribute(value, &mut self.out);
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, parse};

    fn exclusive(xml: &str, how: &Canonicalization<'_>) -> String {
        let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
        String::from_utf8(canonicalize(&document.root, how)).unwrap()
    }

    #[test]
    fn renders_namespaces_where_they_are_used() {
        let xml = "<a:r xmlns:z='urn:z' xmlns:a='urn:a' xmlns='urn:d' b='2' a='1' z:y='3'><c/><a:d xmlns:a='urn:a'><z:e/></a:d></a:r>";
        assert_eq!(
            exclusive(xml, &Canonicalization::default()),
            "<a:r xmlns:a=\"urn:a\" xmlns:z=\"urn:z\" a=\"1\" b=\"2\" z:y=\"3\"><c xmlns=\"urn:d\"></c><a:d><z:e></z:e></a:d></a:r>"
        );
    }

    #[test]
    fn undeclares_the_default_namespace() {
        let xml = "<r xmlns='urn:d'><c xmlns=''><d xmlns='urn:d'/></c></r>";
        assert_eq!(
            exclusive(xml, &Canonicalization::default()),
            "<r xmlns=\"urn:d\"><c xmlns=\"\"><d xmlns=\"urn:d\"></d></c></r>"
        );
    }

    #[test]
    fn keeps_listed_prefixes() {
        let xml = "<r xmlns:xs='urn:xs' xmlns:no='urn:no'><c/></r>";
        let how = Canonicalization { inclusive_prefixes: &["xs"], ..Default::default() };
        assert_eq!(exclusive(xml, &how), "<r xmlns:xs=\"urn:xs\"><c></c></r>");
    }

    #[test]
    fn keeps_listed_prefixes_from_above_and_the_default() {
        let xml = "<r xmlns='urn:d' xmlns:xs='urn:xs' xmlns:no='urn:no'><p:c xmlns:p='urn:p'><p:e xmlns=''/><p:f xmlns:xs='urn:2'/></p:c></r>";
        let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
        let child = document.root.child("urn:p", "c").unwrap();
        let scope_above = document.scope_above(child).unwrap();
        let how = Canonicalization {
            inclusive_prefixes: &["xs", "", "absent", "xml"],
            scope_above: &scope_above,
            ..Default::default()
        };
        assert_eq!(
            String::from_utf8(canonicalize(child, &how)).unwrap(),
            "<p:c xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:xs=\"urn:xs\"><p:e xmlns=\"\"></p:e><p:f xmlns:xs=\"urn:2\"></p:f></p:c>"
        );
    }

    #[test]
    fn sorts_attributes_by_namespace_then_name() {
        let xml = "<r xmlns:a='urn:2' xmlns:b='urn:1' a:x='1' b:y='2' b:x='3' z='4' xml:lang='en' B='5'/>";
        assert_eq!(
            exclusive(xml, &Canonicalization::default()),
            "<r xmlns:a=\"urn:2\" xmlns:b=\"urn:1\" B=\"5\" z=\"4\" xml:lang=\"en\" b:x=\"3\" b:y=\"2\" a:x=\"1\"></r>"
        );
    }

    #[test]
    fn escapes_as_canonical_xml_says() {
        let xml = "<r a='&lt;&gt;&amp;&quot;&#9;&#10;&#13;é'>&lt;&gt;&amp;\"&#13;<!--c--></r>";
        assert_eq!(
            exclusive(xml, &Canonicalization::default()),
            "<r a=\"&lt;>&amp;&quot;&#x9;&#xA;&#xD;é\">&lt;&gt;&amp;\"&#xD;</r>"
        );
    }
}
