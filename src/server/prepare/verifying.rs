//! Certificates whose keys verify signatures: others' that are believed, and our own from before.

use std::path::Path;

use openssl::x509::{X509, X509VerifyResult};

use super::Findings;
use crate::dsig::{RSA_BITS, is_fit};
use crate::keys;

/// The certificates of a file that `path` names, short of those that are unfit.
pub(super) fn verifying(file: &Path, path: &str, findings: &mut Findings) -> Vec<X509> {
    let mut certificates = match keys::certificates(file) {
        Ok(certificates) => certificates,
        Err(error) => {
            findings.error(path, format!("{}: {}", error.file.display(), error.message), error.help);
            return Vec::new();
        }
    };
    if has_authority(&certificates) {
        let message = format!("{}: holds a certificate and the CA's that issued it", file.display());
        let help = "leave the CA's out: whatever its key signs would be believed, too";
        findings.error(path, message, help);
    }
    certificates.retain(|certificate| {
        let fit = certificate.public_key().is_ok_and(|key| is_fit(&key));
        if !fit {
            let message = format!("{}: holds a key that no token's signature is verified with", file.display());
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            let help =
                format!("give the certificate of an RSA key of {least} to {most} bits, or of P-256, P-384 or P-521");
            findings.error(path, message, help);
        }
        fit
    });
    certificates
}

fn has_authority(certificates: &[X509]) -> bool {
    let issued = |by: &X509, other: &X509| by != other && by.issued(other) == X509VerifyResult::OK;
    certificates.iter().any(|by| certificates.iter().any(|other| issued(by, other)))
}
