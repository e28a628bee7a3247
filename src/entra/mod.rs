//! What an Entra tenant is told of a domain whose users sign in here. Pure.

use serde::{Deserialize, Serialize};

/// How Entra sends the browsers of a federated domain to its identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignInProtocol {
    /// WS-Federation; Microsoft's libraries then sign in by WS-Trust.
    WsFed,
    /// SAML 2.0; Exchange Online then signs older mail clients in by ECP.
    Saml,
}

/// The federation of one domain, in the names of Microsoft Graph's `internalDomainFederation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Federation {
    /// How browsers sign in.
    pub preferred_authentication_protocol: SignInProtocol,
    /// Who signs tokens, letter for letter; each domain of a tenant has its own.
    pub issuer_uri: String,
    /// Where browsers go.
    pub passive_sign_in_uri: String,
    /// Where passwords go: the STS, or with SAML the ECP endpoint.
    pub active_sign_in_uri: String,
    /// Where browsers go to sign out.
    pub sign_out_uri: String,
    /// Where clients find the STS; none with SAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_exchange_uri: Option<String>,
    /// The certificate that signs: DER as one line of base64.
    pub signing_certificate: String,
    /// The one that will sign, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_signing_certificate: Option<String>,
}
