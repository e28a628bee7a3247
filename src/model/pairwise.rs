//! Names that mean a user to one service provider and nothing to another. Plain data, computed by `sts`.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::DirectoryAttribute;

/// How a name is computed that each service provider knows a user by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairwiseRule {
    /// What is kept for ever of a user: its first value.
    pub source: DirectoryAttribute,
    /// By what.
    pub algorithm: PairwiseAlgorithm,
    /// What nobody else knows.
    pub salt: NameSalt,
}

/// By what pairwise names are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairwiseAlgorithm {
    /// HMAC-SHA-256 under the salt, of the service provider's entityID, an octet 0, and the value.
    HmacSha256,
    /// What Shibboleth's `ComputedId` makes, for users who are known by it already: SHA-1 of the entityID, `!`, the value, `!`,
    /// and the salt.
    Shibboleth,
}

/// The secret without which nobody can tell whose a pairwise name is.
#[derive(Clone, PartialEq, Eq)]
pub struct NameSalt(Arc<Zeroizing<Vec<u8>>>);

impl NameSalt {
    /// Octets that a salt has at least: as Shibboleth asks for.
    pub const SHORTEST: usize = 16;

    /// A salt; `None`: it is too short.
    pub fn new(octets: &[u8]) -> Option<Self> {
        (octets.len() >= Self::SHORTEST).then(|| Self(Arc::new(Zeroizing::new(octets.to_vec()))))
    }

    /// Its octets, to compute with and for nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NameSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameSalt(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_long_and_stays_untold() {
        assert_eq!(NameSalt::new(b"fifteen octets!"), None);
        let salt = NameSalt::new(b"sixteen octets!!").unwrap();
        assert_eq!(salt.expose(), b"sixteen octets!!");
        assert!(!format!("{salt:?}").contains("sixteen"));
    }
}
