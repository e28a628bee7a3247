//! What becomes of each attack, in words.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::names;
use crate::places::{MESSAGES, PLACES, Place, data};

const HEAD: &str = "# Forged signatures

Each attack is a document of its own, in the folder of the place that it is sent to, and says at its end what it tries. All are
made by `tests/peers/support/attacks` with the two keys here, which sign nothing else: the *signer* is whom fedfront trusts, the
*attacker* is not. Wherever the word *forged* stands in a document, it is not the signer's.

`authn-request` is what a service provider signs and a client sends over ECP, `metadata` what describes one service provider,
`aggregate` what describes many. A SAML token as a credential of WS-Trust has the same verifier as the first; its documents are
made when they are sent.

The row is that of the catalogue: 1 signature wrapping, 2 comments in texts, 3 several SignedInfo, 4 parsers that disagree,
5 canonicalisation that fails, 6 HMAC with a public key, 7 an error taken for a yes, 8 transforms, 9 DTDs and entities, 10 no
signature, 11 keys that come with it, 12 references and IDs, 13 lenient base64, 14 SHA-1, 19 more work than sense.

*What was signed is read* is said where the signature holds and the attacker's part of the document reaches nobody. Anything else
is why the document is refused, as the operator reads it in the audit log; a client gets the same bytes for all of them. Tests hold
this table true: `cargo test --test attacks`, and `tests/peers/test_attacks.py` over HTTP.

";

const MESSAGES_HEAD: &str = "
## Messages of which parts are signed

A certificate's key signs Timestamp, To and Body of a WS-Trust message, each by its ID. Which of them counts is told by its place.

";

/// A line of the table.
pub struct Row {
    /// In the order of the places; empty where no file is kept.
    pub outcomes: Vec<String>,
}

pub fn path() -> PathBuf {
    data().join("README.md")
}

/// What the table says of an attack.
pub fn row(places: &[Place], name: &str) -> Row {
    let table = fs::read_to_string(path()).unwrap();
    let line = table.lines().find(|line| line.starts_with(&format!("| {} |", link(places, name))));
    let line = line.unwrap_or_else(|| panic!("no row of {name} in {}", path().display()));
    let cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
    Row { outcomes: cells.skip(3).collect() }
}

/// The tables as they should be.
pub fn all() -> String {
    [HEAD, &of(PLACES, names::ELEMENTS), MESSAGES_HEAD, &of(MESSAGES, names::MESSAGES)].concat()
}

fn of(places: &[Place], names: &[&str]) -> String {
    let titles: Vec<&str> = places.iter().map(|place| place.title).collect();
    let mut table = format!("| attack | row | what it tries | {} |\n", titles.join(" | "));
    writeln!(table, "|---|---|---|{}", "---|".repeat(titles.len())).unwrap();
    for name in names {
        let (row, tries) = said(&places[0], name);
        let outcomes = places.iter().map(|place| place.file(name).map_or(String::new(), |text| (place.outcome)(&text)));
        let outcomes: Vec<String> = outcomes.collect();
        writeln!(table, "| {} | {row} | {tries} | {} |", link(places, name), outcomes.join(" | ")).unwrap();
    }
    table
}

fn link(places: &[Place], name: &str) -> String {
    format!("[`{name}`]({}/{name}.xml)", places[0].folder)
}

/// The row of the catalogue, and what a document says that it tries.
fn said(place: &Place, name: &str) -> (String, String) {
    let text = place.file(name).unwrap();
    let said = text.rsplit_once("<!-- ").and_then(|(_, said)| said.strip_suffix(" -->\n")).unwrap();
    let (row, tries) = said.split_once(" of the catalogue): ").unwrap();
    (row.rsplit(' ').next().unwrap().to_owned(), tries.to_owned())
}
