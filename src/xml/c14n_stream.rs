//! Exclusive canonicalisation, without comments, of an element that goes by: what is written is taken away as it comes, so
//! that neither the element nor its canonical form is ever held.

use std::sync::Arc;

use super::c14n::Canonicalizer;
use super::tree::{Element, Name};
use super::write::escape_text;

/// Writes the canonical form of one element and what is in it.
pub struct CanonicalStream {
    canonical: Canonicalizer,
    /// Elements that are open, outermost first, each with what its end needs.
    open: Vec<(Name, usize)>,
    begun: bool,
    scope_above: Vec<(Arc<str>, Arc<str>)>,
}

impl CanonicalStream {
    /// Nothing is written yet. `inclusive_prefixes` and `scope_above` are [`super::Canonicalization`]'s.
    pub fn new(inclusive_prefixes: &[&str], scope_above: Vec<(Arc<str>, Arc<str>)>) -> Self {
        Self { canonical: Canonicalizer::new(inclusive_prefixes), open: Vec::new(), begun: false, scope_above }
    }

    /// An element begins: all of it but what is in it.
    pub fn start(&mut self, element: &Element) {
        // Where it starts, what was declared above counts as declared here.
        let above: &[_] = if self.begun { &[] } else { &self.scope_above };
        let rendered = self.canonical.start(element, above.iter().chain(&element.declarations));
        self.begun = true;
        self.open.push((element.name.clone(), rendered));
    }

    /// The element that began last and is still open ends.
    pub fn end(&mut self) {
        if let Some((name, rendered)) = self.open.pop() {
            self.canonical.end(&name, rendered);
        }
    }

    /// Text in the open element.
    pub fn text(&mut self, text: &str) {
        escape_text(text, &mut self.canonical.out);
    }

    /// What is written and not taken yet.
    pub fn written(&self) -> &str {
        &self.canonical.out
    }

    /// It has been taken.
    pub fn clear(&mut self) {
        self.canonical.out.clear();
    }
}
