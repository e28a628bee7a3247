//! A domain, and what a tenant is told of it.

use super::certificate::Certificate;
use super::federation::{Federation, SignInProtocol};

/// Where users of a domain sign in; what is not known here is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Browsers.
    pub passive: Option<String>,
    /// Browsers, to sign out.
    pub sign_out: Option<String>,
    /// Passwords.
    pub active: Option<String>,
    /// Where else they are taken in the same way.
    pub also_active: Vec<String>,
    /// MEX; none with SAML.
    pub metadata: Option<String>,
    /// Where else it is.
    pub also_metadata: Vec<String>,
}

/// A domain of a tenant, and its federation with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// What the tenant is to be told.
    pub federation: Federation,
    /// The certificate that signs.
    pub signing: Certificate,
    /// The one that will.
    pub next: Option<Certificate>,
    /// The identity provider's own, by which it signs browsers' tokens.
    pub idp: Vec<Certificate>,
    /// Ours of before.
    pub known: Vec<Certificate>,
    /// Where passwords are taken as at `activeSignInUri`.
    pub also_active: Vec<String>,
    /// Where MEX is besides `metadataExchangeUri`.
    pub also_metadata: Vec<String>,
}

impl Domain {
    /// A domain that tokens of this issuer are for.
    pub fn new(
        name: String,
        protocol: SignInProtocol,
        issuer_uri: String,
        addresses: Addresses,
        signing: Certificate,
        next: Option<Certificate>,
        idp: Vec<Certificate>,
    ) -> Self {
        let second = others(&signing, next.as_ref(), &idp).or(next.as_ref());
        let federation = Federation {
            display_name: None,
            preferred_authentication_protocol: protocol,
            issuer_uri,
            passive_sign_in_uri: addresses.passive,
            active_sign_in_uri: addresses.active,
            sign_out_uri: addresses.sign_out,
            metadata_exchange_uri: addresses.metadata,
            signing_certificate: signing.base64(),
            next_signing_certificate: second.map(Certificate::base64),
            federated_idp_mfa_behavior: None,
            prompt_login_behavior: None,
        };
        let Addresses { also_active, also_metadata, .. } = addresses;
        Self { name, federation, signing, next, idp, known: Vec::new(), also_active, also_metadata }
    }

    /// What is to stand as `nextSigningCertificate`: the identity provider's, if it signs by another than ours, without which
    /// browsers' sign-ins end; else the one that will sign.
    pub fn second(&self) -> Option<&Certificate> {
        self.idps_other().or(self.next.as_ref())
    }

    /// The identity provider's, where it is another than ours.
    pub fn idps_other(&self) -> Option<&Certificate> {
        others(&self.signing, self.next.as_ref(), &self.idp)
    }

    /// What Entra cannot do without, and nobody here knows.
    pub fn lacks(&self) -> Vec<&'static str> {
        let Federation { passive_sign_in_uri, sign_out_uri, .. } = &self.federation;
        let needed = [("passiveSignInUri", passive_sign_in_uri), ("signOutUri", sign_out_uri)];
        needed.into_iter().filter(|(_, address)| address.is_none()).map(|(name, _)| name).collect()
    }
}

fn others<'c>(signing: &Certificate, next: Option<&Certificate>, idp: &'c [Certificate]) -> Option<&'c Certificate> {
    idp.iter().find(|theirs| *theirs != signing && Some(*theirs) != next)
}

/// What to do about an address that is not known here.
pub fn unknown(setting: &str, protocol: SignInProtocol) -> &'static str {
    match (setting, protocol) {
        ("passiveSignInUri", SignInProtocol::WsFed) => {
            "set metadata.idp: wso2, or metadata.passive, or give --passive URL: the identity provider's WS-Federation address"
        }
        ("passiveSignInUri", SignInProtocol::Saml) => {
            "set metadata.idp: wso2 or oam, or metadata.sso_post, or give --passive URL: the identity provider's sign-on by SAML"
        }
        ("signOutUri", SignInProtocol::WsFed) => {
            "set metadata.idp: wso2, or metadata.passive, or give --sign-out URL: where browsers sign out of the identity provider"
        }
        ("signOutUri", SignInProtocol::Saml) => {
            "set metadata.idp: wso2 or oam, or metadata.slo_redirect, or give --sign-out URL: the identity provider's logout by SAML"
        }
        ("activeSignInUri", SignInProtocol::WsFed) => {
            "list paths under endpoints.sts: while it is forward, the identity provider takes these passwords"
        }
        ("activeSignInUri", SignInProtocol::Saml) => {
            "list paths under endpoints.ecp, if mail programs are to sign in by passwords: while it is forward, the identity \
             provider takes them"
        }
        _ => "list paths under endpoints.mex: while it is forward, the identity provider answers",
    }
}

/// The certificate that signs, and on the next line the one that is to stand beside it, each as one line of base64.
pub fn certificate_lines(domain: &Domain) -> String {
    let certificates = [Some(&domain.signing), domain.second()].into_iter().flatten();
    certificates.map(|certificate| certificate.base64() + "\n").collect()
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::model::Timestamp;

    const CERTIFICATES: [&str; 2] =
        [include_str!("../../tests/data/entra/signing.crt"), include_str!("../../tests/data/entra/next.crt")];

    /// When tests are.
    pub(in crate::entra) fn now() -> Timestamp {
        Timestamp::parse("2026-06-01T00:00:00Z").unwrap()
    }

    /// `example.com` in front of WSO2, with a next certificate.
    pub(in crate::entra) fn domain(protocol: SignInProtocol) -> Domain {
        let at = |path: &str| Some(format!("https://sts.example.com{path}"));
        let addresses = match protocol {
            SignInProtocol::WsFed => Addresses {
                passive: at("/passivests"),
                sign_out: at("/passivests"),
                active: at("/adfs/services/trust/2005/usernamemixed"),
                also_active: Vec::from_iter(at("/services/wso2carbon-sts")),
                metadata: at("/adfs/services/trust/mex"),
                also_metadata: Vec::from_iter(at("/mex")),
            },
            SignInProtocol::Saml => Addresses {
                passive: at("/samlsso"),
                sign_out: at("/samlsso"),
                active: at("/oamfed/idp/soap"),
                ..Addresses::default()
            },
        };
        let [signing, next] = CERTIFICATES.map(|pem| Certificate::read(pem).unwrap());
        let issuer = "http://example.com/adfs/services/trust/".to_owned();
        Domain::new("example.com".to_owned(), protocol, issuer, addresses, signing, Some(next), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::domain;
    use super::*;

    #[test]
    fn what_is_not_known_is_told_with_what_to_do() {
        for protocol in SignInProtocol::ALL {
            let mut domain = domain(protocol);
            assert!(domain.lacks().is_empty());
            (domain.federation.passive_sign_in_uri, domain.federation.sign_out_uri) = (None, None);
            assert_eq!(domain.lacks(), ["passiveSignInUri", "signOutUri"]);
            let helps: Vec<_> = domain.federation.settings().iter().map(|(name, _)| unknown(name, protocol)).collect();
            assert!(
                helps.iter().any(|help| help.contains("--passive"))
                    && helps.iter().any(|help| help.contains("--sign-out"))
            );
        }
    }

    #[test]
    fn certificates_are_a_line_each() {
        let mut domain = domain(SignInProtocol::WsFed);
        let both = format!("{}\n{}\n", domain.signing.base64(), domain.next.as_ref().unwrap().base64());
        assert_eq!(certificate_lines(&domain), both);
        domain.next = None;
        assert_eq!(certificate_lines(&domain).lines().count(), 1);
    }
}
