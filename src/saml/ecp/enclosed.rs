//! The assertion as it stands in a Response: signed, and encrypted for the SP where it has a key.

use openssl::error::ErrorStack;

use crate::dsig::{FreshKey, Recipient, Signed, encrypt};
use crate::model::ContentEncryption;
use crate::saml::{Assertion, Saml20Prefix, encrypted20};

/// A signed assertion, in the clear or encrypted.
pub struct Enclosed {
    signed: Signed<Assertion>,
    encrypted: Option<String>,
}

impl Enclosed {
    /// In the clear.
    pub fn in_the_clear(signed: Signed<Assertion>) -> Self {
        Self { signed, encrypted: None }
    }

    /// In a `saml2:EncryptedAssertion`.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn encrypted(
        signed: Signed<Assertion>,
        recipient: &Recipient,
        with: ContentEncryption,
        fresh: FreshKey,
    ) -> Result<Self, ErrorStack> {
        let encrypted = encrypted20(&encrypt(signed.xml(), recipient, with, fresh)?, Saml20Prefix::Ecp);
        Ok(Self { signed, encrypted: Some(encrypted) })
    }

    /// What it says.
    pub fn assertion(&self) -> &Assertion {
        self.signed.value()
    }

    /// What stands in the Response.
    pub(super) fn xml(&self) -> &str {
        self.encrypted.as_deref().unwrap_or_else(|| self.signed.xml())
    }
}
