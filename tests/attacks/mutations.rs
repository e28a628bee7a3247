//! Signed documents taken apart and put together otherwise, at random: whatever still verifies is what was signed, byte for
//! byte, and nothing panics. The same documents in every run; others with `SEED` in the environment.

use std::sync::Arc;

use fedfront::dsig::{Accepted, Content, MessageSignature, SignedStream, Trusted, VerifyError, verify};
use fedfront::xml::{Document, Limits, ParseError, parse};

use crate::places::{PLACES, SIGNER};
use crate::random::{Random, seed};

const MUTANTS: u64 = 1_500;

#[test]
fn whatever_verifies_is_what_was_signed() {
    let seed = seed();
    eprintln!("{MUTANTS} documents of seed {seed} for each place");
    for place in PLACES {
        let honest = place.file("honest").unwrap();
        let signed = verified(&parsed(&honest).unwrap());
        let [signed] = signed.as_slice() else { panic!("{} has not one signed element", place.title) };
        let files: Vec<String> = place.names().iter().filter_map(|name| place.file(name)).collect();
        let others: Vec<&str> = files.iter().map(String::as_str).collect();
        let mut verified_still = 0;
        for number in 0..MUTANTS {
            let text = mutant(&honest, &others, seed, number);
            let Some(document) = parsed(&text) else { continue };
            for canonical in verified(&document) {
                assert_eq!(&canonical, signed, "{}, seed {seed}, document {number}: {text}", place.title);
                verified_still += 1;
            }
            if let Some(canonical) = streamed(&text) {
                assert_eq!(&canonical, signed, "{} goes by, seed {seed}, document {number}: {text}", place.title);
            }
            // No panic, and nothing forged, where it would be read.
            (place.outcome)(&text);
        }
        assert!(verified_still > MUTANTS / 50, "{}: only {verified_still} verify", place.title);
    }
}

/// Every element that verifies, whichever an application would take: the bytes that were signed.
fn verified(document: &Document) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for element in document.root.descendants() {
        for id in ["ID", "Id", "id"] {
            if let Ok(verified) = verify(document, element, id, std::slice::from_ref(&*SIGNER), Accepted::Sha1Too) {
                found.push(verified.canonical().to_vec());
            }
        }
        // As a message's, which knows no enveloped signature.
        if let Ok(signature) = MessageSignature::read(document, element) {
            assert!(signature.verify(&SIGNER).is_err());
        }
    }
    found
}

/// What is proved of a document that goes by, if its document element verifies.
fn streamed(text: &str) -> Option<Vec<u8>> {
    let trusted = Trusted { keys: vec![SIGNER.clone()], accepted: Accepted::Sha1Too, id_attribute: "ID" };
    let mut stream = SignedStream::new(&Limits::aggregate(1 << 20), Arc::new(trusted), Taken(Vec::new()));
    stream.push(text.as_bytes()).ok()?;
    Some(stream.finish().ok()?.0)
}

struct Taken(Vec<u8>);

impl Content for Taken {
    type Error = StreamError;

    fn take(&mut self, canonical: &[u8]) -> Result<(), StreamError> {
        self.0.extend_from_slice(canonical);
        Ok(())
    }
}

/// Whatever is wrong.
struct StreamError;

impl From<VerifyError> for StreamError {
    fn from(_: VerifyError) -> Self {
        Self
    }
}

impl From<ParseError> for StreamError {
    fn from(_: ParseError) -> Self {
        Self
    }
}

fn parsed(text: &str) -> Option<Document> {
    parse(text.as_bytes(), &Limits::message(1 << 20)).ok()
}

/// The honest document after a few changes.
fn mutant(honest: &str, others: &[&str], seed: u64, number: u64) -> String {
    let mut random = Random::new(seed, number);
    let mut parts = split(honest);
    for _ in 0..=random.below(3) {
        match random.below(10) {
            0 => {
                let (from, to) = element(&parts, &mut random);
                let moved: Vec<String> = parts.drain(from..to).collect();
                insert(&mut parts, moved, &mut random);
            }
            1 => {
                let (from, to) = element(&parts, &mut random);
                let copied = parts[from..to].to_vec();
                insert(&mut parts, copied, &mut random);
            }
            2 => {
                let (from, to) = element(&parts, &mut random);
                parts.drain(from..to);
            }
            3 => {
                let (from, to) = element(&parts, &mut random);
                parts.insert(to, "</w>".to_owned());
                parts.insert(from, "<w>".to_owned());
            }
            4 => {
                let other = split(random.pick(others));
                let (from, to) = element(&other, &mut random);
                insert(&mut parts, other[from..to].to_vec(), &mut random);
            }
            5 => {
                let new = ["<!-- -->", "<![CDATA[]]>", "\n", "x", "<e/>", "&#13;", "<?e?>"];
                let new = vec![random.pick(&new).to_owned()];
                insert(&mut parts, new, &mut random);
            }
            6 => {
                let (one, other) = (random.below(parts.len()), random.below(parts.len()));
                parts.swap(one, other);
            }
            7 => {
                let changes =
                    [("_honest", "_forged"), ("ID=", "Id="), ("paos", "forged"), ("=\"", "= \""), (" ID", "\n ID")];
                let (old, new) = random.pick(&changes);
                let at = random.below(parts.len());
                parts[at] = parts[at].replace(old, new);
            }
            8 => {
                let at = random.below(parts.len());
                let new =
                    random.pick(&[" xmlns:e='urn:e'", " xmlns='urn:e'", " xml:id='_honest'", " e='1'", " xmlns=''"]);
                if parts[at].starts_with('<') && parts[at].ends_with("\">") {
                    let end = parts[at].len() - 1;
                    parts[at].insert_str(end, new);
                }
            }
            _ => {
                let at = random.below(parts.len());
                let mut bytes = std::mem::take(&mut parts[at]).into_bytes();
                let byte = random.below(bytes.len());
                bytes[byte] ^= 1 << random.below(7);
                parts[at] = String::from_utf8(bytes).unwrap();
            }
        }
        parts.retain(|part| !part.is_empty());
    }
    parts.concat()
}

/// Tags and texts, in order. None of the documents has a `>` in an attribute.
fn split(text: &str) -> Vec<String> {
    text.split_inclusive('>')
        .flat_map(|piece| {
            let tag = piece.find('<').unwrap_or(piece.len());
            [piece[..tag].to_owned(), piece[tag..].to_owned()]
        })
        .filter(|part| !part.is_empty())
        .collect()
}

/// Where an element begins and ends, as well as that can be told.
fn element(parts: &[String], random: &mut Random) -> (usize, usize) {
    let from = random.below(parts.len());
    let mut depth = 0;
    for (at, part) in parts.iter().enumerate().skip(from) {
        if part.starts_with("</") {
            depth -= 1;
        } else if part.starts_with('<') && !part.ends_with("/>") && !part.starts_with("<!") && !part.starts_with("<?") {
            depth += 1;
        }
        if depth <= 0 {
            return (from, at + 1);
        }
    }
    (from, parts.len())
}

fn insert(parts: &mut Vec<String>, new: Vec<String>, random: &mut Random) {
    let at = random.below(parts.len() + 1);
    parts.splice(at..at, new);
}
