//! Whom we believe that a certificate is a user's, and whose.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509Ref, X509StoreContext};

use super::authorities::authorities;
use super::der::{self, SEQUENCE};
use super::error::{KeyError, KeyField, Source};
use super::user_name::{distinguished_name, user_name};
use crate::config::{CertificateCredentials, CertificateName};
use crate::dsig::is_fit;

/// OpenSSL's security level of 112 bits: RSA from 2048 bits, no SHA-1.
const SECURITY_LEVEL: i32 = 2;
/// CAs between a user and a root.
const DEPTH: i32 = 8;

/// A certificate as somebody shows it: proved to be theirs, by TLS or by a signature, and not yet believed.
#[derive(Clone, Debug)]
pub struct ShownCertificate {
    /// Their own.
    pub leaf: X509,
    /// What they sent with it to lead to a root.
    pub chain: Vec<X509>,
}

/// The CAs that certify users, and how a certificate names one.
pub struct ClientTrust {
    store: X509Store,
    name: CertificateName,
}

impl ClientTrust {
    /// Reads the CAs and their revocation lists.
    ///
    /// # Errors
    /// A file that cannot be read, or holds nothing of its kind.
    pub fn load(config: &CertificateCredentials) -> Result<Self, KeyError> {
        let authorities = authorities(&config.ca_file)?;
        let damaged = |errors: ErrorStack| {
            let source = Source { file: &config.ca_file, field: KeyField::Authorities };
            source.openssl("cannot be used", &errors, "write the file again from its source")
        };
        let mut store = builder(&authorities, config.crl_file.is_some()).map_err(damaged)?;
        if let Some(file) = &config.crl_file {
            add_revocation_lists(&mut store, file)?;
        }
        Ok(Self { store: store.build(), name: config.name })
    }

    /// Whom the certificate names, if one of the CAs vouches for it: now, for clients, and it is not revoked.
    ///
    /// # Errors
    /// Why not, for the audit log.
    pub fn user_of(&self, shown: &ShownCertificate) -> Result<String, String> {
        match self.verify(shown) {
            Ok(None) => user_name(&shown.leaf, self.name).map_err(str::to_owned),
            Ok(Some(reason)) => Err(format!("the certificate is not trusted: {reason}")),
            Err(error) => Err(format!("the certificate cannot be verified: {error}")),
        }
    }

    /// Why it is not trusted.
    fn verify(&self, shown: &ShownCertificate) -> Result<Option<&'static str>, ErrorStack> {
        let mut chain = Stack::new()?;
        shown.chain.iter().try_for_each(|between| chain.push(between.clone()))?;
        X509StoreContext::new()?.init(&self.store, &shown.leaf, &chain, |context| {
            Ok(if context.verify_cert()? { None } else { Some(context.error().error_string()) })
        })
    }
}

fn builder(authorities: &[X509], revocation: bool) -> Result<X509StoreBuilder, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    authorities.iter().try_for_each(|authority| store.add_cert(authority.clone()))?;
    let mut wanted = X509VerifyParam::new()?;
    wanted.set_purpose(X509PurposeId::SSL_CLIENT)?;
    wanted.set_auth_level(SECURITY_LEVEL);
    wanted.set_depth(DEPTH);
    if revocation {
        wanted.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)?;
    }
    store.set_param(&wanted)?;
    Ok(store)
}

fn add_revocation_lists(store: &mut X509StoreBuilder, file: &Path) -> Result<(), KeyError> {
    let source = Source { file, field: KeyField::RevocationLists };
    let help = "name a PEM file with blocks that begin with -----BEGIN X509 CRL-----";
    source.read()?;
    // OpenSSL's binding takes no other path.
    if file.to_str().is_none() {
        return Err(source.error("has a path that is not UTF-8", "give it another name"));
    }
    let added = store.add_lookup(X509Lookup::file()).and_then(|lookup| lookup.load_crl_file(file, SslFiletype::PEM));
    match added {
        Ok(1..) => Ok(()),
        Ok(_) => Err(source.error("holds no revocation list", help)),
        Err(errors) => Err(source.openssl("holds no revocation list", &errors, help)),
    }
}

impl ShownCertificate {
    /// A certificate alone: DER, and nothing after it.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        Some(Self { leaf: certificate(der)?, chain: Vec::new() })
    }

    /// X509PKIPathv1: the certificates of a path, the one nearest to the root first (ITU-T X.509, PkiPath).
    pub fn from_pki_path(der: &[u8]) -> Option<Self> {
        let mut rest = der::only(der, SEQUENCE)?;
        let mut path = Vec::new();
        while !rest.is_empty() && path.len() <= DEPTH as usize {
            let (_, after) = der::first(rest)?;
            let (own, _) = rest.split_at_checked(rest.len() - after.len())?;
            path.push(certificate(own)?);
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
        let leaf = path.pop()?;
        path.reverse();
        Some(Self { leaf, chain: path })
    }

    /// Whose it says it is, for logs.
    pub fn subject(&self) -> String {
        distinguished_name(self.leaf.subject_name())
    }

    /// Its serial number as `openssl x509 -serial` prints it, for the audit log.
    pub fn serial_number(&self) -> Option<String> {
        let number = self.leaf.serial_number().to_bn().and_then(|number| number.to_hex_str());
        number.ok().map(|number| number.to_string())
    }

    /// Its key, if a signature may be verified by it.
    pub fn public_key(&self) -> Option<PKey<Public>> {
        let key = self.leaf.public_key().ok()?;
        is_fit(&key).then_some(key)
    }
}

fn certificate(der: &[u8]) -> Option<X509> {
    X509::from_der(der).ok().filter(|read| is_same(read, der))
}

/// Whether nothing was left over.
fn is_same(read: &X509Ref, der: &[u8]) -> bool {
    read.to_der().is_ok_and(|again| again == der)
}

#[cfg(test)]
#[path = "client_trust_tests.rs"]
mod tests;
