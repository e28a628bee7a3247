//! Keys of a relying party.

use super::kind::{Kind, Spec, default, optional, required};

/// A relying party.
pub(super) static PARTY: Spec = Spec {
    doc: "A relying party.",
    keys: &[
        required("name", Kind::Text, "Its name in metrics and audit records."),
        optional(
            "preset",
            Kind::Word(&["office365"]),
            "Fills in all that Entra needs for WS-Trust and ECP; what else is set here overrides it.",
        ),
        optional("required_group", Kind::Text, "The group that a user must be in, by common name or DN; absent: none."),
        default(
            "issuer",
            Kind::Word(&["entity_id", "by_domain"]),
            "entity_id",
            "issuer.entity_id, or issuer.domains by the domain of the user's UPN.",
        ),
        optional(
            "applies_to",
            Kind::List(&Kind::Text),
            "The AppliesTo addresses that mean this party; absent: no WS-Trust.",
        ),
        optional("audience", Kind::Text, "What tokens name as audience; absent: the AppliesTo that was asked for."),
        default(
            "signature",
            Kind::Word(&["rsa-sha256", "rsa-sha1"]),
            "rsa-sha256",
            "The signature that it understands.",
        ),
        default("lifetime", Kind::Duration, "1h", "How long a token is valid."),
        optional(
            "longest_lifetime",
            Kind::Duration,
            "How long a token is valid at most, for a client that asks for a Lifetime; absent: lifetime.",
        ),
        default(
            "renewal",
            Kind::WordOr(&["off"], &Kind::Section(&RENEWAL)),
            "{}",
            "How WS-Trust tokens are renewed, and who besides their subject may renew and cancel them; off: not at all.",
        ),
        default(
            "remember_tokens",
            Kind::Flag,
            "true",
            "Whether WS-Trust tokens are remembered, which naming them by reference and renewing them needs.",
        ),
        optional(
            "certificate_file",
            Kind::File,
            "The certificate of the key by which it decrypts, PEM, RSA: for encryption, and for tokens with a symmetric key.",
        ),
        default(
            "encryption",
            Kind::Word(&["off", "aes256-gcm", "aes128-gcm", "aes256-cbc", "aes128-cbc"]),
            "off",
            "Whether, and how, WS-Trust tokens are encrypted for its certificate; CBC only for what knows nothing newer.",
        ),
        optional(
            "token_type_spelling",
            Kind::Word(&["saml-namespace", "token-profile"]),
            "How an answer spells a SAML 1.1 TokenType: urn:oasis:names:tc:SAML:1.0:assertion, as Microsoft's \
             clients want it, or …#SAMLV1.1, as WSO2 writes it; absent: token-profile.",
        ),
        optional(
            "name_identifier",
            Kind::Section(&NAME_IDENTIFIER),
            "The name identifier of WS-Trust tokens, and over ECP unless ecp has its own; absent: the UPN in \
             WS-Trust, transient over ECP.",
        ),
        optional(
            "attributes",
            ATTRIBUTES,
            "The attributes of WS-Trust tokens, and over ECP unless ecp has its own; absent: none.",
        ),
        optional(
            "ecp",
            Kind::WordOr(&["true", "false"], &Kind::Section(&ECP)),
            "Whether it may use ECP; as a section: true, and what it gets there; absent: false.",
        ),
        optional(
            "delegation",
            Kind::List(&Kind::Section(&DELEGATION)),
            "Who may have tokens of others, by OnBehalfOf or ActAs; absent: nobody.",
        ),
        optional("metadata_file", Kind::File, "Its SAML metadata, for ECP."),
        optional("entity_id", Kind::Text, "Its SAML entityID; absent: the one in metadata_file."),
    ],
};

const ATTRIBUTES: Kind = Kind::List(&Kind::Section(&ATTRIBUTE));

static RENEWAL: Spec = Spec {
    doc: "How WS-Trust tokens are renewed.",
    keys: &[
        default("window", Kind::Delay, "5m", "How long after its end a token can still be renewed."),
        default(
            "longest",
            Kind::Duration,
            "12h",
            "How long after the user proved who they are the last of the tokens ends that follow by renewal.",
        ),
        default(
            "askers",
            Kind::List(&Kind::Text),
            "[]",
            "Who besides the subject may renew and cancel a token, by UPN or login.",
        ),
    ],
};

static ECP: Spec = Spec {
    doc: "What it gets over ECP, where that differs.",
    keys: &[
        optional("name_identifier", Kind::Section(&NAME_IDENTIFIER), "Name identifier, where it asks for none."),
        optional("attributes", ATTRIBUTES, "Attributes."),
    ],
};

static DELEGATION: Spec = Spec {
    doc: "Who may have tokens of whom.",
    keys: &[
        required(
            "askers",
            Kind::List(&Kind::Text),
            "Who may ask: users by UPN, login (sAMAccountName, uid) or DN, groups by common name or DN.",
        ),
        required("for", Kind::List(&Kind::Text), "Whose tokens they may have: users and groups, likewise named."),
        default(
            "kinds",
            Kind::List(&Kind::Word(&["on_behalf_of", "act_as"])),
            "[on_behalf_of, act_as]",
            "How: OnBehalfOf makes the other user's own token, ActAs one that says who acts.",
        ),
        default(
            "by_name",
            Kind::Flag,
            "false",
            "Whether the other user's name alone is enough, without a token that shows that they signed in.",
        ),
        default(
            "audiences",
            Kind::List(&Kind::Text),
            "[]",
            "For whom such a token may be besides for us: what an asker is itself known by as a relying party.",
        ),
    ],
};

static NAME_IDENTIFIER: Spec = Spec {
    doc: "Where the name identifier comes from.",
    keys: &[
        required(
            "from",
            Kind::Text,
            "upn, immutable_id, transient (a fresh one for each assertion), or an attribute of the directory.",
        ),
        default(
            "format",
            Kind::Text,
            "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
            "The format that it is said to have.",
        ),
    ],
};

static ATTRIBUTE: Spec = Spec {
    doc: "An attribute that the party gets.",
    keys: &[
        required(
            "name",
            Kind::Text,
            "Its name in the assertion. In SAML 1.1 a claim URI, split at its last /, unless namespace is given.",
        ),
        required("from", Kind::Text, "upn, immutable_id, groups, or an attribute of the directory."),
        optional("namespace", Kind::Text, "SAML 1.1's AttributeNamespace."),
        optional("name_format", Kind::Text, "SAML 2.0's NameFormat."),
        optional("friendly_name", Kind::Text, "SAML 2.0's FriendlyName."),
        default("required", Kind::Flag, "false", "Whether a user without it is refused."),
    ],
};
