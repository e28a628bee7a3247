//! What `tests/architecture.rs` looks at: the map in `src/lib.rs`, and source files as tokens.

mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tokens::{Token, paths, tokens};

/// Floors from the ground up, each with its modules from left to right.
pub struct House(Vec<(String, Vec<String>)>);

impl House {
    /// Reads the table in the documentation of `src/lib.rs`.
    pub fn read(lib: &str) -> Self {
        let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |")?.split_once(" | "));
        let floors = rows.filter(|(floor, _)| *floor != "floor");
        Self(floors.map(|(floor, modules)| (floor.to_owned(), in_backticks(modules))).collect())
    }

    /// Whether there is such a floor.
    pub fn has_floor(&self, name: &str) -> bool {
        self.0.iter().any(|(floor, _)| floor == name)
    }

    /// The floor's height and the place on it.
    pub fn place(&self, module: &str) -> Option<(usize, usize)> {
        self.0
            .iter()
            .enumerate()
            .find_map(|(height, (_, modules))| modules.iter().position(|name| name == module).map(|at| (height, at)))
    }

    /// The name of a module's floor.
    pub fn floor(&self, module: &str) -> Option<&str> {
        let (height, _) = self.place(module)?;
        self.0.get(height).map(|(floor, _)| floor.as_str())
    }

    /// What is wrong with an import, if something is. The top floor may use everything.
    pub fn objection(&self, from: &str, to: &str) -> Option<String> {
        let (height, at) = self.place(from)?;
        match self.place(to) {
            None => Some(format!("`{from}` imports `{to}`, which is not on the map")),
            Some(target) if target > (height, at) && height + 1 < self.0.len() => {
                Some(format!("`{from}` imports `{to}`, which is not below it or to its left"))
            }
            Some(_) => None,
        }
    }
}

fn in_backticks(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A file under `src`. Code for tests alone is left out of everything but its length.
pub struct Source {
    /// Where it is, under `src`.
    pub path: String,
    /// How long it is.
    pub lines: usize,
    /// Whether it starts with what it is.
    pub documented: bool,
    /// Every path in its code, imports written out.
    pub paths: Vec<String>,
    /// Modules in files of their own that only tests have.
    test_modules: Vec<String>,
    code: Vec<Token>,
}

impl Source {
    /// Reads a file's text.
    pub fn new(path: &str, text: &str) -> Self {
        let (code, test_modules) = tokens(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            documented: text.starts_with("//!"),
            paths: paths(&code),
            test_modules,
            code,
        }
    }

    /// Whether this is the library's root, which names all modules.
    pub fn is_root(&self) -> bool {
        self.path == "lib.rs"
    }

    /// The module on the map that it belongs to.
    pub fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The modules of the house that it names, its own left out.
    pub fn imports(&self) -> BTreeSet<String> {
        let targets = self.paths.iter().filter_map(|path| self.target(path));
        targets.filter(|target| target != self.module()).collect()
    }

    fn target(&self, path: &str) -> Option<String> {
        let names: Vec<&str> = path.split("::").collect();
        let up = names.iter().take_while(|name| **name == "super").count();
        let from_root = match names.first().copied() {
            Some("crate" | "fedfront") => 1,
            Some("super") if up >= self.depth() => up,
            _ => return None,
        };
        names.get(from_root).map(|name| (*name).to_owned())
    }

    /// How many times `super` it is to the root.
    fn depth(&self) -> usize {
        self.path.split('/').filter(|name| *name != "mod.rs").count()
    }

    /// How the paths of files begin that only tests have.
    pub fn test_files(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let folder = ["lib", "main", "mod"].iter().find_map(|root| stem.strip_suffix(root));
        let folder = folder.map_or_else(|| format!("{stem}/"), str::to_owned);
        self.test_modules.iter().flat_map(|name| [format!("{folder}{name}.rs"), format!("{folder}{name}/")]).collect()
    }

    /// Whether a value of the type is made here, field by field.
    pub fn constructs(&self, name: &str) -> bool {
        self.code.windows(3).any(|window| match window {
            [before, Token::Word(word), Token::Mark("{")] => word == name && !before.comes_before_a_type(),
            _ => false,
        })
    }

    /// Whether `format!` is called with a text that starts like that.
    pub fn formats_text_that_starts_with(&self, first: char) -> bool {
        self.code.windows(4).any(|window| match window {
            [Token::Word(word), Token::Mark("!"), Token::Mark("("), Token::Literal(text)] => {
                word == "format"
                    && text.trim_start_matches(['r', '#']).strip_prefix('"').is_some_and(|text| text.starts_with(first))
            }
            _ => false,
        })
    }
}

/// Every source file below a folder, without those that only tests have.
pub fn sources(src: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    walk(src, "", &mut found);
    let only_tests: Vec<String> = found.iter().flat_map(Source::test_files).collect();
    found.retain(|source| !only_tests.iter().any(|test| source.path.starts_with(test)));
    assert!(!found.is_empty(), "no sources");
    found
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if path.ends_with(".rs") {
            found.push(Source::new(&path, &fs::read_to_string(entry.path()).unwrap()));
        }
    }
}
