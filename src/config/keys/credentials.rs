//! Keys of what the STS takes besides passwords.

use super::kind::{Kind, Spec, default, optional, required};

/// `credentials`.
pub(super) static CREDENTIALS: Spec = Spec {
    doc: "What the STS takes besides a user name and a password.",
    keys: &[
        optional(
            "certificate",
            Kind::Section(&CERTIFICATE_CREDENTIALS),
            "X.509 certificates: of TLS clients, and such that sign a message; absent: none.",
        ),
        optional(
            "issued_token",
            Kind::Section(&ISSUED_TOKEN),
            "SAML tokens, ours and those of the issuers that are listed; absent: none.",
        ),
    ],
};

static ISSUED_TOKEN: Spec = Spec {
    doc: "Tokens that users sign in with.",
    keys: &[default(
        "issuers",
        Kind::List(&Kind::Section(&TOKEN_ISSUER)),
        "[]",
        "Whose tokens are believed besides ours, also where relying_parties[].delegation lets one be shown.",
    )],
};

static TOKEN_ISSUER: Spec = Spec {
    doc: "An issuer whose tokens are believed.",
    keys: &[
        required("entity_id", Kind::Text, "Its name, as its tokens have it."),
        required("certificate_files", Kind::List(&Kind::File), "The certificates that it signs with, PEM."),
        default(
            "name",
            Kind::Text,
            "name_identifier",
            "Where its tokens have the name that the directory knows the user by: name_identifier, or a claim's URI.",
        ),
    ],
};

static CERTIFICATE_CREDENTIALS: Spec = Spec {
    doc: "Certificates that users sign in with.",
    keys: &[
        required("ca_file", Kind::File, "The root CAs that they come from, and CAs between, PEM."),
        optional(
            "crl_file",
            Kind::File,
            "Revocation lists of every CA in ca_file, PEM; absent: revocation is not checked.",
        ),
        default(
            "name",
            Kind::Word(&["upn", "email", "common_name", "subject"]),
            "upn",
            "What of a certificate is looked up in the directory; upn and email: of its subjectAltName.",
        ),
    ],
};
