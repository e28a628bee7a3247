//! Elements rewritten to a shape: what the schema wants is written in the schema's order, with our prefixes; what it does not
//! know, or cannot take, is left out. What comes out is valid whatever came in.

use std::collections::BTreeSet;

use super::lexical::Lexical;
use crate::saml::names::XSI;
use crate::xml::{Attribute, Element, Name, Node, Ns, XML};

/// What the schema says of an element.
pub(super) struct Shape {
    /// Its namespace and name.
    pub name: (&'static Ns, &'static str),
    /// Its attributes.
    pub attributes: &'static [Rule],
    /// Whether it may have attributes of other vocabularies.
    pub open: bool,
    /// What is in it.
    pub content: Content,
}

/// An attribute.
pub(super) struct Rule {
    /// Its name: in no namespace, or `lang` in that of XML.
    pub name: (&'static Ns, &'static str),
    /// What it may say.
    pub value: Lexical,
    /// Whether the element is nothing without it.
    pub required: bool,
}

/// What is in an element.
pub(super) enum Content {
    /// Nothing.
    Empty,
    /// Text.
    Text(Lexical),
    /// Elements, in this order.
    Elements(&'static [Child]),
    /// At least one of these elements.
    AnyOf(&'static [Child]),
    /// Nothing but these elements: with any other the element would mean something else.
    Only(&'static [Child]),
    /// Elements of other vocabularies: those that are known, rewritten, and what is certainly harmless, as it is.
    Extensions(&'static [&'static Shape]),
}

/// An element in another.
pub(super) struct Child {
    pub shape: &'static Shape,
    pub occurs: Occurs,
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurs {
    AtMostOnce,
    Once,
    Often,
    AtLeastOnce,
}

/// Rewrites elements, and remembers what it left out.
pub(super) struct Shaping<'a> {
    /// Where an address is found from outside.
    pub moved: &'a dyn Fn(&str) -> String,
    /// What was left out, by its name.
    pub left_out: BTreeSet<String>,
}

impl Shaping<'_> {
    /// The element in its shape; `None` if something that it needs is missing.
    pub fn element(&mut self, element: &Element, shape: &Shape) -> Option<Element> {
        let mut out = Element::new(shape.name.0, shape.name.1);
        for rule in shape.attributes {
            let (ns, local) = rule.name;
            let said = element.attribute_ns(ns.uri, local);
            match said.and_then(|value| rule.value.of(value, self.moved)) {
                Some(value) => out.attributes.push(attribute(rule.name, value)),
                // Without a word that we do not know it would mean more: a key for anything.
                None if rule.required || (said.is_some() && rule.value.is_word()) => return None,
                None => {}
            }
        }
        if shape.open {
            out.attributes.extend(foreign_attributes(element));
        }
        out.children = match &shape.content {
            Content::Empty => Vec::new(),
            Content::Text(lexical) => vec![Node::Text(lexical.of(element.trimmed_text()?, self.moved)?.into())],
            Content::Elements(children) => self.elements(element, children)?,
            Content::AnyOf(children) => self.elements(element, children).filter(|found| !found.is_empty())?,
            Content::Only(children) => {
                let known = |child: &Element| children.iter().any(|known| is(child, known.shape));
                element.elements().all(known).then(|| self.elements(element, children))??
            }
            Content::Extensions(known) => {
                let kept = element.elements().filter_map(|child| self.told(child, |this| this.extension(child, known)));
                let kept: Vec<Node> = kept.map(Node::Element).collect();
                Some(kept).filter(|kept| !kept.is_empty())?
            }
        };
        Some(out)
    }

    /// Of an element that may be there once the first counts.
    fn elements(&mut self, element: &Element, children: &[Child]) -> Option<Vec<Node>> {
        for unknown in element.elements().filter(|child| !children.iter().any(|known| is(child, known.shape))) {
            self.leave_out(unknown);
        }
        let mut out = Vec::new();
        for Child { shape, occurs } in children {
            let before = out.len();
            for child in element.elements().filter(|child| is(child, shape)) {
                if out.len() > before && matches!(occurs, Occurs::AtMostOnce | Occurs::Once) {
                    self.leave_out(child);
                } else if let Some(shaped) = self.told(child, |this| this.element(child, shape)) {
                    out.push(Node::Element(shaped));
                }
            }
            if out.len() == before && matches!(occurs, Occurs::Once | Occurs::AtLeastOnce) {
                return None;
            }
        }
        Some(out)
    }

    fn extension(&mut self, element: &Element, known: &[&Shape]) -> Option<Element> {
        match known.iter().find(|shape| is(element, shape)) {
            Some(shape) => self.element(element, shape),
            None => element.descendants().all(is_foreign).then(|| element.clone()),
        }
    }

    fn told(&mut self, element: &Element, shaped: impl FnOnce(&mut Self) -> Option<Element>) -> Option<Element> {
        let shaped = shaped(self);
        if shaped.is_none() {
            self.leave_out(element);
        }
        shaped
    }

    fn leave_out(&mut self, element: &Element) {
        // Signatures, its own above all, are not what anybody misses.
        if element.name.local != "Signature" {
            self.left_out.insert(element.name.local.clone());
        }
    }
}

/// An attribute with that name.
pub(super) fn attribute(name: (&Ns, &str), value: String) -> Attribute {
    let (ns, local) = name;
    let name = Name { prefix: ns.prefix.into(), local: local.to_owned(), namespace: ns.uri.into() };
    Attribute { name, value }
}

fn is(element: &Element, shape: &Shape) -> bool {
    element.is(shape.name.0.uri, shape.name.1)
}

/// Holder-of-key's binding, without which its endpoints would mean something else.
const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:profiles:holder-of-key:SSO:browser";
/// Our own prefixes of what stands in `md` elements.
const OUR_PREFIXES: [&str; 3] = ["md", "xsi", "xml"];

/// Attributes of other vocabularies, which every `md` element may have.
fn foreign_attributes(element: &Element) -> impl Iterator<Item = Attribute> {
    let foreign = |attribute: &&Attribute| {
        let Name { prefix, namespace, .. } = &attribute.name;
        !namespace.is_empty()
            && (is_unknown(namespace) || &**namespace == HOLDER_OF_KEY)
            && !OUR_PREFIXES.contains(&&**prefix)
    };
    element.attributes.iter().filter(foreign).cloned()
}

/// Whether an element is of a vocabulary that no schema of SAML's says anything of, and so are its attributes.
fn is_foreign(element: &Element) -> bool {
    let known = |attribute: &Attribute| !attribute.name.namespace.is_empty() && !is_unknown(&attribute.name.namespace);
    is_unknown(&element.name.namespace) && !element.attributes.iter().any(known)
}

fn is_unknown(namespace: &str) -> bool {
    let known = [
        "urn:oasis:names:tc:SAML:",
        "urn:ietf:params:xml:ns:samlec",
        "http://www.w3.org/",
        "http://schemas.xmlsoap.org/",
    ];
    !known.iter().any(|known| namespace.starts_with(known)) && namespace != XSI.uri && namespace != XML.uri
}
