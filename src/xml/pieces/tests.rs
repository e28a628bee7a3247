//! What comes in pieces is what comes at once, and so is its canonical form.

use std::path::Path;

use super::*;
use crate::xml::{CanonicalStream, Canonicalization, Document, Element, TreeBuilder, canonicalize, parse};

/// What [`parse`] says of a document, and all ways to cut it in pieces must say.
pub(in crate::xml) fn as_in_pieces(xml: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let whole = parse(xml, limits);
    for (part, step) in [(1, 1), (1, 2), (3, 7), (16, 5), (PART_BYTES, usize::MAX)] {
        let pieces = in_pieces(xml, limits, part, step).map(|root| canonical(&root));
        let expected = whole.as_ref().map(|document| canonical(&document.root));
        assert_eq!(pieces.as_ref(), expected.as_ref().map_err(|error| *error), "{}", String::from_utf8_lossy(xml));
    }
    whole
}

fn in_pieces(xml: &[u8], limits: &Limits, part: usize, step: usize) -> Result<Element, ParseError> {
    let (mut pieces, mut tree) = (Pieces::gathering(limits, part), TreeBuilder::default());
    for piece in xml.chunks(step) {
        pieces.push(piece, &mut tree)?;
    }
    pieces.finish(&mut tree)?;
    Ok(tree.into_root().expect("a document has an element"))
}

fn canonical(root: &Element) -> Vec<u8> {
    canonicalize(root, &Canonicalization { with_comments: true, ..Canonicalization::default() })
}

fn limits() -> Limits {
    Limits::message(1 << 20)
}

/// Documents with all that makes reading and canonicalising hard.
fn documents() -> Vec<(String, Vec<u8>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let read = |folder: &str| {
        let files = std::fs::read_dir(data.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|is| is == "xml")).collect::<Vec<_>>()
    };
    let mut paths: Vec<_> = ["c14n", "dsig", "saml", "wstrust"].into_iter().flat_map(read).collect();
    paths.sort();
    assert!(paths.len() > 20);
    paths.into_iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn documents_in_pieces_are_the_same() {
    for (name, xml) in documents() {
        as_in_pieces(&xml, &limits()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A byte order mark in the middle is a character, and quick-xml leaves one out wherever it begins.
#[test]
fn marks_and_line_ends_at_the_edge_of_a_piece_are_kept() {
    for (xml, expected) in [
        ("\u{FEFF}<a>\u{FEFF}x<b/>\u{FEFF}\r\n\r<![CDATA[\u{FEFF}\r\n]]></a>", Some("\u{FEFF}\n\n\u{FEFF}\n")),
        ("\u{FEFF}\u{FEFF}<a/>", None),
        ("<a/>\u{FEFF}", None),
    ] {
        let read = as_in_pieces(xml.as_bytes(), &limits());
        let last = read.ok().map(|document| {
            let canonical = String::from_utf8(canonical(&document.root)).unwrap();
            canonical.rsplit('>').nth(1).unwrap().trim_end_matches("</a").to_owned()
        });
        assert_eq!(last.as_deref(), expected, "{xml:?}");
    }
}

/// Documents with a few bytes changed: most are refused, in pieces as at once, and those that are not are the same.
#[test]
fn broken_documents_in_pieces_are_refused_alike() {
    const SPOILERS: &[u8] = b"<>/?!-[]&;'\"=: \n\rax\xEF\xBB\xBF\x00\xC3";
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap() % below
    };
    let samples: Vec<_> = documents().into_iter().filter(|(_, xml)| xml.len() < 4096).collect();
    let mut read = 0;
    for _ in 0..600 {
        let mut xml = samples[next(samples.len())].1.clone();
        for _ in 0..=next(3) {
            let (at, spoiler) = (next(xml.len()), SPOILERS[next(SPOILERS.len())]);
            match next(3) {
                0 => xml[at] = spoiler,
                1 => xml.insert(at, spoiler),
                _ => drop(xml.remove(at)),
            }
        }
        let expected = parse(&xml, &limits()).map(|document| canonical(&document.root));
        let pieces = in_pieces(&xml, &limits(), 1 + next(40), 1 + next(40)).map(|root| canonical(&root));
        read += usize::from(expected.is_ok());
        assert_eq!(pieces.is_ok(), expected.is_ok(), "{pieces:?} {}", String::from_utf8_lossy(&xml));
        assert!(expected.is_err() || pieces == expected, "{}", String::from_utf8_lossy(&xml));
    }
    assert!((50..550).contains(&read), "{read}");
}

#[test]
fn what_has_to_be_held_is_bounded() {
    let long = "x".repeat(HELD_BYTES);
    for xml in [format!("<a>{long}{long}"), format!("<a b='{long}{long}"), format!("<a><!-- {long}{long}")] {
        let limits = Limits::aggregate(8 << 20);
        let (mut pieces, mut tree) = (Pieces::new(&limits), TreeBuilder::default());
        assert_eq!(pieces.push(xml.as_bytes(), &mut tree), Err(ParseError::TooLarge("one tag, comment or text")));
        assert!(pieces.held.capacity() <= 4 * HELD_BYTES, "{}", pieces.held.capacity());
    }
}

#[test]
fn nothing_is_taken_after_a_refusal() {
    let (mut pieces, mut tree) = (Pieces::gathering(&limits(), 1), TreeBuilder::default());
    assert!(pieces.push(b"<a><?x?><b/><b/>", &mut tree).is_err());
    assert!(pieces.push(b"</a>", &mut tree).is_err());
    assert!(pieces.finish(&mut tree).is_err());
}

/// Writes what goes by, a little at a time.
struct Writing {
    stream: CanonicalStream,
    written: String,
}

impl Events for Writing {
    type Error = ParseError;

    fn start(&mut self, element: Element) -> Result<(), ParseError> {
        self.stream.start(&element);
        self.take()
    }

    fn end(&mut self) -> Result<(), ParseError> {
        self.stream.end();
        self.take()
    }

    fn text(&mut self, text: &str) -> Result<(), ParseError> {
        self.stream.text(text);
        self.take()
    }

    fn comment(&mut self, _: &str) -> Result<(), ParseError> {
        Ok(())
    }
}

impl Writing {
    fn take(&mut self) -> Result<(), ParseError> {
        self.written.push_str(self.stream.written());
        self.stream.clear();
        Ok(())
    }
}

#[test]
fn the_canonical_form_of_what_goes_by_is_that_of_the_tree() {
    for (name, xml) in documents() {
        for inclusive_prefixes in [vec![], vec!["", "xs", "xsi", "ds", "md", "a", "b"]] {
            let stream = CanonicalStream::new(&inclusive_prefixes, Vec::new());
            let (mut pieces, mut writing) =
                (Pieces::gathering(&limits(), 64), Writing { stream, written: String::new() });
            pieces.push(&xml, &mut writing).and_then(|()| pieces.finish(&mut writing)).unwrap();
            let how = Canonicalization { inclusive_prefixes: &inclusive_prefixes, ..Canonicalization::default() };
            let expected = canonicalize(&parse(&xml, &limits()).unwrap().root, &how);
            assert_eq!(writing.written.as_bytes(), expected, "{name}");
        }
    }
}
