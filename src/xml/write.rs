//! The only place where XML is written. What comes out is in exclusive canonical form: namespaces declared where they
//! are first used and sorted, attributes sorted, no empty-element tags, escapes as Canonical XML has them. So what we
//! sign needs no canonicalisation pass.

use super::chars::{every_byte, is_xml_char, is_xml_text};

/// A namespace with the one prefix that we write it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ns {
    /// Prefix; empty only for [`UNQUALIFIED`], so that a default namespace is never written.
    pub prefix: &'static str,
    /// URI.
    pub uri: &'static str,
}

/// No namespace, for elements that have none: SOAP 1.1's `faultcode` and `faultstring`.
pub static UNQUALIFIED: Ns = Ns { prefix: "", uri: "" };

/// XML's own, for `xml:lang`.
pub static XML: Ns = Ns { prefix: "xml", uri: "http://www.w3.org/XML/1998/namespace" };

/// An attribute to write: its namespace, local name and value.
type Qualified<'a> = (Option<&'static Ns>, &'static str, &'a str);

/// Writes one document or fragment.
#[derive(Default)]
pub struct Writer {
    out: String,
    open: Vec<(&'static Ns, &'static str, usize)>,
    scope: Vec<&'static Ns>,
}

impl Writer {
    /// An empty document with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: String::with_capacity(capacity), ..Self::default() }
    }

    /// A start tag with attributes in no namespace.
    pub fn start(&mut self, ns: &'static Ns, local: &'static str, attributes: &[(&'static str, &str)]) {
        let attributes: Vec<Qualified<'_>> = attributes.iter().map(|(local, value)| (None, *local, *value)).collect();
        self.start_with(ns, local, &[], attributes);
    }

    /// A start tag with attributes in any namespace, and namespaces declared although no name here needs them: for QNames
    /// in content, and for readers that look for a declaration by its text. Such a tag is not canonical.
    pub fn start_with(
        &mut self,
        ns: &'static Ns,
        local: &'static str,
        declare: &[&'static Ns],
        mut attributes: Vec<Qualified<'_>>,
    ) {
        let before = self.scope.len();
        let used = attributes.iter().filter_map(|(ns, ..)| *ns);
        let mut new: Vec<&'static Ns> = Vec::new();
        for ns in [ns].into_iter().chain(used).chain(declare.iter().copied()) {
            if !self.in_scope(ns) && !new.contains(&ns) {
                new.push(ns);
            }
        }
        new.sort_by_key(|ns| ns.prefix);
        self.out.push('<');
        self.name(ns, local);
        for ns in new {
            self.out.push_str(" xmlns:");
            self.out.push_str(ns.prefix);
            self.out.push_str("=\"");
            escape_attribute(ns.uri, &mut self.out);
            self.out.push('"');
            self.scope.push(ns);
        }
        attributes.sort_by_key(|(ns, local, _)| (ns.map(|ns| ns.uri), *local));
        for (ns, local, value) in attributes {
            self.out.push(' ');
            match ns {
                Some(ns) => self.name(ns, local),
                None => self.out.push_str(local),
            }
            self.out.push_str("=\"");
            escape_attribute(value, &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
        self.open.push((ns, local, before));
    }

    /// Text, escaped. What XML cannot hold at all becomes U+FFFD; callers refuse such values before.
    pub fn text(&mut self, text: &str) {
        escape_text(text, &mut self.out);
    }

    /// The end tag of the element opened last.
    pub fn end(&mut self) {
        if let Some((ns, local, scope)) = self.open.pop() {
            self.out.push_str("</");
            self.name(ns, local);
            self.out.push('>');
            self.scope.truncate(scope);
        }
    }

    /// An element with nothing but text in it.
    pub fn leaf(&mut self, ns: &'static Ns, local: &'static str, text: &str) {
        self.start(ns, local, &[]);
        self.text(text);
        self.end();
    }

    /// A fragment that another `Writer` wrote: it declares all that it uses, and nothing around it may change a byte.
    pub fn fragment(&mut self, canonical: &str) {
        self.out.push_str(canonical);
    }

    /// How many bytes are written: where a signature goes in later.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Begins a document that is sent by itself: with the XML declaration, which AD FS and WSO2 write there.
    pub fn document(capacity: usize) -> Self {
        let mut writer = Self::with_capacity(capacity);
        writer.out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
        writer
    }

    /// The document, every open element closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn in_scope(&self, ns: &'static Ns) -> bool {
        // Nearly always the innermost, and then the very same.
        let same = |declared: &Ns| std::ptr::eq(declared, ns);
        let found = self.scope.iter().rev().find(|declared| same(declared) || declared.prefix == ns.prefix);
        // `xml` is bound without a declaration, and what has no namespace needs none.
        matches!(ns.prefix, "" | "xml") || found.is_some_and(|declared| same(declared) || declared.uri == ns.uri)
    }

    fn name(&mut self, ns: &Ns, local: &str) {
        if !ns.prefix.is_empty() {
            self.out.push_str(ns.prefix);
            self.out.push(':');
        }
        self.out.push_str(local);
    }
}

/// Text as Canonical XML escapes it.
pub(super) fn escape_text(text: &str, out: &mut String) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// An attribute's value as Canonical XML escapes it.
pub(super) fn escape_attribute(value: &str, out: &mut String) {
    escape(value, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// What is escaped is one byte long, so that bytes are all that need looking at.
fn escape(text: &str, out: &mut String, reference: impl Fn(u8) -> Option<&'static str>) {
    if is_plain(text) {
        return out.push_str(text);
    }
    if !is_xml_text(text) {
        let clean: String =
            text.chars().map(|c| if is_xml_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect();
        return escape(&clean, out, reference);
    }
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(escaped) = reference(byte) {
            out.push_str(text.get(written..at).unwrap_or_default());
            out.push_str(escaped);
            written = at + 1;
        }
    }
    out.push_str(text.get(written..).unwrap_or_default());
}

/// Whether certainly nothing in the text is escaped or replaced: most of what is written is certificates, signatures and
/// URIs.
fn is_plain(text: &str) -> bool {
    every_byte(text, |byte| byte >= 0x20 && !matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xEF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Canonicalization, Limits, canonicalize, parse};

    static A: Ns = Ns { prefix: "a", uri: "urn:a" };
    static B: Ns = Ns { prefix: "b", uri: "urn:b" };

    #[test]
    fn output_is_its_own_canonical_form() {
        let mut w = Writer::default();
        w.start_with(&B, "Root", &[], vec![(None, "z", "1"), (Some(&A), "q", "\t\r\n\"<&>'"), (None, "c", "é")]);
        w.leaf(&A, "One", "<&>\r\n]]>\"");
        w.start(&B, "Two", &[]);
        w.start(&A, "Three", &[("x", "y")]);
        let out = w.finish();
        let tree = parse(out.as_bytes(), &Limits::message(4096)).unwrap();
        assert_eq!(String::from_utf8(canonicalize(&tree.root, &Canonicalization::default())).unwrap(), out);
        assert_eq!(tree.root.attribute_ns("urn:a", "q"), Some("\t\r\n\"<&>'"));
        assert_eq!(tree.root.child("urn:a", "One").and_then(|one| one.text()), Some("<&>\r\n]]>\""));
    }

    #[test]
    fn an_element_in_no_namespace_has_no_prefix() {
        let mut w = Writer::default();
        w.start(&A, "One", &[]);
        w.leaf(&UNQUALIFIED, "two", "x");
        let out = w.finish();
        assert_eq!(out, "<a:One xmlns:a=\"urn:a\"><two>x</two></a:One>");
        let tree = parse(out.as_bytes(), &Limits::message(4096)).unwrap();
        assert_eq!(String::from_utf8(canonicalize(&tree.root, &Canonicalization::default())).unwrap(), out);
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let mut w = Writer::default();
        w.leaf(&A, "One", "a\0b\u{1b}c");
        assert_eq!(w.finish(), "<a:One xmlns:a=\"urn:a\">a\u{FFFD}b\u{FFFD}c</a:One>");
    }
}
