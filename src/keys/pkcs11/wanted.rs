//! What is asked of a device: which key, and whose its signatures have to be.

use cryptoki::mechanism::Mechanism;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;

use super::failure::Failure;
use super::token::Ready;
use crate::config::Pkcs11Key;
use crate::dsig::KeyKind;

/// A key in a device, and the public one of its certificate.
pub(super) struct Wanted {
    pub key: Pkcs11Key,
    pub kind: KeyKind,
    pub public: PKey<Public>,
}

impl Wanted {
    /// Signs `input`, and sees whether the certificate's key has signed: a device that was away may have come back with another.
    pub fn sign(&self, ready: &mut Ready, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let mechanism = if self.kind.is_elliptic() { Mechanism::Ecdsa } else { Mechanism::RsaPkcs };
        let signature = ready.sign(&mechanism, input)?;
        if self.has_signed(input, &signature).unwrap_or(false) { Ok(signature) } else { Err(Failure::AnotherKey) }
    }

    fn has_signed(&self, input: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        if self.kind.is_elliptic() {
            let (r, s) = signature.split_at(signature.len() / 2);
            let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
            return signature.verify(input, &*self.public.ec_key()?);
        }
        let mut context = PkeyCtx::new(&self.public)?;
        context.verify_init()?;
        context.set_rsa_padding(Padding::PKCS1)?;
        context.verify(input, signature)
    }
}

#[cfg(test)]
mod tests {
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::Private;

    use super::*;
    use crate::dsig::trial;
    use crate::keys::testing::{curve, rsa};
    use crate::model::Password;

    fn wanted(key: &PKey<Private>) -> Wanted {
        let nowhere =
            Pkcs11Key { module: "/".into(), token: String::new(), key: String::new(), pin: Password::new("") };
        let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
        Wanted { key: nowhere, kind: KeyKind::of(&public).unwrap(), public }
    }

    /// As a device signs.
    fn signed(key: &PKey<Private>, input: &[u8]) -> Vec<u8> {
        if let Ok(rsa) = key.rsa() {
            let mut signature = vec![0; rsa.size() as usize];
            rsa.private_encrypt(input, &mut signature, Padding::PKCS1).unwrap();
            return signature;
        }
        let key = key.ec_key().unwrap();
        let each = key.group().order_bits().div_ceil(8) as i32;
        let signature = EcdsaSig::sign(input, &key).unwrap();
        [signature.r().to_vec_padded(each).unwrap(), signature.s().to_vec_padded(each).unwrap()].concat()
    }

    #[test]
    fn what_another_key_has_signed_is_told() {
        for make in [|| rsa(2048), || curve(Nid::X9_62_PRIME256V1), || curve(Nid::SECP384R1), || curve(Nid::SECP521R1)]
        {
            let (key, other) = (make(), make());
            let wanted = wanted(&key);
            let input = trial(wanted.kind);
            let whose = |key, input: &[u8]| wanted.has_signed(input, &signed(key, input)).unwrap_or(false);
            assert!(whose(&key, &input) && !whose(&other, &input));
            let signature = signed(&key, &input);
            let digest = MessageDigest::sha256();
            let another = openssl::hash::hash(digest, b"another").unwrap();
            for (input, signature) in [
                (&another[..], &signature[..]),
                (&input, &signature[..signature.len() - 1]),
                (&input, &[]),
                (&input, &vec![0; signature.len()]),
            ] {
                assert!(!wanted.has_signed(input, signature).unwrap_or(false));
            }
        }
    }
}
