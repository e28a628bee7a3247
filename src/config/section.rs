//! Typed reading from a tree that [`check`](super::check) has completed. `None` always means: already reported.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::tree::{Node, Value};
use super::value;
use crate::model::Timestamp;

/// A section and where it is.
#[derive(Clone)]
pub(super) struct Section<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    /// The path of a key of this section.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The path of the section itself.
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// Whether the key is there, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some()
    }

    /// The value of a key that has one.
    pub fn get<T>(&self, key: &str, read: impl FnOnce(&'a Node) -> Option<T>) -> Option<T> {
        self.node.get(key).and_then(read)
    }

    /// The value of a key that may be absent.
    pub fn maybe<T>(&self, key: &str, read: impl FnOnce(&'a Node) -> Option<T>) -> Option<Option<T>> {
        match self.node.get(key) {
            None => Some(None),
            Some(node) => read(node).map(Some),
        }
    }

    /// A section below this one.
    pub fn section(&self, key: &str) -> Option<Section<'a>> {
        self.get(key, |node| Some(Section { node, path: self.path(key) })).filter(Section::is_map)
    }

    /// Sections below this one, one or a list of them; those that are not even sections left out.
    pub fn sections(&self, key: &str) -> Vec<Section<'a>> {
        let path = self.path(key);
        let Some(node) = self.node.get(key) else { return Vec::new() };
        let sections = match &node.value {
            Value::List(items) => {
                let section = |(index, node)| Section { node, path: format!("{path}[{index}]") };
                items.iter().enumerate().map(section).collect()
            }
            _ => vec![Section { node, path }],
        };
        sections.into_iter().filter(Section::is_map).collect()
    }

    fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }
}

/// The text.
pub(super) fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(text) => Some(text.clone()),
        _ => None,
    }
}

/// Anything that is written like itself.
pub(super) fn parse<T: std::str::FromStr>(node: &Node) -> Option<T> {
    text(node)?.parse().ok()
}

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Option<bool> {
    parse(node)
}

/// An address to listen on.
pub(super) fn address(node: &Node) -> Option<SocketAddr> {
    parse(node)
}

/// A duration.
pub(super) fn duration(node: &Node) -> Option<Duration> {
    value::duration(&text(node)?)
}

/// A date and time.
pub(super) fn instant(node: &Node) -> Option<Timestamp> {
    value::instant(&text(node)?)
}

/// A size in bytes.
pub(super) fn size(node: &Node) -> Option<usize> {
    value::size(&text(node)?)
}

/// A network.
pub(super) fn network(node: &Node) -> Option<IpNet> {
    value::network(&text(node)?)
}

/// A list.
pub(super) fn list<T>(node: &Node, read: impl FnMut(&Node) -> Option<T>) -> Option<Vec<T>> {
    match &node.value {
        Value::List(items) => items.iter().map(read).collect(),
        _ => None,
    }
}

/// A list of texts.
pub(super) fn texts(node: &Node) -> Option<Vec<String>> {
    list(node, text)
}

/// A map of texts, in the order of the file.
pub(super) fn text_map(node: &Node) -> Option<Vec<(String, String)>> {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|entry| Some((entry.key.clone(), text(&entry.node)?))).collect(),
        _ => None,
    }
}
