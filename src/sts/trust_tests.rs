//! What is believed of a token, and what is not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use openssl::pkey::{PKey, Private, Public};

use super::delegation::ACTOR;
use super::*;
use crate::dsig::testing::{certificate, rsa};
use crate::dsig::{SigningKey, sign};
use crate::model::{AuthenticationMethod, MAX_SKEW, Refusal, RefusalKind, SignatureAlgorithm};
use crate::saml::testing::{alice, at, attribute};
use crate::saml::{
    Assertion, AuthenticationStatement, Conditions, ConfirmationMethod, HeldKey, ReceivedAssertion, ReceivedName,
    SamlVersion, SubjectConfirmation, saml11,
};
use crate::xml::{Limits, parse};

const OURS: &str = "https://sts.example.com/services/sts";
const CLAIM: &str = "http://schemas.xmlsoap.org/claims/UPN";

static KEYS: LazyLock<[PKey<Private>; 2]> = LazyLock::new(|| [(); 2].map(|()| rsa()));

fn key(number: usize) -> PKey<Public> {
    PKey::public_key_from_der(&KEYS[number].public_key_to_der().unwrap()).unwrap()
}

fn trusted() -> TrustedIssuers {
    let issuer = |entity_id: &str, name| TrustedIssuer { entity_id: entity_id.to_owned(), keys: vec![key(1)], name };
    let listed = vec![
        issuer("urn:idp", SubjectName::NameIdentifier),
        issuer("urn:claims", SubjectName::Claim(CLAIM.to_owned())),
    ];
    let domains = BTreeMap::from([("example.com".to_owned(), "urn:us:example.com".to_owned())]);
    TrustedIssuers::new(listed, &Issuers { entity_id: "urn:us".to_owned(), domains }, &[key(0)], vec![OURS.to_owned()])
}

fn confirmation(method: ConfirmationMethod) -> SubjectConfirmation {
    SubjectConfirmation { method, recipient: None, in_response_to: None, not_before: None, not_on_or_after: None }
}

fn held(number: usize) -> ConfirmationMethod {
    ConfirmationMethod::HolderOfKey(HeldKey { keys: vec![key(number)] })
}

/// A token that alice may sign in with.
fn good() -> ReceivedAssertion {
    ReceivedAssertion {
        version: SamlVersion::V20,
        id: "_a".to_owned(),
        issuer: "urn:idp".to_owned(),
        issue_instant: at(0),
        conditions: Conditions {
            not_before: Some(at(0)),
            not_on_or_after: Some(at(3600)),
            audiences: vec![vec!["urn:us".to_owned()]],
            one_time_use: false,
            proxy_restriction: false,
        },
        name_identifier: Some(ReceivedName { value: " alice@example.com\n".to_owned(), format: None }),
        confirmations: vec![confirmation(ConfirmationMethod::Bearer)],
        attributes: Vec::new(),
        authentication: Some(AuthenticationStatement {
            method: Some("urn:oasis:names:tc:SAML:1.0:am:password".to_owned()),
            instant: at(-60),
            session_not_on_or_after: None,
        }),
    }
}

fn judged(held_by: HeldBy<'_>, change: impl FnOnce(&mut ReceivedAssertion)) -> Result<Vouched, Refusal> {
    let mut assertion = good();
    change(&mut assertion);
    trusted().judge(&assertion, held_by, at(1800))
}

#[track_caller]
fn refused(kind: RefusalKind, change: impl FnOnce(&mut ReceivedAssertion)) {
    assert_eq!(judged(HeldBy::Subject(&[]), change).map_err(|refusal| refusal.kind), Err(kind));
}

#[test]
fn says_who_signed_in_when_and_how() {
    let vouched = judged(HeldBy::Subject(&[]), |_| {}).unwrap();
    assert_eq!(vouched.username.as_str(), "alice@example.com");
    assert_eq!((vouched.method, vouched.instant), (AuthenticationMethod::Password, at(-60)));
    assert_eq!((vouched.once, vouched.until), (None, None));
}

/// For as long as it is remembered that it was used, and no longer.
#[test]
fn good_once_means_at_once() {
    let once = |made: i64| {
        judged(HeldBy::Subject(&[]), |token| {
            token.conditions.one_time_use = true;
            token.issue_instant = at(1800 + made);
        })
    };
    assert_eq!(once(-1200).unwrap().once, Some(("urn:idp".to_owned(), "_a".to_owned())));
    assert_eq!(once(300).unwrap().once, Some(("urn:idp".to_owned(), "_a".to_owned())));
    assert_eq!(once(-1201).map_err(|refusal| refusal.kind), Err(RefusalKind::ExpiredData));
    assert_eq!(once(301).map_err(|refusal| refusal.kind), Err(RefusalKind::InvalidSecurityToken));
}

/// What nobody told us we do not tell others, least of all more than one factor.
#[test]
fn what_is_not_known_is_unspecified() {
    for uri in [
        "http://schemas.microsoft.com/claims/multipleauthn",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
        "urn:oasis:names:tc:SAML:1.0:am:HardwareToken",
        "password",
        "",
    ] {
        let vouched = judged(HeldBy::Subject(&[]), |token| {
            token.authentication.as_mut().unwrap().method = Some(uri.to_owned());
        });
        assert_eq!(vouched.unwrap().method, AuthenticationMethod::Unspecified, "{uri}");
    }
    let none = judged(HeldBy::Subject(&[]), |token| token.authentication = None).unwrap();
    assert_eq!((none.method, none.instant), (AuthenticationMethod::Unspecified, at(0)));
    let future = judged(HeldBy::Subject(&[]), |token| token.authentication.as_mut().unwrap().instant = at(9999));
    assert_eq!(future.unwrap().instant, at(1800));
}

#[test]
fn for_us_and_now() {
    refused(RefusalKind::InvalidSecurityToken, |token| token.conditions.not_before = Some(at(2101)));
    refused(RefusalKind::ExpiredData, |token| token.conditions.not_on_or_after = Some(at(1500)));
    refused(RefusalKind::ExpiredData, |token| token.conditions.not_on_or_after = None);
    refused(RefusalKind::ExpiredData, |token| {
        token.authentication.as_mut().unwrap().session_not_on_or_after = Some(at(1500));
    });
    refused(RefusalKind::InvalidSecurityToken, |token| token.conditions.audiences = Vec::new());
    refused(RefusalKind::InvalidSecurityToken, |token| token.conditions.audiences = vec![vec!["urn:app".to_owned()]]);
    refused(RefusalKind::InvalidSecurityToken, |token| token.conditions.audiences.push(vec!["urn:app".to_owned()]));
    refused(RefusalKind::InvalidSecurityToken, |token| token.conditions.proxy_restriction = true);
    assert!(judged(HeldBy::Subject(&[]), |token| token.conditions.audiences = vec![vec![OURS.to_owned()]]).is_ok());
}

/// Or a token could be had from a token for ever.
#[test]
fn what_follows_from_a_token_of_ours_ends_with_it() {
    for issuer in ["urn:us", "urn:us:example.com"] {
        let own = |ends: i64| {
            judged(HeldBy::Subject(&[]), |token| {
                token.issuer = issuer.to_owned();
                token.conditions.not_on_or_after = Some(at(ends));
            })
        };
        assert_eq!(own(1801).unwrap().until, Some(at(1801)));
        assert_eq!(own(1800).map_err(|refusal| refusal.kind), Err(RefusalKind::ExpiredData));
    }
}

#[test]
fn what_follows_from_anothers_token_ends_with_its_session() {
    let session = |ends: i64| {
        judged(HeldBy::Subject(&[]), |token| {
            token.authentication.as_mut().unwrap().session_not_on_or_after = Some(at(ends));
        })
    };
    assert_eq!(session(1800 + 120).unwrap().until, Some(at(1800 + 120).plus(MAX_SKEW)));
    assert!(session(1800).unwrap().until.is_some_and(|until| until > at(1800)));
    assert!(session(1800 - 301).is_err());
}

#[test]
fn presented_by_its_subject() {
    refused(RefusalKind::InvalidSecurityToken, |token| token.confirmations.clear());
    refused(RefusalKind::InvalidSecurityToken, |token| token.confirmations[0].method = ConfirmationMethod::Other);
    refused(RefusalKind::InvalidSecurityToken, |token| {
        token.confirmations[0].recipient = Some("https://sp".to_owned())
    });
    refused(RefusalKind::InvalidSecurityToken, |token| token.confirmations[0].in_response_to = Some("_q".to_owned()));
    refused(RefusalKind::InvalidSecurityToken, |token| token.confirmations[0].not_on_or_after = Some(at(1500)));
    refused(RefusalKind::InvalidSecurityToken, |token| token.confirmations[0].not_before = Some(at(2101)));
    refused(RefusalKind::Security, |token| token.confirmations[0].method = held(0));
    refused(RefusalKind::InvalidSecurityToken, |token| token.attributes.push(attribute(ACTOR, &["svc"])));
    for (signer, right) in [(0, true), (1, false)] {
        let keys = [key(signer)];
        let judged = judged(HeldBy::Subject(&keys), |token| token.confirmations[0].method = held(0));
        assert_eq!(judged.is_ok(), right);
    }
    let two = judged(HeldBy::Subject(&[]), |token| {
        token.confirmations[0].method = ConfirmationMethod::Other;
        token.confirmations.push(confirmation(ConfirmationMethod::Bearer));
        token.confirmations[1].recipient = Some(OURS.to_owned());
    });
    assert!(two.is_ok());
}

/// A secret key is encrypted for a relying party: nobody can show us that they have it.
#[test]
fn a_key_that_is_not_public_confirms_nothing_here() {
    let keys = [key(0)];
    let judged = judged(HeldBy::Subject(&keys), |token| {
        let none = HeldKey { keys: Vec::new() };
        token.confirmations[0].method = ConfirmationMethod::HolderOfKey(none);
    });
    assert_eq!(judged.map_err(|refusal| refusal.kind), Err(RefusalKind::Security));
}

#[test]
fn shown_by_somebody_whom_it_is_for() {
    let portal = ["urn:portal".to_owned()];
    let for_portal = |token: &mut ReceivedAssertion| {
        token.conditions.audiences = vec![portal.to_vec()];
        token.confirmations[0].recipient = Some("https://portal/acs".to_owned());
        token.confirmations[0].in_response_to = Some("_q".to_owned());
        token.confirmations[0].not_on_or_after = Some(at(300));
    };
    assert!(judged(HeldBy::Asker(&portal), for_portal).is_ok());
    for held_by in [HeldBy::Asker(&[]), HeldBy::Subject(&[])] {
        assert_eq!(judged(held_by, for_portal).map_err(|refusal| refusal.kind), Err(RefusalKind::InvalidSecurityToken));
    }
    assert!(judged(HeldBy::Asker(&[]), |token| token.confirmations[0].method = held(0)).is_ok());
    let acting = judged(HeldBy::Asker(&[]), |token| token.attributes.push(attribute(ACTOR, &["svc"])));
    assert_eq!(acting.map_err(|refusal| refusal.kind), Err(RefusalKind::InvalidSecurityToken));
    let vouching = judged(HeldBy::Asker(&[]), |token| token.confirmations[0].method = ConfirmationMethod::Other);
    assert_eq!(vouching.map_err(|refusal| refusal.kind), Err(RefusalKind::InvalidSecurityToken));
}

#[test]
fn the_name_is_where_the_issuers_entry_says() {
    let claiming = |values: &[&str]| {
        judged(HeldBy::Subject(&[]), |token| {
            token.issuer = "urn:claims".to_owned();
            token.attributes.push(attribute(CLAIM, values));
        })
    };
    assert_eq!(claiming(&["bob@example.com"]).unwrap().username.as_str(), "bob@example.com");
    for values in [&[][..], &[""][..], &["bob@example.com", "alice@example.com"][..]] {
        assert_eq!(claiming(values).map_err(|refusal| refusal.kind), Err(RefusalKind::InvalidSecurityToken));
    }
    // Which the directory would look for as alice.
    for name in ["OTHER\\alice", "OTHER/alice"] {
        assert_eq!(claiming(&[name]).map_err(|refusal| refusal.kind), Err(RefusalKind::InvalidSecurityToken));
    }
    refused(RefusalKind::InvalidSecurityToken, |token| token.name_identifier = None);
    // No claim stands in for the name identifier of another issuer.
    refused(RefusalKind::InvalidSecurityToken, |token| {
        token.name_identifier = None;
        token.attributes.push(attribute(CLAIM, &["bob@example.com"]));
    });
}

fn signed(issuer: &str, signer: usize) -> String {
    let unsigned = saml11(Assertion { issuer: issuer.to_owned(), audience: "urn:us".to_owned(), ..alice() });
    let key = SigningKey::new(KEYS[signer].clone(), certificate(&KEYS[signer])).unwrap();
    sign(unsigned, &key, SignatureAlgorithm::RsaSha256).unwrap().xml().to_owned()
}

#[test]
fn each_issuer_signs_with_its_own_key() {
    let (ours, theirs) = (0, 1);
    for (issuer, signer, believed) in [
        ("urn:us", ours, true),
        ("urn:us:example.com", ours, true),
        ("urn:idp", theirs, true),
        ("urn:us", theirs, false),
        ("urn:us:example.com", theirs, false),
        ("urn:idp", ours, false),
        ("urn:other", theirs, false),
        ("", theirs, false),
    ] {
        let document = parse(signed(issuer, signer).as_bytes(), &Limits::message(65536)).unwrap();
        match trusted().verify(&document, &document.root) {
            Ok(assertion) => {
                assert!(believed, "{issuer}");
                assert_eq!(trusted().is_own(&assertion), signer == ours);
                assert!(trusted().judge(&assertion, HeldBy::Subject(&[]), at(1)).is_ok());
            }
            Err(refusal) => {
                assert!(!believed, "{issuer}: {refusal}");
                assert_eq!((refusal.kind, refusal.told), (RefusalKind::Authentication, None), "{issuer}");
            }
        }
    }
}

#[test]
fn our_own_name_may_be_listed_with_the_identity_providers_key() {
    let listed = TrustedIssuer {
        entity_id: "urn:us".to_owned(),
        keys: vec![key(1)],
        name: SubjectName::Claim(CLAIM.to_owned()),
    };
    let issuers = Issuers { entity_id: "urn:us".to_owned(), domains: BTreeMap::new() };
    let trusted = TrustedIssuers::new(vec![listed], &issuers, &[key(0)], Vec::new());
    for signer in [0, 1] {
        let document = parse(signed("urn:us", signer).as_bytes(), &Limits::message(65536)).unwrap();
        assert!(trusted.verify(&document, &document.root).is_ok());
    }
    let mut token = ReceivedAssertion { issuer: "urn:us".to_owned(), ..good() };
    assert!(trusted.judge(&token, HeldBy::Subject(&[]), at(1)).is_err());
    token.attributes.push(attribute(CLAIM, &["bob"]));
    assert_eq!(trusted.judge(&token, HeldBy::Subject(&[]), at(1)).unwrap().username.as_str(), "bob");
}
