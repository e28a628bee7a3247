//! YAML as a tree that knows where everything stands. Duplicate keys are kept, so that they can be reported.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::diagnostic::Mark;

/// Sections within sections; `proxy.yaml` itself needs 6.
const MAX_DEPTH: usize = 16;
/// Nodes, those repeated by aliases included: a small file must not become a large tree.
const MAX_NODES: usize = 50_000;

/// A value and where it begins. Without `Debug`: it may be a password.
#[derive(Clone)]
pub(super) struct Node {
    /// Where the value begins.
    pub at: Mark,
    /// The value.
    pub value: Value,
}

/// What a value is.
#[derive(Clone)]
pub(super) enum Value {
    /// Nothing: `~`, `null` or no value at all.
    Null,
    /// One value, not yet a number or anything else.
    Scalar(String),
    /// `- a`
    List(Vec<Node>),
    /// `a: b`
    Map(Vec<Entry>),
    /// Something that has been reported.
    Invalid,
}

/// A key and its value.
#[derive(Clone)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where it stands.
    pub at: Mark,
    /// Its value.
    pub node: Node,
}

/// The text is not a YAML document that we read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Where.
    pub at: Mark,
    /// Why.
    pub message: String,
}

impl SyntaxError {
    fn new(at: Mark, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

impl Node {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// How many nodes this is.
    fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
            _ => 0,
        }
    }
}

/// Parses one document.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError::new(mark(*error.marker()), error.info()))?;
        builder.event(event, mark(span.start))?;
    }
    Ok(builder.root.unwrap_or(Node { at: Mark::START, value: Value::Null }))
}

/// A list or map whose end has not come yet.
struct Open {
    at: Mark,
    anchor: usize,
    value: Value,
    key: Option<(String, Mark)>,
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Mark) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(SyntaxError::new(at, "a second document begins here; the file is one document"))
            }
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag))
                if !tag.is_yaml_core_schema() =>
            {
                Err(SyntaxError::new(at, format!("the tag {tag} means nothing here")))
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                if let Some(Open { value: Value::Map(_), key: key @ None, .. }) = self.open.last_mut() {
                    *key = Some((text.into_owned(), at));
                    return Ok(());
                }
                let value = match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
                    text => Value::Scalar(text.to_owned()),
                };
                self.grow(1, at)?;
                self.close(Node { at, value }, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.grow(node.size(), at)?;
                    self.close(node, 0)
                }
                None => Err(SyntaxError::new(at, "an alias inside what it stands for")),
            },
            Event::SequenceStart(anchor, _) => self.start(at, anchor, Value::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.start(at, anchor, Value::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.close(Node { at: open.at, value: open.value }, open.anchor),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn start(&mut self, at: Mark, anchor: usize, value: Value) -> Result<(), SyntaxError> {
        self.grow(1, at)?;
        if self.open.len() == MAX_DEPTH {
            return Err(SyntaxError::new(at, "nested too deeply"));
        }
        self.open.push(Open { at, anchor, value, key: None });
        Ok(())
    }

    fn grow(&mut self, nodes: usize, at: Mark) -> Result<(), SyntaxError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES { Err(SyntaxError::new(at, "too many values")) } else { Ok(()) }
    }

    /// Puts a complete value where it belongs.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { value: Value::List(items), .. }) => items.push(node),
            Some(Open { value: Value::Map(entries), key, .. }) => match key.take() {
                Some((key, at)) => entries.push(Entry { key, at, node }),
                None => return Err(SyntaxError::new(node.at, "a key must be a word")),
            },
            Some(_) => {}
        }
        Ok(())
    }
}

fn mark(marker: Marker) -> Mark {
    Mark { line: marker.line(), column: marker.col() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> SyntaxError {
        parse(text).err().expect("is refused")
    }

    #[test]
    fn keeps_places_duplicates_and_aliases() {
        let tree = parse("a: 1\nb:\n  - &x {c: é}\n  - *x\na: ~\n").unwrap_or_else(|e| panic!("{e:?}"));
        let Value::Map(entries) = &tree.value else { panic!("a map") };
        let keys: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.at.line, e.at.column)).collect();
        assert_eq!(keys, [("a", 1, 1), ("b", 2, 1), ("a", 5, 1)]);
        let Some(Value::List(items)) = tree.get("b").map(|node| &node.value) else { panic!("a list") };
        for item in items {
            let c = item.get("c").expect("c is in both");
            assert!(matches!(&c.value, Value::Scalar(text) if text == "é"));
            assert_eq!(c.at, Mark { line: 3, column: 12 });
        }
        assert!(matches!(entries.last().map(|e| &e.node.value), Some(Value::Null)));
    }

    #[test]
    fn refuses_with_a_place() {
        for (text, line, column) in [
            ("a: 1\nb: [1, 2\n", 3, 1),
            ("a: 1\n---\nb: 1\n", 2, 1),
            ("a: !vault x\n", 1, 11),
            ("{[a]: b}", 1, 2),
            ("a: &a [*a]", 1, 8),
        ] {
            assert_eq!(error(text).at, Mark { line, column }, "{text}");
        }
    }

    #[test]
    fn bounds_depth_and_aliases() {
        assert_eq!(error(&"[".repeat(100)).message, "nested too deeply");
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..8 {
            let alias = format!("*a{}, ", i - 1).repeat(10);
            bomb.push_str(&format!("a{i}: &a{i} [{alias}]\n"));
        }
        assert_eq!(error(&bomb).message, "too many values");
    }
}
