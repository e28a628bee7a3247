//! Which relying party a service provider of a source is.

use std::time::Duration;

use futures::FutureExt;

use super::*;
use crate::config::{MetadataPlace, MetadataSourceConfig};
use crate::federation::source::testing::{Folder, Hand, aggregate, config, entity, now};
use crate::federation::{Parties, testing};
use crate::saml::names::{MICROSOFT_ONLINE, NATIONAL_CLOUDS};
use crate::telemetry::Metrics;

const RESEARCH: &str = "http://refeds.org/category/research-and-scholarship";

/// An entity of these categories.
fn categorized(entity_id: &str, categories: &[&str]) -> String {
    let values: String = categories
        .iter()
        .map(|category| ["<saml:AttributeValue>", category, "</saml:AttributeValue>"].concat())
        .collect();
    let extensions = [
        "<md:Extensions><attr:EntityAttributes xmlns:attr=\"urn:oasis:names:tc:SAML:metadata:attribute\">",
        "<saml:Attribute xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" Name=\"",
        ENTITY_CATEGORY,
        "\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\">",
        &values,
        "</saml:Attribute></attr:EntityAttributes></md:Extensions><md:SPSSODescriptor ",
    ];
    entity(entity_id, "").replacen("<md:SPSSODescriptor ", &extensions.concat(), 1)
}

fn sources(folder: &Folder, all: &[(&str, MetadataPlace)]) -> Sources {
    let metrics = Metrics::new().unwrap();
    let open = |(name, place): &(&str, MetadataPlace)| {
        let signed = matches!(place, MetadataPlace::Url(_) | MetadataPlace::Mdq(_));
        let config = config(folder, place.clone());
        let config = MetadataSourceConfig {
            name: (*name).to_owned(),
            certificate_file: config.certificate_file.clone().filter(|_| signed),
            longest_validity: None,
            ..config
        };
        let source = Source::open(&config, None, Hand::at(now()), &metrics).unwrap();
        source.read_files();
        source.begin(None);
        source
    };
    Sources::new(all.iter().map(open).collect())
}

fn party(name: &str, source: &str, entity_id: &str, categories: &[&str]) -> PartyConfig {
    let entity_categories = categories.iter().map(|category| (*category).to_owned()).collect();
    testing::party(name, PartyMetadata::Source { name: source.to_owned(), entity_categories }, entity_id)
}

/// The party that an entity is; an error where nobody can say.
fn named(parties: &Parties, entity_id: &str) -> Result<Option<(String, String)>, ()> {
    let found = parties.named(entity_id, testing::CLIENT, now()).now_or_never().unwrap().map_err(drop)?;
    Ok(found.map(|found| (found.party.name.clone(), found.source.map(Source::name).unwrap_or_default().to_owned())))
}

#[test]
fn a_service_provider_is_the_first_party_that_means_it() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("sps")).unwrap();
    folder.write("sps/1.xml", categorized("x:research", &["x:other", RESEARCH]));
    folder.write("sps/2.xml", categorized("x:named", &[RESEARCH]));
    folder.write("sps/3.xml", entity("x:plain", ""));
    folder.write("sps/4.xml", entity("x:browser", "").replace("bindings:PAOS", "bindings:HTTP-POST"));
    let later = folder.write("later.xml", aggregate(&["x:research", "x:later"], now().plus(Duration::from_secs(60))));
    let nowhere = MetadataPlace::Url("http://127.0.0.1:1/".to_owned());
    let sources = sources(
        &folder,
        &[
            ("down", nowhere),
            ("campus", MetadataPlace::Directory(folder.path("sps"))),
            ("later", MetadataPlace::File(later)),
        ],
    );
    let configs = [
        party("others", "later", "", &[]),
        party("research", "campus", "", &["x:unused", RESEARCH]),
        party("campus", "campus", "", &[]),
        party("named", "campus", "x:named", &[]),
        party("strict", "campus", "x:plain", &[RESEARCH]),
    ];
    let some = |party: &str, source: &str| Ok(Some((party.to_owned(), source.to_owned())));
    let parties = Parties::load(&configs, &sources).ok().unwrap();
    for (entity_id, expected) in [
        ("x:research", some("others", "later")),
        ("x:later", some("others", "later")),
        // By entityID before any other, wherever it stands,
        ("x:named", some("named", "campus")),
        // and to nobody else, even where it is not what that one wants.
        ("x:plain", Ok(None)),
        ("x:browser", Ok(None)),
        ("x:unknown", Ok(None)),
        ("", Ok(None)),
    ] {
        assert_eq!(named(&parties, entity_id), expected, "{entity_id}");
    }
    let (down, named_down) = (party("down", "down", "", &[]), party("named", "down", "x:research", &[]));
    let with = |first: PartyConfig| [&[first][..], &configs[1..3]].concat();
    let parties = Parties::load(&with(down), &sources).ok().unwrap();
    for (entity_id, expected) in [
        ("x:research", some("research", "campus")),
        ("x:plain", some("campus", "campus")),
        // Perhaps it is one of those that cannot be asked for.
        ("x:unknown", Err(())),
        ("", Err(())),
    ] {
        assert_eq!(named(&parties, entity_id), expected, "{entity_id}");
    }
    // Whom a party names is not another's while its source cannot say.
    let parties = Parties::load(&with(named_down), &sources).ok().unwrap();
    assert_eq!(named(&parties, "x:research"), Err(()));
    assert_eq!(parties.wanted_of("down"), ["x:research"]);
    assert!(parties.are_open());
}

/// A federation that lists whom a party is, by whatever it is named, would have it answered for as one of its own.
#[test]
fn what_the_configuration_names_is_provided_by_no_source() {
    let folder = Folder::new();
    let listed = [
        MICROSOFT_ONLINE,
        NATIONAL_CLOUDS[2],
        "x:address",
        "x:audience",
        "x:off",
        "x:file",
        "x:own",
        "x:named",
        "x:other",
    ];
    let all = folder.write("all.xml", aggregate(&listed, now().plus(Duration::from_secs(60))));
    let sources = sources(&folder, &[("campus", MetadataPlace::File(all))]);
    let off = |mut config: PartyConfig| {
        config.party.ecp = None;
        config.metadata = None;
        config
    };
    let mut by_address = off(party("tokens", "campus", "", &[]));
    by_address.party.applies_to = vec!["x:address".to_owned(), "x:named".to_owned()];
    by_address.party.audience = Some("x:audience".to_owned());
    let mut by_entity_id = off(party("closed", "campus", "", &[]));
    by_entity_id.off.entity_id = Some("x:off".to_owned());
    let mut by_file = off(party("filed", "campus", "", &[]));
    by_file.off.metadata_file = Some(folder.write("file.xml", entity("x:file", "")));
    let mut open = party("open", "campus", "", &[]);
    open.party.applies_to = vec!["x:own".to_owned(), "x:elsewhere".to_owned()];
    let configs = [open, by_address, by_entity_id, by_file, party("named", "campus", "x:named", &[])];
    let parties = Parties::load(&configs, &sources).ok().unwrap();
    let some = |party: &str| Ok(Some((party.to_owned(), "campus".to_owned())));
    for (entity_id, expected, why) in [
        (MICROSOFT_ONLINE, Ok(None), "Office 365"),
        (NATIONAL_CLOUDS[2], Ok(None), "Office 365"),
        ("x:address", Ok(None), "the relying party tokens"),
        ("x:audience", Ok(None), "the relying party tokens"),
        ("x:off", Ok(None), "the relying party closed"),
        ("x:file", Ok(None), "the relying party filed"),
        // A party with ECP may have it by other entityIDs.
        ("x:elsewhere", Ok(None), "the relying party open, which has no ECP by that entityID"),
        // Its own address is the open party's, and whoever is named by entityID is meant.
        ("x:own", some("open"), ""),
        ("x:named", some("named"), ""),
        ("x:other", some("open"), ""),
    ] {
        assert_eq!(named(&parties, entity_id), expected, "{entity_id}");
        let told = parties.why_none(entity_id, now());
        assert!(told.contains(why), "{entity_id}: {told}");
    }
    let with_entity_id = [party("office365", "campus", MICROSOFT_ONLINE, &[])];
    let parties = Parties::load(&with_entity_id, &sources).ok().unwrap();
    assert_eq!(named(&parties, MICROSOFT_ONLINE), some("office365"));
    // Nobody could tell whom to keep apart.
    let mut broken = configs[3].clone();
    broken.off.metadata_file = Some(folder.path("nothing.xml"));
    let errors = Parties::load(&[configs[0].clone(), broken], &sources).err().unwrap();
    assert!(errors[0].what.contains("nothing.xml"), "{errors:?}");
}
