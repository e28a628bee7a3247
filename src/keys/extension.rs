//! The extensions of a certificate (RFC 5280, 4.1).

use openssl::x509::X509Ref;

use super::der::{self, BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// `extensions`, `[3]`, of a TBSCertificate.
const EXTENSIONS: u8 = 0xA3;

/// The contents of the extension of that kind of a certificate's DER; the inner `None` where it has none. `None` for what
/// cannot be read in one way only: an extension that is there twice, too.
pub(super) fn extension<'c>(certificate: &'c [u8], kind: &[u8]) -> Option<Option<&'c [u8]>> {
    let (to_be_signed, _) = der::first(der::only(certificate, SEQUENCE)?)?;
    let parts = der::all(to_be_signed.contents)?;
    let extensions = match parts.iter().find(|part| part.tag == EXTENSIONS) {
        Some(extensions) => der::all(der::only(extensions.contents, SEQUENCE)?)?,
        None => Vec::new(),
    };
    let mut found = None;
    for extension in extensions {
        let parts = der::all(extension.contents)?;
        let (own, value) = match parts.as_slice() {
            [own, value] => (own, value),
            [own, critical, value] if critical.tag == BOOLEAN => (own, value),
            _ => return None,
        };
        if own.tag == OBJECT_IDENTIFIER && own.contents == kind {
            if value.tag != OCTET_STRING || found.is_some() {
                return None;
            }
            found = Some(value.contents);
        }
    }
    Some(found)
}

/// Whether it is of X.509's first version, which knows no extensions.
pub(super) fn is_first_version(certificate: &X509Ref) -> bool {
    certificate.version() == 0
}
