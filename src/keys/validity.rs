//! From when until when a certificate is valid, and what there is to say of it now.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::x509::X509Ref;

use crate::model::Timestamp;

/// Renewing takes this long where somebody else has to sign, or to register the new one.
const DAYS_TO_RENEW: u64 = 30;
/// With so little left it is the first thing to do today.
const DAYS_TO_HURRY: u64 = 7;

/// A certificate's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Where in it we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// Before it.
    NotYet(Timestamp),
    /// In it, with time to spare.
    Fine,
    /// In it, for so many days more.
    Ends(Timestamp, u64),
    /// After it.
    Ended(Timestamp),
}

/// What there is to say of a certificate's time at `now`, for after its name.
pub fn ending(certificate: &X509Ref, now: Timestamp) -> Option<String> {
    Validity::of(certificate).ok()?.at(now).doubt()
}

impl Validity {
    /// The certificate's.
    pub fn of(certificate: &X509Ref) -> Result<Self, ErrorStack> {
        Ok(Self { not_before: instant(certificate.not_before())?, not_after: instant(certificate.not_after())? })
    }

    /// The end, Unix seconds.
    pub fn not_after_unix(self) -> i64 {
        self.not_after.unix_millis().div_euclid(1000)
    }

    /// The first instant.
    pub fn not_before(self) -> Timestamp {
        self.not_before
    }

    /// The end.
    pub fn not_after(self) -> Timestamp {
        self.not_after
    }

    pub fn at(self, now: Timestamp) -> Term {
        let days = self.not_after.since(now).as_secs() / 86_400;
        if self.not_after <= now {
            Term::Ended(self.not_after)
        } else if now < self.not_before {
            Term::NotYet(self.not_before)
        } else if days < DAYS_TO_RENEW {
            Term::Ends(self.not_after, days)
        } else {
            Term::Fine
        }
    }
}

impl Term {
    /// What to say of it, for after the certificate's name.
    pub fn doubt(self) -> Option<String> {
        match self {
            Self::Fine => None,
            Self::NotYet(from) => Some(format!("is not valid before {from}")),
            Self::Ends(at, days) if days < DAYS_TO_HURRY => Some(format!("ends very soon: at {at}, in {days} days")),
            Self::Ends(at, days) => Some(format!("ends at {at}, in {days} days")),
            Self::Ended(at) => Some(format!("ended at {at}")),
        }
    }
}

pub(super) fn instant(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(Timestamp::from_unix_millis((i64::from(since.days) * 86_400 + i64::from(since.secs)) * 1000))
}
