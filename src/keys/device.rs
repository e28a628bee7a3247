//! A key in a device, and the one of its certificates that it belongs to.

use std::sync::Arc;

use openssl::x509::{X509, X509VerifyResult};

use super::error::{KeyError, Source};
use super::loaded::{LoadedKey, damaged, fit, unusable};
use super::pkcs11::{HsmKey, Trial};
use crate::config::Pkcs11Key;
use crate::dsig::SigningKey;

/// Joins a key of a device with the one of the certificates that its signature proves to be its own. If the device is not
/// there now, it is the one that certifies no other, and each signature will show it.
pub(super) fn in_device(certificates: &[X509], key: &Pkcs11Key, source: Source<'_>) -> Result<LoadedKey, KeyError> {
    // First: a CA's key may be of a kind that this device's is not asked for.
    let own = leaf(certificates);
    let others = certificates.iter().filter(|other| Some(*other) != own);
    for certificate in own.into_iter().chain(others) {
        let device = device(certificate, key, source)?;
        match device.try_out()? {
            Trial::Signs => return joined(device, certificate, source, None),
            // Or the CA's.
            Trial::AnotherKey => {}
            Trial::Absent(why) => {
                let own = own.ok_or_else(|| undecided(&why, source))?;
                return joined(self::device(own, key, source)?, own, source, Some(why));
            }
        }
    }
    Err(source.error(
        format!("holds no certificate of the key {} in the token {}", key.key, key.token),
        "give the one that was made with this key: what the key signs must verify with it",
    ))
}

fn device(certificate: &X509, key: &Pkcs11Key, source: Source<'_>) -> Result<HsmKey, KeyError> {
    let public = certificate.public_key().map_err(|errors| damaged(source, &errors))?;
    HsmKey::new(key, fit(&public, source)?, public)
}

fn joined(
    device: HsmKey,
    certificate: &X509,
    source: Source<'_>,
    absent: Option<KeyError>,
) -> Result<LoadedKey, KeyError> {
    let key = SigningKey::in_device(Arc::new(device), certificate.clone());
    LoadedKey::new(key.map_err(|error| unusable(source, error))?, source, absent)
}

/// The certificate that certifies no other, if there is one such alone.
fn leaf(certificates: &[X509]) -> Option<&X509> {
    let certifies =
        |one: &X509| certificates.iter().any(|other| other != one && one.issued(other) == X509VerifyResult::OK);
    let mut leaves = certificates.iter().filter(|one| !certifies(one));
    leaves.next().filter(|_| leaves.next().is_none())
}

fn undecided(why: &KeyError, source: Source<'_>) -> KeyError {
    source.error(
        format!("holds several certificates, and the token, which would show whose key it has, is away: {why}"),
        "leave only the certificate of the key, and those of its CAs, in the file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::{Certificate, certificate, rsa};

    #[test]
    fn the_leaf_of_a_chain_is_found_in_any_order_and_none_of_two() {
        let (root_key, key) = (rsa(2048), rsa(2048));
        let root = Certificate::authority("root").sign(&root_key, None);
        let own = Certificate::of("signing").sign(&key, Some((&root, &root_key)));
        for chain in [vec![root.clone(), own.clone()], vec![own.clone(), root.clone()], vec![own.clone()]] {
            assert_eq!(leaf(&chain), Some(&own));
        }
        assert_eq!(leaf(&[certificate(&key, 365), certificate(&root_key, 365)]), None);
        assert_eq!(leaf(&[own.clone(), own.clone()]), None);
        assert_eq!(leaf(&[]), None);
    }
}
