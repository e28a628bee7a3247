//! What is said of a sign-in besides who it is: Microsoft's claims about networks, passwords and times.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::source::first;
use super::{Circumstances, Known};
use crate::model::{
    AuthenticationMethod, DirectoryAttribute, ExpiryUnit, RelyingParty, SignInValue, Timestamp, ValueSource,
    written_address,
};
use crate::saml::AttributeOut;

/// AD FS speaks of a password's end only so long before it.
const SOON: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// The value, if there is something to say.
pub(super) fn sign_in_value<'a>(value: &'a SignInValue, known: &Known<'a>) -> Option<Cow<'a, str>> {
    Some(match value {
        SignInValue::InsideNetwork { networks, proxies } => {
            Cow::Borrowed(if is_inside(networks, proxies, &known.circumstances)? { "true" } else { "false" })
        }
        SignInValue::PasswordExpiry { attribute, unit } => {
            let left = expires_in(attribute, known)?.as_secs();
            Cow::Owned(match unit {
                ExpiryUnit::Seconds => left.to_string(),
                ExpiryUnit::Days => (left / DAY).to_string(),
            })
        }
        SignInValue::PasswordChangeUrl { attribute, url } => {
            expires_in(attribute, known)?;
            Cow::Borrowed(url)
        }
        SignInValue::Issuer => Cow::Borrowed(known.issuer),
        SignInValue::AuthenticationInstant => Cow::Owned(known.authenticated?.0.to_string()),
    })
}

/// Whether an earlier token of the party says that its user was inside, and nobody could say so now.
pub fn has_left(said: &[AttributeOut], party: &RelyingParty, circumstances: &Circumstances<'_>) -> bool {
    party.attributes.iter().any(|release| match &release.rule.source {
        ValueSource::SignIn(SignInValue::InsideNetwork { networks, proxies }) => {
            let of_this = |said: &&AttributeOut| said.name == release.name && said.namespace == release.namespace;
            let was = said.iter().filter(of_this).any(|said| said.values.iter().any(|value| value == "true"));
            was && is_inside(networks, proxies, circumstances) != Some(true)
        }
        _ => false,
    })
}

/// Whether the client is inside, by every address that is told of it, and with it whomever an Exchange server says that it
/// relays for: who is named so by a stranger can only lose by it.
fn is_inside(networks: &[IpNet], proxies: &[IpNet], circumstances: &Circumstances<'_>) -> Option<bool> {
    let among = |networks: &[IpNet], address: &IpAddr| networks.iter().any(|network| network.contains(address));
    let inside = |address: IpAddr| {
        let address = address.to_canonical();
        among(networks, &address) && !among(proxies, &address)
    };
    let relayed_for = circumstances.relayed_for.unwrap_or_default();
    let mut relayed_for = relayed_for.split(',').map(str::trim).filter(|address| !address.is_empty());
    let clients = circumstances.clients?;
    let all_inside = !clients.is_empty() && clients.iter().copied().all(inside);
    Some(all_inside && relayed_for.all(|address| written_address(address).is_some_and(inside)))
}

/// How long a password is still good, where it ends soon and the user has shown one.
fn expires_in(attribute: &DirectoryAttribute, known: &Known<'_>) -> Option<Duration> {
    if known.authenticated.is_some_and(|(_, method)| method != AuthenticationMethod::Password) {
        return None;
    }
    let end = Timestamp::of_file_time(first(attribute, known)?.text().trim().parse().ok()?)?;
    let now = known.circumstances.now;
    (end > now).then(|| end.since(now)).filter(|left| *left <= SOON)
}
