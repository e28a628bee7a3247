//! What a source's documents must be to be believed.

use std::path::Path;
use std::time::Duration;

use openssl::pkey::{PKey, Public};
use openssl::sha::sha256;
use openssl::x509::X509;

use crate::config::MetadataSourceConfig;
use crate::dsig::Accepted;
use crate::federation::follow::not_over;
use crate::federation::{Fault, Objection};
use crate::keys::{self, Description, KeyError};
use crate::model::{MAX_SKEW, Timestamp};

/// What a source's documents must be to be believed.
#[derive(Clone)]
pub(super) struct Trust {
    /// Whose signature; `None`: whoever wrote the file is believed.
    pub signers: Option<Signers>,
    /// By which algorithms.
    pub accepted: Accepted,
    /// For how long they may be valid at most; `None`: they need not say.
    pub longest_validity: Option<Duration>,
}

/// Keys that are pinned. Their certificates' validity means nothing: the pin is the trust.
#[derive(Clone)]
pub(super) struct Signers {
    pub keys: Vec<PKey<Public>>,
    certificates: Vec<X509>,
    /// Tells one set from another.
    digest: [u8; 32],
}

impl Trust {
    /// Reads the pinned certificates.
    ///
    /// # Errors
    /// A file that holds none.
    pub fn load(config: &MetadataSourceConfig) -> Result<Self, KeyError> {
        let signers = config.certificate_file.as_deref().map(Signers::load).transpose()?;
        let accepted = if config.allow_sha1 { Accepted::Sha1Too } else { Accepted::Modern };
        Ok(Self { signers, accepted, longest_validity: config.longest_validity })
    }

    /// Whether what this one believes may be believed by the other as well.
    pub fn is_same(&self, other: &Self) -> bool {
        let digest = |trust: &Self| trust.signers.as_ref().map(|signers| signers.digest);
        digest(self) == digest(other)
            && self.accepted == other.accepted
            && self.longest_validity == other.longest_validity
    }

    /// Whether a document may be valid until then.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, valid_until: Option<Timestamp>, now: Timestamp) -> Result<(), Objection> {
        not_over(valid_until, now)?;
        match (valid_until, self.longest_validity) {
            (Some(until), Some(longest)) if until > now.plus(longest).plus(MAX_SKEW) => {
                let what = format!("its validUntil, {until}, is further away than longest_validity allows");
                Err(Objection::new(Fault::TooLong, what))
            }
            (None, Some(_)) => {
                Err(Objection::new(Fault::Endless, "it has no validUntil, which longest_validity asks for"))
            }
            _ => Ok(()),
        }
    }

    /// What someone should know about the pinned certificates.
    pub fn doubts(&self, now: Timestamp) -> Vec<String> {
        let mut doubts = Vec::new();
        for certificate in self.signers.iter().flat_map(|signers| &signers.certificates) {
            let Description { subject, ends, .. } = Description::of(certificate);
            if let Some(ends) = ends.filter(|ends| *ends <= now) {
                doubts.push(format!("the certificate of {subject} ended {ends}; its key is believed all the same"));
            }
        }
        doubts
    }
}

impl Signers {
    fn load(file: &Path) -> Result<Self, KeyError> {
        let certificates = keys::certificates(file)?;
        let mut der = Vec::new();
        for certificate in &certificates {
            der.extend_from_slice(&certificate.to_der().unwrap_or_default());
        }
        let keys = certificates.iter().filter_map(|certificate| certificate.public_key().ok()).collect();
        Ok(Self { keys, certificates, digest: sha256(&der) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_valid_for_as_long_as_it_says_and_may() {
        let now = Timestamp::from_unix_millis(1_767_225_600_000);
        let day = Duration::from_secs(86_400);
        for (until, longest, fine) in [
            (None, None, true),
            (None, Some(14), false),
            (Some(now.plus(day)), None, true),
            (Some(now.plus(day)), Some(14), true),
            (Some(now.plus(14 * day)), Some(14), true),
            // Whoever signed it may have a clock that is ahead.
            (Some(now.plus(14 * day).plus(MAX_SKEW)), Some(14), true),
            (Some(now.plus(15 * day)), Some(14), false),
            (Some(now.plus(15 * day)), None, true),
            (Some(now), None, false),
            (Some(now), Some(14), false),
            (Some(now.minus(day)), None, false),
        ] {
            let trust =
                Trust { signers: None, accepted: Accepted::Modern, longest_validity: longest.map(|days| day * days) };
            assert_eq!(trust.judge(until, now).is_ok(), fine, "{until:?} {longest:?}");
        }
    }
}
