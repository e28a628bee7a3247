//! Keys computed from what both sides gave: `CK/PSHA1`.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use zeroize::Zeroizing;

/// `octets` octets of P_SHA1 (WS-Trust 1.3, 4.4.4): P_hash of TLS 1.0 (RFC 2246, 5) with HMAC-SHA1, the requestor's entropy
/// as the secret and the issuer's as the seed.
///
/// # Errors
/// If OpenSSL fails.
pub fn p_sha1(requestor: &[u8], issuer: &[u8], octets: usize) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let secret = PKey::hmac(requestor)?;
    let hmac = |parts: &[&[u8]]| {
        let mut signer = Signer::new(MessageDigest::sha1(), &secret)?;
        parts.iter().try_for_each(|part| signer.update(part))?;
        signer.sign_to_vec().map(Zeroizing::new)
    };
    // Room for all of it, so that no part stays behind where it was.
    let mut key = Zeroizing::new(Vec::with_capacity(octets + MessageDigest::sha1().size()));
    let mut a = hmac(&[issuer])?;
    while key.len() < octets {
        key.extend_from_slice(&hmac(&[&a, issuer])?);
        a = hmac(&[&a])?;
    }
    key.truncate(octets);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: secret, seed, key, in hexadecimal.
    const KNOWN: &str = include_str!("../../tests/data/wstrust/psha1.txt");

    fn octets(hexadecimal: &str) -> Vec<u8> {
        let digits = |at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
        (0..hexadecimal.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn gives_the_known_answers() {
        let lines: Vec<&str> = KNOWN.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() >= 8);
        for line in lines {
            let fields: Vec<Vec<u8>> = line.split(' ').map(octets).collect();
            let [secret, seed, key] = fields.as_slice() else { panic!("{line}") };
            assert_eq!(*p_sha1(secret, seed, key.len()).unwrap(), *key, "{line}");
        }
    }

    #[test]
    fn the_sides_are_not_alike() {
        assert_ne!(p_sha1(&[1; 32], &[2; 32], 32).unwrap(), p_sha1(&[2; 32], &[1; 32], 32).unwrap());
    }
}
