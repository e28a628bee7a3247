//! What Entra reads of a sign-in besides who it is, each by a switch: the claims that AD FS has rules for once Entra Connect
//! has set it up (`how-to-connect-azure-ad-trust`).

use ipnet::IpNet;

use crate::config::files::Files;
use crate::config::section::{Section, flag, list, network, text};
use crate::config::{EntraClaims, PartyConfig, PasswordExpiryClaims};
use crate::model::{AttributeRelease, DirectoryAttribute, ExpiryUnit, SignInValue, ValueRule, ValueSource};
use crate::saml::names::NATIONAL_CLOUDS;

/// Of networks, passwords and accounts.
const WS2012: &str = "http://schemas.microsoft.com/ws/2012/01";
/// Of issuers and instants.
const WS2008: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims";

/// `entra`; all of it off where it is absent.
pub(super) fn entra(section: &Section<'_>, proxies: &[IpNet], files: &mut Files<'_>) -> Option<EntraClaims> {
    let Some(entra) = section.section("entra") else {
        return (!section.has("entra")).then(EntraClaims::default);
    };
    let networks = entra.maybe("inside_corporate_network", |node| list(node, network));
    let expiry = password_expiry(&entra, files);
    let networks = networks?.unwrap_or_default();
    let path = entra.path("inside_corporate_network");
    for (index, network) in networks.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if network.prefix_len() == 0 {
            let help = "list your own networks alone";
            files.report.error(&path, "has the whole Internet inside the corporate network", help);
        }
        let overlaps = |proxy: &&IpNet| proxy.contains(network) || network.contains(*proxy);
        let shared = proxies.iter().filter(|proxy| proxy.prefix_len() < proxy.max_prefix_len()).find(overlaps);
        if let Some(proxy) = shared {
            let message = format!("overlaps {proxy} of trusted_proxies, whose addresses are never inside");
            let help = "list the balancers' own addresses in trusted_proxies, not the network that they are in";
            files.report.warning(&path, message, help);
        }
    }
    Some(EntraClaims {
        inside_corporate_network: networks,
        password_expiry: expiry?,
        account_type: entra.get("account_type", flag)?,
        issuer_id: entra.get("issuer_id", flag)?,
        authentication_instant: entra.get("authentication_instant", flag)?,
    })
}

/// Others would be told of the networks and passwords of an organisation, which they have no use for.
pub(super) fn warn_of_others(section: &Section<'_>, config: &PartyConfig, files: &mut Files<'_>) {
    let PartyConfig { party, entra, .. } = config;
    let is_cloud = party.applies_to.iter().any(|address| NATIONAL_CLOUDS.contains(&address.as_str()));
    if *entra != EntraClaims::default() && !party.applies_to.is_empty() && !config.is_office365() && !is_cloud {
        let message = "is what Entra reads of a sign-in, and this party, which is not Office 365, gets it";
        files.report.warning(&section.path("entra"), message, "remove it, or add preset: office365");
    }
}

fn password_expiry(entra: &Section<'_>, files: &mut Files<'_>) -> Option<Option<PasswordExpiryClaims>> {
    if !entra.has("password_expiry") {
        return Some(None);
    }
    let section = entra.section("password_expiry")?;
    let change_url = section.maybe("change_url", text)?;
    let address = |url: &&String| !url.starts_with("https://") || url.contains(char::is_whitespace);
    if let Some(url) = change_url.as_ref().filter(address) {
        let help = "write an address such as https://password.example.com/";
        files.report.error(&section.path("change_url"), format!("`{url}` is not an https URL"), help);
    }
    Some(Some(PasswordExpiryClaims { attribute: section.get("attribute", text)?, change_url }))
}

/// The rules that the switches stand for.
pub(super) fn rules(entra: &EntraClaims, proxies: &[IpNet]) -> Vec<AttributeRelease> {
    let mut rules = Vec::new();
    let mut add = |namespace: &str, name: &str, source| {
        rules.push(AttributeRelease {
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
            name_format: None,
            friendly_name: None,
            rule: ValueRule::plain(source),
            required: false,
            released_to: Vec::new(),
        });
    };
    if !entra.inside_corporate_network.is_empty() {
        let (networks, proxies) = (entra.inside_corporate_network.clone(), proxies.to_vec());
        let inside = SignInValue::InsideNetwork { networks, proxies };
        add(WS2012, "insidecorporatenetwork", ValueSource::SignIn(inside));
    }
    if let Some(PasswordExpiryClaims { attribute, change_url }) = &entra.password_expiry {
        let attribute = || DirectoryAttribute::new(attribute);
        for (name, unit) in
            [("passwordexpirationtime", ExpiryUnit::Seconds), ("passwordexpirationdays", ExpiryUnit::Days)]
        {
            let left = SignInValue::PasswordExpiry { attribute: attribute(), unit };
            add(WS2012, name, ValueSource::SignIn(left));
        }
        if let Some(url) = change_url.clone() {
            let change = SignInValue::PasswordChangeUrl { attribute: attribute(), url };
            add(WS2012, "passwordchangeurl", ValueSource::SignIn(change));
        }
    }
    if entra.account_type {
        // The other is DJ, a computer's; computers do not come with passwords.
        add(WS2012, "accounttype", ValueSource::Constant(vec!["User".to_owned()]));
    }
    if entra.issuer_id {
        add(WS2008, "issuerid", ValueSource::SignIn(SignInValue::Issuer));
    }
    if entra.authentication_instant {
        add(WS2008, "authenticationinstant", ValueSource::SignIn(SignInValue::AuthenticationInstant));
    }
    rules
}
