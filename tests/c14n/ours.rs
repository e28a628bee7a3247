//! Canonicalisation as the product does it.

use fedfront::xml::{Canonicalization, Document, Element, Limits, canonicalize, parse};

use crate::documents::Case;

/// What the tree's canonicalisation writes.
pub fn canonical(case: &Case) -> Vec<u8> {
    let document = read(case);
    let apex = element(&document, case.apex);
    let scope_above = document.scope_above(apex).unwrap();
    let prefixes: Vec<&str> =
        case.prefixes.iter().map(|prefix| if *prefix == "#default" { "" } else { prefix }).collect();
    let how = Canonicalization {
        with_comments: case.with_comments,
        inclusive_prefixes: &prefixes,
        scope_above: &scope_above,
        without: case.without.map(|at| element(&document, at)),
    };
    canonicalize(apex, &how)
}

fn read(case: &Case) -> Document {
    let text = case.text();
    parse(text.as_bytes(), &Limits::message(1 << 20)).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

fn element(document: &Document, number: usize) -> &Element {
    document.root.descendants().nth(number).unwrap()
}
