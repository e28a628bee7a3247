//! What makes a key and a certificate fit to sign with.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Private};
use openssl::x509::X509;

use super::device::in_device;
use super::error::{KeyError, KeyField, Source};
use super::pem::PassPhrase;
use super::validity::{Term, Validity};
use super::{pem, pkcs12};
use crate::config::SigningFiles;
use crate::dsig::{KeyKind, RSA_BITS, SigningKey, SigningKeyError};
use crate::model::Timestamp;

/// A signing key, and how long its certificate lasts.
pub struct LoadedKey {
    /// The key, with its certificate.
    pub key: SigningKey,
    /// Why its device could not be asked yet, where it is not there now. Whether the key is the certificate's is seen when it
    /// signs.
    pub absent: Option<KeyError>,
    validity: Validity,
}

/// Reads the signing key, and holds it against what signing needs.
///
/// # Errors
/// The first thing that is wrong: an unreadable file, another format, a wrong password, a device whose key
/// does not sign, a key that is neither RSA of 2048 bits or more nor of P-256, P-384 or P-521, a certificate of another key. An
/// expired certificate is no error but a [warning](LoadedKey::warnings), and a device that is [absent](LoadedKey::absent) the
/// caller's to judge.
pub fn load(files: &SigningFiles) -> Result<LoadedKey, KeyError> {
    match files {
        SigningFiles::Pem { certificate_file, private_key_file, password } => {
            let certificate_source = Source { file: certificate_file, field: KeyField::Certificate };
            let key_source = Source { file: private_key_file, field: KeyField::PrivateKey };
            let certificates = pem::certificates(certificate_source)?;
            let pass_phrase =
                password.as_ref().map_or(PassPhrase::Missing("private_key_password_file"), PassPhrase::Given);
            let key = pem::private_key(key_source, pass_phrase)?;
            join(key, certificates, key_source, certificate_source)
        }
        SigningFiles::Pkcs12 { file, password } => {
            let source = Source { file, field: KeyField::Pkcs12 };
            let (key, certificates) = pkcs12::read(source, password)?;
            join(key, certificates, source, source)
        }
        SigningFiles::Pkcs11 { certificate_file, key } => {
            let source = Source { file: certificate_file, field: KeyField::Certificate };
            in_device(&pem::certificates(source)?, key, source)
        }
    }
}

/// The certificates of a PEM file, in its order; at least one.
///
/// # Errors
/// A file that cannot be read, holds none, or a damaged one.
pub fn certificates(file: &Path) -> Result<Vec<X509>, KeyError> {
    pem::certificates(Source { file, field: KeyField::Certificate })
}

impl LoadedKey {
    pub(super) fn new(key: SigningKey, source: Source<'_>, absent: Option<KeyError>) -> Result<Self, KeyError> {
        let validity = Validity::of(key.certificate()).map_err(|errors| damaged(source, &errors))?;
        Ok(Self { key, absent, validity })
    }

    /// When the certificate ends, Unix seconds.
    pub fn not_after_unix(&self) -> i64 {
        self.validity.not_after_unix()
    }

    /// What an operator should know at `now`, though signing works: each for after the name of the certificate.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let term = self.validity.at(now);
        let consequence = match term {
            Term::Ended(_) => "; Entra and most service providers refuse its tokens",
            _ => "",
        };
        let length = (self.key.kind() == KeyKind::Rsa && self.key.public().bits() > USUAL_BITS)
            .then(|| format!("has an RSA key of {} bits: each signature takes long", self.key.public().bits()));
        term.doubt().map(|doubt| format!("{doubt}{consequence}")).into_iter().chain(length).collect()
    }
}

/// Bits of an RSA key.
pub(super) const LEAST_BITS: u32 = *RSA_BITS.start();
/// Bits of an RSA key: more cost a core dozens of milliseconds a signature.
const USUAL_BITS: u32 = 4096;
const MAKE_A_KEY: &str = "make a new one: openssl req -x509 -newkey rsa:2048 -nodes -days 1095 -subj /CN=signing -keyout signing.key -out signing.crt";

fn join(
    key: PKey<Private>,
    certificates: Vec<X509>,
    key_source: Source<'_>,
    certificate_source: Source<'_>,
) -> Result<LoadedKey, KeyError> {
    fit(&key, key_source)?;
    let own = certificates
        .into_iter()
        .find(|certificate| certificate.public_key().is_ok_and(|public| public.public_eq(&key)))
        .ok_or_else(|| key_source.strangers(certificate_source))?;
    let key = SigningKey::new(key, own).map_err(|error| unusable(certificate_source, error))?;
    LoadedKey::new(key, certificate_source, None)
}

/// The kind of a key that is fit to sign.
pub(super) fn fit<T: HasPublic>(key: &PKeyRef<T>, source: Source<'_>) -> Result<KeyKind, KeyError> {
    match KeyKind::of(key) {
        Some(KeyKind::Rsa) if key.bits() < LEAST_BITS => {
            Err(source.error(format!("is an RSA key of {} bits; {LEAST_BITS} is the least", key.bits()), MAKE_A_KEY))
        }
        Some(kind) => Ok(kind),
        None => {
            let what = if key.id() == Id::EC { "a key of another elliptic curve" } else { algorithm(key) };
            let message = format!("is {what}, and tokens are signed by RSA, P-256, P-384 and P-521 only");
            Err(source.error(message, MAKE_A_KEY))
        }
    }
}

pub(super) fn damaged(source: Source<'_>, errors: &ErrorStack) -> KeyError {
    source.openssl("holds a damaged certificate", errors, "write the file again from its source")
}

pub(super) fn unusable(source: Source<'_>, error: SigningKeyError) -> KeyError {
    source.error(format!("cannot be signed with: {error}"), MAKE_A_KEY)
}

pub(super) fn algorithm<T: HasPublic>(key: &PKeyRef<T>) -> &'static str {
    match key.id() {
        Id::EC => "an elliptic curve key",
        Id::ED25519 | Id::ED448 => "an EdDSA key",
        Id::RSA_PSS => "an RSA key for PSS signatures only",
        Id::DSA => "a DSA key",
        _ => "not an RSA key",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openssl::nid::Nid;

    use super::*;
    use crate::keys::testing::{Scratch, archive, certificate, curve, rsa};
    use crate::model::Password;

    fn load_pem(key: &PKey<Private>, certificates: &[&X509]) -> Result<LoadedKey, KeyError> {
        let scratch = Scratch::new();
        let pem: Vec<u8> = certificates.iter().flat_map(|certificate| certificate.to_pem().unwrap()).collect();
        load(&SigningFiles::Pem {
            certificate_file: scratch.write("signing.crt", &pem),
            private_key_file: scratch.write("signing.key", &key.private_key_to_pem_pkcs8().unwrap()),
            password: None,
        })
    }

    fn refused(result: Result<LoadedKey, KeyError>) -> KeyError {
        result.err().expect("refused")
    }

    #[test]
    fn a_pair_is_loaded_and_its_certificate_found_in_any_order() {
        let (key, other) = (rsa(2048), rsa(2048));
        let (own, ca) = (certificate(&key, 365), certificate(&other, 365));
        for order in [[&own, &ca], [&ca, &own]] {
            let loaded = load_pem(&key, &order).unwrap();
            assert_eq!(loaded.key.certificate(), &own);
            assert!(loaded.key.is_proved().unwrap());
        }
    }

    #[test]
    fn each_fit_kind_is_loaded_and_what_is_slow_is_told() {
        for (key, kind, slow) in [
            (rsa(3072), KeyKind::Rsa, false),
            (rsa(4096), KeyKind::Rsa, false),
            (rsa(4104), KeyKind::Rsa, true),
            (curve(Nid::X9_62_PRIME256V1), KeyKind::P256, false),
            (curve(Nid::SECP384R1), KeyKind::P384, false),
            (curve(Nid::SECP521R1), KeyKind::P521, false),
        ] {
            let loaded = load_pem(&key, &[&certificate(&key, 365)]).unwrap();
            let now = Timestamp::from_unix_millis(loaded.not_after_unix() * 1000 - 100 * 86_400_000);
            assert_eq!((loaded.key.kind(), loaded.warnings(now).len()), (kind, usize::from(slow)));
        }
    }

    #[test]
    fn pkcs12_is_loaded() {
        let key = rsa(2048);
        let scratch = Scratch::new();
        let file = scratch.write("signing.p12", &archive(&key, &certificate(&key, 365), "changeit"));
        let loaded = load(&SigningFiles::Pkcs12 { file, password: Password::new("changeit") }).unwrap();
        assert!(loaded.key.public().public_eq(&key) && loaded.key.is_proved().unwrap());
    }

    #[test]
    fn unfit_keys_are_refused() {
        let (good, short, odd) = (rsa(2048), rsa(1024), curve(Nid::SECP256K1));
        for (key, certified, field, message) in [
            (&odd, &odd, KeyField::PrivateKey, "is a key of another elliptic curve"),
            (&short, &short, KeyField::PrivateKey, "is an RSA key of 1024 bits"),
            (&good, &short, KeyField::PrivateKey, "/signing.crt"),
        ] {
            let error = refused(load_pem(key, &[&certificate(certified, 365)]));
            assert_eq!(error.field, field, "{error}");
            assert!(error.message.contains(message) && error.help.contains("openssl"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let scratch = Scratch::new();
        let missing = scratch.path("missing.crt");
        let error = refused(load(&SigningFiles::Pem {
            certificate_file: missing.clone(),
            private_key_file: missing.clone(),
            password: None,
        }));
        assert_eq!((error.field, &error.file), (KeyField::Certificate, &missing));
        assert!(error.to_string().starts_with(missing.to_str().unwrap()), "{error}");
    }

    #[test]
    fn an_expired_certificate_is_a_warning() {
        let key = rsa(2048);
        let loaded = load_pem(&key, &[&certificate(&key, 365)]).unwrap();
        let end = Timestamp::from_unix_millis(loaded.not_after_unix() * 1000);
        let days = |count: u64| Duration::from_secs(count * 86_400);
        for (now, expected) in [
            (end, Some("ended at")),
            (end.minus(days(10)), Some("in 10 days")),
            (end.minus(days(31)), None),
            (end.minus(days(400)), Some("not valid before")),
        ] {
            let warnings = loaded.warnings(now);
            assert_eq!(warnings.len(), usize::from(expected.is_some()), "{warnings:?}");
            assert!(warnings.iter().zip(expected).all(|(text, part)| text.contains(part)), "{warnings:?}");
        }
    }
}
