//! Metadata that we publish of others, as others see it: xmlsec1 verifies it, and xmllint finds it valid against the schemas,
//! whatever the identity provider's own was like.

use std::path::Path;
use std::time::Duration;

use fedfront::dsig::{SigningKey, sign, sign_written};
use fedfront::model::{SignatureAlgorithm, Timestamp};
use fedfront::saml::metadata::{
    Additions, Claim, DocumentTrust, Moves, ReceivedMetadata, SecurityTokenService, federation_metadata, merge,
};
use fedfront::xml::{Limits, parse};

use super::ID_METADATA;
use super::random::{Random, seed};
use super::tools::{Tool, file, key, skip};

const EVERYTHING: &str = include_str!("../data/saml/metadata_idp_everything.xml");
const NAME: &str = "https://idp.example.com/everything";

/// Documents that are well-formed and wrong in some way, for each of which there is an answer.
const MUTANTS: usize = 400;

#[test]
fn what_was_merged_is_valid_whatever_came_in() {
    let (Some(xmllint), true) = (Tool::find("xmllint"), schemas_are_there()) else { return };
    let key = key();
    let certificates = [key.certificate_base64().to_owned()];
    let mut random = Random::new(seed(), 0);
    let mut files = Vec::new();
    let mut refused = 0;
    for number in 0..MUTANTS {
        let xml = if number == 0 { EVERYTHING.to_owned() } else { mutant(&mut random) };
        if parse(xml.as_bytes(), &Limits::metadata(1 << 20)).is_err() {
            refused += 1;
            continue;
        }
        match merged(&xml, &key, &certificates) {
            Some(signed) => files.push(file(&format!("mutant_{number}.xml"), signed.as_bytes())),
            None => refused += 1,
        }
    }
    assert!(files.len() > MUTANTS / 3, "{refused} of {MUTANTS} are refused");
    xmllint.validate("metadata.xsd", &files, true);
    let broken = std::fs::read_to_string(&files[0]).unwrap().replace("index=\"1\"", "");
    xmllint.validate("metadata.xsd", &[file("mutant_broken.xml", broken.as_bytes())], false);
}

#[test]
fn what_was_merged_is_signed() {
    let Some(xmlsec) = Tool::find("xmlsec1") else { return };
    let key = key();
    let signed = merged(EVERYTHING, &key, &[key.certificate_base64().to_owned()]).unwrap();
    xmlsec.verify("merged", ID_METADATA, &signed, &key, true);
    xmlsec.verify(
        "merged_changed",
        ID_METADATA,
        &signed.replace("idp.example.com/hok", "idp.example.org/hok"),
        &key,
        false,
    );
}

#[test]
fn federation_metadata_is_valid_and_signed() {
    let (Some(xmllint), Some(xmlsec)) = (Tool::find("xmllint"), Tool::find("xmlsec1")) else { return };
    let key = key();
    let sts = SecurityTokenService {
        entity_id: "http://sts.example.com/adfs/services/trust".to_owned(),
        id: "_1".to_owned(),
        valid_until: now(),
        cache_duration: Duration::from_secs(3600),
        signing_certificates: vec![key.certificate_base64().to_owned()],
        claims: vec![Claim {
            uri: "http://schemas.xmlsoap.org/claims/UPN".to_owned(),
            display_name: Some("UPN".to_owned()),
        }],
        sts: "https://sts.example.com/adfs/services/trust/13/usernamemixed".to_owned(),
        mex: Some("https://sts.example.com/adfs/services/trust/mex".to_owned()),
        passive: Some("https://sts.example.com/passivests".to_owned()),
    };
    let signed = sign_written(federation_metadata(sts), &key, SignatureAlgorithm::RsaSha256).unwrap();
    xmlsec.verify("federation", ID_METADATA, signed.xml(), &key, true);
    xmlsec.verify("federation_changed", ID_METADATA, &signed.xml().replace("/passivests", "/passive"), &key, false);
    if schemas_are_there() {
        xmllint.validate("metadata.xsd", &[file("federation_schema.xml", signed.xml().as_bytes())], true);
        let broken = signed.xml().replace("SecurityTokenServiceEndpoint", "SecurityTokenEndpoint");
        xmllint.validate("metadata.xsd", &[file("federation_broken.xml", broken.as_bytes())], false);
    }
}

fn merged(xml: &str, key: &SigningKey, certificates: &[String]) -> Option<String> {
    let theirs = ReceivedMetadata::read(xml.as_bytes(), 1 << 20, NAME, &DocumentTrust::Transport).ok()?;
    let moves = Moves::default();
    let additions = Additions {
        sso_soap: Some("https://sts.example.com/oamfed/idp/soap"),
        signing_certificates: certificates,
        scope: Some("example.com"),
        moves: &moves,
        valid_until: now(),
        cache_duration: Duration::from_secs(3600),
        most: 1 << 20,
    };
    Some(sign(merge(&theirs, &additions).ok()?, key, SignatureAlgorithm::RsaSha256).ok()?.xml().to_owned())
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000)
}

/// The document with some of its tags, attributes and values lost, doubled, or exchanged.
fn mutant(random: &mut Random) -> String {
    let mut pieces: Vec<String> = pieces(EVERYTHING);
    for _ in 0..=random.below(4) {
        let at = random.below(pieces.len());
        match random.below(6) {
            // A whole element, or a text, goes, comes again, or moves.
            0 => drop(pieces.drain(at..element_end(&pieces, at))),
            1 => {
                let copied = pieces[at..element_end(&pieces, at)].to_vec();
                pieces.splice(at..at, copied);
            }
            2 => {
                let moved: Vec<String> = pieces.drain(at..element_end(&pieces, at)).collect();
                let to = random.below(pieces.len() + 1);
                pieces.splice(to..to, moved);
            }
            3 => pieces[at] = attributes(&pieces[at], random, |_| String::new()),
            4 => {
                let long = "x".repeat(2000);
                let value = random.pick(&["", " ", "-1", "true", "no uri", "https://[x", "&lt;&#10;", "é", "%", &long]);
                pieces[at] = attributes(&pieces[at], random, |name| format!(" {name}=\"{value}\""));
            }
            _ if !pieces[at].starts_with('<') => pieces[at] = "\u{a0} &amp; text".to_owned(),
            _ => pieces[at] = pieces[at].replace("md:", "saml:"),
        }
    }
    pieces.concat()
}

/// Tags and the texts between them.
fn pieces(xml: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for part in xml.split_inclusive('>') {
        let (text, tag) = part.split_at(part.find('<').unwrap_or(part.len()));
        pieces.extend([text, tag].into_iter().filter(|piece| !piece.is_empty()).map(str::to_owned));
    }
    pieces
}

/// Behind the element that begins there; behind the piece, if none does.
fn element_end(pieces: &[String], at: usize) -> usize {
    let mut depth = 0_usize;
    for (number, piece) in pieces.iter().enumerate().skip(at) {
        if piece.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else if piece.starts_with('<')
            && !piece.ends_with("/>")
            && !piece.starts_with("<?")
            && !piece.starts_with("<!")
        {
            depth += 1;
        }
        if depth == 0 {
            return number + 1;
        }
    }
    pieces.len()
}

/// A tag with one of its attributes written otherwise.
fn attributes(tag: &str, random: &mut Random, write: impl Fn(&str) -> String) -> String {
    let starts: Vec<usize> = tag.match_indices(' ').map(|(at, _)| at).filter(|at| tag[*at..].contains("=\"")).collect();
    let Some(start) = starts.get(random.below(starts.len().max(1))) else { return tag.to_owned() };
    let Some((name, rest)) = tag[*start + 1..].split_once("=\"") else { return tag.to_owned() };
    match rest.split_once('"') {
        Some((_, rest)) if !name.contains([' ', '<']) && !name.starts_with("xmlns") => {
            [&tag[..*start], &write(name), rest].concat()
        }
        _ => tag.to_owned(),
    }
}

fn schemas_are_there() -> bool {
    let schemas = ["/usr/share/xml/opensaml/saml-schema-metadata-2.0.xsd", "/usr/share/xml/xmltooling/xml.xsd"];
    let missing = schemas.iter().find(|path| !Path::new(path).exists());
    missing.inspect(|path| skip(&format!("{path} is not there (opensaml-schemas, xmltooling-schemas)"))).is_none()
}
