//! What a server is held against: what Entra holds of the domain, as far as it is known.

use openssl::x509::X509;

use crate::entra::{SignInProtocol, Tenant};
use crate::model::{RelyingParty, Username};
use crate::saml::names::{MICROSOFT_ONLINE, NATIONAL_CLOUDS};
use crate::sts::Issuers;

/// What is expected of a server.
pub struct Expected {
    /// For whom tokens are asked: AppliesTo, and ECP's service provider.
    pub party: String,
    /// The domain that the user's UPN must have, in lower case; `None`: whichever it has.
    pub domain: Option<String>,
    /// Who must say that they sign.
    pub issuer: Issuer,
    /// The certificates that are registered where tokens go; empty: not known.
    pub certificates: Vec<X509>,
    /// Where they are registered, for people.
    pub registered: &'static str,
    /// What the tenant has of the domain.
    pub tenant: Option<Tenant>,
    /// The audience to find, where it is another than the party.
    pub audience: Option<String>,
}

/// Who must say that they sign.
pub enum Issuer {
    /// Nobody knows.
    Unknown,
    /// The tenant's issuerUri.
    Tenant(String),
    /// Our configuration's, for a party.
    Configured(Issuers, Box<RelyingParty>),
}

impl Expected {
    /// Nothing but for whom tokens are.
    pub fn of_party(party: impl Into<String>) -> Self {
        Self {
            party: party.into(),
            domain: None,
            issuer: Issuer::Unknown,
            certificates: Vec::new(),
            registered: "",
            tenant: None,
            audience: None,
        }
    }

    /// Whether tokens are for Microsoft's cloud, or one of its national ones.
    pub fn is_entra(&self) -> bool {
        self.party == MICROSOFT_ONLINE || NATIONAL_CLOUDS.contains(&self.party.as_str())
    }

    /// What an answer would be held against, for people; `None` if nothing is known.
    pub fn held_against(&self) -> Option<&'static str> {
        let knows = !self.certificates.is_empty() || !matches!(self.issuer, Issuer::Unknown);
        knows.then_some(if self.tenant.is_some() { "what the tenant has" } else { "what is given" })
    }

    /// The issuer for a user, and who says so.
    pub fn issuer_for(&self, upn: &str) -> Option<(String, &'static str)> {
        match &self.issuer {
            Issuer::Unknown => None,
            Issuer::Tenant(issuer) => Some((issuer.clone(), "the tenant's issuerUri")),
            Issuer::Configured(issuers, party) => {
                Some((issuers.issuer_for_name(party, &Username::new(upn)).to_owned(), "the configured one"))
            }
        }
    }

    /// By which protocol the tenant has the domain sign in.
    pub fn protocol(&self) -> Option<SignInProtocol> {
        let label = self.tenant.as_ref()?.preferred_authentication_protocol.as_deref()?;
        SignInProtocol::ALL.into_iter().find(|protocol| protocol.label().eq_ignore_ascii_case(label))
    }
}
