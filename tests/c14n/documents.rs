//! Documents made at random, always the same ones for a seed: whatever makes canonicalisation hard and our parser takes.
//! Namespaces come and go, prefixes hide others, attributes stand in any order and in either quotes, characters are written
//! as themselves, as references, in CDATA, and comments are everywhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::random::Random;

/// One document, and what of it to canonicalise.
#[derive(Clone)]
pub struct Case {
    /// What stands before the document element.
    pub prolog: String,
    /// The document element; an element in it has [`Case::id`] for its `xml:id`.
    pub element: String,
    /// What stands after it.
    pub epilog: String,
    /// The one ID in it.
    pub id: String,
    /// The element with that ID, counted in document order from 0.
    pub apex: usize,
    /// An element below it to leave out, as an enveloped signature is, counted likewise.
    pub without: Option<usize>,
    /// Whether comments are kept.
    pub with_comments: bool,
    /// InclusiveNamespaces PrefixList, as a signature writes it.
    pub prefixes: Vec<&'static str>,
}

impl Case {
    /// The `number`th document of a seed.
    pub fn new(seed: u64, number: u64) -> Self {
        Self::spaced(seed, number, Spaces::Any)
    }

    /// The same, with other white space if that is asked for.
    pub fn spaced(seed: u64, number: u64, spaces: Spaces) -> Self {
        let mut random = Random::new(seed, number);
        let mut writer =
            Writer { out: String::new(), random: &mut random, spaces, places: Vec::new(), open: Vec::new() };
        writer.element(0, &Scope::default());
        let Writer { out: mut element, places, .. } = writer;
        let apex = if random.below(3) == 0 { 0 } else { random.below(places.len()) };
        let id = format!("_{number}");
        let place = &places[apex];
        element.insert_str(place.attributes_end, &format!(" xml:id='{id}'"));
        let below: Vec<usize> = (apex + 1..places.len()).filter(|at| places[*at].ancestors.contains(&apex)).collect();
        let without = (!below.is_empty() && random.below(4) == 0).then(|| random.pick(&below));
        let mut prefixes = Vec::new();
        if random.below(2) == 0 {
            prefixes.extend(LISTED.iter().filter(|_| random.below(3) == 0));
        }
        Self {
            prolog: prolog(&mut random),
            element,
            epilog: random.pick(&["", "\n", "<!-- after -->", "\r\n<!--a-->\n<!--b-->"]).to_owned(),
            id,
            apex,
            without,
            with_comments: random.below(2) == 0,
            prefixes,
        }
    }

    /// The whole document.
    pub fn text(&self) -> String {
        [&*self.prolog, &self.element, &self.epilog].concat()
    }
}

/// White space that is written as itself in attribute values, comments and CDATA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spaces {
    /// All that there is.
    Any,
    /// Only blanks in attribute values, and no carriage return in the others.
    Plain,
}

const PREFIXES: [&str; 6] = ["", "a", "b", "c", "xs", "saml"];
const LISTED: [&str; 8] = ["#default", "a", "b", "c", "xs", "saml", "absent", "xml"];
const NAMESPACES: [&str; 6] = ["urn:1", "urn:2", "urn:2:", "http://example.com/?a=1;b='2'#c", "urn:%C3%A9:x", "URN:1"];
const NAMES: [&str; 8] = ["e", "E", "Assertion", "a.b-c", "_", "é漢", "xmlish", "e1"];
const ATTRIBUTES: [&str; 9] = ["a", "b", "B", "z", "é", "Name", "_n", "b.c", "xml-lang"];
const OF_XML: [&str; 3] = ["lang", "base", "space"];
const PIECES: [&str; 24] = [
    "alice",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "&lt;",
    "&gt;",
    ">",
    "&amp;",
    "&quot;",
    "&apos;",
    "&#9;",
    "&#10;",
    "&#13;",
    "&#xD;&#xA;",
    "&#x20;",
    "é",
    "漢字",
    "&#x1F511;",
    "\u{1F511}",
    "\u{85}\u{2028}",
    "&#xE9;",
    "&amp;lt;",
];

const COMMENTS: [&str; 5] =
    ["<!-- -->", "<!--a < b & c > d-->", "<!---->", "<!--\r\n<e a=\"'\">-->", "<!-- &#13; é \r-->"];
const SECTIONS: [&str; 4] =
    ["<![CDATA[]]>", "<![CDATA[<e>&amp;</e>]]>", "<![CDATA[]] > \"'\r\n\r\t]]>", "<![CDATA[>]]]]><![CDATA[>]]>"];

/// What each prefix means; nearest only.
#[derive(Clone, Default)]
struct Scope(Vec<(&'static str, &'static str)>);

impl Scope {
    fn declare(&mut self, prefix: &'static str, uri: &'static str) {
        self.0.retain(|(other, _)| *other != prefix);
        self.0.push((prefix, uri));
    }
}

/// Where an element's own attributes end in the text, and what it stands in.
struct Place {
    attributes_end: usize,
    ancestors: Vec<usize>,
}

struct Writer<'r> {
    out: String,
    random: &'r mut Random,
    spaces: Spaces,
    places: Vec<Place>,
    open: Vec<usize>,
}

impl Writer<'_> {
    fn element(&mut self, depth: usize, above: &Scope) {
        let mut scope = above.clone();
        let mut attributes = self.declarations(depth, &mut scope);
        // Without a prefix even where nothing is declared.
        let mut usable: Vec<&str> = scope.0.iter().map(|(prefix, _)| *prefix).collect();
        usable.push("");
        let prefix = self.random.pick(&usable);
        let name = qualified(prefix, self.random.pick(&NAMES));
        attributes.extend(self.attributes(&scope));
        for at in (1..attributes.len()).rev() {
            let other = self.random.below(at + 1);
            attributes.swap(at, other);
        }
        self.out.push('<');
        self.out.push_str(&name);
        for attribute in attributes {
            self.out.push_str(self.random.pick(&[" ", " ", "\n\t", "  ", "\r\n"]));
            self.out.push_str(&attribute);
        }
        let here = self.places.len();
        self.places.push(Place { attributes_end: self.out.len(), ancestors: self.open.clone() });
        self.out.push_str(self.random.pick(&["", "", " ", "\n"]));
        if self.random.below(4) == 0 {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        self.open.push(here);
        for _ in 0..self.random.below(5) {
            self.child(depth, &scope);
        }
        self.open.pop();
        let space = self.random.pick(&["", "", " ", "\n"]);
        write!(self.out, "</{name}{space}>").unwrap();
    }

    /// New namespaces, or old ones once more.
    fn declarations(&mut self, depth: usize, scope: &mut Scope) -> Vec<String> {
        let most = if depth == 0 { 5 } else { 3 };
        let count = if self.random.below(2) == 0 { self.random.below(most) } else { 0 };
        let mut declared = BTreeSet::new();
        let mut texts = Vec::new();
        for _ in 0..count {
            let prefix = self.random.pick(&PREFIXES);
            if !declared.insert(prefix) {
                continue;
            }
            let undeclared = prefix.is_empty() && self.random.below(3) == 0;
            let uri = if undeclared { "" } else { self.random.pick(&NAMESPACES) };
            scope.declare(prefix, uri);
            texts.push(format!("xmlns{}{prefix}=\"{uri}\"", if prefix.is_empty() { "" } else { ":" }));
        }
        if self.random.below(40) == 0 {
            texts.push("xmlns:xml='http://www.w3.org/XML/1998/namespace'".to_owned());
        }
        texts
    }

    fn attributes(&mut self, scope: &Scope) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut texts = Vec::new();
        for _ in 0..self.random.below(6) {
            let prefixed: Vec<&(&str, &str)> = scope.0.iter().filter(|(prefix, _)| !prefix.is_empty()).collect();
            let (prefix, namespace, local) = if self.random.below(8) == 0 {
                ("xml", "xml", self.random.pick(&OF_XML))
            } else if prefixed.is_empty() || self.random.below(2) == 0 {
                ("", "", self.random.pick(&ATTRIBUTES))
            } else {
                let (prefix, namespace) = *self.random.pick(&prefixed);
                (prefix, namespace, self.random.pick(&ATTRIBUTES))
            };
            if names.insert((namespace, local)) {
                let value = if local == "space" && prefix == "xml" {
                    "'preserve'".to_owned()
                } else {
                    self.value(prefix == "xml")
                };
                texts.push(format!("{}{}={value}", qualified(prefix, local), self.random.pick(&["", "", " "])));
            }
        }
        texts
    }

    fn value(&mut self, plain: bool) -> String {
        let quote = self.random.pick(&["'", "\""]);
        let mut value = quote.to_owned();
        for _ in 0..self.random.below(4) {
            match if plain { "en" } else { self.random.pick(&PIECES) } {
                "\n" | "\r\n" | "\r" | "\t" if self.spaces == Spaces::Plain => value.push(' '),
                piece => value.push_str(piece),
            }
            if self.random.below(6) == 0 && !plain {
                value.push_str(if quote == "'" { "\"" } else { "'" });
            }
        }
        value + quote
    }

    fn piece(&mut self, among: &[&str]) {
        let piece = self.random.pick(among);
        let piece = if self.spaces == Spaces::Plain { piece.replace('\r', "") } else { piece.to_owned() };
        self.out.push_str(&piece);
    }

    fn child(&mut self, depth: usize, scope: &Scope) {
        match self.random.below(10) {
            0..=4 if depth < 6 => self.element(depth + 1, scope),
            5 => self.piece(&COMMENTS),
            6 => self.piece(&SECTIONS),
            _ => {
                for _ in 0..self.random.below(4) {
                    let piece = self.random.pick(&PIECES);
                    self.out.push_str(piece);
                    self.out.push_str(self.random.pick(&["", "", "\"", "'", "x"]));
                }
            }
        }
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

fn prolog(random: &mut Random) -> String {
    let declaration = random.pick(&[
        "",
        "",
        "\u{feff}",
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n",
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\" ?>",
    ]);
    let more = random.pick(&["", "", "\n", "<!-- before -->\n", "\r\n<!--a--><!--b-->"]);
    [declaration, more].concat()
}
