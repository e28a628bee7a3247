//! What a relying party has before its own keys are looked at: nothing much, or all that Entra, AWS, keystone or a federation
//! of research and education needs.

pub(super) mod aws;
mod edugain;
mod openstack;

pub(super) use aws::aws;
pub(super) use edugain::edugain;
pub(super) use openstack::openstack;

use crate::config::PartyMetadata;
use crate::model::{
    AttributeRelease, EcpRelease, EcpSwitches, EncryptAssertions, NameIdentifierRule, TokenTypeSpelling, ValueRule,
};
use crate::saml::names::{MICROSOFT_ONLINE, NAMEID_PERSISTENT, NAMEID_UNSPECIFIED, NATIONAL_CLOUDS};

/// What the party's own keys override.
pub(super) struct Preset {
    /// AppliesTo addresses.
    pub applies_to: Vec<String>,
    /// Audience.
    pub audience: Option<String>,
    /// Spelling of TokenType.
    pub spelling: TokenTypeSpelling,
    /// WS-Trust's name identifier.
    pub name_identifier: NameIdentifierRule,
    /// WS-Trust's attributes.
    pub attributes: Vec<AttributeRelease>,
    /// ECP.
    pub ecp: Option<EcpRelease>,
    /// Assertion consumer services.
    pub metadata: Option<PartyMetadata>,
    /// Whether the party's own attributes are added to these, and stand for those of their names; else they are all.
    pub adds: bool,
}

impl Preset {
    /// What a party gets that has attributes of its own.
    pub fn with(&self, preset: &[AttributeRelease], own: Option<Vec<AttributeRelease>>) -> Vec<AttributeRelease> {
        let Some(own) = own else { return preset.to_vec() };
        if !self.adds {
            return own;
        }
        let mut attributes = preset.to_vec();
        for attribute in own {
            match attributes.iter_mut().find(|known| known.name == attribute.name) {
                Some(known) => *known = attribute,
                None => attributes.push(attribute),
            }
        }
        attributes
    }
}

/// No preset: the defaults of a party that says everything itself.
pub(super) fn none() -> Preset {
    Preset {
        applies_to: Vec::new(),
        audience: None,
        spelling: TokenTypeSpelling::AsAsked,
        name_identifier: NameIdentifierRule::Upn { format: NAMEID_UNSPECIFIED.to_owned() },
        attributes: Vec::new(),
        ecp: None,
        metadata: None,
        adds: false,
    }
}

/// A service provider with metadata of its own, that gets this over ECP, and over WS-Trust if it is asked for there.
fn of_saml(name_identifiers: Vec<NameIdentifierRule>, attributes: Vec<AttributeRelease>) -> Preset {
    Preset {
        attributes: attributes.clone(),
        ecp: Some(EcpRelease {
            entity_id: String::new(),
            name_identifiers,
            attributes,
            switches: EcpSwitches::default(),
        }),
        adds: true,
        ..none()
    }
}

/// Entra's federation, as AD FS and Shibboleth speak it: a SAML 1.1 token named by the ImmutableID with the claims UPN
/// and ImmutableID, and a SAML 2.0 assertion with a persistent NameID and the attribute IDPEmail. In WS-Trust every cloud
/// of Microsoft's is meant, each under the name it asks by, but for those that are `named` by parties of their own. Of the
/// party's own `applies_to` the first stands in every place of the usual name.
pub(super) fn office365(applies_to: Option<&[String]>, named: &[String]) -> Preset {
    let own = applies_to.unwrap_or_default();
    let name = own.first().map_or(MICROSOFT_ONLINE, String::as_str).to_owned();
    let is_cloud = |address: &String| address == MICROSOFT_ONLINE || NATIONAL_CLOUDS.contains(&address.as_str());
    let national = NATIONAL_CLOUDS.into_iter().map(str::to_owned).filter(|cloud| !named.contains(cloud));
    Preset {
        applies_to: if own.is_empty() { [name.clone()].into_iter().chain(national).collect() } else { own.to_vec() },
        audience: if own.iter().all(is_cloud) { None } else { Some(name.clone()) },
        spelling: TokenTypeSpelling::SamlNamespace,
        name_identifier: NameIdentifierRule::ImmutableId { format: NAMEID_UNSPECIFIED.to_owned() },
        attributes: vec![
            release("UPN", "upn", Some("http://schemas.xmlsoap.org/claims")),
            release("ImmutableID", "immutable_id", Some("http://schemas.microsoft.com/LiveID/Federation/2008/05")),
        ],
        ecp: Some(EcpRelease {
            entity_id: name,
            name_identifiers: vec![NameIdentifierRule::ImmutableId { format: NAMEID_PERSISTENT.to_owned() }],
            attributes: vec![release("IDPEmail", "upn", None)],
            // It cannot decrypt, whatever its metadata may come to say.
            switches: EcpSwitches { encrypt: EncryptAssertions::Off, ..EcpSwitches::default() },
        }),
        metadata: Some(PartyMetadata::Office365),
        adds: false,
    }
}

fn release(name: &str, from: &str, namespace: Option<&str>) -> AttributeRelease {
    AttributeRelease {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        name_format: None,
        friendly_name: None,
        rule: ValueRule::attribute(from),
        required: true,
        released_to: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_is_its_own_audience() {
        let usual = office365(None, &[]);
        assert_eq!(usual.applies_to.len(), 1 + NATIONAL_CLOUDS.len());
        assert_eq!(usual.applies_to.first().map(String::as_str), Some(MICROSOFT_ONLINE));
        assert_eq!(usual.audience, None);
        let named = [MICROSOFT_ONLINE.to_owned(), "urn:federation:partner.microsoftonline.cn".to_owned()];
        let others = office365(None, &named);
        assert_eq!(others.applies_to.len(), NATIONAL_CLOUDS.len());
        assert!(others.applies_to.iter().any(|cloud| cloud == MICROSOFT_ONLINE), "two that have it are told so");
        assert_eq!(office365(Some(&named), &named).audience, None);
    }

    #[test]
    fn another_name_stands_in_every_place() {
        let other = ["urn:federation:other".to_owned(), "urn:federation:alias".to_owned()];
        let cloud = office365(Some(&other), &other);
        assert_eq!(cloud.applies_to, other);
        assert_eq!(cloud.audience.as_deref(), Some("urn:federation:other"));
        assert_eq!(cloud.ecp.map(|ecp| ecp.entity_id).as_deref(), Some("urn:federation:other"));
    }
}
