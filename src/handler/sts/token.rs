//! From an assertion to the token that the relying party gets: written, signed, and encrypted where it wants that.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::rand::rand_priv_bytes;

use crate::dsig::{FreshKey, Recipient, SignError, Signed, SigningKey, encrypt, sign};
use crate::handler::context::Context;
use crate::model::{ContentEncryption, Refusal, RefusalKind, RelyingParty, SignatureAlgorithm};
use crate::saml::{Assertion, Saml20Prefix, encrypted20, saml11, saml20};
use crate::wstrust::TokenType;

/// Makes the tokens of one relying party. Owns what it needs, for it works on the signing pool.
pub(super) struct TokenMaker {
    key: Arc<SigningKey>,
    signature: SignatureAlgorithm,
    token_type: TokenType,
    encryption: Option<(ContentEncryption, Arc<Recipient>)>,
}

/// A signed assertion, and what it is encrypted in.
pub(super) struct Token {
    signed: Signed<Assertion>,
    encrypted: Option<String>,
}

/// A token could not be made. Ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// Not signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Not encrypted, or its key not made.
    #[error("encrypting: {0}")]
    Encrypt(#[from] ErrorStack),
}

impl TokenMaker {
    /// For `party`.
    ///
    /// # Errors
    /// [`RefusalKind::Unsupported`] if its tokens are to be encrypted and it has no certificate.
    pub(super) fn of(context: &Context, party: &RelyingParty, token_type: TokenType) -> Result<Self, Refusal> {
        let encryption = match party.encryption {
            None => None,
            Some(with) => {
                Some((with, context.parties.recipient(party).cloned().ok_or_else(|| without_certificate(party))?))
            }
        };
        Ok(Self { key: context.signing_key().clone(), signature: party.signature, token_type, encryption })
    }

    /// Writes, signs and encrypts: for the signing pool.
    pub(super) fn make(&self, assertion: Assertion) -> Result<Token, TokenError> {
        let unsigned = match self.token_type {
            TokenType::Saml11 => saml11(assertion),
            TokenType::Saml20 => saml20(assertion, Saml20Prefix::Rstr),
        };
        let signed = sign(unsigned, &self.key, self.signature)?;
        let Some((with, recipient)) = &self.encryption else { return Ok(Token { signed, encrypted: None }) };
        let data = encrypt(signed.xml(), recipient, *with, FreshKey::drawn(rand_priv_bytes)?)?;
        let encrypted = match self.token_type {
            TokenType::Saml11 => data,
            TokenType::Saml20 => encrypted20(&data),
        };
        Ok(Token { signed, encrypted: Some(encrypted) })
    }
}

impl Token {
    /// What it says.
    pub(super) fn assertion(&self) -> &Assertion {
        self.signed.value()
    }

    /// The same, for whoever has done with the token.
    pub(super) fn into_assertion(self) -> Assertion {
        self.signed.into_value()
    }

    /// What stands in RequestedSecurityToken: the signed assertion, `xenc:EncryptedData` (SAML 1.1) or
    /// `saml:EncryptedAssertion` (2.0).
    pub(super) fn xml(&self) -> &str {
        self.encrypted.as_deref().unwrap_or_else(|| self.signed.xml())
    }
}

fn without_certificate(party: &RelyingParty) -> Refusal {
    let reason = format!("encryption for {}, which has no certificate_file", party.name);
    let told = "Tokens for this relying party are encrypted, and this service does not have its certificate: ask its operator to \
                set certificate_file for it.";
    Refusal::new(RefusalKind::Unsupported, reason).telling(told)
}
