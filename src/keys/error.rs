//! What can be wrong with a file of keys or certificates.

use std::fmt;
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use zeroize::Zeroizing;

/// Which of the operator's files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyField {
    /// `certificate_file`.
    Certificate,
    /// `private_key_file`.
    PrivateKey,
    /// `pkcs12_file`.
    Pkcs12,
    /// `ca_file`.
    Authorities,
    /// `client_ca_file`.
    ClientAuthorities,
    /// `crl_file`.
    RevocationLists,
    /// `pkcs11.module`.
    Module,
    /// `pkcs11.token`.
    Token,
    /// `pkcs11.key`.
    Key,
    /// `pkcs11.pin_file`, or `pin`.
    Pin,
}

impl fmt::Display for KeyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate_file",
            Self::PrivateKey => "private_key_file",
            Self::Pkcs12 => "pkcs12_file",
            Self::Authorities => "ca_file",
            Self::ClientAuthorities => "client_ca_file",
            Self::RevocationLists => "crl_file",
            Self::Module => "pkcs11.module",
            Self::Token => "pkcs11.token",
            Self::Key => "pkcs11.key",
            Self::Pin => "pkcs11.pin_file",
        })
    }
}

/// A key file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}; {help}", file.display())]
pub struct KeyError {
    /// The file.
    pub file: PathBuf,
    /// The key in `proxy.yaml` that names the file.
    pub field: KeyField,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// A file with its place in the configuration, from which errors are made.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a Path,
    pub field: KeyField,
}

impl Source<'_> {
    pub fn error(&self, message: impl Into<String>, help: impl Into<String>) -> KeyError {
        KeyError { file: self.file.to_owned(), field: self.field, message: message.into(), help: help.into() }
    }

    /// For a key that is not that of the certificate in the other file, or in the same one.
    pub fn strangers(&self, certificate: Source<'_>) -> KeyError {
        let help = "name the pair that was made together; openssl x509 -noout -pubkey and openssl pkey -pubout must print \
                    the same";
        if self.file == certificate.file {
            return self.error("holds a key and the certificate of another key", help);
        }
        let message =
            format!("is not the key of the certificate in {} ({})", certificate.file.display(), certificate.field);
        self.error(message, help)
    }

    /// The bytes of the file, wiped when dropped.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        std::fs::read(self.file).map(Zeroizing::new).map_err(|error| {
            let help = "check the path, and that the user fedfront runs as may read the file";
            self.error(format!("cannot be read: {error}"), help)
        })
    }

    /// For what OpenSSL says of a file that has no better explanation.
    pub fn openssl(&self, what: &str, errors: &ErrorStack, help: impl Into<String>) -> KeyError {
        let reasons: Vec<&str> = errors.errors().iter().filter_map(openssl::error::Error::reason).collect();
        self.error(format!("{what}: {}", reasons.join(", ")), help)
    }
}
