//! The federation of a domain, in the names of Microsoft Graph
//! (<https://learn.microsoft.com/graph/api/resources/internaldomainfederation>).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How Entra sends the browsers of a federated domain to its identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignInProtocol {
    /// WS-Federation; Microsoft's libraries then sign in by WS-Trust.
    WsFed,
    /// SAML 2.0; Exchange Online then signs older mail clients in by ECP.
    Saml,
}

impl SignInProtocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::WsFed, Self::Saml];

    /// Graph's word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::WsFed => "wsFed",
            Self::Saml => "saml",
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WsFed => "WS-Federation and WS-Trust",
            Self::Saml => "SAML",
        }
    }
}

/// What Entra makes of a second factor that the identity provider asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MfaBehavior {
    /// It counts; without one, Entra asks for its own.
    AcceptIfMfaDoneByFederatedIdp,
    /// It counts; without one, Entra sends the browser back to the identity provider for it.
    EnforceMfaByFederatedIdp,
    /// It does not count: Entra always asks for its own.
    RejectMfaByFederatedIdp,
}

impl MfaBehavior {
    /// Each.
    pub const ALL: [Self; 3] =
        [Self::AcceptIfMfaDoneByFederatedIdp, Self::EnforceMfaByFederatedIdp, Self::RejectMfaByFederatedIdp];

    /// Graph's word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AcceptIfMfaDoneByFederatedIdp => "acceptIfMfaDoneByFederatedIdp",
            Self::EnforceMfaByFederatedIdp => "enforceMfaByFederatedIdp",
            Self::RejectMfaByFederatedIdp => "rejectMfaByFederatedIdp",
        }
    }
}

/// How Entra tells the identity provider that an application wants a fresh sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PromptLoginBehavior {
    /// By `wfresh=0`, and `wauth` for a password.
    TranslateToFreshPasswordAuthentication,
    /// By `prompt=login`, as it came.
    NativeSupport,
    /// By `wfresh=0` alone.
    Disabled,
}

impl PromptLoginBehavior {
    /// Each.
    pub const ALL: [Self; 3] = [Self::TranslateToFreshPasswordAuthentication, Self::NativeSupport, Self::Disabled];

    /// Graph's word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TranslateToFreshPasswordAuthentication => "translateToFreshPasswordAuthentication",
            Self::NativeSupport => "nativeSupport",
            Self::Disabled => "disabled",
        }
    }
}

/// The federation of one domain, in the names of Microsoft Graph's `internalDomainFederation`. What is `None` is not known
/// here, or not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Federation {
    /// The identity provider's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// How browsers sign in.
    pub preferred_authentication_protocol: SignInProtocol,
    /// Who signs tokens, letter for letter; each domain of all tenants has its own.
    pub issuer_uri: String,
    /// Where browsers go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive_sign_in_uri: Option<String>,
    /// Where passwords go: the STS, or with SAML the ECP endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_sign_in_uri: Option<String>,
    /// Where browsers go to sign out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_out_uri: Option<String>,
    /// Where clients find the STS; none with SAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_exchange_uri: Option<String>,
    /// The certificate that signs: DER as one line of base64.
    pub signing_certificate: String,
    /// The one that will sign, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_signing_certificate: Option<String>,
    /// What is made of a second factor; `None`: as Entra has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_idp_mfa_behavior: Option<MfaBehavior>,
    /// How a fresh sign-in is asked for; `None`: as Entra has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_login_behavior: Option<PromptLoginBehavior>,
}

impl Federation {
    /// What is said, by Graph's names, in its order.
    pub fn settings(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("displayName", self.display_name.as_deref()),
            ("preferredAuthenticationProtocol", Some(self.preferred_authentication_protocol.label())),
            ("issuerUri", Some(&self.issuer_uri)),
            ("passiveSignInUri", self.passive_sign_in_uri.as_deref()),
            ("activeSignInUri", self.active_sign_in_uri.as_deref()),
            ("signOutUri", self.sign_out_uri.as_deref()),
            ("metadataExchangeUri", self.metadata_exchange_uri.as_deref()),
            ("signingCertificate", Some(&self.signing_certificate)),
            ("nextSigningCertificate", self.next_signing_certificate.as_deref()),
            ("federatedIdpMfaBehavior", self.federated_idp_mfa_behavior.map(MfaBehavior::label)),
            ("promptLoginBehavior", self.prompt_login_behavior.map(PromptLoginBehavior::label)),
        ]
    }

    /// The body of `POST /domains/{id}/federationConfiguration`; `name` is told where there is no `displayName`.
    pub fn graph(&self, name: &str) -> String {
        let mut body = json!({ "@odata.type": "#microsoft.graph.internalDomainFederation", "displayName": name });
        if let (Value::Object(body), Ok(Value::Object(said))) = (&mut body, serde_json::to_value(self)) {
            body.extend(said);
        }
        format!("{body:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::domain::testing::domain;

    #[test]
    fn settings_are_what_graph_is_told() {
        for protocol in SignInProtocol::ALL {
            let mut federation = domain(protocol).federation;
            federation.display_name = Some("Example".to_owned());
            federation.federated_idp_mfa_behavior = Some(MfaBehavior::RejectMfaByFederatedIdp);
            federation.prompt_login_behavior = Some(PromptLoginBehavior::Disabled);
            let graph: Value = serde_json::from_str(&federation.graph("example.com")).unwrap();
            let mut said = graph.as_object().unwrap().clone();
            assert_eq!(said.remove("@odata.type"), Some(json!("#microsoft.graph.internalDomainFederation")));
            let settings = federation.settings().into_iter().filter_map(|(name, value)| Some((name, value?)));
            assert_eq!(
                settings.map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
                said
            );
            assert_eq!(serde_json::from_value::<Federation>(graph).unwrap(), federation);
        }
    }

    #[test]
    fn words_are_graphs() {
        let word = |value: Value| value.as_str().unwrap().to_owned();
        for each in SignInProtocol::ALL {
            assert_eq!(word(json!(each)), each.label());
        }
        for each in MfaBehavior::ALL {
            assert_eq!(word(json!(each)), each.label());
        }
        for each in PromptLoginBehavior::ALL {
            assert_eq!(word(json!(each)), each.label());
        }
    }

    #[test]
    fn without_a_name_of_its_own_it_has_the_one_that_is_given() {
        let graph: Value =
            serde_json::from_str(&domain(SignInProtocol::WsFed).federation.graph("example.com")).unwrap();
        assert_eq!(graph["displayName"], "example.com");
    }
}
