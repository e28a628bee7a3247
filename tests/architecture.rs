//! The house keeps its order: arrows run down, pure floors stay pure, and what the language cannot say about who may call
//! what is said here. The map is the table at the top of `src/lib.rs`.

mod house;

use std::path::Path;

use house::{House, Source, sources};

/// Each thing that is checked of each source file, and what it says about a file that breaks it.
const RULES: [fn(&Source, &House) -> Vec<String>; 8] = [
    is_on_the_map,
    arrows_run_down,
    pure_floors_are_pure,
    crates_have_owners,
    proofs_have_makers,
    xml_is_written_by_the_writer,
    files_are_short,
    files_say_what_they_are,
];

/// Floors that do no IO, read no clock and draw no ids.
const PURE_FLOORS: [&str; 4] = ["vocabulary", "XML", "protocols", "decisions"];

/// What a path on a pure floor may not begin with.
const IMPURE_ROOTS: [&str; 9] =
    ["tokio", "pingora", "ldap3", "prometheus", "tracing", "rand", "openssl::rand", "std::fs", "std::env"];

/// What a path on a pure floor may not have in it anywhere.
const IMPURE_PARTS: [&str; 9] = [
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "net::TcpStream",
    "net::TcpListener",
    "net::UdpSocket",
    "net::ToSocketAddrs",
    "thread::sleep",
];

/// Crates that only some modules import.
const OWNED_CRATES: [(&str, &[&str]); 8] = [
    ("pingora", &["edge", "proxy"]),
    ("quick_xml", &["xml"]),
    ("ldap3", &["directory"]),
    ("reqwest", &["http_client", "federation", "probe"]),
    ("prometheus", &["telemetry"]),
    ("redis", &["state"]),
    ("notify", &["runtime"]),
    ("opentelemetry", &["traces"]),
];

/// A signed thing comes from here only.
const SIGNER: &str = "dsig/sign.rs";
/// What somebody else signed comes from here only.
const READER: &str = "saml/read/";
/// A proof of who somebody is comes from here only.
const PROVER: &str = "sign_in";

const MAX_LINES: usize = 450;

#[test]
fn the_house_is_in_order() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let house = House::read(&std::fs::read_to_string(src.join("lib.rs")).unwrap());
    for floor in PURE_FLOORS {
        assert!(house.has_floor(floor), "no floor {floor} in src/lib.rs");
    }
    let broken: Vec<String> = sources(&src).iter().flat_map(|source| broken_rules(source, &house)).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn broken_rules(source: &Source, house: &House) -> Vec<String> {
    let broken = RULES.iter().flat_map(|rule| rule(source, house));
    broken.map(|what| format!("src/{}: {what}", source.path)).collect()
}

fn is_on_the_map(source: &Source, house: &House) -> Vec<String> {
    let known = source.is_root() || house.place(source.module()).is_some();
    complain(!known, || format!("module `{}` is not on the map in src/lib.rs", source.module()))
}

fn arrows_run_down(source: &Source, house: &House) -> Vec<String> {
    if source.is_root() {
        return Vec::new();
    }
    let targets = source.imports();
    targets.into_iter().filter_map(|target| house.objection(source.module(), &target)).collect()
}

fn pure_floors_are_pure(source: &Source, house: &House) -> Vec<String> {
    if !house.floor(source.module()).is_some_and(|floor| PURE_FLOORS.contains(&floor)) {
        return Vec::new();
    }
    let impure = |path: &&String| {
        IMPURE_ROOTS.iter().any(|root| begins(path, root)) || IMPURE_PARTS.iter().any(|part| has(path, part))
    };
    source.paths.iter().filter(impure).map(|path| format!("`{path}` on a pure floor")).collect()
}

fn crates_have_owners(source: &Source, _: &House) -> Vec<String> {
    let foreign = |path: &&String| {
        let mut owned = OWNED_CRATES.iter().filter(|(name, _)| begins(path, name));
        owned.any(|(_, owners)| !owners.contains(&source.module()))
    };
    source.paths.iter().filter(foreign).map(|path| format!("`{path}` is not this module's to import")).collect()
}

fn proofs_have_makers(source: &Source, _: &House) -> Vec<String> {
    let makers = [
        "Authenticated::by_bind",
        "Authenticated::by_certificate",
        "Authenticated::by_token",
        "Authenticated::in_the_name_of",
    ];
    let made = makers.into_iter().filter(|maker| source.paths.iter().any(|path| has(path, maker)));
    let signs = source.constructs("Signed");
    let stranger = source.module() != PROVER;
    let mut broken: Vec<String> = made.filter(|_| stranger).map(|maker| format!("calls `{maker}`")).collect();
    broken.extend(complain(signs && source.path != SIGNER, || "constructs `Signed`".into()));
    let reads = source.constructs("ReceivedAssertion") && !source.path.starts_with(READER);
    broken.extend(complain(reads, || "constructs `ReceivedAssertion`".into()));
    broken
}

fn xml_is_written_by_the_writer(source: &Source, _: &House) -> Vec<String> {
    let by_hand = source.formats_text_that_starts_with('<') && source.module() != "xml";
    complain(by_hand, || "writes markup with `format!`".into())
}

fn files_are_short(source: &Source, _: &House) -> Vec<String> {
    complain(source.lines > MAX_LINES, || format!("{} lines; {MAX_LINES} are allowed", source.lines))
}

fn files_say_what_they_are(source: &Source, _: &House) -> Vec<String> {
    complain(!source.documented, || "does not start with `//!`".into())
}

fn complain(broken: bool, what: impl FnOnce() -> String) -> Vec<String> {
    if broken { vec![what()] } else { Vec::new() }
}

/// Whether a path of two names or more starts with `root`; a crate's name with all that begins like it, so that
/// `pingora_core` is `pingora`.
fn begins(path: &str, root: &str) -> bool {
    let whole = path == root || path.starts_with(&format!("{root}::")) || path.starts_with(&format!("{root}_"));
    whole && path.contains("::")
}

/// Whether `part` stands in the path, at the borders of its names.
fn has(path: &str, part: &str) -> bool {
    format!("::{path}::").contains(&format!("::{part}::"))
}

/// Every rule can fail, and only where it should.
#[test]
fn every_rule_can_fail() {
    let house = House::read(
        "//! | floor | modules |\n//! |---|---|\n//! | vocabulary | [`model`] |\n//! | XML | [`xml`], [`dsig`] |\n\
         //! | adapters | [`telemetry`], [`directory`] |\n//! | service | [`sign_in`], [`proxy`] |\n//! | top | [`server`], `main` |\n",
    );
    for (path, code, expected) in [
        ("cellar/mod.rs", "", Some("not on the map")),
        ("model/a.rs", "use crate::xml::Element;", Some("`model` imports `xml`")),
        ("model/a.rs", "fn f() { crate::xml::parse() }", Some("`model` imports `xml`")),
        ("model/a.rs", "use crate::{model::A, xml::{self, B}};", Some("`model` imports `xml`")),
        ("model/a.rs", "use super::super::xml;", Some("`model` imports `xml`")),
        ("model/mod.rs", "use super::xml::Element;", Some("`model` imports `xml`")),
        ("xml/a.rs", "use crate::dsig::sign;", Some("`xml` imports `dsig`")),
        ("xml/a.rs", "use crate::cellar;", Some("`cellar`, which is not on the map")),
        ("dsig/a.rs", "use crate::xml::Element; use crate::model::A; use super::key; pub(crate) fn f() {}", None),
        ("main.rs", "use fedfront::server; fn main() { fedfront::proxy::run() }", None),
        ("server.rs", "use crate::main;", None),
        ("proxy/mod.rs", "use fedfront::server;", Some("`proxy` imports `server`")),
        ("model/a.rs", "use tokio::sync::Mutex;", Some("pure floor")),
        ("model/a.rs", "use std::{fmt, fs::File};", Some("pure floor")),
        ("model/a.rs", "fn f() { std::env::var(\"A\") }", Some("pure floor")),
        ("model/a.rs", "use std::time::SystemTime;", Some("pure floor")),
        ("model/a.rs", "fn f() { tracing::info!(\"a\") }", Some("pure floor")),
        ("model/a.rs", "fn f() { Instant::now(); }", Some("pure floor")),
        ("model/a.rs", "use std::net::{IpAddr, TcpStream};", Some("pure floor")),
        ("model/a.rs", "use std::net::IpAddr; use std::time::Instant; // std::fs\nconst A: &str = \"std::fs\";", None),
        ("model/a.rs", "#[cfg(test)] mod tests { use std::fs; fn f() { crate::server::run() } } fn g() {}", None),
        ("model/a.rs", "#[cfg(test)] mod tests {} use std::fs::File;", Some("pure floor")),
        ("telemetry/a.rs", "use std::fs; use prometheus::Registry;", None),
        ("directory/a.rs", "use pingora_core::Result;", Some("not this module's")),
        ("directory/a.rs", "use ldap3::Ldap;", None),
        ("directory/a.rs", "use reqwest::Client;", Some("not this module's")),
        ("dsig/a.rs", "use quick_xml::Reader;", Some("not this module's")),
        ("proxy/a.rs", "fn f() { Authenticated::by_bind(a, b, c) }", Some("by_bind")),
        ("proxy/a.rs", "fn f() { crate::model::Authenticated::by_bind(a, b, c) }", Some("by_bind")),
        ("sign_in/a.rs", "fn f() { Authenticated::by_bind(a, b, c) }", None),
        ("handler/a.rs", "fn f() { Authenticated::by_certificate(a, b, c, d) }", Some("by_certificate")),
        ("sign_in/a.rs", "fn f() { Authenticated::by_certificate(a, b, c, d) }", None),
        ("handler/a.rs", "fn f() { Authenticated::by_token(a, b, c, d) }", Some("by_token")),
        ("sign_in/a.rs", "fn f() { Authenticated::by_token(a, b, c, d) }", None),
        ("handler/a.rs", "fn f() { Authenticated::in_the_name_of(a, b, c, d, e) }", Some("in_the_name_of")),
        ("sign_in/a.rs", "fn f() { Authenticated::in_the_name_of(a, b, c, d, e) }", None),
        ("handler/a.rs", "fn f() { ReceivedAssertion { id, issuer } }", Some("constructs `ReceivedAssertion`")),
        ("proxy/a.rs", "fn f(a: ReceivedAssertion) -> ReceivedAssertion { a }", None),
        ("proxy/a.rs", "fn f() { Signed { value, xml } }", Some("constructs `Signed`")),
        ("proxy/a.rs", "impl<T> Signed<T> {} struct Signed {} fn f(a: Signed) -> Signed {}", None),
        ("dsig/sign.rs", "fn f() { Signed { value, xml } }", None),
        ("proxy/a.rs", "fn f() { format!(\"<a>{b}\") }", Some("markup")),
        ("proxy/a.rs", "fn f() { format!(r#\"<a>{b}\"#) }", Some("markup")),
        ("proxy/a.rs", "fn f() { format!(\"a<{b}\") }", None),
    ] {
        assert_broken(&Source::new(path, &format!("//! A.\n{code}")), &house, expected);
    }
    assert_broken(&Source::new("model/a.rs", &format!("//! A.\n{}", "\n".repeat(450))), &house, Some("451 lines"));
    assert_broken(&Source::new("model/a.rs", "fn a() {}"), &house, Some("//!"));
}

/// Only code that tests alone compile is left out, wherever it stands.
#[test]
fn test_files_are_found_beside_their_parents() {
    let text = "//! A.\n#[cfg(test)]\nmod attacks;\nmod verify;";
    for (path, expected) in [("dsig/mod.rs", "dsig/attacks.rs"), ("dsig/sign.rs", "dsig/sign/attacks.rs")] {
        assert_eq!(Source::new(path, text).test_files(), [expected, &expected.replace(".rs", "/")]);
    }
}

#[track_caller]
fn assert_broken(source: &Source, house: &House, expected: Option<&str>) {
    let broken = broken_rules(source, house).join("\n");
    match expected {
        Some(expected) => assert!(broken.contains(expected), "{}: {broken:?} without {expected:?}", source.path),
        None => assert_eq!(broken, "", "{}", source.path),
    }
}
