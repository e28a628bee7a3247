//! What a tenant has against what it should have, setting by setting, and which sign-ins fail by it.

use serde_json::{Value, json};

use super::difference_certificates::certificates;
use super::domain::{Domain, unknown};
use super::federation::{Federation, SignInProtocol};
use super::powershell::update;
use super::tenant::Tenant;
use crate::model::Timestamp;

/// What follows from a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consequence {
    /// A sign-in fails now.
    Fails,
    /// One will, or may.
    WillFail,
    /// Sign-ins work; somebody should look at it.
    Note,
}

impl Consequence {
    /// The word in what is printed.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::WillFail => "will fail",
            Self::Note => "note",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting, by Graph's name.
    pub setting: &'static str,
    /// What it should be; `None`: nothing, or it is not known here.
    pub ours: Option<String>,
    /// What the tenant has.
    pub theirs: Option<String>,
    /// What follows from it, in a word.
    pub consequence: Consequence,
    /// And in a sentence.
    pub follows: String,
    /// The PowerShell command that mends it; `None`: there is none, and `follows` says what to do.
    pub command: Option<String>,
}

impl Difference {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "setting": self.setting,
            "ours": self.ours,
            "theirs": self.theirs,
            "consequence": self.consequence.label(),
            "follows": self.follows,
            "command": self.command,
        })
    }
}

/// Every difference, those first by which a sign-in fails at `now`. An address that is not known here is compared with nothing.
pub fn differences(ours: &Domain, theirs: &Tenant, now: Timestamp) -> Vec<Difference> {
    let compared = Compared { ours, theirs };
    let mut found: Vec<Difference> = [
        compared.issuer(),
        compared.protocol(),
        compared.passive(),
        compared.active(),
        compared.sign_out(),
        compared.metadata(),
    ]
    .into_iter()
    .flatten()
    .chain(certificates(ours, theirs, now))
    .chain(
        [compared.display_name(), compared.mfa(), compared.prompt(), compared.signed_requests()].into_iter().flatten(),
    )
    .collect();
    found.sort_by_key(|difference| difference.consequence);
    found
}

struct Compared<'a> {
    ours: &'a Domain,
    theirs: &'a Tenant,
}

impl Compared<'_> {
    fn federation(&self) -> &Federation {
        &self.ours.federation
    }

    fn found(
        &self,
        setting: &'static str,
        theirs: Option<&str>,
        consequence: Consequence,
        follows: impl Into<String>,
    ) -> Difference {
        let ours =
            self.federation().settings().into_iter().find(|(name, _)| *name == setting).and_then(|(_, value)| value);
        let command = ours.map(|ours| update(&self.ours.name, self.theirs.id.as_deref(), &[(setting, ours)]));
        Difference {
            setting,
            ours: ours.map(str::to_owned),
            theirs: theirs.map(str::to_owned),
            consequence,
            follows: follows.into(),
            command,
        }
    }

    fn issuer(&self) -> Option<Difference> {
        let (ours, theirs) = (self.federation().issuer_uri.as_str(), self.theirs.issuer_uri.as_deref());
        if theirs == Some(ours) {
            return None;
        }
        let nearly =
            theirs.is_some_and(|theirs| theirs.trim_end_matches('/').eq_ignore_ascii_case(ours.trim_end_matches('/')));
        let hint = if nearly { " Letter case and a / at the end count." } else { "" };
        let follows = format!(
            "No token of fedfront's is taken (AADSTS50107, the requested federation realm object does not exist): Entra knows the \
             domain by another issuer. If the identity provider behind says that one, write it in issuer instead.{hint}"
        );
        Some(self.found("issuerUri", theirs, Consequence::Fails, follows))
    }

    fn protocol(&self) -> Option<Difference> {
        let ours = self.federation().preferred_authentication_protocol;
        let theirs = self.theirs.preferred_authentication_protocol.as_deref();
        if theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours.label())) {
            return None;
        }
        let follows = match ours {
            SignInProtocol::WsFed => {
                "Entra sends browsers to the identity provider by SAML, and Windows and Microsoft's libraries do not look for the \
                 STS, so that their sign-in by WS-Trust fails."
            }
            SignInProtocol::Saml => {
                "Entra sends browsers to the identity provider by WS-Federation, which an address for SAML does not answer."
            }
        };
        Some(self.found("preferredAuthenticationProtocol", theirs, Consequence::Fails, follows))
    }

    fn passive(&self) -> Option<Difference> {
        let (ours, theirs) =
            (self.federation().passive_sign_in_uri.as_deref(), self.theirs.passive_sign_in_uri.as_deref());
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if same_address(ours, theirs) => None,
            (None, Some(_)) => None,
            (Some(_), Some(theirs)) => {
                let follows = "Browsers are sent there, and not to the identity provider that fedfront stands in front of: they \
                               cannot sign in unless that is another address of the same.";
                Some(self.found("passiveSignInUri", Some(theirs), Consequence::Fails, follows))
            }
            (_, None) => {
                let mut follows = "Browsers have nowhere to go: nobody signs in by one.".to_owned();
                if ours.is_none() {
                    let protocol = self.federation().preferred_authentication_protocol;
                    follows.push_str(&format!(" For the command, {}.", unknown("passiveSignInUri", protocol)));
                }
                Some(self.found("passiveSignInUri", None, Consequence::Fails, follows))
            }
        }
    }

    fn active(&self) -> Option<Difference> {
        let ours = self.federation().active_sign_in_uri.as_deref()?;
        let theirs = self.theirs.active_sign_in_uri.as_deref();
        let who = match self.federation().preferred_authentication_protocol {
            SignInProtocol::WsFed => "Clients that Entra sends to it with a name and a password, by WS-Trust,",
            SignInProtocol::Saml => "Exchange Online, which signs mail programs in by ECP,",
        };
        match theirs {
            Some(theirs) if same_address(ours, theirs) => None,
            Some(theirs) if among(&self.ours.also_active, theirs) => {
                let follows = "Another address of fedfront's, which answers in the same way.";
                Some(self.found("activeSignInUri", Some(theirs), Consequence::Note, follows))
            }
            Some(theirs) => {
                let follows =
                    format!("{who} ask there, and not fedfront: their sign-ins fail, or somebody else answers them.");
                Some(self.found("activeSignInUri", Some(theirs), Consequence::Fails, follows))
            }
            None => {
                let follows = format!("{who} have nowhere to ask: their sign-ins fail.");
                Some(self.found("activeSignInUri", None, Consequence::Fails, follows))
            }
        }
    }

    fn sign_out(&self) -> Option<Difference> {
        let ours = self.federation().sign_out_uri.as_deref()?;
        let theirs = self.theirs.sign_out_uri.as_deref();
        if theirs.is_some_and(|theirs| same_address(ours, theirs)) {
            return None;
        }
        let follows = "Whoever signs out of Microsoft 365 is not signed out of the identity provider; sign-ins work.";
        Some(self.found("signOutUri", theirs, Consequence::Note, follows))
    }

    fn metadata(&self) -> Option<Difference> {
        let theirs = self.theirs.metadata_exchange_uri.as_deref();
        let Some(ours) = self.federation().metadata_exchange_uri.as_deref() else {
            let is_saml = self.federation().preferred_authentication_protocol == SignInProtocol::Saml;
            let follows = "With SAML nobody asks for it.";
            return theirs
                .filter(|_| is_saml)
                .map(|theirs| self.found("metadataExchangeUri", Some(theirs), Consequence::Note, follows));
        };
        match theirs {
            Some(theirs) if same_address(ours, theirs) => None,
            Some(theirs) if among(&self.ours.also_metadata, theirs) => {
                let follows = "Another address of fedfront's, with the same document.";
                Some(self.found("metadataExchangeUri", Some(theirs), Consequence::Note, follows))
            }
            Some(theirs) => {
                let follows = "Windows and Microsoft's libraries find the STS by this address. They ask there, and not fedfront: \
                               their sign-ins with a name and a password fail, or go to the STS that is named there.";
                Some(self.found("metadataExchangeUri", Some(theirs), Consequence::Fails, follows))
            }
            None => {
                let follows = "Windows and Microsoft's libraries find the STS by this address: their sign-ins with a name and a \
                               password fail.";
                Some(self.found("metadataExchangeUri", None, Consequence::Fails, follows))
            }
        }
    }

    fn display_name(&self) -> Option<Difference> {
        let (ours, theirs) = (self.federation().display_name.as_deref()?, self.theirs.display_name.as_deref());
        let follows = "A name for people, and nothing else.";
        (theirs != Some(ours)).then(|| self.found("displayName", theirs, Consequence::Note, follows))
    }

    fn mfa(&self) -> Option<Difference> {
        const SETTING: &str = "federatedIdpMfaBehavior";
        let theirs = self.theirs.federated_idp_mfa_behavior.as_deref();
        match self.federation().federated_idp_mfa_behavior {
            Some(ours) if theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours.label())) => None,
            Some(_) => {
                let follows =
                    "Second factors are asked for by others than you chose; a password alone signs in as before.";
                Some(self.found(SETTING, theirs, Consequence::Note, follows))
            }
            None if theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case("enforceMfaByFederatedIdp")) => {
                let follows = "Whoever needs a second factor is sent to the identity provider for it, even after a password at \
                               fedfront, whose tokens never say that there was one. See that the identity provider asks for \
                               one; else choose rejectMfaByFederatedIdp.";
                Some(self.found(SETTING, theirs, Consequence::Note, follows))
            }
            None => None,
        }
    }

    fn prompt(&self) -> Option<Difference> {
        let ours = self.federation().prompt_login_behavior?.label();
        let theirs = self.theirs.prompt_login_behavior.as_deref();
        let same = theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours));
        let follows = "Applications that ask for a fresh sign-in are told to the identity provider in another way.";
        (!same).then(|| self.found("promptLoginBehavior", theirs, Consequence::Note, follows))
    }

    fn signed_requests(&self) -> Option<Difference> {
        const SETTING: &str = "isSignedAuthenticationRequestRequired";
        let is_saml = self.federation().preferred_authentication_protocol == SignInProtocol::Saml;
        if !is_saml || !self.theirs.is_signed_authentication_request_required {
            return None;
        }
        let follows = "Entra signs its requests. The identity provider must know its key; fedfront's preset office365 does not, \
                       and refuses an ECP request that is signed (security in the audit log).";
        let update = update(&self.ours.name, self.theirs.id.as_deref(), &[]);
        Some(Difference {
            command: Some(format!("{update} -IsSignedAuthenticationRequestRequired:$false")),
            ours: Some("false".to_owned()),
            ..self.found(SETTING, Some("true"), Consequence::WillFail, follows)
        })
    }
}

fn among(addresses: &[String], address: &str) -> bool {
    addresses.iter().any(|one| same_address(one, address))
}

/// Whether browsers and clients come to the same place: letter case counts in the path alone, and a `/` at the end does not.
fn same_address(one: &str, other: &str) -> bool {
    let parts = |address: &str| {
        let address = address.trim().trim_end_matches('/');
        let start = address.find("://").map_or(0, |at| at + 3);
        let rest = address.get(start..).unwrap_or_default();
        let end = start + rest.find('/').unwrap_or(rest.len());
        let (origin, path) = address.split_at_checked(end).unwrap_or((address, ""));
        let origin = origin.to_ascii_lowercase();
        let origin = match origin.strip_prefix("https://").and_then(|authority| authority.strip_suffix(":443")) {
            Some(host) => format!("https://{host}"),
            None => origin,
        };
        (origin, path.to_owned())
    };
    parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use super::same_address;

    #[test]
    fn addresses_are_the_same_but_for_what_does_not_count() {
        let one = "https://sts.example.com/adfs/ls";
        for (other, same) in [
            (one, true),
            ("HTTPS://STS.example.com:443/adfs/ls/", true),
            (" https://sts.example.com/adfs/ls ", true),
            ("https://sts.example.com/ADFS/ls", false),
            ("http://sts.example.com/adfs/ls", false),
            ("https://sts.example.com:8443/adfs/ls", false),
            ("https://sts.example.com/adfs/ls?x", false),
            ("https://sts.example.com", false),
            ("", false),
        ] {
            assert_eq!(same_address(one, other), same, "{other}");
        }
        assert!(same_address("https://sts.example.com", "https://sts.example.com:443/"));
    }
}
