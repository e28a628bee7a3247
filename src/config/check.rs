//! Compares the file with the table of keys: reports what is unknown, given twice, missing or of the wrong kind, and
//! returns the tree with variables expanded and defaults filled in.

use super::diagnostic::{Mark, Report};
use super::keys::{Key, Kind, Need, Spec};
use super::tree::{self, Entry, Node, Value};
use super::value::expand;

/// Looks up an environment variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The whole of the file, complete. What was wrong is `Invalid` in it, and reported.
pub(super) fn complete(root: &Node, spec: &'static Spec, env: Env<'_>, report: &mut Report) -> Node {
    report.positions.insert("", Mark::START);
    Check { env, report }.section(root, spec, "")
}

struct Check<'a> {
    env: Env<'a>,
    report: &'a mut Report,
}

impl Check<'_> {
    fn node(&mut self, node: &Node, kind: &'static Kind, path: &str) -> Node {
        match (kind, &node.value) {
            (Kind::Section(spec), Value::Map(_) | Value::Null) => self.section(node, spec, path),
            (Kind::ListOrSection(_, spec), Value::Map(_)) => self.section(node, spec, path),
            (Kind::List(item) | Kind::ListOrSection(item, _), Value::List(items)) => self.list(node, items, item, path),
            (Kind::OneOrMany(item), Value::List(items)) => self.list(node, items, item, path),
            (Kind::OneOrMany(item), _) => self.node(node, item, path),
            (Kind::Map(item), Value::Map(entries)) => self.map(node, entries, item, path),
            (Kind::Map(_) | Kind::List(_), Value::Null) => self.wrong(node, kind, path, "has no value"),
            (Kind::WordOr(_, other), Value::Map(_) | Value::List(_)) => self.node(node, other, path),
            (_, Value::Scalar(text)) => self.scalar(node, text, kind, path),
            (_, Value::Null) => self.wrong(node, kind, path, "has no value"),
            (_, Value::List(_)) => self.wrong(node, kind, path, "is a list"),
            (_, Value::Map(_)) => self.wrong(node, kind, path, "is a section"),
            (_, Value::Invalid) => node.clone(),
        }
    }

    fn scalar(&mut self, node: &Node, typed: &str, kind: &'static Kind, path: &str) -> Node {
        let text = match expand(typed, self.env) {
            Ok(text) => text,
            Err(message) => {
                let help = "set it where fedfront starts, or write $$ for a $ that means itself";
                self.report.error(path, message, help);
                return Node { at: node.at, value: Value::Invalid };
            }
        };
        if text != typed {
            self.report.from_environment.insert(path.to_owned());
        }
        if kind.accepts(&text) {
            return Node { at: node.at, value: Value::Scalar(text) };
        }
        // The text as typed: what a variable holds may be a secret that was put in the wrong place.
        let what = match kind {
            _ if typed.is_empty() => "is empty".to_owned(),
            Kind::Server(_) if typed.contains('@') => "cannot hold the name or password of a user".to_owned(),
            _ => format!("cannot be `{typed}`"),
        };
        self.wrong(node, kind, path, &what)
    }

    fn wrong(&mut self, node: &Node, kind: &Kind, path: &str, what: &str) -> Node {
        self.report.error(path, what, format!("it must be {}", kind.wanted()));
        Node { at: node.at, value: Value::Invalid }
    }

    fn list(&mut self, node: &Node, items: &[Node], kind: &'static Kind, path: &str) -> Node {
        let mut complete = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.report.positions.insert(&path, item.at);
            complete.push(self.node(item, kind, &path));
        }
        Node { at: node.at, value: Value::List(complete) }
    }

    fn map(&mut self, node: &Node, entries: &[Entry], kind: &'static Kind, path: &str) -> Node {
        let mut complete: Vec<Entry> = Vec::new();
        for entry in entries {
            let path = join(path, &entry.key);
            if self.duplicate(&complete, entry, &path) {
                continue;
            }
            self.report.positions.insert(&path, entry.node.at);
            let node = self.node(&entry.node, kind, &path);
            complete.push(Entry { key: entry.key.clone(), at: entry.at, node });
        }
        Node { at: node.at, value: Value::Map(complete) }
    }

    fn section(&mut self, node: &Node, spec: &'static Spec, path: &str) -> Node {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => return self.wrong(node, &Kind::Section(spec), path, "is not a section"),
        };
        let mut complete: Vec<Entry> = Vec::new();
        for entry in entries {
            let path = join(path, &entry.key);
            let Some(key) = spec.keys.iter().find(|key| key.name == entry.key) else {
                self.report.error_at(entry.at, &path, "there is no such key", nearest(&entry.key, spec));
                continue;
            };
            if self.duplicate(&complete, entry, &path) {
                continue;
            }
            let at = if matches!(entry.node.value, Value::Scalar(_)) { entry.node.at } else { entry.at };
            self.report.positions.insert(&path, at);
            let node = self.node(&entry.node, &key.kind, &path);
            complete.push(Entry { key: entry.key.clone(), at: entry.at, node });
        }
        for key in spec.keys {
            if !complete.iter().any(|entry| entry.key == key.name) {
                complete.extend(self.absent(key, &join(path, key.name), node.at));
            }
        }
        Node { at: node.at, value: Value::Map(complete) }
    }

    /// What a key means that is not there.
    fn absent(&mut self, key: &'static Key, path: &str, at: Mark) -> Option<Entry> {
        let node = match key.need {
            Need::Optional => return None,
            Need::Required => {
                self.report.error(path, "is missing", format!("add it: {}", key.doc));
                Node { at, value: Value::Invalid }
            }
            Need::Default(text) => {
                let node = tree::parse(text).unwrap_or(Node { at, value: Value::Null });
                self.node(&at_one_place(node, at), &key.kind, path)
            }
        };
        Some(Entry { key: key.name.to_owned(), at, node })
    }

    fn duplicate(&mut self, before: &[Entry], entry: &Entry, path: &str) -> bool {
        let Some(first) = before.iter().find(|other| other.key == entry.key) else { return false };
        let message = format!("is given twice; the first is on line {}", first.at.line);
        self.report.error_at(entry.at, path, message, "remove one of them");
        true
    }
}

/// A default stands nowhere in the file: its place is the section that lacks it.
fn at_one_place(node: Node, at: Mark) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| at_one_place(item, at)).collect()),
        value => value,
    };
    Node { at, value }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What was probably meant.
fn nearest(typed: &str, spec: &Spec) -> String {
    let names = spec.keys.iter().map(|key| key.name);
    let closest = names.clone().map(|name| (strsim::osa_distance(typed, name), name)).min();
    match closest {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => format!("did you mean `{name}`?"),
        _ => format!("the keys here are {}", names.collect::<Vec<_>>().join(", ")),
    }
}
