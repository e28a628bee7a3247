//! Documents made to pass a careless verifier of XML signatures (`tests/data/attacks`; `tests/peers/support/attacks` makes
//! them), each against every place that reads what others have signed: a test for each, by its name. What becomes of each is
//! the table in their README, which these tests hold true; `UPDATE_EXPECT=1 cargo test --test attacks table` writes it anew.
//!
//! Attacks on ECDSA, which never signs the same twice, are beside the verifier.

mod mutations;
mod names;
mod places;
#[path = "../random/mod.rs"]
mod random;
mod table;

use std::collections::BTreeSet;
use std::fs;

use fedfront::dsig::Accepted;
use fedfront::saml::metadata::{MetadataLimits, MetadataReader, MetadataTrust};
use places::{MESSAGES, PLACES, Place, READ};

/// One attack against every place that its file is kept for.
fn against(places: &[Place], name: &str) {
    for (place, expected) in places.iter().zip(table::row(places, name).outcomes) {
        if let Some(text) = place.file(name) {
            assert_eq!((place.outcome)(&text), expected, "{name} against {}", place.title);
        }
    }
}

/// Nothing above would fail if nothing were ever read.
#[test]
fn honest_documents_are_read() {
    for place in PLACES.iter().chain(MESSAGES) {
        assert_eq!((place.outcome)(&place.file("honest").unwrap()), READ, "{}", place.title);
    }
}

/// RSA with SHA-1 and a digest of it, where the operator says so for that source; and never a newer kind of weakness.
#[test]
fn sha1_is_for_those_who_accept_it() {
    for (name, holds) in [("sha1_signature", true), ("sha1_digest", true), ("md5_digest", false), ("method_dsa", false)]
    {
        let text = PLACES[1].file(name).unwrap();
        assert_ne!((PLACES[1].outcome)(&text), READ, "{name}");
        let trust = MetadataTrust::SignedBy { keys: vec![places::SIGNER.clone()], accepted: Accepted::Sha1Too };
        let mut reader = MetadataReader::new(trust, MetadataLimits::document(1 << 20));
        let read = reader.push(text.as_bytes()).and_then(|()| reader.finish());
        assert_eq!(read.is_ok(), holds, "{name}");
    }
}

#[test]
fn every_file_has_a_test_and_every_test_a_file() {
    for (places, names) in [(PLACES, names::ELEMENTS), (MESSAGES, names::MESSAGES)] {
        let tests: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(places[0].names(), tests, "tests/attacks/names.rs");
        assert!(places.iter().all(|place| place.names().is_subset(&tests)));
    }
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
