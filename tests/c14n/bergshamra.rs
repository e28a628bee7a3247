//! Canonicalisation as bergshamra does it, which shares no code with us nor with libxml2.

use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use uppsala::{Document, NodeId};

use crate::documents::Case;

pub fn canonical(case: &Case) -> Vec<u8> {
    let text = case.text();
    let document = uppsala::parse(text.strip_prefix('\u{feff}').unwrap_or(&text)).unwrap();
    let elements = elements(&document);
    let tree = |element| NodeSet::tree_with_comments(element, &document);
    let mut nodes = tree(elements[case.apex]);
    if let Some(without) = case.without {
        nodes = nodes.subtract(&tree(elements[without]));
    }
    let mode = if case.with_comments { C14nMode::ExclusiveWithComments } else { C14nMode::Exclusive };
    canonicalize_doc(&document, mode, Some(&nodes), &case.prefixes).unwrap()
}

/// In document order.
fn elements(document: &Document<'_>) -> Vec<NodeId> {
    let mut stack = vec![document.document_element().unwrap()];
    let mut elements = Vec::new();
    while let Some(node) = stack.pop() {
        elements.push(node);
        let mut children: Vec<NodeId> =
            document.children(node).into_iter().filter(|child| document.element(*child).is_some()).collect();
        children.reverse();
        stack.extend(children);
    }
    elements
}
