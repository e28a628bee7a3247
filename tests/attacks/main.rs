//! Documents made to pass a careless verifier of XML signatures (`tests/data/attacks`; `tests/peers/support/attacks` makes
//! them), each against every place that reads what others have signed: a test for each, by its name. What becomes of each is
//! the table in their README, which these tests hold true; `UPDATE_EXPECT=1 cargo test --test attacks table` writes it anew.
//!
//! The attacks on signatures over parts of a message, and those on ECDSA, are beside the verifier.

mod mutations;
mod names;
mod places;
#[path = "../random/mod.rs"]
mod random;
mod table;

use std::collections::BTreeSet;
use std::fs;

use places::{PLACES, READ};

/// One attack against every place that its file is kept for.
fn against_every_place(name: &str) {
    let row = table::row(name);
    let files =
        PLACES.iter().zip(row.outcomes).filter_map(|(place, expected)| Some((place, place.file(name)?, expected)));
    for (place, text, expected) in files {
        assert_eq!((place.outcome)(&text), expected, "{name} against {}", place.title);
    }
}

/// Nothing above would fail if nothing were ever read.
#[test]
fn honest_documents_are_read() {
    for place in PLACES {
        assert_eq!((place.outcome)(&place.file("honest").unwrap()), READ, "{}", place.title);
    }
}

#[test]
fn every_file_has_a_test_and_every_test_a_file() {
    let tests: BTreeSet<String> = names::ALL.iter().map(|name| (*name).to_owned()).collect();
    for place in PLACES {
        let files = place.names();
        let without: Vec<&String> = files.difference(&tests).collect();
        assert!(without.is_empty(), "no test of {without:?} in tests/attacks/names.rs");
    }
    let first = PLACES[0].names();
    let without: Vec<&String> = tests.difference(&first).collect();
    assert!(without.is_empty(), "no file of {without:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test asks its environment whether to write what it expects")]
fn the_table_is_true() {
    let table = table::all();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(table::path(), &table).unwrap();
    }
    assert_eq!(fs::read_to_string(table::path()).unwrap(), table);
}
