//! What it costs to decide what a relying party is told: Office 365, whose two claims every Microsoft client waits for, and a
//! party with a rule of each kind and a user in many groups.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use fedfront::model::{
    AttributeRelease, AttributeValue, Attributes, Authenticated, DirectoryAttribute, Entry, EntryId, IssuerChoice,
    LetterCase, NameIdentifierRule, Pattern, RelyingParty, SignatureAlgorithm, Template, Timestamp, TokenTypeSpelling,
    Username, ValueRule, ValueSource,
};
use fedfront::sts::{Circumstances, Issuers, claims};

/// Each with the claims that it is to have.
pub fn of_parties(criterion: &mut Criterion) {
    let office365 = vec![
        release("UPN", Some("http://schemas.xmlsoap.org/claims"), ValueRule::attribute("upn")),
        release(
            "ImmutableID",
            Some("http://schemas.microsoft.com/LiveID/Federation/2008/05"),
            ValueRule::attribute("immutable_id"),
        ),
    ];
    for (name, attributes) in [("office365", office365), ("a rule of each kind", rich())] {
        let (party, user, issuers) = (party(attributes), user(), issuers());
        let circumstances = Circumstances {
            clients: Some(&[IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))]),
            relayed_for: None,
            now: Timestamp::from_unix_millis(0),
            requested: None,
            provider: None,
        };
        criterion.bench_function(&format!("claims/{name}"), |b| {
            b.iter(|| {
                let (rule, release) = (&party.name_identifier, &party.attributes);
                claims(black_box(&user), &party, &issuers, rule, release, circumstances, String::new).unwrap()
            });
        });
    }
}

fn rich() -> Vec<AttributeRelease> {
    let attribute = DirectoryAttribute::new;
    let template = Template::parse("{givenName} {sn}", |name| Ok(attribute(name))).unwrap();
    let roles = (0..10).map(|number| (format!("CN=Role{number},OU=Groups,DC=example,DC=com"), format!("role{number}")));
    let apps = ValueRule {
        pattern: Some(Pattern::compile("CN=App-([^,]+),.*", Some("{1}")).unwrap()),
        ..ValueRule::attribute("groups")
    };
    let first = ValueSource::FirstOf(vec![attribute("none"), attribute("mail")]);
    vec![
        release("upn", None, ValueRule::attribute("upn")),
        release("name", None, ValueRule::plain(ValueSource::Template(template))),
        release("mail", None, ValueRule { case: Some(LetterCase::Lower), ..ValueRule::plain(first) }),
        release("roles", None, ValueRule::plain(ValueSource::Roles(roles.collect()))),
        release("apps", None, apps),
        release("environment", None, ValueRule::plain(ValueSource::Constant(vec!["production".to_owned()]))),
    ]
}

fn release(name: &str, namespace: Option<&str>, rule: ValueRule) -> AttributeRelease {
    AttributeRelease {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        name_format: None,
        friendly_name: None,
        rule,
        required: true,
        released_to: Vec::new(),
    }
}

fn party(attributes: Vec<AttributeRelease>) -> RelyingParty {
    RelyingParty {
        name: "party".to_owned(),
        applies_to: Vec::new(),
        audience: None,
        required_group: None,
        access: Vec::new(),
        issuer: IssuerChoice::ByDomain,
        signature: SignatureAlgorithm::RsaSha256,
        lifetime: Duration::from_secs(3600),
        longest_lifetime: Duration::from_secs(3600),
        renewal: None,
        remember_tokens: true,
        encryption: None,
        token_type_spelling: TokenTypeSpelling::SamlNamespace,
        name_identifier: NameIdentifierRule::ImmutableId { format: "urn:format".to_owned() },
        attributes,
        delegation: Vec::new(),
        ecp: None,
    }
}

/// In forty groups: five that are applications, five that give roles.
fn user() -> Authenticated {
    let mut attributes = Attributes::default();
    for (name, value) in [("mail", "Alice@Example.com"), ("givenName", "Alice"), ("sn", "Liddell")] {
        attributes.add(name, AttributeValue::Text(value.to_owned()));
    }
    let group = |number: usize| match number {
        0..5 => format!("CN=App-{number},OU=Groups,DC=example,DC=com"),
        5..10 => format!("CN=Role{number},OU=Groups,DC=example,DC=com"),
        _ => format!("CN=Group{number},OU=Groups,DC=example,DC=com"),
    };
    let entry = Entry {
        id: EntryId { directory: "d".into(), entry: "alice".into() },
        bind_name: "alice".into(),
        upn: Some("alice@example.com".to_owned()),
        immutable_id: Some("AAECAwQFBgcICQoLDA0ODw==".to_owned()),
        groups: (0..40).map(group).collect(),
        attributes,
        own_count: None,
    };
    Authenticated::by_bind(Username::new("alice"), Arc::new(entry), Timestamp::from_unix_millis(0))
}

fn issuers() -> Issuers {
    let domains = [("example.com".to_owned(), "http://example.com/adfs/services/trust/".to_owned())].into();
    Issuers { entity_id: "urn:idp".to_owned(), domains }
}
