//! `proxy.yaml`: what the operator typed (`tree`), what may be typed (`keys`), what it means (`resolved`), and
//! everything that is wrong with it (`diagnostic`).

mod check;
mod contents;
mod diagnostic;
mod dump;
mod files;
mod keys;
mod reference;
mod resolve;
mod resolved;
mod schema;
mod section;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::path::{Path, PathBuf};

pub use contents::Contents;
pub use diagnostic::{Diagnostic, Mark, Positions, Severity};
pub use dump::dump;
pub use reference::reference;
pub use resolved::*;
pub use schema::schema;
pub use value::{duration, format_duration};

use diagnostic::Report;
use files::Files;

/// The file that documents every key with its default: what `config default` prints.
pub const DEFAULT_FILE: &str = include_str!("../../proxy.yaml");

/// A configuration that we can start with.
pub struct Loaded {
    /// What it means.
    pub config: Config,
    /// What someone should look at.
    pub warnings: Vec<Diagnostic>,
    /// Where each key is, for what is found later.
    pub positions: Positions,
    /// Every file that it was made from, itself first: a change to one is a reason to load it again. Absolute. What was read of
    /// each since is no older than this.
    pub contents: Contents,
}

/// Reads the file and everything it refers to; `env` looks up environment variables. The error is all that is wrong, in
/// the order of the file, warnings last.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Diagnostic>> {
    load_noting(path, env, &mut Contents::default())
}

/// The same, which also notes the files of one that is wrong, as far as it names them: a change to one may mend it.
pub fn load_noting(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    contents: &mut Contents,
) -> Result<Loaded, Vec<Diagnostic>> {
    let alone = |message: String, help: &str| vec![Positions::default().error("", message, help)];
    let (path, read) = (std::path::absolute(path).unwrap_or_else(|_| path.to_owned()), std::fs::read(path));
    match &read {
        Ok(bytes) => contents.note_text(&path, bytes),
        Err(error) => contents.note_failure(&path, error),
    }
    let bytes =
        read.map_err(|error| alone(format!("cannot be read: {error}"), "give -c the path of a file that can be read"))?;
    let text = String::from_utf8(bytes).map_err(|_| alone("is not UTF-8".to_owned(), "save it as UTF-8"))?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(&text), path, env, contents)
}

/// The same for the text of the file at `path`.
fn parse(
    text: &str,
    path: PathBuf,
    env: &dyn Fn(&str) -> Option<String>,
    contents: &mut Contents,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut report = Report::default();
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let config = match tree::parse(text) {
        Ok(root) => {
            let tree = check::complete(&root, &keys::ROOT, env, &mut report);
            let mut files = Files { own: path, base, contents, report: &mut report };
            resolve::resolve(&tree, &mut files)
        }
        Err(error) => {
            let tab = text.lines().position(|line| line.trim_start_matches(' ').starts_with('\t'));
            let help = match tab {
                Some(index) => format!("line {} is indented by a tab; YAML takes spaces only", index + 1),
                None => "look at the indentation, quotes and brackets here and just before".to_owned(),
            };
            report.error_at(error.at, "", format!("is not YAML that we read: {}", error.message), help);
            None
        }
    };
    if config.is_none() && !report.has_errors() {
        report.error("", "cannot be understood", "compare it with the output of `fedfront config default`");
    }
    let (positions, mut errors, warnings) = report.into_parts();
    match config {
        Some(config) if errors.is_empty() => Ok(Loaded { config, warnings, positions, contents: contents.clone() }),
        _ => {
            errors.extend(warnings);
            Err(errors)
        }
    }
}
