//! Which relying party an address means, and which issuer it knows us by.

use std::collections::BTreeMap;

use super::NotEntitled;
use crate::model::{Entry, IssuerChoice, Refusal, RefusalKind, RelyingParty, Username, quoted};

/// The party whose AppliesTo addresses hold `applies_to`, letter for letter.
///
/// # Errors
/// [`RefusalKind::Scope`] if none has it.
pub fn party_for<'p>(parties: &'p [RelyingParty], applies_to: &str) -> Result<&'p RelyingParty, Refusal> {
    let means = |same: fn(&str, &str) -> bool| {
        parties.iter().find(|party| party.applies_to.iter().any(|address| same(address, applies_to)))
    };
    means(|address, asked| address == asked).ok_or_else(|| {
        let mut reason = format!("no relying party for AppliesTo {}", quoted(applies_to));
        if let Some(nearly) = means(nearly_the_same) {
            reason.push_str(&format!(
                "; list it in applies_to of {}, which has it spelt otherwise, if it is meant",
                nearly.name
            ));
        }
        Refusal::new(RefusalKind::Scope, reason)
    })
}

/// But for the letter case and a `/` at the end, which .NET puts behind a host and others do not.
fn nearly_the_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// Our names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuers {
    /// `issuer.entity_id`.
    pub entity_id: String,
    /// `issuer.domains`: UPN domain in lower case to issuer. Entra knows each domain by an issuer of its own.
    pub domains: BTreeMap<String, String>,
}

impl Issuers {
    /// Whether we are known by that name.
    pub fn are(&self, issuer: &str) -> bool {
        self.entity_id == issuer || self.domains.values().any(|ours| ours == issuer)
    }

    /// The issuer for an answer about nobody: by the domain of the name as typed, where that is listed.
    pub fn issuer_for_name(&self, party: &RelyingParty, name: &Username) -> &str {
        let domain = name.as_str().rsplit_once('@').map(|(_, domain)| domain);
        let listed =
            domain.filter(|_| party.issuer == IssuerChoice::ByDomain).and_then(|domain| self.of_domain(domain));
        listed.unwrap_or(&self.entity_id)
    }

    /// The issuer of a domain, or of the nearest domain above it: Entra federates a subdomain with its parent's settings
    /// unless it has been made a root of its own (`how-to-connect-install-multiple-domains`).
    pub fn of_domain(&self, domain: &str) -> Option<&str> {
        let folded = domain.to_lowercase();
        let mut domain = folded.as_str();
        loop {
            if let Some(issuer) = self.domains.get(domain) {
                return Some(issuer);
            }
            domain = domain.split_once('.')?.1;
        }
    }

    /// The issuer by which a party knows us, for one user.
    ///
    /// # Errors
    /// [`NotEntitled::Issuer`] for a user without a UPN of a listed domain, where the party goes by it.
    pub fn issuer_for(&self, party: &RelyingParty, entry: &Entry) -> Result<&str, NotEntitled> {
        match party.issuer {
            IssuerChoice::EntityId => Ok(&self.entity_id),
            IssuerChoice::ByDomain => {
                let domain = entry.upn.as_deref().and_then(|upn| upn.rsplit_once('@')).map(|(_, domain)| domain);
                domain.and_then(|domain| self.of_domain(domain)).ok_or_else(|| {
                    NotEntitled::Issuer(match (domain, &entry.upn) {
                        (Some(domain), _) => {
                            format!("issuer.domains has no issuer for {}, the domain of the UPN", quoted(domain))
                        }
                        (None, Some(upn)) => {
                            format!("the UPN {} has no domain to choose the issuer by in issuer.domains", quoted(upn))
                        }
                        (None, None) => "no UPN, by whose domain issuer.domains chooses the issuer".to_owned(),
                    })
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_spells_a_party_otherwise_is_refused_and_its_operator_told() {
        let parties = [crate::sts::claims::tests::party(Vec::new())];
        let reason = |asked: &str| party_for(&parties, asked).map(|party| &*party.name).map_err(|why| why.reason);
        let listed = parties[0].applies_to[0].as_str();
        assert_eq!(reason(listed), Ok(&*parties[0].name));
        for asked in [format!("{listed}/"), listed.to_uppercase()] {
            let reason = reason(&asked).unwrap_err();
            assert!(reason.contains(&parties[0].name), "{reason}");
        }
        let stranger = reason("urn:stranger").unwrap_err();
        assert_eq!(stranger, "no relying party for AppliesTo \"urn:stranger\"");
    }

    #[test]
    fn a_subdomain_has_the_issuer_of_the_nearest_domain_above_it() {
        let domains = ["example.com", "sales.example.com"].map(|domain| (domain.to_owned(), format!("urn:{domain}")));
        let issuers = Issuers { entity_id: "urn:idp".to_owned(), domains: domains.into() };
        for (domain, issuer) in [
            ("Example.COM", Some("urn:example.com")),
            ("hr.example.com", Some("urn:example.com")),
            ("SALES.example.com", Some("urn:sales.example.com")),
            ("eu.sales.example.com", Some("urn:sales.example.com")),
            ("notexample.com", None),
            ("example.com.evil.org", None),
            ("com", None),
            ("", None),
        ] {
            assert_eq!(issuers.of_domain(domain), issuer, "{domain}");
        }
    }
}
