//! Which key a token is bound to, and how its asker comes to know it.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::rand::rand_priv_bytes;
use zeroize::Zeroizing;

use super::asker::ProvenKey;
use crate::dsig::{KeyInfo, Recipient, encrypt_key};
use crate::model::{Refusal, RefusalKind};
use crate::saml::Confirmation;
use crate::wstrust::{ClientEntropy, IssuedKey, KeyRequest, Proof, UseKey, p_sha1};

/// What a token will be bound to.
pub(super) enum Binding {
    /// Nothing.
    Bearer,
    /// The asker's public key.
    Public(KeyInfo),
    /// A key that is made for asker and relying party.
    Symmetric { bits: u32, entropy: Option<ClientEntropy>, recipient: Arc<Recipient> },
}

impl Binding {
    /// What was asked for, if it can be had: `party` is the name of whom the token is for, `recipient` they themselves,
    /// where they have a certificate, and `proven` the key that signed the message, or the TLS client's.
    ///
    /// # Errors
    /// [`RefusalKind::Unsupported`] for a symmetric key and a party without a certificate,
    /// [`RefusalKind::AuthenticationBadElements`] without a public key, or with one that is not proved.
    pub(super) fn of(
        asked: KeyRequest,
        party: &str,
        recipient: Option<&Arc<Recipient>>,
        proven: Option<&ProvenKey>,
    ) -> Result<Self, Refusal> {
        match asked {
            KeyRequest::Bearer => Ok(Self::Bearer),
            KeyRequest::Public(use_key) => public_key(use_key, proven).map(Self::Public),
            KeyRequest::Symmetric { bits, entropy } => {
                let recipient = recipient.ok_or_else(|| {
                    let reason = format!("a symmetric key for {party}, which has no certificate_file");
                    Refusal::new(RefusalKind::Unsupported, reason).telling(
                        "A SymmetricKey is encrypted for the relying party, and this service does not have its certificate: ask its \
                         operator to set certificate_file for it, or ask for a PublicKey or Bearer token.",
                    )
                })?;
                Ok(Self::Symmetric { bits, entropy, recipient: recipient.clone() })
            }
        }
    }

    /// Makes the key, if one is to be made, and says how a token is confirmed by it. For the signing pool: it is RSA's work.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub(super) fn make(self) -> Result<(Confirmation, IssuedKey), ErrorStack> {
        let (key, issued) = match self {
            Self::Bearer => return Ok((Confirmation::Bearer, IssuedKey::Bearer)),
            Self::Public(key) => (key, IssuedKey::Public),
            Self::Symmetric { bits, entropy, recipient } => {
                let (key, proof) = shared_key(bits as usize / 8, entropy)?;
                (KeyInfo::EncryptedKey(encrypt_key(&key, &recipient)?), IssuedKey::Symmetric { bits, proof })
            }
        };
        Ok((Confirmation::HolderOfKey(key), issued))
    }
}

type Secret = Zeroizing<Vec<u8>>;

fn shared_key(octets: usize, entropy: Option<ClientEntropy>) -> Result<(Secret, Proof), ErrorStack> {
    match entropy {
        None => {
            let key = drawn(octets)?;
            Ok((key.clone(), Proof::Secret(key)))
        }
        Some(ClientEntropy::Key(key)) => Ok((key, Proof::Given)),
        Some(ClientEntropy::Nonce(theirs)) => {
            let ours = drawn(octets)?;
            Ok((p_sha1(&theirs, &ours, octets)?, Proof::Computed(ours)))
        }
    }
}

fn drawn(octets: usize) -> Result<Secret, ErrorStack> {
    let mut drawn = Zeroizing::new(vec![0; octets]);
    rand_priv_bytes(&mut drawn)?;
    Ok(drawn)
}

/// The asker's key. One that the message proves is taken, and no other where the message proves one, or says that it does
/// (`@Sig`). From who signs in by a password and signs nothing a UseKey is taken on its word, as CXF and WSO2 take it: it
/// says who may act for the asker, at the asker's own wish, and a stranger's key there lets that stranger be the asker, not
/// the asker be the stranger.
fn public_key(use_key: Option<UseKey>, proven: Option<&ProvenKey>) -> Result<KeyInfo, Refusal> {
    let Some(UseKey { key: Some(key), signed }) = use_key else {
        return proven.and_then(described).ok_or_else(|| {
            let told = "A PublicKey token needs a key: a wst:UseKey with a ds:KeyInfo, a certificate that signs the message, \
                        or a TLS client certificate.";
            unproved("a PublicKey token without a key").telling(told)
        });
    };
    match proven {
        Some(proven) if key.tells(&proven.public) => Ok(key),
        None if !signed => Ok(key),
        Some(_) | None => Err(unproved("a UseKey whose key did not sign the message")
            .telling("The key in wst:UseKey has to be the one that signs the message.")),
    }
}

/// By its certificate, where that means something; else only RSA keys can be told.
fn described(key: &ProvenKey) -> Option<KeyInfo> {
    match &key.certificate {
        Some(certificate) => KeyInfo::of_certificate(certificate).ok(),
        None => KeyInfo::of_key(&key.public),
    }
}

fn unproved(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::AuthenticationBadElements, reason)
}
