//! The configuration reference, as Markdown: `config reference`. Made of the same table as the schema.

use std::collections::BTreeMap;
use std::ptr;

use super::keys::{Key, Kind, Need, ROOT, Spec};

/// Every key with its type, its default and a sentence.
pub fn reference() -> String {
    let mut text = "# Configuration reference\n\n\
        Every key of `proxy.yaml`, as `fedfront config reference` prints it. \
        [proxy.yaml](../../proxy.yaml) has the same keys with examples and more words.\n\n\
        A section that is left out has its defaults. Durations: `250ms`, `60s`, `30m`, `1h`, `7d`. Sizes: bytes, or `64KiB`, \
        `1MiB`. Paths are relative to the file. `${NAME}` in a value is an environment variable. A secret is given as it is, \
        or in a file by the key that ends in `_file`. A key that is not known, or given twice, is an error.\n"
        .to_owned();
    let mut written = BTreeMap::new();
    section("", &ROOT, &mut written, &mut text);
    text
}

/// A section with its keys, and then those within it. One that was written before is referred to.
fn section(path: &str, spec: &'static Spec, written: &mut BTreeMap<usize, String>, text: &mut String) {
    if !path.is_empty() {
        let level = "#".repeat((2 + path.matches('.').count()).min(6));
        text.push_str(&format!("\n{level} {path}\n\n{}\n", escaped(spec.doc)));
    }
    if let Some(before) = written.get(&address(spec)) {
        text.push_str(&format!("\nThe keys of [{before}](#{}).\n", anchor(before)));
        return;
    }
    if !path.is_empty() {
        written.insert(address(spec), path.to_owned());
    }
    text.push_str("\n| key | value | default | |\n|---|---|---|---|\n");
    for key in spec.keys {
        text.push_str(&row(path, key));
    }
    for key in spec.keys {
        if let Some(inner) = inner(&key.kind) {
            section(&within(path, key), inner, written, text);
        }
    }
}

fn row(path: &str, key: &'static Key) -> String {
    let name = match inner(&key.kind) {
        Some(_) => format!("[`{}`](#{})", key.name, anchor(&within(path, key))),
        None => format!("`{}`", key.name),
    };
    let default = match key.need {
        Need::Required => "required".to_owned(),
        Need::Optional => String::new(),
        // Its keys say theirs.
        Need::Default("{}") => String::new(),
        Need::Default(default) => default.split('\n').map(code).collect(),
    };
    format!("| {name} | {} | {default} | {} |\n", value(&key.kind), escaped(key.doc))
}

fn within(path: &str, key: &Key) -> String {
    if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) }
}

/// The section that a value is, or holds.
fn inner(kind: &'static Kind) -> Option<&'static Spec> {
    match kind {
        Kind::Section(spec) | Kind::ListOrSection(_, spec) => Some(spec),
        Kind::List(item) | Kind::OneOrMany(item) | Kind::Map(item) | Kind::WordOr(_, item) => inner(item),
        _ => None,
    }
}

/// What a value may be, in a few words.
fn value(kind: &'static Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::File => "file".to_owned(),
        Kind::NewFile => "path".to_owned(),
        Kind::Flag => words(&["true", "false"]),
        Kind::Count(least, most) => format!("{least} to {most}"),
        Kind::Ratio => "0 to 1".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Delay => "duration, or 0s".to_owned(),
        Kind::Instant => "date and time".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Address => "address and port".to_owned(),
        Kind::Network => "network or address".to_owned(),
        Kind::Server(schemes) => {
            schemes.iter().map(|scheme| code(&format!("{scheme}://host[:port]"))).collect::<Vec<_>>().join(" or ")
        }
        Kind::HttpPath => "path of a URL".to_owned(),
        Kind::Word(allowed) => words(allowed),
        Kind::List(item) => format!("list: {}", value(item)),
        Kind::OneOrMany(item) => format!("{}, or a list of them", value(item)),
        Kind::Map(item) => format!("map to {}", value(item)),
        Kind::Section(_) => "section".to_owned(),
        Kind::ListOrSection(item, _) => format!("list: {}, or a section", value(item)),
        Kind::WordOr(allowed, other) => format!("{}, or {}", words(allowed), value(other)),
    }
}

fn words(allowed: &[&str]) -> String {
    allowed.iter().map(|word| code(word)).collect::<Vec<_>>().join(" or ")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// What means something in a table of Markdown means itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '*' | '<' | '>' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The fragment of a heading.
fn anchor(path: &str) -> String {
    path.replace('.', "")
}

/// Which section it is: sections are statics.
fn address(spec: &'static Spec) -> usize {
    ptr::from_ref(spec).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heading_has_a_fragment_of_its_own_and_every_link_leads_to_one() {
        let text = reference();
        let headings: Vec<String> = text
            .lines()
            .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with("##")))
            .map(anchor)
            .collect();
        let mut once = headings.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), headings.len());
        for link in text.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(headings.iter().any(|heading| heading == link), "{link}");
        }
        assert!(headings.len() > 40, "{}", headings.len());
    }

    #[test]
    fn a_row_has_four_cells() {
        for line in reference().lines().filter(|line| line.starts_with('|')) {
            let cells = line.replace("\\|", "").matches('|').count();
            assert_eq!(cells, 5, "{line}");
        }
    }

    #[test]
    fn what_markdown_would_read_is_escaped() {
        assert_eq!(escaped("a|b *c* <d> [e]"), r"a\|b \*c\* \<d\> \[e\]");
    }
}
