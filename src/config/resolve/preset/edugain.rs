//! Federations of research and education: eduPerson and SCHAC by their URIs, the subject identifiers of SAML, and for whom each
//! is (REFEDS' entity categories).

use super::{Preset, of_saml};
use crate::config::files::Files;
use crate::config::resolve::issuer::Names;
use crate::config::section::Section;
use crate::model::{
    AttributeRelease, DirectoryAttribute, Encoding, NameIdentifierRule, PairwiseAlgorithm, PairwiseRule, Pattern,
    ReleasedTo, ValueRule, ValueSource,
};
use crate::saml::names::{ATTRNAME_URI, NAMEID_PERSISTENT, PAIRWISE_ID, SUBJECT_ID};

/// Who gets an attribute besides those that say in their metadata that they need it, and how they will treat it.
type Categories = &'static [&'static str];

const RESEARCH_AND_SCHOLARSHIP: &str = "http://refeds.org/category/research-and-scholarship";
const ANONYMOUS: &str = "https://refeds.org/category/anonymous";
const PSEUDONYMOUS: &str = "https://refeds.org/category/pseudonymous";
const PERSONALIZED: &str = "https://refeds.org/category/personalized";
/// Those that promise to treat as data protection demands what they ask for.
const CODES_OF_CONDUCT: Categories =
    &["http://www.geant.net/uri/dataprotection-code-of-conduct/v1", "https://refeds.org/category/code-of-conduct/v2"];

const NAME: Categories = &[RESEARCH_AND_SCHOLARSHIP, PERSONALIZED];
const AFFILIATION: Categories = &[RESEARCH_AND_SCHOLARSHIP, ANONYMOUS, PSEUDONYMOUS, PERSONALIZED];

/// What stands before the `@` of a subject identifier (`saml-subject-id-attr-v1.0-cs01`, 3.3.1).
const UNIQUE_IDS: &str = "[A-Za-z0-9][A-Za-z0-9=-]{0,126}";

/// Friendly name, name, attributes of the directory that it is taken from, and for whom.
const ATTRIBUTES: [(&str, &str, &[&str], Categories); 10] = [
    ("mail", "urn:oid:0.9.2342.19200300.100.1.3", &["mail"], NAME),
    ("displayName", "urn:oid:2.16.840.1.113730.3.1.241", &["displayName", "cn"], NAME),
    ("givenName", "urn:oid:2.5.4.42", &["givenName"], NAME),
    ("sn", "urn:oid:2.5.4.4", &["sn"], NAME),
    ("cn", "urn:oid:2.5.4.3", &["cn"], &[]),
    ("eduPersonAffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.1", &["eduPersonAffiliation"], &[]),
    ("eduPersonEntitlement", "urn:oid:1.3.6.1.4.1.5923.1.1.1.7", &["eduPersonEntitlement"], &[]),
    ("eduPersonAssurance", "urn:oid:1.3.6.1.4.1.5923.1.1.1.11", &["eduPersonAssurance"], &[PSEUDONYMOUS, PERSONALIZED]),
    ("eduPersonOrcid", "urn:oid:1.3.6.1.4.1.5923.1.1.1.16", &["eduPersonOrcid"], &[]),
    ("preferredLanguage", "urn:oid:2.16.840.1.113730.3.1.39", &["preferredLanguage"], &[]),
];

/// The same, with our scope behind each value.
const SCOPED: [(&str, &str, &[&str], Categories); 3] = [
    (
        "eduPersonPrincipalName",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
        &["eduPersonPrincipalName", "upn"],
        &[RESEARCH_AND_SCHOLARSHIP],
    ),
    (
        "eduPersonScopedAffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        &["eduPersonScopedAffiliation", "eduPersonAffiliation"],
        AFFILIATION,
    ),
    ("eduPersonUniqueId", "urn:oid:1.3.6.1.4.1.5923.1.1.1.13", &["eduPersonUniqueId"], &[]),
];

/// A transient name, or a pairwise one for whoever asks; attributes to those whose category they are in, and to those that ask
/// for them under a code of conduct.
pub(in crate::config::resolve) fn edugain(
    section: &Section<'_>,
    names: &Names,
    files: &mut Files<'_>,
) -> Option<Preset> {
    let mut needs = |value: bool, key: &str, what: &str| {
        if !value {
            let help = format!("add issuer.{key}, {what}");
            files.report.error(&section.path("preset"), format!("edugain needs issuer.{key}"), help);
        }
    };
    needs(names.scope.is_some(), "scope", "the domain that stands behind the @ of scoped attributes");
    needs(names.salt.is_some(), "name_salt_file", "a file with the secret that pairwise names are computed with");
    let (scope, salt) = (names.scope.clone()?, names.salt.clone()?);
    let pairwise =
        PairwiseRule { source: DirectoryAttribute::ImmutableId, algorithm: PairwiseAlgorithm::HmacSha256, salt };
    let pairwise = ValueRule::plain(ValueSource::Pairwise(pairwise));
    let scoped = |rule: ValueRule| ValueRule { scope: Some(scope.clone()), ..rule };
    let unique = |rule: ValueRule| scoped(ValueRule { pattern: Pattern::compile(UNIQUE_IDS, None).ok(), ..rule });

    // What an ImmutableID has in it may not stand in a subject-id, and its hexadecimal digits may.
    let subject_id = ValueRule { encoding: Some(Encoding::Hex), ..ValueRule::attribute("immutable_id") };
    let pairwise_id = ValueRule { encoding: Some(Encoding::Base32), ..pairwise.clone() };
    let mut pairwise_id = attribute("pairwise-id", PAIRWISE_ID, unique(pairwise_id), &[PSEUDONYMOUS]);
    // It tells nothing but that it is the same user again.
    pairwise_id.released_to.push(ReleasedTo { category: None, requested: true });
    let mut subject_id = attribute("subject-id", SUBJECT_ID, unique(subject_id), &[PERSONALIZED]);
    subject_id.released_to.push(asking(RESEARCH_AND_SCHOLARSHIP));
    let organization = ValueRule::plain(ValueSource::Constant(vec![scope.clone()]));

    let mut attributes = vec![subject_id, pairwise_id];
    for (friendly, name, from, categories) in SCOPED {
        attributes.push(attribute(friendly, name, scoped(first_of(from)), categories));
    }
    let whose: Categories = &[ANONYMOUS, PSEUDONYMOUS, PERSONALIZED];
    attributes.push(attribute("schacHomeOrganization", "urn:oid:1.3.6.1.4.1.25178.1.2.9", organization, whose));
    for (friendly, name, from, categories) in ATTRIBUTES {
        attributes.push(attribute(friendly, name, first_of(from), categories));
    }
    let persistent = NameIdentifierRule::Rule { rule: pairwise, format: NAMEID_PERSISTENT.to_owned() };
    Some(of_saml(vec![NameIdentifierRule::Transient, persistent], attributes))
}

fn first_of(from: &[&str]) -> ValueRule {
    match from {
        [only] => ValueRule::attribute(only),
        several => {
            let attributes = several.iter().map(|name| DirectoryAttribute::new(name)).collect();
            ValueRule::plain(ValueSource::FirstOf(attributes))
        }
    }
}

fn attribute(friendly: &str, name: &str, rule: ValueRule, categories: Categories) -> AttributeRelease {
    let of = |category: &&str| ReleasedTo { category: Some((*category).to_owned()), requested: false };
    let under_a_code = CODES_OF_CONDUCT.iter().map(|code| asking(code));
    AttributeRelease {
        name: name.to_owned(),
        namespace: None,
        name_format: Some(ATTRNAME_URI.to_owned()),
        friendly_name: Some(friendly.to_owned()),
        rule,
        required: false,
        released_to: categories.iter().map(of).chain(under_a_code).collect(),
    }
}

fn asking(category: &str) -> ReleasedTo {
    ReleasedTo { category: Some(category.to_owned()), requested: true }
}
