//! Each single change is found, and named with what follows.

use serde_json::{Map, Value, json};

use super::certificate::testing::certificate;
use super::domain::testing::{domain, now};
use super::*;
use crate::model::Timestamp;

use Consequence::{Fails, Note, WillFail};

/// What the tenant has that was told everything, with changes.
fn tenant(domain: &Domain, changes: &[(&str, Value)]) -> Tenant {
    let mut object: Map<String, Value> = serde_json::from_str(&domain.federation.graph("example.com")).unwrap();
    object.insert("id".to_owned(), json!("6601d14b"));
    object.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let [tenant] = tenants(Value::Object(object).to_string().as_bytes()).unwrap().try_into().unwrap();
    tenant
}

fn found(domain: &Domain, changes: &[(&str, Value)]) -> Vec<(&'static str, Consequence)> {
    let differences = differences(domain, &tenant(domain, changes), now());
    differences.iter().map(|difference| (difference.setting, difference.consequence)).collect()
}

#[test]
fn what_was_told_is_what_is_had() {
    for protocol in SignInProtocol::ALL {
        let mut domain = domain(protocol);
        assert_eq!(found(&domain, &[]), []);
        domain.federation.federated_idp_mfa_behavior = Some(MfaBehavior::RejectMfaByFederatedIdp);
        domain.federation.prompt_login_behavior = Some(PromptLoginBehavior::Disabled);
        domain.federation.display_name = Some("Example".to_owned());
        assert_eq!(found(&domain, &[]), []);
    }
}

#[test]
fn each_single_change_is_found_and_named() {
    let (ws, saml) = (domain(SignInProtocol::WsFed), domain(SignInProtocol::Saml));
    let elsewhere = || json!("https://old.example.com/adfs/ls");
    for (domain, setting, value, consequence) in [
        (&ws, "issuerUri", json!("http://example.com/adfs/services/trust"), Fails),
        (&ws, "issuerUri", json!(""), Fails),
        (&ws, "preferredAuthenticationProtocol", json!("saml"), Fails),
        (&saml, "preferredAuthenticationProtocol", json!("wsFed"), Fails),
        (&ws, "preferredAuthenticationProtocol", Value::Null, Fails),
        (&ws, "passiveSignInUri", elsewhere(), Fails),
        (&saml, "passiveSignInUri", Value::Null, Fails),
        (&ws, "activeSignInUri", elsewhere(), Fails),
        (&saml, "activeSignInUri", Value::Null, Fails),
        (&ws, "activeSignInUri", json!("https://sts.example.com/services/wso2carbon-sts"), Note),
        (&ws, "signOutUri", elsewhere(), Note),
        (&saml, "signOutUri", Value::Null, Note),
        (&ws, "metadataExchangeUri", elsewhere(), Fails),
        (&ws, "metadataExchangeUri", Value::Null, Fails),
        (&ws, "metadataExchangeUri", json!("https://STS.example.com:443/mex/"), Note),
        (&saml, "metadataExchangeUri", elsewhere(), Note),
        (&ws, "federatedIdpMfaBehavior", json!("enforceMfaByFederatedIdp"), Note),
        (&saml, "isSignedAuthenticationRequestRequired", json!(true), WillFail),
        (&ws, "nextSigningCertificate", Value::Null, WillFail),
        (&ws, "signingCertificate", json!("no certificate"), Fails),
    ] {
        assert_eq!(found(domain, &[(setting, value.clone())]), [(setting, consequence)], "{setting}: {value}");
    }
    assert_eq!(found(&ws, &[("isSignedAuthenticationRequestRequired", json!(true))]), []);
    assert_eq!(found(&ws, &[("federatedIdpMfaBehavior", json!("rejectMfaByFederatedIdp"))]), []);
}

#[test]
fn a_choice_is_compared_where_it_was_made() {
    let mut domain = domain(SignInProtocol::WsFed);
    domain.federation.federated_idp_mfa_behavior = Some(MfaBehavior::RejectMfaByFederatedIdp);
    domain.federation.prompt_login_behavior = Some(PromptLoginBehavior::NativeSupport);
    domain.federation.display_name = Some("Example".to_owned());
    for setting in ["federatedIdpMfaBehavior", "promptLoginBehavior", "displayName"] {
        assert_eq!(found(&domain, &[(setting, json!("other"))]), [(setting, Note)]);
        assert_eq!(found(&domain, &[(setting, Value::Null)]), [(setting, Note)]);
    }
}

#[test]
fn commands_name_the_setting_the_domain_and_the_object() {
    let domain = domain(SignInProtocol::WsFed);
    let differences = differences(&domain, &tenant(&domain, &[("issuerUri", json!("urn:x"))]), now());
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    let command = "Update-MgDomainFederationConfiguration -DomainId 'example.com' -InternalDomainFederationId '6601d14b' \
                   -IssuerUri 'http://example.com/adfs/services/trust/'";
    assert_eq!(difference.command.as_deref(), Some(command));
    assert_eq!(
        (difference.ours.as_deref(), difference.theirs.as_deref()),
        (Some("http://example.com/adfs/services/trust/"), Some("urn:x"))
    );
    assert!(difference.follows.contains("AADSTS50107"));
}

#[test]
fn certificates_are_compared_as_certificates_whatever_their_order() {
    let domain = domain(SignInProtocol::WsFed);
    let (signing, next) = (domain.signing.base64(), domain.next.as_ref().unwrap().base64());
    let wrapped =
        format!("-----BEGIN CERTIFICATE-----\r\n{}\r\n{}\r\n-----END CERTIFICATE-----", &signing[..64], &signing[64..]);
    assert_eq!(found(&domain, &[("signingCertificate", json!(wrapped))]), []);
    let swapped = [("signingCertificate", json!(next)), ("nextSigningCertificate", json!(signing))];
    assert_eq!(found(&domain, &swapped), [("signingCertificate", Note)]);
    let both = [("signingCertificate", json!(next)), ("nextSigningCertificate", json!(next))];
    assert_eq!(found(&domain, &both), [("signingCertificate", Fails)]);
}

#[test]
fn a_certificate_that_nobody_knows_is_told() {
    let mut domain = domain(SignInProtocol::WsFed);
    let stranger = certificate("stranger", Timestamp::parse("2031-01-01T00:00:00Z").unwrap());
    let as_next = [("nextSigningCertificate", json!(stranger.base64()))];
    assert_eq!(found(&domain, &as_next), [("nextSigningCertificate", WillFail), ("nextSigningCertificate", Note)]);
    let as_current =
        [("signingCertificate", json!(stranger.base64())), ("nextSigningCertificate", json!(domain.signing.base64()))];
    let expected = [("nextSigningCertificate", WillFail), ("signingCertificate", Note), ("signingCertificate", Note)];
    assert_eq!(found(&domain, &as_current), expected);
    domain.next = None;
    domain.federation.next_signing_certificate = None;
    assert_eq!(found(&domain, &as_next), [("nextSigningCertificate", Note)]);
    let told = differences(&domain, &tenant(&domain, &as_next), now());
    assert!(told[0].theirs.as_deref().unwrap().contains(&stranger.thumbprint), "{told:?}");
    assert!(told[0].command.as_deref().unwrap().contains("-NextSigningCertificate "), "{told:?}");
    domain.known = vec![stranger];
    assert_eq!(found(&domain, &as_next), []);
}

/// The command put the certificate that signs in the place of the identity provider's, by which it signs browsers' tokens.
#[test]
fn no_mend_ends_sign_ins_by_browser_and_says_nothing_of_it() {
    const BEST: &str = "best have fedfront sign by the same key: name it in issuer.signing";
    let ends = Timestamp::parse("2031-01-01T00:00:00Z").unwrap();
    let [b, c] = ["b", "c"].map(|name| certificate(name, ends));
    let with_next = domain(SignInProtocol::WsFed);
    let mut alone = with_next.clone();
    (alone.next, alone.federation.next_signing_certificate) = (None, None);
    let (a, x) = (with_next.signing.clone(), with_next.next.clone().unwrap());
    let (signing, next) = ("signingCertificate", "nextSigningCertificate");
    let nothing = || None::<(&str, &Certificate)>;
    // Ours, the identity provider's that are listed, what the tenant has; then the first difference's consequence, the only
    // setting of its command, and what it says.
    for (ours, idp, current, following, consequence, mend, said) in [
        (&alone, vec![], &b, None, Some(Fails), Some((next, &a)), BEST),
        (&alone, vec![], &b, Some(&c), Some(Fails), Some((next, &a)), "What stands as nextSigningCertificate goes"),
        (&alone, vec![&b], &b, None, Some(Fails), Some((next, &a)), "certificate stays as signingCertificate"),
        (&alone, vec![&b], &b, Some(&c), Some(Fails), Some((next, &a)), "What stands as nextSigningCertificate goes"),
        (
            &alone,
            vec![&c],
            &b,
            Some(&c),
            Some(Fails),
            Some((signing, &a)),
            "certificate stays as nextSigningCertificate",
        ),
        (&alone, vec![&b, &c], &b, Some(&c), Some(Fails), nothing(), "There is no command for it"),
        (&alone, vec![], &b, Some(&a), Some(Note), nothing(), "Entra takes it there, too"),
        (&alone, vec![&b], &b, Some(&a), None, nothing(), ""),
        (&alone, vec![&b], &a, Some(&b), None, nothing(), ""),
        (&with_next, vec![], &a, Some(&b), Some(WillFail), Some((next, &x)), "The command has another certificate go"),
        (&with_next, vec![&b], &a, Some(&b), Some(WillFail), nothing(), "There is no command for it"),
        (&with_next, vec![&b], &b, Some(&a), Some(WillFail), nothing(), "There is no command for it"),
        (&with_next, vec![&b], &b, Some(&x), Some(Fails), Some((next, &a)), "certificate stays as signingCertificate"),
    ] {
        let ours = Domain { idp: idp.into_iter().cloned().collect(), ..ours.clone() };
        let has = [(signing, json!(current.base64())), (next, json!(following.map(Certificate::base64)))];
        let found = differences(&ours, &tenant(&ours, &has), now());
        let case = format!("{current:?} {following:?} {found:#?}");
        let Some(first) = found.first() else {
            assert_eq!(consequence, None, "{case}");
            continue;
        };
        assert_eq!(Some(first.consequence), consequence, "{case}");
        assert!(first.follows.contains(said), "{case}");
        let [as_current, as_next] = ["-SigningCertificate", "-NextSigningCertificate"].map(|parameter| {
            let (_, value) = first.command.as_deref()?.split_once(&format!(" {parameter} '"))?;
            value.split('\'').next()
        });
        let wanted = |setting| mend.filter(|(name, _)| *name == setting).map(|(_, certificate)| certificate.base64());
        assert_eq!((as_current, as_next), (wanted(signing).as_deref(), wanted(next).as_deref()), "{case}");
    }
}

/// It was told without, and the script took it from the tenant.
#[test]
fn the_identity_providers_certificate_is_told_beside_ours() {
    let ends = Timestamp::parse("2031-01-01T00:00:00Z").unwrap();
    let b = certificate("b", ends);
    let told = |next: bool, idp: Vec<Certificate>| {
        let domain = domain(SignInProtocol::WsFed);
        let next = domain.next.filter(|_| next);
        let addresses = Addresses::default();
        let issuer = domain.federation.issuer_uri;
        Domain::new(domain.name, SignInProtocol::WsFed, issuer, addresses, domain.signing, next, idp)
    };
    let (a, x) = (told(true, vec![]).signing, told(true, vec![]).next.unwrap());
    for (next, idp, second) in [
        (false, vec![], None),
        (false, vec![b.clone()], Some(&b)),
        (false, vec![a], None),
        (true, vec![], Some(&x)),
        (true, vec![x.clone()], Some(&x)),
        (true, vec![b.clone()], Some(&b)),
    ] {
        let domain = told(next, idp);
        assert_eq!(domain.second(), second);
        let base64 = second.map(Certificate::base64);
        assert_eq!(domain.federation.next_signing_certificate, base64);
        assert_eq!(certificate_lines(&domain).lines().nth(1).map(str::to_owned), base64);
        let text = explained(std::slice::from_ref(&domain));
        assert_eq!(text.contains("metadata.idp_certificates"), second == Some(&b), "{text}");
        assert!(second.is_none_or(|second| text.contains(&second.described())), "{text}");
        let script = script(std::slice::from_ref(&domain));
        assert_eq!(script.contains("NextSigningCertificate = "), second.is_some(), "{script}");
    }
}

#[test]
fn a_certificate_that_ends_is_told_in_time() {
    let ends = Timestamp::parse("2026-06-20T00:00:00Z").unwrap();
    let ended = Timestamp::parse("2026-05-20T00:00:00Z").unwrap();
    for (ends, consequence, said) in [(ends, WillFail, "in 19 days"), (ended, Fails, "ended at 2026-05-20")] {
        let mut domain = domain(SignInProtocol::Saml);
        domain.signing = certificate("signing", ends);
        domain.federation.signing_certificate = domain.signing.base64();
        assert_eq!(found(&domain, &[]), [("signingCertificate", consequence)]);
        let told = differences(&domain, &tenant(&domain, &[]), now());
        assert!(told[0].follows.contains(said), "{told:?}");
    }
}

#[test]
fn what_is_not_known_here_is_compared_with_nothing() {
    let mut domain = domain(SignInProtocol::Saml);
    let all = tenant(&domain, &[]);
    domain.federation.passive_sign_in_uri = None;
    domain.federation.sign_out_uri = None;
    domain.federation.active_sign_in_uri = None;
    assert_eq!(differences(&domain, &all, now()), []);
    let none = Tenant { passive_sign_in_uri: None, ..all };
    let told = differences(&domain, &none, now());
    assert!(told[0].command.is_none() && told[0].follows.contains("--passive"), "{told:?}");
}

#[test]
fn what_fails_comes_first() {
    let domain = domain(SignInProtocol::WsFed);
    let changes =
        [("signOutUri", Value::Null), ("nextSigningCertificate", Value::Null), ("activeSignInUri", Value::Null)];
    let expected = [("activeSignInUri", Fails), ("nextSigningCertificate", WillFail), ("signOutUri", Note)];
    assert_eq!(found(&domain, &changes), expected);
}
