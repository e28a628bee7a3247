//! Documents that libxml2 once canonicalised: each `.xml` under `tests/data/c14n` with its `.c14n` beside it. They need no
//! tool.

use std::fs;
use std::path::Path;

use fedfront::xml::{Canonicalization, Limits, canonicalize, parse};

/// File, whether comments are kept, PrefixList.
const CASES: [(&str, bool, &[&str]); 6] = [
    ("random-1", false, &["a"]),
    ("random-2", true, &["xs", "b"]),
    ("random-3", false, &[]),
    ("random-4", true, &["a"]),
    ("random-5", false, &["xs", "b"]),
    ("random-6", true, &[]),
];

#[test]
fn canonical_form_is_libxml2s() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/c14n");
    for (file, with_comments, inclusive_prefixes) in CASES {
        let xml = fs::read(folder.join(format!("{file}.xml"))).unwrap();
        let expected = fs::read_to_string(folder.join(format!("{file}.c14n"))).unwrap();
        let document = parse(&xml, &Limits::message(65536)).unwrap();
        let how = Canonicalization { with_comments, inclusive_prefixes, ..Canonicalization::default() };
        assert_eq!(String::from_utf8(canonicalize(&document.root, &how)).unwrap(), expected, "{file}");
    }
}
