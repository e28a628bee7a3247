//! What a relying party has before its own keys are looked at: nothing much, or all that Entra needs.

use crate::config::PartyMetadata;
use crate::model::{AttributeRelease, EcpRelease, NameIdentifierRule, TokenTypeSpelling};
use crate::saml::names::{MICROSOFT_ONLINE, NAMEID_PERSISTENT, NAMEID_UNSPECIFIED};

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
}

/// No preset: the defaults of a party that says everything itself.
pub(super) fn none() -> Preset {
    Preset {
        applies_to: Vec::new(),
        audience: None,
        spelling: TokenTypeSpelling::TokenProfile,
        name_identifier: NameIdentifierRule::Upn { format: NAMEID_UNSPECIFIED.to_owned() },
        attributes: Vec::new(),
        ecp: None,
        metadata: None,
    }
}

/// Entra's federation, as AD FS and Shibboleth speak it: a SAML 1.1 token named by the ImmutableID with the claims UPN
/// and ImmutableID, and a SAML 2.0 assertion with a persistent NameID and the attribute IDPEmail. A national cloud has
/// another name: the first of the party's own `applies_to` then stands in every place of the usual one.
pub(super) fn office365(applies_to: Option<&[String]>) -> Preset {
    let own = applies_to.unwrap_or_default();
    let name = own.first().map_or(MICROSOFT_ONLINE, String::as_str).to_owned();
    Preset {
        applies_to: if own.is_empty() { vec![name.clone()] } else { own.to_vec() },
        audience: Some(name.clone()),
        spelling: TokenTypeSpelling::SamlNamespace,
        name_identifier: NameIdentifierRule::ImmutableId { format: NAMEID_UNSPECIFIED.to_owned() },
        attributes: vec![
            release("UPN", "upn", Some("http://schemas.xmlsoap.org/claims")),
            release("ImmutableID", "immutable_id", Some("http://schemas.microsoft.com/LiveID/Federation/2008/05")),
        ],
        ecp: Some(EcpRelease {
            entity_id: name,
            name_identifier: NameIdentifierRule::ImmutableId { format: NAMEID_PERSISTENT.to_owned() },
            attributes: vec![release("IDPEmail", "upn", None)],
        }),
        metadata: Some(PartyMetadata::Office365),
    }
}

fn release(name: &str, from: &str, namespace: Option<&str>) -> AttributeRelease {
    AttributeRelease {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        name_format: None,
        friendly_name: None,
        from: from.to_owned(),
        required: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_national_cloud_is_named_by_its_applies_to() {
        let usual = office365(None);
        assert_eq!(usual.applies_to, [MICROSOFT_ONLINE]);
        assert_eq!(usual.audience.as_deref(), Some(MICROSOFT_ONLINE));
        let other = ["urn:federation:other".to_owned(), "urn:federation:alias".to_owned()];
        let cloud = office365(Some(&other));
        assert_eq!(cloud.applies_to, other);
        assert_eq!(cloud.audience.as_deref(), Some("urn:federation:other"));
        assert_eq!(cloud.ecp.map(|ecp| ecp.entity_id).as_deref(), Some("urn:federation:other"));
    }
}
