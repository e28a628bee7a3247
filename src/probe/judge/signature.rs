//! The assertion's signature, and whose it is.

use openssl::pkey::Id;
use openssl::x509::X509;

use super::super::expected::Expected;
use super::super::finding::Findings;
use crate::answers::{Assertion, Signature, Verification};
use crate::dsig::RSA_BITS;
use crate::keys::{self, Description};
use crate::model::Timestamp;

const SIGN: &str = "have the assertion itself signed, by RSA with SHA-256";

pub(super) fn judge(assertion: &Assertion, expected: &Expected, now: Timestamp, findings: &mut Findings) {
    let Some(signature) = &assertion.signature else {
        findings.refused("signature", "the assertion is not signed", SIGN);
        return;
    };
    match &signature.verification {
        Verification::Holds(_) => {}
        Verification::Fails(why) => {
            let help = "look for what changes the answer on its way (a balancer that rewrites or re-indents), and for a certificate \
                        that is not the signing key's";
            findings.refused("signature", format!("the signature does not hold: {why}"), help);
        }
        Verification::NoKey => {
            let help = "have the certificate written into the signature, or name it by --signing-certificate";
            findings.refused("signature", "there is no certificate to verify the signature by", help);
        }
    }
    if signature.certificate.is_none() && matches!(signature.verification, Verification::Holds(_)) {
        let help = "have the certificate written into the signature's KeyInfo";
        findings.warning(
            "certificate",
            "the signature has no certificate in it, which Entra wants to find there",
            help,
        );
    }
    if signature.has_sha1() {
        let help = "sign with SHA-256 (in fedfront: remove signature: rsa-sha1), which Entra takes without being told";
        findings.warning("sha1", "the signature is made with SHA-1, which Microsoft is giving up", help);
    }
    algorithm(signature, expected, findings);
    let signer = match &signature.verification {
        Verification::Holds(by) => Some(by),
        Verification::Fails(_) | Verification::NoKey => signature.certificate.as_ref(),
    };
    if let Some(certificate) = signer {
        judge_certificate(certificate, expected, now, findings);
    }
}

fn algorithm(signature: &Signature, expected: &Expected, findings: &mut Findings) {
    if expected.is_entra() && !signature.algorithm.contains("rsa-sha") {
        let algorithm = if signature.algorithm.is_empty() { "unknown" } else { &signature.algorithm };
        let what = format!("the signature's algorithm is {algorithm}, and Entra verifies RSA alone");
        findings.refused("signature_algorithm", what, SIGN);
    }
}

fn judge_certificate(certificate: &X509, expected: &Expected, now: Timestamp, findings: &mut Findings) {
    let key = certificate.public_key().ok().filter(|key| key.id() == Id::RSA);
    if let Some(bits) = key.map(|key| key.bits()).filter(|bits| bits < RSA_BITS.start()) {
        let help = "make a key of 2048 bits or more, and register its certificate";
        findings.refused("key_length", format!("the signing key has {bits} bits, which is too short"), help);
    }
    let described = Description::of(certificate);
    if !expected.certificates.is_empty() && !expected.certificates.contains(certificate) {
        let registered: Vec<String> = expected.certificates.iter().map(|one| Description::of(one).sha256).collect();
        findings.refused(
            "certificate_not_registered",
            format!(
                "the token is signed by {} (SHA-256 {}), which is not registered: {} has SHA-256 {}. Entra answers AADSTS50008",
                described.subject,
                described.sha256,
                expected.registered,
                registered.join(" and ")
            ),
            "register the certificate for the domain (signingCertificate or nextSigningCertificate), or sign with the registered one",
        );
    }
    if let Some(doubt) = keys::ending(certificate, now) {
        let help = "renew it, and register the new one first (in fedfront: issuer.signing.next)";
        findings.warning("certificate_ends_soon", format!("the signing certificate {doubt}"), help);
    }
}
