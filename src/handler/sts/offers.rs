//! What the STS takes for a credential, for whoever came with another: the sentence of the fault, and a closer look at requests
//! that could not be read because they are of a security scenario that is not offered.

use crate::config::Config;
use crate::handler::addresses::Offers;
use crate::model::{Refusal, RefusalKind};
use crate::soap::{Envelope, is_encrypted};

/// How TokenType and Action name the tokens of WS-SecureConversation.
const SECURITY_CONTEXT_TOKEN: &str = "/sct";

/// The refusal of a credential, with what is taken instead. It depends on the configuration alone.
pub(super) fn with_offers(refusal: &Refusal, config: &Config) -> Refusal {
    let told = refusal.told.as_deref().map(|told| format!("{told} ")).unwrap_or_default();
    refusal.clone().telling(format!("{told}{}", offers(config)))
}

fn offers(config: &Config) -> String {
    let mut offers = vec!["a UsernameToken with a password in clear text over TLS"];
    let taken = Offers::of(config);
    if taken.certificate_message {
        offers.push("an X.509 BinarySecurityToken whose key signs the message's Timestamp and To");
    }
    if taken.certificate_transport.is_some() {
        offers.push("the certificate of a TLS client");
    }
    if taken.issued_token {
        offers.push("a SAML assertion of an issuer that it trusts");
    }
    format!("This service takes {}.", offers.join(", or "))
}

/// Why a request could not be read, if that is because it is encrypted, or wants to begin a secure conversation.
pub(super) fn looked_into(refusal: Refusal, envelope: &Envelope) -> Refusal {
    let unsupported =
        |reason: &str, told: &'static str| Refusal::new(RefusalKind::UnsupportedToken, reason).telling(told);
    if is_encrypted(envelope) {
        return unsupported("an encrypted Body", "Encrypted messages are not taken: TLS keeps them secret.");
    }
    let action = envelope.addressing.as_ref().and_then(|addressing| addressing.action.as_deref());
    let content = envelope.content().ok();
    let token_type = content.and_then(|content| content.elements().find(|element| element.name.local == "TokenType"));
    let token_type = token_type.and_then(|token_type| token_type.trimmed_text());
    let asked = |uri: &str| uri.to_ascii_lowercase().ends_with(SECURITY_CONTEXT_TOKEN);
    if action.into_iter().chain(token_type).any(asked) {
        return unsupported("a SecurityContextToken", "WS-SecureConversation is not offered.");
    }
    refusal
}
