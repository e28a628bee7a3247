//! A certificate and a key from one PKCS#12 file.

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::error::{KeyError, Source};
use crate::model::Password;

/// The key of a file and the certificates in it, the key's own first.
pub(super) fn read(source: Source<'_>, password: &Password) -> Result<(PKey<Private>, Vec<X509>), KeyError> {
    let bytes = source.read()?;
    let archive = Pkcs12::from_der(&bytes).map_err(|_| not_pkcs12(source, &bytes))?;
    // The openssl crate panics on a NUL in the password.
    if password.expose().contains('\0') {
        return Err(wrong_password(source));
    }
    let parsed = archive.parse2(password.expose()).map_err(|errors| not_opened(source, &errors))?;
    let key = parsed.pkey.ok_or_else(|| {
        source.error("holds no private key", "export the alias of the signing key, not only its certificate")
    })?;
    let certificate = parsed.cert.ok_or_else(|| {
        source.error("holds no certificate for its private key", "export the key together with its certificate")
    })?;
    let chain = parsed.ca.into_iter().flatten();
    Ok((key, std::iter::once(certificate).chain(chain).collect()))
}

/// The first bytes of a Java keystore: JKS, which WSO2 has by default, and JCEKS, which Oracle Access Manager has.
const JAVA_KEYSTORES: [[u8; 4]; 2] = [[0xFE, 0xED, 0xFE, 0xED], [0xCE, 0xCE, 0xCE, 0xCE]];

fn not_pkcs12(source: Source<'_>, bytes: &[u8]) -> KeyError {
    let file = source.file.display();
    if JAVA_KEYSTORES.iter().any(|magic| bytes.starts_with(magic)) {
        return source.error(
            "is a Java keystore (JKS or JCEKS), not PKCS#12",
            format!(
                "convert it: keytool -importkeystore -srckeystore {file} -destkeystore {file}.p12 -deststoretype PKCS12"
            ),
        );
    }
    if bytes.starts_with(b"-----BEGIN ") {
        return source.error("is PEM, not PKCS#12", "use certificate_file and private_key_file instead of pkcs12_file");
    }
    source.error("is not PKCS#12", "name a .p12 or .pfx file")
}

fn not_opened(source: Source<'_>, errors: &ErrorStack) -> KeyError {
    let reason = |wanted: &str| errors.errors().iter().any(|error| error.reason() == Some(wanted));
    if reason("mac verify failure") {
        return wrong_password(source);
    }
    if reason("unsupported") {
        let file = source.file.display();
        return source.error(
            "is encrypted with an algorithm that OpenSSL 3 no longer has by default (RC2, as old keytool and Windows use)",
            format!(
                "convert it: openssl pkcs12 -legacy -in {file} -nodes -out all.pem && openssl pkcs12 -export -in all.pem \
                 -out {file}.new && rm all.pem"
            ),
        );
    }
    source.openssl("cannot be opened", errors, "export the file again")
}

fn wrong_password(source: Source<'_>) -> KeyError {
    source.error(
        "does not open with this password",
        "check password_file, and that its text is the password of the PKCS#12 file rather than of the alias in it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyField;
    use crate::keys::testing::{Scratch, archive, certificate, rsa};

    fn open(bytes: &[u8], password: &str) -> Result<(PKey<Private>, Vec<X509>), KeyError> {
        let scratch = Scratch::new();
        let file = scratch.write("signing.p12", bytes);
        read(Source { file: &file, field: KeyField::Pkcs12 }, &Password::new(password))
    }

    /// Made by `openssl pkcs12 -export -legacy`: RC2-40 for the certificate, as keytool before Java 8u301.
    fn legacy() -> Vec<u8> {
        let text: String = include_str!("testdata/legacy.p12.base64").split_whitespace().collect();
        openssl::base64::decode_block(&text).unwrap()
    }

    #[test]
    fn opens_with_its_password() {
        let key = rsa(2048);
        let certificate = certificate(&key, 365);
        for password in ["changeit", ""] {
            let (read, certificates) = open(&archive(&key, &certificate, password), password).unwrap();
            assert!(read.public_eq(&key));
            assert_eq!(certificates.first().unwrap().to_der().unwrap(), certificate.to_der().unwrap());
        }
    }

    #[test]
    fn refuses_with_a_remedy() {
        let key = rsa(2048);
        let good = archive(&key, &certificate(&key, 365), "changeit");
        for (bytes, password, message, help) in [
            (good.as_slice(), "changed", "does not open with this password", "password_file"),
            (&good, "change\0it", "does not open with this password", "password_file"),
            (&legacy(), "changeit", "OpenSSL 3 no longer has", "openssl pkcs12 -legacy"),
            (b"\xFE\xED\xFE\xED\0\0\0\x02", "", "is a Java keystore", "keytool -importkeystore"),
            (b"-----BEGIN CERTIFICATE-----", "", "is PEM", "certificate_file"),
            (b"nonsense", "", "is not PKCS#12", ".p12"),
        ] {
            let error = open(bytes, password).err().unwrap();
            assert!(error.message.contains(message) && error.help.contains(help), "{error}");
            assert!(!error.to_string().contains("change"), "{error}");
        }
    }
}
