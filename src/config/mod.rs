//! `proxy.yaml`: what the operator typed (`tree`), what may be typed (`keys`), what it means (`resolved`), and
//! everything that is wrong with it (`diagnostic`).

mod check;
mod diagnostic;
mod files;
mod keys;
mod resolve;
mod resolved;
mod section;
mod tree;
mod value;

use std::path::Path;

pub use diagnostic::{Diagnostic, Mark, Positions, Severity};
pub use resolved::*;

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
}

/// Reads the file and everything it refers to; `env` looks up environment variables. The error is all that is wrong, in
/// the order of the file, warnings last.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Diagnostic>> {
    let alone = |message: String, help: &str| vec![Positions::default().error("", message, help)];
    let bytes = std::fs::read(path)
        .map_err(|error| alone(format!("cannot be read: {error}"), "name the configuration file with -c"))?;
    let text = String::from_utf8(bytes).map_err(|_| alone("is not UTF-8".to_owned(), "save it as UTF-8"))?;
    let base = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    parse(&text, &base, env)
}

/// The same for the text of a file in the folder `base`.
fn parse(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Diagnostic>> {
    let mut report = Report::default();
    let config = match tree::parse(text) {
        Ok(root) => {
            let tree = check::complete(&root, &keys::ROOT, env, &mut report);
            resolve::resolve(&tree, &mut Files { base: base.to_owned(), report: &mut report })
        }
        Err(error) => {
            report.error_at(error.at, "", format!("is not YAML that we read: {}", error.message), "");
            None
        }
    };
    if config.is_none() && !report.has_errors() {
        report.error("", "cannot be understood", "compare it with the output of `fedfront config default`");
    }
    let (positions, mut errors, warnings) = report.into_parts();
    match config {
        Some(config) if errors.is_empty() => Ok(Loaded { config, warnings, positions }),
        _ => {
            errors.extend(warnings);
            Err(errors)
        }
    }
}
