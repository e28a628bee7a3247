//! What rules make of users, through the configuration that operators write: every file in `tests/data/claims` and the
//! `.expected` beside it (`UPDATE_EXPECT=1 cargo test --test claims` writes them anew), and values of any characters.

mod cases;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cases::{cases, compare, configuration};
use fedfront::config::Config;
use fedfront::model::{
    AttributeRelease, AttributeValue, Attributes, Authenticated, Entry, EntryId, NameIdentifierRule, RelyingParty,
    Timestamp, Username,
};
use fedfront::saml::metadata::{EntityAttribute, RequestedAttribute, ServiceProvider};
use fedfront::saml::{
    Advice, Assertion, AuthnContextClass, Confirmation, NameIdentifier, Saml20Prefix, saml11, saml20,
};
use fedfront::soap::{Envelope, understood_by_wstrust};
use fedfront::sts::{Circumstances, Claims, Issuers, NotEntitled, choose_name, claims, evaluate};
use fedfront::wstrust::{Operation, RequestSecurityToken, RequestedClaims};
use fedfront::xml::{Limits, parse};
use serde_json::Value;

#[test]
fn every_rule_makes_what_is_said() {
    for (case, document) in cases("claims") {
        let proxies = ("trusted_proxies", &document["trusted_proxies"]);
        let config = configuration(&case, &document["party"], &[proxies]);
        let providers: Vec<_> = document["providers"].as_array().into_iter().flatten().map(provider).collect();
        let any = [ServiceProvider::office365("urn:sp")];
        let providers = if providers.is_empty() { any.as_slice() } else { &providers };
        let mut told = String::new();
        for user in document["users"].as_array().unwrap() {
            tell(user, providers, &config, &mut told);
        }
        compare(&case, &told);
    }
}

/// What metadata says of a service provider.
fn provider(said: &Value) -> ServiceProvider {
    let texts = |key: &str| -> Vec<String> {
        said[key].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let entity_attribute = |(name, key): (&str, &str)| EntityAttribute { name: name.to_owned(), values: texts(key) };
    let attributes = [
        ("http://macedir.org/entity-category", "categories"),
        ("urn:oasis:names:tc:SAML:profiles:subject-id:req", "subject_id"),
    ];
    ServiceProvider {
        name_id_formats: texts("formats"),
        entity_attributes: attributes.into_iter().map(entity_attribute).collect(),
        requested_attributes: texts("requested")
            .into_iter()
            .map(|name| RequestedAttribute { name, required: true })
            .collect(),
        ..ServiceProvider::office365(said["entity_id"].as_str().unwrap())
    }
}

/// What both protocols tell of a user.
fn tell(user: &Value, providers: &[ServiceProvider], config: &Config, told: &mut String) {
    let entry = entry(user);
    writeln!(told, "{}", entry.bind_name).unwrap();
    let party = &config.relying_parties[0].party;
    if !party.applies_to.is_empty() {
        protocol("WS-Trust", &party.name_identifier, &party.attributes, None, user, &entry, config, told);
    }
    for (ecp, provider) in party.ecp.iter().flat_map(|ecp| providers.iter().map(move |provider| (ecp, provider))) {
        let name = if providers.len() == 1 { "ECP".to_owned() } else { format!("ECP, {}", provider.entity_id) };
        let rule = choose_name(&ecp.name_identifiers, None, provider).unwrap();
        protocol(&name, rule, &ecp.attributes, Some(provider), user, &entry, config, told);
    }
}

#[expect(clippy::too_many_arguments, reason = "a case's row")]
fn protocol(
    name: &str,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    provider: Option<&ServiceProvider>,
    user: &Value,
    entry: &Entry,
    config: &Config,
    told: &mut String,
) {
    let party = &config.relying_parties[0].party;
    match sign_in(user, entry, party, &issuers(config), rule, release, provider) {
        Ok(claims) => {
            let NameIdentifier { value, qualifiers, .. } = &claims.name_identifier;
            let qualifiers = qualifiers
                .as_ref()
                .map(|between| format!(" between {} and {}", between.identity_provider, between.service_provider));
            writeln!(told, "  {name}: {value} by {}{}", claims.issuer, qualifiers.unwrap_or_default()).unwrap();
            for claim in &claims.attributes {
                let named = |rule: &&AttributeRelease| rule.name == claim.name && rule.namespace == claim.namespace;
                let attribute = release.iter().find(named).unwrap();
                let label = claim.friendly_name.as_deref().unwrap_or(&claim.name);
                match evaluate(attribute, entry, party, &issuers(config), provider, now(user)) {
                    Err(why) if claim.values.is_empty() => writeln!(told, "    {label}: none, {why}").unwrap(),
                    _ => writeln!(told, "    {label}: {:?}", claim.values).unwrap(),
                }
            }
        }
        Err(why) => writeln!(told, "  {name}: {why:?}").unwrap(),
    }
}

fn sign_in(
    user: &Value,
    entry: &Entry,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    provider: Option<&ServiceProvider>,
) -> Result<Claims, NotEntitled> {
    let instant = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let authenticated = Authenticated::by_bind(Username::new("alice"), Arc::new(entry.clone()), instant);
    // One address, or those that a forwarder has told.
    let clients: Option<Vec<IpAddr>> =
        user["client"].as_str().map(|told| told.split_whitespace().map(|address| address.parse().unwrap()).collect());
    let circumstances = Circumstances {
        clients: clients.as_deref(),
        relayed_for: user["relayed_for"].as_str(),
        now: now(user),
        requested: None,
        provider,
    };
    claims(&authenticated, party, issuers, rule, release, circumstances, || "(transient)".to_owned())
}

fn now(user: &Value) -> Timestamp {
    Timestamp::parse(user["now"].as_str().unwrap_or("2026-01-01T00:00:05Z")).unwrap()
}

fn issuers(config: &Config) -> Issuers {
    Issuers { entity_id: config.issuer.entity_id.clone(), domains: config.issuer.domains.clone() }
}

/// The entry that a directory would have found: a value that begins with `octets:` is base64 of octets.
fn entry(user: &Value) -> Entry {
    let text = |key: &str| user[key].as_str().map(str::to_owned);
    let mut attributes = Attributes::default();
    for (name, values) in user["attributes"].as_object().into_iter().flatten() {
        for value in values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice) {
            let value = value.as_str().unwrap();
            attributes.add(
                name,
                match value.strip_prefix("octets:") {
                    Some(octets) => AttributeValue::Binary(STANDARD.decode(octets).unwrap()),
                    None => AttributeValue::Text(value.to_owned()),
                },
            );
        }
    }
    let groups = user["groups"].as_array().into_iter().flatten();
    Entry {
        id: EntryId { directory: "d".into(), entry: "e".into() },
        bind_name: user["name"].as_str().unwrap().into(),
        upn: text("upn"),
        immutable_id: text("immutable_id"),
        groups: groups.map(|group| group.as_str().unwrap().to_owned()).collect(),
        attributes,
        own_count: None,
    }
}

/// Draws the same for ever, so that what fails once fails again.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    /// A character that XML allows, those with a meaning more often than the others.
    fn character(&mut self) -> char {
        const MARKED: [char; 20] = [
            '<',
            '>',
            '&',
            '"',
            '\'',
            ']',
            '\r',
            '\n',
            '\t',
            ' ',
            '{',
            '}',
            '\u{85}',
            '\u{2028}',
            '\u{FFFD}',
            '\u{FEFF}',
            '\u{D7FF}',
            '\u{E000}',
            '\u{10FFFF}',
            '\u{300}',
        ];
        match self.below(4) {
            0 => MARKED[self.below(20) as usize],
            1 => char::from(0x20 + self.below(0x5F) as u8),
            2 => char::from_u32(0xA0 + self.below(0x2F00) as u32).unwrap(),
            _ => loop {
                let drawn = char::from_u32(self.below(0x11_0000) as u32);
                let allowed = |c: &char| !matches!(c, '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}');
                if let Some(character) = drawn.filter(allowed) {
                    break character;
                }
            },
        }
    }

    fn text(&mut self) -> String {
        let length = 1 + self.below(40);
        (0..length).map(|_| self.character()).collect()
    }
}

#[test]
fn any_value_that_xml_allows_comes_back_equal() {
    let party = serde_json::json!({
        "name": "app", "applies_to": ["urn:app"], "name_identifier": { "from": "v" },
        "attributes": [
            { "name": "plain", "from": "v" },
            { "name": "template", "template": "<{v}>&{{}}" },
            { "name": "first", "first_of": ["none", "v"] },
            { "name": "matched", "from": "v", "match": { "pattern": "(?s)(.)(.*)", "replace": "{2}{1}" } },
        ],
    });
    let config = configuration(Path::new("any.yaml"), &party, &[]);
    let party = &config.relying_parties[0].party;
    let mut draws = Draws(42);
    for _ in 0..400 {
        let value = draws.text();
        let user = serde_json::json!({ "name": "any", "attributes": { "v": value } });
        let entry = entry(&user);
        let told =
            sign_in(&user, &entry, party, &issuers(&config), &party.name_identifier, &party.attributes, None).unwrap();
        let mut characters = value.chars();
        let first = characters.next().unwrap();
        let turned = format!("{}{first}", characters.as_str());
        let expected = [value.clone(), format!("<{value}>&{{}}"), value.clone(), turned];
        let values: Vec<_> = told.attributes.iter().map(|claim| claim.values.concat()).collect();
        assert_eq!(values, expected, "{value:?}");
        for xml in [saml11(assertion(&told)).xml, saml20(assertion(&told), Saml20Prefix::Rstr).xml] {
            let document = parse(xml.as_bytes(), &Limits::message(1 << 20)).unwrap();
            let read = |name: &str| -> Vec<String> {
                let named = document.root.descendants().filter(|element| element.name.local == name);
                named.map(|element| element.text().unwrap().to_owned()).collect()
            };
            assert_eq!(read("AttributeValue"), expected, "{value:?}");
            let names = [read("NameIdentifier"), read("NameID")].concat();
            assert!(!names.is_empty() && names.iter().all(|name| *name == value), "{value:?}");
        }
    }
}

fn assertion(told: &Claims) -> Assertion {
    let instant = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    Assertion {
        id: "_a".to_owned(),
        issuer: told.issuer.clone(),
        issue_instant: instant,
        not_before: instant,
        not_on_or_after: instant,
        audience: "urn:app".to_owned(),
        name_identifier: told.name_identifier.clone(),
        confirmation: Confirmation::Bearer,
        attributes: told.attributes.clone(),
        authn_instant: instant,
        method: fedfront::model::AuthenticationMethod::Password,
        authn_context: AuthnContextClass::default(),
        session_index: None,
        one_time_use: false,
        not_to_be_proxied: false,
        advice: Advice::default(),
    }
}

#[test]
fn no_character_that_xml_cannot_hold_is_told() {
    let party =
        serde_json::json!({ "name": "app", "applies_to": ["urn:app"], "attributes": [{ "name": "v", "from": "v" }] });
    let config = configuration(Path::new("control.yaml"), &party, &[]);
    let party = &config.relying_parties[0].party;
    for value in ["\0", "a\u{1}", "\u{b}", "\u{1f}b", "\u{fffe}", "\u{ffff}"] {
        let user = serde_json::json!({ "name": "any", "upn": "a@x", "attributes": { "v": value } });
        let entry = entry(&user);
        let told = sign_in(&user, &entry, party, &issuers(&config), &party.name_identifier, &party.attributes, None);
        assert!(matches!(told, Err(NotEntitled::Incomplete(_))), "{value:?}");
    }
}

#[test]
fn the_directory_is_asked_for_every_attribute_that_a_rule_names() {
    let party = serde_json::json!({
        "name": "app", "applies_to": ["urn:app"], "metadata_file": "sp.xml",
        "name_identifier": { "first_of": ["employeeNumber", "upn"] },
        "attributes": [
            { "name": "a", "from": "mail" },
            { "name": "b", "template": "{givenName} {upn} {sn}" },
            { "name": "c", "first_of": ["mail", "proxyAddresses", "immutable_id"] },
            { "name": "d", "roles": { "Admins": "admin" } },
            { "name": "e", "value": "{title}" },
        ],
        "entra": { "password_expiry": {}, "issuer_id": true },
        "ecp": { "attributes": [{ "name": "f", "from": "objectGUID", "encode": "guid" }] },
    });
    let config = configuration(Path::new("released.yaml"), &party, &[]);
    let names = [
        "employeeNumber",
        "givenName",
        "mail",
        "msDS-UserPasswordExpiryTimeComputed",
        "objectGUID",
        "proxyAddresses",
        "sn",
    ];
    assert_eq!(config.directories[0].released, names);
}

#[test]
fn a_request_chooses_among_what_the_party_may_have() {
    let party = serde_json::json!({
        "name": "app", "applies_to": ["urn:app"],
        "attributes": [
            { "name": "urn:n/a", "from": "a" },
            { "name": "b", "namespace": "urn:n", "from": "b" },
            { "name": "needed", "value": "v", "required": true },
            { "name": "http://x/empty", "from": "none" },
        ],
    });
    let config = configuration(Path::new("requested.yaml"), &party, &[]);
    let party = &config.relying_parties[0].party;
    let user = serde_json::json!({ "name": "any", "upn": "any@x", "attributes": { "a": "1", "b": "2" } });
    let (entry, issuers) = (entry(&user), issuers(&config));
    let instant = now(&user);
    for (asked, told) in [
        ("", Ok("urn:n/a b needed http://x/empty")),
        ("<i:ClaimType Uri='urn:n/b'/>", Ok("b needed")),
        ("<i:ClaimType Uri='urn:n/b' Optional='false'/><i:ClaimType Uri='urn:n/a'/>", Ok("urn:n/a b needed")),
        ("<i:ClaimType Uri='needed' Optional='false'/>", Ok("needed")),
        ("<i:ClaimType Uri='urn:other'/>", Ok("needed")),
        ("<i:ClaimType Uri='{urn:n/a|9}'/>", Ok("needed")),
        ("<i:ClaimType Uri='http://x/empty' Optional='true'/>", Ok("needed http://x/empty")),
        ("<i:ClaimType Uri='http://x/empty' Optional='false'/>", Err("http://x/empty")),
        ("<i:ClaimType Uri='urn:other' Optional='false'/>", Err("urn:other")),
        ("<i:ClaimType Uri='{urn:n/a|9}' Optional='0'/>", Err("{urn:n/a|9}")),
    ] {
        let requested = requested(asked);
        let circumstances = Circumstances {
            clients: None,
            relayed_for: None,
            now: instant,
            requested: requested.as_ref(),
            provider: None,
        };
        let user = Authenticated::by_bind(Username::new("any"), Arc::new(entry.clone()), instant);
        let (rule, release) = (&party.name_identifier, &party.attributes);
        match (claims(&user, party, &issuers, rule, release, circumstances, String::new), told) {
            (Ok(claims), Ok(told)) => {
                let names: Vec<_> = claims.attributes.iter().map(|claim| claim.name.as_str()).collect();
                assert_eq!(names.join(" "), told, "{asked}");
            }
            (Err(NotEntitled::Claim(reason)), Err(uri)) => assert!(reason.contains(uri), "{reason}"),
            (other, _) => panic!("{asked}: {other:?}"),
        }
    }
}

/// The claims that an RST asks for.
fn requested(claims: &str) -> Option<RequestedClaims> {
    let trust = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
    let xml = format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><RequestSecurityToken xmlns='{trust}'>\
         <RequestType>{trust}/Issue</RequestType><p:AppliesTo xmlns:p='http://schemas.xmlsoap.org/ws/2004/09/policy'>\
         <a:EndpointReference xmlns:a='http://www.w3.org/2005/08/addressing'><a:Address>urn:app</a:Address>\
         </a:EndpointReference></p:AppliesTo><Claims xmlns:i='http://schemas.xmlsoap.org/ws/2005/05/identity'>{claims}</Claims>\
         </RequestSecurityToken></s:Body></s:Envelope>"
    );
    let envelope = Envelope::parse(xml.as_bytes(), &Limits::message(1 << 16), understood_by_wstrust).unwrap();
    match RequestSecurityToken::read(&envelope).unwrap().operation {
        Operation::Issue(asked) => asked.claims,
        #[allow(unreachable_patterns, reason = "there may be other operations than this test asks for")]
        _ => None,
    }
}
