//! Keyed digests of what is not to be known by whoever sees them.

use openssl::sha::sha256;
use zeroize::Zeroizing;

/// HMAC-SHA-256 (RFC 2104) of whole messages. OpenSSL wipes what it digests at once, and leaves the last block of what it digests
/// piece by piece wherever its state has been.
pub struct Mac {
    inner: Zeroizing<[u8; BLOCK]>,
    outer: Zeroizing<[u8; BLOCK]>,
}

/// SHA-256's, in octets.
const BLOCK: usize = 64;

impl Mac {
    /// By this key, which zeros at its end would not change.
    pub fn new(key: &[u8; 32]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        block.iter_mut().zip(key).for_each(|(octet, of_key)| *octet = *of_key);
        Self {
            inner: Zeroizing::new(block.map(|octet| octet ^ 0x36)),
            outer: Zeroizing::new(block.map(|octet| octet ^ 0x5c)),
        }
    }

    /// Of all the parts, each of which its length tells from the next.
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let length: usize = parts.iter().map(|part| size_of::<usize>() + part.len()).sum();
        let mut message = Zeroizing::new(Vec::with_capacity(BLOCK + length));
        message.extend_from_slice(&*self.inner);
        for part in parts {
            message.extend_from_slice(&part.len().to_be_bytes());
            message.extend_from_slice(part);
        }
        let inner = sha256(&message);
        let mut message = Zeroizing::new(Vec::with_capacity(BLOCK + inner.len()));
        message.extend_from_slice(&*self.outer);
        message.extend_from_slice(&inner);
        sha256(&message)
    }
}

#[cfg(test)]
mod tests {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::sign::Signer;

    use super::*;

    #[test]
    fn is_the_hmac_that_openssl_makes() {
        let key: [u8; 32] = std::array::from_fn(|at| at as u8);
        let message = [&3usize.to_be_bytes(), b"one".as_slice(), &0usize.to_be_bytes()].concat();
        let openssl = PKey::hmac(&key).unwrap();
        let openssl = Signer::new(MessageDigest::sha256(), &openssl).unwrap().sign_oneshot_to_vec(&message).unwrap();
        assert_eq!(Mac::new(&key).of(&[b"one", b""]).as_slice(), openssl);
    }
}
