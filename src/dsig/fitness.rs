//! Which public keys are fit: no weaker than can be broken, nor so long that to verify by them is work for nothing.

use std::ops::RangeInclusive;

use openssl::pkey::{HasPublic, Id, PKeyRef};

use super::KeyKind;

/// Bits of an RSA key.
pub const RSA_BITS: RangeInclusive<u32> = 2048..=8192;

/// Of RSA's public exponent.
const MOST_EXPONENT_BITS: i32 = 32;

/// Whether a signature may be verified by this key: RSA, or one of NIST's curves.
pub fn is_fit<T: HasPublic>(key: &PKeyRef<T>) -> bool {
    KeyKind::of(key).is_some() && is_fit_if_rsa(key)
}

/// Whether it is no RSA key, or one whose numbers are as they should be.
pub(super) fn is_fit_if_rsa<T: HasPublic>(key: &PKeyRef<T>) -> bool {
    let small = || key.rsa().is_ok_and(|rsa| rsa.e().num_bits() <= MOST_EXPONENT_BITS);
    key.id() != Id::RSA || RSA_BITS.contains(&key.bits()) && small()
}
