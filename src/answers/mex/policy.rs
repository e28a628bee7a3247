//! What a policy asks a client to show.

use super::Credential;
use crate::xml::Element;

const SP_13: &str = "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702";
const SP_200502: &str = "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy";
const HTTP: &str = "http://schemas.microsoft.com/ws/06/2004/policy/http";

/// A policy, as far as it chooses between endpoints.
#[derive(Clone, Copy)]
pub(super) struct Policy {
    pub(super) credential: Credential,
    /// Whether it is of the form that Microsoft's libraries look for.
    pub(super) known: bool,
}

impl Policy {
    pub(super) fn read(policy: &Element) -> Self {
        let has = |local: &str| policy.descendants().any(|element| is_policy(element, local));
        let negotiates = policy.descendants().any(|element| element.is(HTTP, "NegotiateAuthentication"));
        let client_certificate = || {
            let demands = |element: &Element| element.attribute("RequireClientCertificate") == Some("true");
            has("RequireClientCertificate") || policy.descendants().any(demands)
        };
        let credential = if has("UsernameToken") {
            Credential::UserName
        } else if has("IssuedToken") {
            Credential::IssuedToken
        } else if has("KerberosToken") || has("SpnegoContextToken") || negotiates {
            Credential::Windows
        } else if has("X509Token") || client_certificate() {
            Credential::Certificate
        } else {
            Credential::Other
        };
        let over_tls = policy.descendants().any(is_transport_binding);
        let known = over_tls && (credential != Credential::UserName || has("WssUsernameToken10"));
        Self { credential, known }
    }
}

/// `sp:TransportBinding` of either version.
pub(super) fn is_transport_binding(element: &Element) -> bool {
    is_policy(element, "TransportBinding")
}

fn is_policy(element: &Element, local: &str) -> bool {
    [SP_13, SP_200502].into_iter().any(|namespace| element.is(namespace, local))
}
