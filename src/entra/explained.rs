//! The settings for people: each with what it is, and what happens when they are set.

use super::domain::{Domain, unknown};
use super::federation::SignInProtocol;
use super::powershell::{back, quoted};

/// All that is to be known of the domains, which have one protocol.
pub fn explained(domains: &[Domain]) -> String {
    let mut text = String::new();
    for domain in domains {
        let protocol = domain.federation.preferred_authentication_protocol;
        text.push_str(&format!("{}: {}\n\n", domain.name, protocol.name()));
        for (setting, value) in domain.federation.settings() {
            if let Some(lines) = of_setting(domain, setting, value) {
                text.push_str(&lines);
            }
        }
        text.push('\n');
    }
    let protocol = domains.first().map(|domain| domain.federation.preferred_authentication_protocol);
    let name = domains.first().map_or("", |domain| domain.name.as_str());
    text.push_str("What happens\n\n");
    for note in notes(protocol.unwrap_or(SignInProtocol::WsFed)) {
        text.push_str(&indented(&format!("- {note}"), "  ", "    "));
    }
    for (what, command) in commands(name) {
        text.push_str(&format!("  - {what}:\n      {command}\n"));
    }
    text
}

fn of_setting(domain: &Domain, setting: &str, value: Option<&str>) -> Option<String> {
    let protocol = domain.federation.preferred_authentication_protocol;
    let shown = match (setting, value) {
        (_, Some(value)) => value.to_owned(),
        ("displayName", None) => format!("your choice, by --display-name; {} otherwise", domain.name),
        ("metadataExchangeUri", None) if protocol == SignInProtocol::Saml => return None,
        ("nextSigningCertificate", None) => "none: issuer.signing.next is not set".to_owned(),
        ("federatedIdpMfaBehavior", None) => "your choice, by --mfa; left as the tenant has it otherwise".to_owned(),
        ("promptLoginBehavior", None) => {
            "your choice, by --prompt-login; left as the tenant has it otherwise".to_owned()
        }
        (setting, None) => format!("not known: {}", unknown(setting, protocol)),
    };
    let mut lines = format!("  {setting}\n    {shown}\n");
    let certificate = match setting {
        "signingCertificate" => Some(&domain.signing),
        "nextSigningCertificate" => domain.second(),
        _ => None,
    };

    if let Some(certificate) = certificate {
        lines.push_str(&format!("    {}\n", certificate.described()));
    }
    let meaning = match setting {
        "nextSigningCertificate" if domain.idps_other().is_some() => IDPS,
        _ => meaning(setting, protocol),
    };
    lines.push_str(&indented(meaning, "    ", "    "));
    Some(lines)
}

const IDPS: &str = "The identity provider's (metadata.idp_certificates), by which it signs the tokens of browsers. Entra takes tokens of \
                    both certificates; without this one, sign-ins by browser fail.";

fn meaning(setting: &str, protocol: SignInProtocol) -> &'static str {
    match (setting, protocol) {
        ("displayName", _) => "A name for people.",
        ("preferredAuthenticationProtocol", _) => "How Entra sends browsers to the identity provider.",
        ("issuerUri", _) => {
            "What tokens name as their issuer, letter for letter. No other domain may have it, in any tenant of Entra's. The \
             identity provider must say the same in the tokens that it gives to browsers."
        }
        ("passiveSignInUri", _) => "Where browsers sign in. The identity provider answers; fedfront forwards.",
        ("activeSignInUri", SignInProtocol::WsFed) => {
            "Where clients bring a name and a password by WS-Trust. fedfront answers, and others of its paths do as well."
        }
        ("activeSignInUri", SignInProtocol::Saml) => {
            "Where Exchange Online brings the names and passwords of mail programs by ECP. fedfront answers."
        }
        ("signOutUri", _) => "Where browsers sign out. The identity provider answers; fedfront forwards.",
        ("metadataExchangeUri", _) => "Where Windows and Microsoft's libraries find the STS. fedfront answers.",
        ("signingCertificate", _) => {
            "The certificate that signs: the base64 of its DER in one line. Entra shows the thumbprint. The identity provider must \
             sign with the same key, or with that of nextSigningCertificate."
        }
        ("nextSigningCertificate", _) => {
            "The certificate that signs next. Entra takes tokens of both, so that nothing fails when the key changes."
        }
        ("federatedIdpMfaBehavior", _) => {
            "Who asks for a second factor. fedfront checks a password, and its tokens never say that there was more. \
             rejectMfaByFederatedIdp: Entra, always; right where the identity provider has no second factor, and the safest. \
             acceptIfMfaDoneByFederatedIdp: the identity provider, where its tokens for browsers say so, else Entra; what Entra goes \
             by while nothing was ever set. enforceMfaByFederatedIdp: the identity provider alone; whoever signed in by a password \
             at fedfront and needs more is sent to it by browser."
        }
        _ => {
            "What becomes of prompt=login, by which an application wants a fresh sign-in. \
             translateToFreshPasswordAuthentication: wfresh=0, and wauth for a password, which is Entra's default. nativeSupport: it \
             is passed on as it is, for an identity provider that knows it. disabled: wfresh=0 alone."
        }
    }
}

fn notes(protocol: SignInProtocol) -> Vec<&'static str> {
    let mut notes = vec![
        "Managed becomes federated: from then on Entra sends every user of the domain to these addresses. Their passwords in \
         Entra, and self-service password reset without write-back, no longer count. Allow two hours until every \
         client has noticed.",
        "Every user needs an ImmutableID (onPremisesImmutableId) that is the one in fedfront's tokens, and a UPN of this domain: \
         fedfront check --online --user NAME shows both. Try a user before you change the domain.",
        "The tenant's default domain and its onmicrosoft.com domain cannot be federated. Keep an administrator in the \
         onmicrosoft.com domain: nobody else gets in while the identity provider is down.",
        "Subdomains go with the domain above them, unless they were made root domains of their own.",
        "Microsoft connects from outside: public_url must be found in public DNS and have a certificate of a public CA, \
         with its chain, on port 443.",
        "Entra looks for a new certificate in the identity provider's metadata some 30 days before the end of the one that it has. \
         Do not wait for it: name the next key in issuer.signing.next, set nextSigningCertificate, and only then run fedfront \
         promote.",
    ];
    if protocol == SignInProtocol::Saml {
        notes.insert(
            1,
            "With SAML, Windows gets no sign-in by WS-Trust (no primary refresh token from a name and a password, no Entra join \
             with a federated password); choose --protocol ws-fed where it is needed.",
        );
    }
    notes
}

/// What is typed in PowerShell and here, each on a line to copy.
fn commands(domain: &str) -> [(&'static str, String); 3] {
    let quoted = quoted(domain);
    [
        ("To go back to passwords that Entra checks itself", back(domain)),
        (
            "To see what the tenant has",
            format!("Get-MgDomainFederationConfiguration -DomainId {quoted} | ConvertTo-Json | Out-File tenant.json"),
        ),
        ("To compare it", format!("fedfront entra diff tenant.json -c proxy.yaml --domain {domain}")),
    ]
}

/// Lines of at most 110 letters, after `first` and `others`.
fn indented(text: &str, first: &str, others: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() >= 110 && !line.trim().is_empty() {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = others.to_owned();
        }
        line.push_str(word);
        line.push(' ');
    }
    lines + line.trim_end() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::domain::testing::domain;

    #[test]
    fn every_setting_is_there_with_what_it_is() {
        for protocol in SignInProtocol::ALL {
            let domain = domain(protocol);
            let text = explained(std::slice::from_ref(&domain));
            for (setting, value) in domain.federation.settings() {
                let there = text.contains(&format!("\n  {setting}\n    "));
                let left_out = setting == "metadataExchangeUri" && protocol == SignInProtocol::Saml;
                assert_eq!(there, !left_out, "{setting}");
                assert!(value.is_none_or(|value| text.contains(&format!("\n    {value}\n"))), "{setting}");
            }
            assert!(
                text.contains(&domain.signing.thumbprint) && text.contains("Update-MgDomain -DomainId 'example.com'")
            );
            assert_eq!(text.contains("primary refresh token"), protocol == SignInProtocol::Saml);
            let long = |line: &&str| line.chars().count() > 120 && line.trim().contains(' ');
            assert_eq!(text.lines().find(long), None);
        }
    }

    #[test]
    fn what_is_not_known_says_what_to_do() {
        let mut domain = domain(SignInProtocol::WsFed);
        domain.federation.passive_sign_in_uri = None;
        domain.next = None;
        domain.federation.next_signing_certificate = None;
        let text = explained(&[domain]);
        assert!(text.contains("  passiveSignInUri\n    not known: set metadata.idp"), "{text}");
        assert!(text.contains("  nextSigningCertificate\n    none: issuer.signing.next is not set\n"), "{text}");
    }
}
