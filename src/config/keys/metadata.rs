//! Keys of how SAML metadata is published.

use super::kind::{Kind, Spec, default, optional};

/// `metadata`.
pub(super) static METADATA: Spec = Spec {
    doc: "How SAML metadata is published.",
    keys: &[
        default(
            "mode",
            Kind::Word(&["own", "forward", "merge"]),
            "forward",
            "own: ours, signed; forward: the identity provider's, kept in memory; merge: the identity provider's with our \
             ECP endpoint and keys, signed by us.",
        ),
        optional(
            "idp",
            Kind::Word(&["wso2", "oam"]),
            "The identity provider's product, by which it is known where browsers find it (/samlsso and /passivests, or \
             /oamfed/idp/samlv20), for metadata and for fedfront entra, and where it has its metadata.",
        ),
        optional(
            "sso_redirect",
            Kind::Text,
            "Own: its sign-on by HTTP-Redirect, a path on public_url or an https URL; absent: as idp has it, or none.",
        ),
        optional("sso_post", Kind::Text, "The same by HTTP-POST."),
        optional("slo_redirect", Kind::Text, "Own: its logout by HTTP-Redirect, likewise."),
        optional("slo_post", Kind::Text, "The same by HTTP-POST."),
        default(
            "idp_certificates",
            Kind::List(&Kind::File),
            "[]",
            "Own, and WS-Federation's: certificates that it signs with, PEM; published after ours, which need not be \
             repeated.",
        ),
        default(
            "name_id_formats",
            Kind::List(&Kind::Text),
            "[\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\", \
             \"urn:oasis:names:tc:SAML:2.0:nameid-format:transient\"]",
            "Own: the name identifier formats that are published.",
        ),
        optional(
            "idp_metadata",
            Kind::HttpPath,
            "Merge: the path at which the identity provider has its own; absent: as idp has it, or the first of \
             endpoints.metadata.",
        ),
        optional(
            "idp_certificate_file",
            Kind::File,
            "Merge: the certificates of the keys that it signs its metadata with, PEM: one, or the next as well.",
        ),
        default(
            "allow_unsigned",
            Kind::Flag,
            "false",
            "Merge: whether its metadata is believed without a signature, as upstream.tls brings it.",
        ),
        default("allow_sha1", Kind::Flag, "false", "Merge: whether a signature by SHA-1 is believed."),
        default(
            "move",
            Kind::List(&Kind::Text),
            "[]",
            "Merge: addresses in its metadata, whole or up to a /, that are published as addresses on public_url.",
        ),
        optional(
            "passive",
            Kind::Text,
            "Where browsers sign in by WS-Federation, for its metadata: a path on public_url or an https URL; absent: as \
             idp has it, or none.",
        ),
        default(
            "certificate_ids",
            Kind::Section(&CERTIFICATE_IDS),
            "{}",
            "The ids by which endpoints.certificate is asked for our certificates, besides their SHA-1 and SHA-256 \
             fingerprints; another id is asked of the identity provider.",
        ),
    ],
};

static CERTIFICATE_IDS: Spec = Spec {
    doc: "Ids of our certificates.",
    keys: &[
        default("current", Kind::List(&Kind::Text), "[]", "Those of issuer.signing."),
        default("next", Kind::List(&Kind::Text), "[]", "Those of issuer.signing.next."),
    ],
};
