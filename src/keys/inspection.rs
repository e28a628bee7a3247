//! A certificate as the status page tells of it.

use openssl::pkey::{Id, PKey, Public};
use openssl::x509::X509Ref;

use super::description::Description;
use super::validity::{Term, Validity};
use crate::dsig::KeyKind;
use crate::model::Timestamp;

/// What there is to know of a certificate at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Whose it is, and how it is told from others.
    pub description: Description,
    /// Its key, for people.
    pub key: String,
    /// Its first instant; `None` where that is damaged.
    pub starts: Option<Timestamp>,
    /// Whole days to its end; negative after it.
    pub days_left: Option<i64>,
    /// Where in its time we are.
    pub condition: Condition,
}

/// Where in a certificate's time we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In it, with time to spare.
    Fine,
    /// In it, and it is time to renew it.
    EndsSoon,
    /// Before it.
    NotYet,
    /// After it.
    Ended,
    /// It cannot be told.
    Damaged,
}

impl Inspection {
    /// The certificate's, at `now`.
    pub fn of(certificate: &X509Ref, now: Timestamp) -> Self {
        let validity = Validity::of(certificate).ok();
        let days = |validity: Validity| {
            let left = validity.not_after().unix_millis().saturating_sub(now.unix_millis());
            left.div_euclid(86_400_000)
        };
        let condition = match validity.map(|validity| validity.at(now)) {
            Some(Term::Fine) => Condition::Fine,
            Some(Term::Ends(..)) => Condition::EndsSoon,
            Some(Term::NotYet(_)) => Condition::NotYet,
            Some(Term::Ended(_)) => Condition::Ended,
            None => Condition::Damaged,
        };
        Self {
            description: Description::of(certificate),
            key: certificate.public_key().map_or_else(|_| "unreadable".to_owned(), |key| named(&key)),
            starts: validity.map(Validity::not_before),
            days_left: validity.map(days),
            condition,
        }
    }
}

fn named(key: &PKey<Public>) -> String {
    match (KeyKind::of(key), key.id()) {
        (Some(KeyKind::Rsa), _) => format!("RSA, {} bits", key.bits()),
        (Some(KeyKind::P256), _) => "ECDSA, P-256".to_owned(),
        (Some(KeyKind::P384), _) => "ECDSA, P-384".to_owned(),
        (Some(KeyKind::P521), _) => "ECDSA, P-521".to_owned(),
        (None, Id::ED25519 | Id::ED448) => "EdDSA".to_owned(),
        (None, Id::EC) => format!("elliptic curve, {} bits", key.bits()),
        (None, _) => format!("{} bits", key.bits()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openssl::nid::Nid;

    use super::*;
    use crate::keys::testing::{certificate, curve, rsa};

    #[test]
    fn days_are_whole_and_count_on_after_the_end() {
        let certificate = certificate(&rsa(2048), 365);
        let end = Description::of(&certificate).ends.unwrap();
        let day = Duration::from_secs(86_400);
        for (now, days, condition) in [
            (end.minus(day * 31), 31, Condition::Fine),
            (end.minus(day * 30), 30, Condition::Fine),
            (end.minus(day * 29), 29, Condition::EndsSoon),
            (end.minus(Duration::from_secs(1)), 0, Condition::EndsSoon),
            (end, 0, Condition::Ended),
            (end.plus(Duration::from_secs(1)), -1, Condition::Ended),
            (end.plus(day * 2), -2, Condition::Ended),
            (end.minus(day * 400), 400, Condition::NotYet),
        ] {
            let found = Inspection::of(&certificate, now);
            assert_eq!((found.days_left, found.condition), (Some(days), condition), "{now}");
        }
    }

    #[test]
    fn keys_are_named() {
        for (key, name) in [
            (rsa(2048), "RSA, 2048 bits"),
            (curve(Nid::X9_62_PRIME256V1), "ECDSA, P-256"),
            (curve(Nid::SECP256K1), "elliptic curve, 256 bits"),
        ] {
            assert_eq!(Inspection::of(&certificate(&key, 1), Timestamp::from_unix_millis(0)).key, name);
        }
    }
}
