//! Requests as clients send them, beside this project's tests/data/saml.

use std::time::Duration;

use super::super::{RequestedIdentifier, RequestedName};
use super::*;
use crate::saml::names::{BINDING_PAOS, MICROSOFT_ONLINE, NAMEID_TRANSIENT};
use crate::xml::{Limits, parse};

fn read(xml: &str) -> Result<AuthnRequest, Refusal> {
    AuthnRequest::parse(&parse(xml.as_bytes(), &Limits::message(65536)).unwrap().root)
}

fn by_value(url: &str) -> AcsRequest {
    AcsRequest::ByValue { url: Some(url.to_owned()), binding: Some(BINDING_PAOS.to_owned()) }
}

/// A request with `attributes` and `children` in it, and no more than it must have otherwise.
fn with(attributes: &str, children: &str) -> String {
    let minimal = include_str!("../../../tests/data/saml/request_minimal.xml");
    minimal
        .replace("IssueInstant", &[attributes, " IssueInstant"].concat())
        .replace("</a:Issuer>", &["</a:Issuer>", children].concat())
}

#[test]
fn reads_what_clients_send() {
    let minimal = |id: &str, instant: &str, issuer: &str, acs| AuthnRequest {
        id: id.to_owned(),
        issue_instant: Timestamp::parse(instant).unwrap(),
        issuer: issuer.to_owned(),
        destination: None,
        acs,
        name_id_policy: None,
        force_authn: false,
        requested_authn_context: None,
        subject: None,
        conditions: None,
        scoping: None,
        channel_bindings: Vec::new(),
        signed: false,
    };
    let any_name = NameIdPolicy { format: None, sp_name_qualifier: None };
    let cases = [
        (
            include_str!("../../../tests/data/saml/request_office365.xml"),
            minimal(
                "_6f3c0000-1111-2222-3333-444455556666",
                "2026-01-15T10:12:00.2150299Z",
                MICROSOFT_ONLINE,
                AcsRequest::Index(2),
            ),
        ),
        (
            include_str!("../../../tests/data/saml/request_shibboleth.xml"),
            AuthnRequest {
                name_id_policy: Some(any_name.clone()),
                ..minimal(
                    "_0c1f3dd4f6c0a5b0a3f2c4f0f8a1b2c3",
                    "2026-01-15T10:12:00Z",
                    "https://sp.example.org/shibboleth",
                    by_value("https://sp.example.org/Shibboleth.sso/SAML2/ECP"),
                )
            },
        ),
        (
            include_str!("../../../tests/data/saml/request_saml2aws.xml"),
            AuthnRequest {
                name_id_policy: Some(NameIdPolicy {
                    format: Some(NAMEID_TRANSIENT.to_owned()),
                    ..NameIdPolicy::default()
                }),
                ..minimal(
                    "8f7c3a52-7a34-4a1e-9a61-0d2a5c0f2c11",
                    "2026-01-15T09:12:00Z",
                    "urn:amazon:webservices",
                    by_value("https://signin.aws.amazon.com/saml"),
                )
            },
        ),
        (
            include_str!("../../../tests/data/saml/request_kent.xml"),
            AuthnRequest {
                name_id_policy: Some(any_name),
                ..minimal(
                    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                    "2026-01-15T10:12:00Z",
                    MICROSOFT_ONLINE,
                    by_value("https://login.microsoftonline.com/login.srf"),
                )
            },
        ),
        (
            include_str!("../../../tests/data/saml/request_everything.xml"),
            AuthnRequest {
                destination: Some("https://sts.example.com/oamfed/idp/soap".to_owned()),
                name_id_policy: Some(NameIdPolicy {
                    format: Some(NAMEID_TRANSIENT.to_owned()),
                    sp_name_qualifier: Some("https://sp.example.org/affiliation".to_owned()),
                }),
                force_authn: true,
                requested_authn_context: Some(RequestedAuthnContext {
                    class_refs: vec!["urn:oasis:names:tc:SAML:2.0:ac:classes:Password".to_owned()],
                    comparison: Comparison::Minimum,
                }),
                subject: Some(RequestedSubject {
                    identifier: Some(RequestedIdentifier::Name(RequestedName {
                        value: "alice".to_owned(),
                        ..RequestedName::default()
                    })),
                    takes_bearer: true,
                }),
                conditions: Some(Conditions {
                    not_on_or_after: Some(Timestamp::parse("2026-01-15T11:12:00Z").unwrap()),
                    ..Conditions::default()
                }),
                scoping: Some(Scoping::default()),
                channel_bindings: vec![ChannelBindings {
                    kind: Some("tls-server-end-point".to_owned()),
                    value: "AAEC".to_owned(),
                }],
                signed: true,
                ..minimal(
                    "_all",
                    "2026-01-15T10:12:00Z",
                    "https://sp.example.org/shibboleth",
                    AcsRequest::ByValue { url: None, binding: Some(BINDING_PAOS.to_owned()) },
                )
            },
        ),
    ];
    for (xml, expected) in cases {
        assert_eq!(read(xml), Ok(expected), "{xml}");
    }
}

#[test]
fn refuses_what_is_not_allowed() {
    use RefusalKind::{Malformed, Unsupported, Version};
    let plain = with("", "");
    for (xml, kind) in [
        (plain.replace("AuthnRequest", "LogoutRequest"), Unsupported),
        (plain.replace(":protocol'", ":protocol2'"), Unsupported),
        (plain.replace("Version='2.0'", "Version='1.1'"), Version),
        (plain.replace("Version='2.0'", ""), Malformed),
        (plain.replace("ID='_1'", ""), Malformed),
        (plain.replace("ID='_1'", "ID=''"), Malformed),
        (plain.replace("ID='_1'", "ID='a b'"), Malformed),
        (plain.replace("ID='_1'", "ID='a&#13;&#10;b'"), Malformed),
        (plain.replace("ID='_1'", "ID='&quot;>&lt;x'"), Malformed),
        (plain.replace("ID='_1'", &format!("ID='{}'", "a".repeat(257))), Malformed),
        (plain.replace("2026-01-01T00:00:00Z", "yesterday"), Malformed),
        (plain.replace("IssueInstant='2026-01-01T00:00:00Z'", ""), Malformed),
        (plain.replace("<a:Issuer>urn:x</a:Issuer>", ""), Malformed),
        (plain.replace("urn:x", " \n"), Malformed),
        (plain.replace("urn:x", "urn:<!-- -->x"), Malformed),
        (plain.replace("urn:x", &"x".repeat(1025)), Malformed),
        (plain.replace("<a:Issuer>", "<a:Issuer Format='urn:email'>"), Malformed),
        (with("", "<a:Issuer>urn:y</a:Issuer>"), Malformed),
        (with("AssertionConsumerServiceIndex='2' AssertionConsumerServiceURL='https://x'", ""), Malformed),
        (with("AssertionConsumerServiceIndex='2' ProtocolBinding='urn:b'", ""), Malformed),
        (with("AssertionConsumerServiceIndex='65536'", ""), Malformed),
        (with("AssertionConsumerServiceIndex='-1'", ""), Malformed),
        (with("AssertionConsumerServiceIndex=''", ""), Malformed),
        (with("ForceAuthn='yes'", ""), Malformed),
        (with("IsPassive='yes'", ""), Malformed),
        (with("", "<p:NameIDPolicy/><p:NameIDPolicy/>"), Malformed),
        (with("", "<p:RequestedAuthnContext Comparison='worse'/>"), Malformed),
        (with("", "<a:Subject/><a:Subject/>"), Malformed),
        (with("", "<a:Conditions/><a:Conditions/>"), Malformed),
        (with("", "<a:Conditions NotBefore='soon'/>"), Malformed),
        (with("", "<a:Conditions><a:Condition/></a:Conditions>"), Malformed),
        (with("", "<a:Conditions><p:OneTimeUse/></a:Conditions>"), Malformed),
        (with("", "<p:Scoping/><p:Scoping/>"), Malformed),
        (with("", "<p:Scoping ProxyCount='many'/>"), Malformed),
    ] {
        assert_eq!(read(&xml).map_err(|refusal| refusal.kind), Err(kind), "{xml}");
    }
}

#[test]
fn passes_over_what_changes_nothing() {
    let request = read(&with("Consent='urn:c' ProviderName='x' Destination='' Unknown='1'", "<p:Unknown/>")).unwrap();
    assert_eq!(request.destination, None);
    assert_eq!(request.acs, AcsRequest::ByValue { url: None, binding: None });
}

#[test]
fn is_fresh_and_for_us() {
    let ours = ["https://sts.example.com/oamfed/idp/soap".to_owned()];
    let issued = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let seconds = Duration::from_secs;
    for (now, destination, passes) in [
        (issued, "", true),
        (issued.plus(MAX_AGE + MAX_SKEW), "", true),
        (issued.plus(MAX_AGE + MAX_SKEW + seconds(1)), "", false),
        (issued.minus(MAX_SKEW), "", true),
        (issued.minus(MAX_SKEW + seconds(1)), "", false),
        (issued, "https://sts.example.com/oamfed/idp/soap", true),
        (issued, "https://sts.example.com/oamfed/idp/soap/", false),
        (issued, "https://other.example.com/oamfed/idp/soap", false),
    ] {
        let request = read(&with(&format!("Destination='{destination}'"), "")).unwrap();
        let checked = check(&request, now, &ours).map_err(|refusal| refusal.kind);
        assert_eq!(checked, if passes { Ok(()) } else { Err(RefusalKind::Security) }, "{now} {destination}");
    }
}
