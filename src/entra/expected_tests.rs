//! What is printed of a domain, as `tests/data/entra` has it. `UPDATE_EXPECT=1 cargo test --lib entra` writes it anew.

use std::fs;
use std::path::Path;

use super::domain::testing::{domain, now};
use super::*;

fn is(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/entra").join(name);
    #[expect(clippy::disallowed_methods, reason = "asked of who runs the tests")]
    if std::env::var("UPDATE_EXPECT").is_ok() {
        fs::write(&file, text).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), text, "{name}");
}

#[test]
fn settings_are_printed_as_they_were() {
    for protocol in SignInProtocol::ALL {
        let domain = domain(protocol);
        let label = protocol.label();
        is(&format!("{label}.json"), &domain.federation.graph(&domain.name));
        is(&format!("{label}.ps1"), &script(std::slice::from_ref(&domain)));
        is(&format!("{label}.txt"), &explained(std::slice::from_ref(&domain)));
    }
}

/// Everything that may be otherwise, at once: an AD FS that the domain had before.
#[test]
fn differences_are_told_as_they_were() {
    let before = br#"{
        "Id": "6601d14b-d113-8f64-fda2-9b5ddda18ecc", "DisplayName": "Contoso",
        "IssuerUri": "http://sts.example.com/adfs/services/trust", "SigningCertificate": "MIIE3jCCAsagAwIBAgIQQcyDaZz3MI",
        "PassiveSignInUri": "https://adfs.example.com/adfs/ls/", "PreferredAuthenticationProtocol": "wsFed",
        "ActiveSignInUri": "https://adfs.example.com/adfs/services/trust/2005/usernamemixed",
        "MetadataExchangeUri": "https://adfs.example.com/adfs/services/trust/mex",
        "SignOutUri": "https://adfs.example.com/adfs/ls/", "NextSigningCertificate": null,
        "PromptLoginBehavior": "nativeSupport", "FederatedIdpMfaBehavior": "enforceMfaByFederatedIdp",
        "IsSignedAuthenticationRequestRequired": true
    }"#;
    let [before] = tenants(before).unwrap().try_into().unwrap();
    for protocol in SignInProtocol::ALL {
        let found = differences(&domain(protocol), &before, now());
        let found: Vec<_> = found.iter().map(Difference::json).collect();
        is(&format!("{}.differences", protocol.label()), &format!("{:#}\n", serde_json::Value::from(found)));
    }
}
