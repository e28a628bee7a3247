//! From an assertion to what stands in the Response: signed, encrypted where the service provider has a key, and the
//! Response around it signed where it wants that.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::rand::rand_priv_bytes;
use zeroize::Zeroizing;

use crate::dsig::{FreshKey, Recipient, SignError, SigningKey, sign};
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::model::{ContentEncryption, SignatureAlgorithm};
use crate::saml::ecp::{Enclosed, Outcome, ResponseHead, answer, answer_signed, response};
use crate::saml::{Assertion, GeneratedKey, Saml20Prefix, saml20};

/// Seals assertions for one service provider. Owns what it needs, for it works on the signing pool.
pub(super) struct Seal {
    pub key: Arc<SigningKey>,
    pub signature: SignatureAlgorithm,
    pub encryption: Option<(Recipient, ContentEncryption)>,
}

/// An assertion could not be sealed.
#[derive(Debug, thiserror::Error)]
enum SealError {
    /// Not signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Not encrypted, or its key not made.
    #[error("encrypting: {0}")]
    Encrypt(#[from] ErrorStack),
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Sign(error) => error.into(),
            error @ SealError::Encrypt(_) => Self::Ours(error.to_string()),
        }
    }
}

impl Seal {
    /// Writes, signs and encrypts. What is encrypted has a key in it that the client is given, too.
    pub(super) async fn apply(self, context: &Context, assertion: Assertion) -> Result<Enclosed, Failure> {
        let sealed = context.sign(move || self.sealed(assertion)).await?;
        sealed.map_err(Failure::from)
    }

    fn sealed(&self, mut assertion: Assertion) -> Result<Enclosed, SealError> {
        let sign = |assertion| sign(saml20(assertion, Saml20Prefix::Ecp), &self.key, self.signature);
        let Some((recipient, with)) = &self.encryption else { return Ok(Enclosed::in_the_clear(sign(assertion)?)) };
        let mut octets = Zeroizing::new([0; GeneratedKey::LENGTH]);
        rand_priv_bytes(&mut *octets)?;
        assertion.advice.generated_key = Some(GeneratedKey::new(&octets));
        let fresh = FreshKey::drawn(rand_priv_bytes)?;
        Ok(Enclosed::encrypted(sign(assertion)?, recipient, *with, fresh)?)
    }
}

/// The envelope with what came of a request, its Response signed `by` that algorithm if at all.
pub(super) async fn envelope(
    context: &Context,
    head: &ResponseHead<'_>,
    outcome: Outcome<'_>,
    by: Option<SignatureAlgorithm>,
) -> Result<String, Failure> {
    let Some(algorithm) = by else { return Ok(answer(head, outcome)) };
    let (unsigned, key) = (response(head, outcome), context.signing_key().clone());
    let signing = move || sign(unsigned, &key, algorithm);
    let signed = match outcome {
        Outcome::Success(_) => context.sign(signing).await?,
        Outcome::Failure(..) => context.sign_aside(signing).await?,
    };
    Ok(answer_signed(head, &signed?))
}
