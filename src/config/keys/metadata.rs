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
            "own: ours, signed; forward: the identity provider's, kept in memory; merge is not offered yet.",
        ),
        optional(
            "idp",
            Kind::Word(&["wso2", "oam"]),
            "Own: where browsers find the identity provider, by its product: /samlsso or /oamfed/idp/samlv20.",
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
            "Own: certificates that it signs with, PEM; published after ours, which need not be repeated.",
        ),
        default(
            "name_id_formats",
            Kind::List(&Kind::Text),
            "[\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\", \
             \"urn:oasis:names:tc:SAML:2.0:nameid-format:transient\"]",
            "Own: the name identifier formats that are published.",
        ),
    ],
};
