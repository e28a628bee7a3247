//! A certificate and a key from PEM files.

use std::cell::Cell;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::error::{KeyError, Source};
use crate::model::Password;

/// The certificates of a file, in its order; at least one.
pub(super) fn certificates(source: Source<'_>) -> Result<Vec<X509>, KeyError> {
    let bytes = source.read()?;
    let file = source.file.display();
    let certificates = X509::stack_from_pem(&bytes).map_err(|errors| {
        source.openssl("holds a damaged certificate", &errors, "write the file again from its source")
    })?;
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    if X509::from_der(&bytes).is_ok() {
        return Err(
            source.error("is DER, not PEM", format!("convert it: openssl x509 -inform DER -in {file} -out {file}.pem"))
        );
    }
    Err(source.error(
        format!("holds no certificate{}", holds_instead(&bytes)),
        "name a PEM file with a block that begins with -----BEGIN CERTIFICATE-----",
    ))
}

/// Whether there is a pass phrase for a key that is encrypted.
#[derive(Clone, Copy)]
pub(super) enum PassPhrase<'a> {
    /// This one.
    Given(&'a Password),
    /// None, but it could be given under this key of the configuration.
    Missing(&'static str),
    /// There is no place to give one.
    Never,
}

/// The private key of a file.
pub(super) fn private_key(source: Source<'_>, pass_phrase: PassPhrase<'_>) -> Result<PKey<Private>, KeyError> {
    let bytes = source.read()?;
    let file = source.file.display();
    // Without a callback OpenSSL would ask for the pass phrase at the terminal.
    let encrypted = Cell::new(false);
    let key = PKey::private_key_from_pem_callback(&bytes, |room| {
        encrypted.set(true);
        let PassPhrase::Given(password) = pass_phrase else { return Ok(0) };
        let password = password.expose().as_bytes();
        let Some(room) = room.get_mut(..password.len()) else { return Ok(0) };
        room.copy_from_slice(password);
        Ok(password.len())
    });
    let decrypted = format!("decrypt it (openssl pkey -in {file} -out {file}.plain, then chmod 600)");
    key.map_err(|errors| {
        if encrypted.get() {
            return match pass_phrase {
                PassPhrase::Given(_) if lacks_algorithm(&errors) => {
                    source.error("is encrypted with an algorithm that OpenSSL 3 no longer has by default", decrypted)
                }
                PassPhrase::Given(_) => source.error(
                    "does not open with this pass phrase",
                    format!("check private_key_password_file; openssl pkey -in {file} -noout asks for the right one"),
                ),
                PassPhrase::Missing(key) => {
                    source.error("is encrypted with a pass phrase", format!("give it in {key}, or {decrypted}"))
                }
                PassPhrase::Never => source.error("is encrypted with a pass phrase", decrypted),
            };
        }
        if PKey::private_key_from_der(&bytes).is_ok() {
            return source
                .error("is DER, not PEM", format!("convert it: openssl pkey -inform DER -in {file} -out {file}.pem"));
        }
        if bytes.windows(PRIVATE_KEY.len()).any(|window| window == PRIVATE_KEY) {
            return source.openssl("holds a damaged private key", &errors, "write the file again from its source");
        }
        source.error(
            format!("holds no private key{}", holds_instead(&bytes)),
            "name a PEM file with a block that begins with -----BEGIN PRIVATE KEY-----",
        )
    })
}

/// Whether OpenSSL does not have what it would need. What a wrong pass phrase leaves is `unsupported` to its decoders, too.
fn lacks_algorithm(errors: &ErrorStack) -> bool {
    let lacks = |library: Option<&str>, reason: Option<&str>| {
        library == Some("digital envelope routines") && reason == Some("unsupported")
    };
    errors.errors().iter().any(|error| lacks(error.library(), error.reason()))
}

const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// What kind of block the file holds instead, for the message.
fn holds_instead(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
    match label {
        Some((label, _)) if label.len() < 40 => format!(", but a block of type {label}"),
        _ if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) => ", but UTF-16 text".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use openssl::symm::Cipher;

    use super::*;
    use crate::keys::KeyField;
    use crate::keys::testing::{Scratch, certificate, elliptic, rsa};

    fn read_certificate(bytes: &[u8]) -> Result<Vec<X509>, KeyError> {
        let scratch = Scratch::new();
        let file = scratch.write("signing.crt", bytes);
        certificates(Source { file: &file, field: KeyField::Certificate })
    }

    fn read_key(bytes: &[u8]) -> Result<PKey<Private>, KeyError> {
        let scratch = Scratch::new();
        let file = scratch.write("signing.key", bytes);
        private_key(
            Source { file: &file, field: KeyField::PrivateKey },
            PassPhrase::Missing("private_key_password_file"),
        )
    }

    #[test]
    fn text_around_the_blocks_is_no_matter() {
        let key = rsa(2048);
        let text = |pem: Vec<u8>| {
            let pem = String::from_utf8(pem).unwrap().replace('\n', "\r\n");
            format!("Bag Attributes\r\n    friendlyName: wso2carbon\r\n{pem}trailing words\r\n").into_bytes()
        };
        assert_eq!(read_certificate(&text(certificate(&key, 365).to_pem().unwrap())).unwrap().len(), 1);
        assert!(read_key(&text(key.private_key_to_pem_pkcs8().unwrap())).unwrap().public_eq(&key));
    }

    #[test]
    fn wrong_certificate_files_say_what_they_are() {
        let key = rsa(2048);
        let der = certificate(&key, 365).to_der().unwrap();
        let damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (bytes, message, help) in [
            (der.as_slice(), "is DER, not PEM", "-inform DER"),
            (&key.private_key_to_pem_pkcs8().unwrap(), "but a block of type PRIVATE KEY", "name a PEM file"),
            (b"", "holds no certificate", "name a PEM file"),
            (b"\xFF\xFE-\0-\0", "but UTF-16 text", "name a PEM file"),
            (damaged, "holds a damaged certificate", "again from its source"),
        ] {
            let error = read_certificate(bytes).unwrap_err();
            assert!(error.message.contains(message) && error.help.contains(help), "{error}");
        }
    }

    #[test]
    fn wrong_key_files_say_what_they_are() {
        let key = rsa(2048);
        let pkcs8 = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"wonderland").unwrap();
        let traditional =
            key.rsa().unwrap().private_key_to_pem_passphrase(Cipher::aes_256_cbc(), b"wonderland").unwrap();
        let damaged = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (bytes, message, help) in [
            (key.private_key_to_der().unwrap().as_slice(), "is DER, not PEM", "-inform DER"),
            (&pkcs8, "is encrypted", "give it in private_key_password_file, or decrypt it (openssl pkey -in"),
            (&traditional, "is encrypted", "openssl pkey -in"),
            (&certificate(&key, 365).to_pem().unwrap(), "but a block of type CERTIFICATE", "name a PEM file"),
            (b"hello", "holds no private key", "name a PEM file"),
            (damaged, "holds a damaged private key", "again from its source"),
        ] {
            let error = read_key(bytes).unwrap_err();
            assert!(error.message.contains(message) && error.help.contains(help), "{error}");
        }
    }

    /// One wrong pass phrase in some 256 leaves octets that are padded well.
    #[test]
    fn a_wrong_pass_phrase_that_leaves_some_octets_is_no_old_algorithm() {
        let (scratch, key) = (Scratch::new(), rsa(2048));
        let traditional = key.rsa().unwrap().private_key_to_pem_passphrase(Cipher::aes_256_cbc(), b"right").unwrap();
        let des = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0102030405060708\n\n\
            AAAAAAAAAAAAAAAAAAAAAA==\n-----END RSA PRIVATE KEY-----\n";
        let [file, old] =
            [("wrong.key", &traditional[..]), ("old.key", des)].map(|(name, pem)| scratch.write(name, pem));
        let [source, old] = [&file, &old].map(|file| Source { file, field: KeyField::PrivateKey });
        for number in 0..2000 {
            let wrong = Password::new(format!("wrong {number}"));
            let error = private_key(source, PassPhrase::Given(&wrong)).unwrap_err();
            assert_eq!(error.message, "does not open with this pass phrase", "{number}");
        }
        let error = private_key(old, PassPhrase::Given(&Password::new("right"))).unwrap_err();
        assert!(error.message.contains("no longer has by default"), "{error}");
    }

    #[test]
    fn an_encrypted_key_opens_with_its_pass_phrase_alone() {
        let key = rsa(2048);
        let curve = elliptic();
        let phrase = b"wonderland \xc3\xa9";
        let (scratch, aes) = (Scratch::new(), Cipher::aes_256_cbc());
        for (number, pem) in [
            key.private_key_to_pem_pkcs8_passphrase(aes, phrase).unwrap(),
            key.rsa().unwrap().private_key_to_pem_passphrase(aes, phrase).unwrap(),
            curve.private_key_to_pem_pkcs8_passphrase(aes, phrase).unwrap(),
            curve.ec_key().unwrap().private_key_to_pem_passphrase(aes, phrase).unwrap(),
        ]
        .iter()
        .enumerate()
        {
            let file = scratch.write("signing.key", pem);
            let source = Source { file: &file, field: KeyField::PrivateKey };
            let right = Password::new(String::from_utf8(phrase.to_vec()).unwrap());
            let read = private_key(source, PassPhrase::Given(&right)).unwrap();
            assert!(read.public_eq(if number < 2 { &key } else { &curve }));
            for wrong in ["", "wonderland", &"w".repeat(100_000)] {
                let error = private_key(source, PassPhrase::Given(&Password::new(wrong))).unwrap_err();
                assert_eq!(error.message, "does not open with this pass phrase", "{number}");
                assert!(!error.to_string().contains("wonderland"), "{error}");
            }
            let error = private_key(source, PassPhrase::Never).unwrap_err();
            assert!(error.help.starts_with("decrypt it"), "{error}");
        }
        let plain = scratch.write("plain.key", &key.private_key_to_pem_pkcs8().unwrap());
        let plain = Source { file: &plain, field: KeyField::PrivateKey };
        assert!(private_key(plain, PassPhrase::Given(&Password::new("needless"))).is_ok());
    }
}
