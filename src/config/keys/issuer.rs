//! Keys of who we say we are.

use super::kind::{Kind, Spec, default, optional, required};

/// `issuer`.
pub(super) static ISSUER: Spec = Spec {
    doc: "Who we say we are.",
    keys: &[
        required("entity_id", Kind::Text, "SAML entityID; the issuer for parties that do not choose by domain."),
        required("signing", Kind::Section(&SIGNING), "The signing key: two PEM files, or one PKCS#12 file."),
        default("domains", Kind::Map(&Kind::Text), "{}", "UPN domain to issuer, for parties with issuer: by_domain."),
    ],
};

static SIGNING: Spec = Spec {
    doc: "The signing key: certificate_file and private_key_file, or pkcs12_file and its password.",
    keys: &[
        optional("certificate_file", Kind::File, "Certificate, PEM."),
        optional("private_key_file", Kind::File, "Its private key, PEM."),
        optional("pkcs12_file", Kind::File, "Both in one PKCS#12 file."),
        optional("password", Kind::Secret, "Password of the PKCS#12 file."),
        optional("password_file", Kind::File, "File that holds that password."),
    ],
};
