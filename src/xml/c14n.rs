//! Exclusive XML Canonicalization 1.0 over the tree (<https://www.w3.org/TR/xml-exc-c14n/>).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tree::{Attribute, Element, Node};
use super::write::{escape_attribute, escape_text};

/// What to canonicalise, and how.
#[derive(Clone, Copy, Default)]
pub struct Canonicalization<'a> {
    /// Whether comments are kept (`…#WithComments`).
    pub with_comments: bool,
    /// InclusiveNamespaces PrefixList: prefixes (empty for the default) treated as inclusive canonicalisation does.
    pub inclusive_prefixes: &'a [&'a str],
    /// Namespaces in scope above the element ([`super::Document::scope_above`]); only the inclusive ones matter.
    pub scope_above: &'a [(Arc<str>, Arc<str>)],
    /// An element to leave out: the enveloped signature.
    pub without: Option<&'a Element>,
}

/// The canonical bytes of `element` and what is in it.
pub fn canonicalize(element: &Element, how: &Canonicalization<'_>) -> Vec<u8> {
    let mut out = String::new();
    let mut in_scope: Vec<(Arc<str>, Arc<str>)> = how.scope_above.to_vec();
    write_element(element, how, &mut in_scope, &BTreeMap::new(), &mut out);
    out.into_bytes()
}

/// Namespaces already rendered by an ancestor in the output, by prefix.
type Rendered<'t> = BTreeMap<&'t str, &'t str>;

fn write_element(
    element: &Element,
    how: &Canonicalization<'_>,
    in_scope: &mut Vec<(Arc<str>, Arc<str>)>,
    rendered: &Rendered<'_>,
    out: &mut String,
) {
    let before = in_scope.len();
    in_scope.extend(element.declarations.iter().cloned());

    let mut needed: BTreeMap<String, String> = BTreeMap::new();
    for prefix in how.inclusive_prefixes {
        if let Some((prefix, uri)) = in_scope.iter().rev().find(|(declared, _)| &**declared == *prefix) {
            needed.insert(prefix.to_string(), uri.to_string());
        }
    }
    needed.insert(element.name.prefix.to_string(), element.name.namespace.to_string());
    for attribute in &element.attributes {
        if !attribute.name.prefix.is_empty() {
            needed.insert(attribute.name.prefix.to_string(), attribute.name.namespace.to_string());
        }
    }
    needed.retain(|prefix, uri| {
        let already = rendered.get(prefix.as_str()).copied();
        prefix != "xml" && already != Some(uri.as_str()) && !(prefix.is_empty() && uri.is_empty() && already.is_none())
    });

    out.push('<');
    write_name(element, out);
    for (prefix, uri) in &needed {
        out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        out.push_str(prefix);
        out.push_str("=\"");
        escape_attribute(uri, out);
        out.push('"');
    }
    let mut attributes: Vec<&Attribute> = element.attributes.iter().collect();
    attributes.sort_by(|a, b| (&*a.name.namespace, &a.name.local).cmp(&(&*b.name.namespace, &b.name.local)));
    for attribute in attributes {
        out.push(' ');
        if !attribute.name.prefix.is_empty() {
            out.push_str(&attribute.name.prefix);
            out.push(':');
        }
        out.push_str(&attribute.name.local);
        out.push_str("=\"");
        escape_attribute(&attribute.value, out);
        out.push('"');
    }
    out.push('>');

    let mut rendered = rendered.clone();
    rendered.extend(needed.iter().map(|(prefix, uri)| (prefix.as_str(), uri.as_str())));
    for node in &element.children {
        match node {
            Node::Element(child) if how.without.is_some_and(|without| std::ptr::eq(without, child)) => {}
            Node::Element(child) => write_element(child, how, in_scope, &rendered, out),
            Node::Text(text) => escape_text(text, out),
            Node::Comment(text) if how.with_comments => {
                out.push_str("<!--");
                out.push_str(text);
                out.push_str("-->");
            }
            Node::Comment(_) => {}
        }
    }
    out.push_str("</");
    write_name(element, out);
    out.push('>');
    in_scope.truncate(before);
}

fn write_name(element: &Element, out: &mut String) {
    if !element.name.prefix.is_empty() {
        out.push_str(&element.name.prefix);
        out.push(':');
    }
    out.push_str(&element.name.local);
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
    fn escapes_as_canonical_xml_says() {
        let xml = "<r a='&lt;&gt;&amp;&quot;&#9;&#10;&#13;é'>&lt;&gt;&amp;\"&#13;<!--c--></r>";
        assert_eq!(
            exclusive(xml, &Canonicalization::default()),
            "<r a=\"&lt;>&amp;&quot;&#x9;&#xA;&#xD;é\">&lt;&gt;&amp;\"&#xD;</r>"
        );
    }
}
