//! Relying parties for tests.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::config::{EntraClaims, Off, PartyConfig, PartyMetadata};
use crate::model::{
    ClientAddress, EcpRelease, EcpSwitches, IssuerChoice, NameIdentifierRule, RelyingParty, SignatureAlgorithm,
    TokenTypeSpelling,
};

/// Whoever sends a request.
pub const CLIENT: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));

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
        access: Vec::new(),
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
    let off = Off::default();
    PartyConfig { party, metadata: Some(metadata), off, certificate_file: None, entra: EntraClaims::default() }
}
