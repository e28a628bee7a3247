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
