//! Pairwise names: of one user, another for each service provider, always the same for each.

use openssl::hash::{Hasher, MessageDigest};
use openssl::pkey::PKey;
use openssl::sign::Signer;

use crate::model::{NameSalt, PairwiseAlgorithm};

/// The name's octets; `None` only where OpenSSL has no such algorithm.
pub(super) fn pairwise(
    algorithm: PairwiseAlgorithm,
    salt: &NameSalt,
    service_provider: &str,
    value: &[u8],
) -> Option<Vec<u8>> {
    match algorithm {
        // No entityID has an octet 0 in it, so that no other pair makes the same octets.
        PairwiseAlgorithm::HmacSha256 => {
            let key = PKey::hmac(salt.expose()).ok()?;
            let mut signer = Signer::new(MessageDigest::sha256(), &key).ok()?;
            for part in [service_provider.as_bytes(), &[0], value] {
                signer.update(part).ok()?;
            }
            signer.sign_to_vec().ok()
        }
        // `ComputedPairwiseIdStore` of Shibboleth, and `ComputedIDDataConnector` before it.
        PairwiseAlgorithm::Shibboleth => {
            let mut hasher = Hasher::new(MessageDigest::sha1()).ok()?;
            for part in [service_provider.as_bytes(), b"!", value, b"!", salt.expose()] {
                hasher.update(part).ok()?;
            }
            Some(hasher.finish().ok()?.to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python's hmac and hashlib.
    #[test]
    fn computes_what_others_compute() {
        let salt = NameSalt::new(b"a salt of many octets").unwrap();
        for (algorithm, expected) in [
            (PairwiseAlgorithm::HmacSha256, "lL4Hi45ccfZnS1FOc9bj9xLQUfNyNqHSaHc2e9GnrzE="),
            (PairwiseAlgorithm::Shibboleth, "ufBiVIDb3McRELdgmuwJqrkFpl0="),
        ] {
            let name = pairwise(algorithm, &salt, "https://sp.example.org/shibboleth", b"alice").unwrap();
            assert_eq!(openssl::base64::encode_block(&name), expected);
        }
    }

    #[test]
    fn is_one_for_each_user_and_service_provider() {
        let salts = [b"a salt of many octets", b"A salt of many octets"].map(|salt| NameSalt::new(salt).unwrap());
        let pairs = [("https://sp", "alice"), ("https://sp", "bob"), ("https://sp2", "alice"), ("https://s", "palice")];
        for algorithm in [PairwiseAlgorithm::HmacSha256, PairwiseAlgorithm::Shibboleth] {
            let all = salts.iter().flat_map(|salt| pairs.map(|(sp, user)| (salt, sp, user)));
            let mut names: Vec<_> =
                all.map(|(salt, sp, user)| pairwise(algorithm, salt, sp, user.as_bytes())).collect();
            assert!(names.iter().all(Option::is_some));
            names.sort();
            names.dedup();
            assert_eq!(names.len(), 8, "{algorithm:?}");
        }
    }
}
