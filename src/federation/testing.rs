//! Relying parties for tests.

use std::time::Duration;

use crate::config::{EntraClaims, PartyConfig, PartyMetadata};
use crate::model::{
    EcpRelease, EcpSwitches, IssuerChoice, NameIdentifierRule, RelyingParty, SignatureAlgorithm, TokenTypeSpelling,
};

/// A party for ECP alone, by transient names.
pub fn party(name: &str, metadata: PartyMetadata, entity_id: &str) -> PartyConfig {
    let ecp = EcpRelease {
        entity_id: entity_id.to_owned(),
        name_identifiers: vec![NameIdentifierRule::Transient],
        attributes: Vec::new(),
        switches: EcpSwitches::default(),
    };
    let party = RelyingParty {
        name: name.to_owned(),
        applies_to: Vec::new(),
        audience: None,
        required_group: None,
        issuer: IssuerChoice::EntityId,
        signature: SignatureAlgorithm::RsaSha256,
        lifetime: Duration::from_secs(3600),
        encryption: None,
        longest_lifetime: Duration::from_secs(3600),
        renewal: None,
        remember_tokens: true,
        token_type_spelling: TokenTypeSpelling::TokenProfile,
        name_identifier: NameIdentifierRule::Transient,
        attributes: Vec::new(),
        delegation: Vec::new(),
        ecp: Some(ecp),
    };
    PartyConfig { party, metadata: Some(metadata), certificate_file: None, entra: EntraClaims::default() }
}
