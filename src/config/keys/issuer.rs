//! Keys of who we say we are.

use super::kind::{Key, Kind, Spec, default, optional, required};

/// `issuer`.
pub(super) static ISSUER: Spec = Spec {
    doc: "Who we say we are.",
    keys: &[
        required("entity_id", Kind::Text, "SAML entityID; the issuer for parties that do not choose by domain."),
        required(
            "signing",
            Kind::Section(&SIGNING),
            "The signing key: two PEM files, one PKCS#12 file, or a certificate and an HSM.",
        ),
        default("domains", Kind::Map(&Kind::Text), "{}", "UPN domain to issuer, for parties with issuer: by_domain."),
        optional(
            "scope",
            Kind::Text,
            "The institution's domain, behind the @ of scoped attributes and in our metadata; absent: preset edugain cannot be \
             used.",
        ),
        optional(
            "name_salt_file",
            Kind::File,
            "File with the secret that pairwise names are computed with, at least 16 octets of text, kept for ever: another \
             one gives every user other names. Absent: no pairwise names.",
        ),
    ],
};

static SIGNING: Spec = Spec {
    doc: "The signing key: certificate_file and private_key_file, pkcs12_file, or certificate_file and pkcs11.",
    keys: &[
        CERTIFICATE_FILE,
        PRIVATE_KEY_FILE,
        PRIVATE_KEY_PASSWORD,
        PRIVATE_KEY_PASSWORD_FILE,
        PKCS12_FILE,
        PASSWORD,
        PASSWORD_FILE,
        PKCS11,
        optional("next", Kind::Section(&NEXT), "The key that comes next, published ahead; told in the same ways."),
        default("previous", Kind::List(&Kind::File), "[]", "Certificates, PEM, whose tokens still count as ours."),
    ],
};

static NEXT: Spec = Spec {
    doc: "The key that comes next; from its time on, or told to by fedfront promote, it signs.",
    keys: &[
        CERTIFICATE_FILE,
        PRIVATE_KEY_FILE,
        PRIVATE_KEY_PASSWORD,
        PRIVATE_KEY_PASSWORD_FILE,
        PKCS12_FILE,
        PASSWORD,
        PASSWORD_FILE,
        PKCS11,
        optional("from", Kind::Instant, "From when it signs. Absent: from when fedfront promote is run."),
    ],
};

const CERTIFICATE_FILE: Key = optional("certificate_file", Kind::File, "Certificate, PEM.");
const PRIVATE_KEY_FILE: Key =
    optional("private_key_file", Kind::File, "Its private key, PEM: RSA of 2048 to 4096 bits, P-256, P-384 or P-521.");
const PRIVATE_KEY_PASSWORD: Key =
    optional("private_key_password", Kind::Secret, "Pass phrase of an encrypted private key.");
const PRIVATE_KEY_PASSWORD_FILE: Key =
    optional("private_key_password_file", Kind::File, "File that holds that pass phrase.");
const PKCS12_FILE: Key = optional("pkcs12_file", Kind::File, "Both in one PKCS#12 file.");
const PASSWORD: Key = optional("password", Kind::Secret, "Password of the PKCS#12 file.");
const PASSWORD_FILE: Key = optional("password_file", Kind::File, "File that holds that password.");
const PKCS11: Key =
    optional("pkcs11", Kind::Section(&DEVICE), "The private key in a hardware security module, by PKCS#11.");

static DEVICE: Spec = Spec {
    doc: "A private key in a hardware security module, found by labels.",
    keys: &[
        required("module", Kind::File, "The library of its vendor."),
        required("token", Kind::Text, "Label or serial number of the token."),
        required("key", Kind::Text, "Label of the private key."),
        optional("pin", Kind::Secret, "The user's PIN."),
        optional("pin_file", Kind::File, "File that holds the PIN."),
    ],
};
