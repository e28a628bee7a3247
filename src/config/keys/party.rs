//! Keys of a relying party.

use super::access::ACCESS;
use super::kind::{Key, Kind, Spec, default, optional, required};
use super::names::{ALGORITHM, AWS, PAIRWISE, RELEASED_TO, SCOPE};

/// A relying party.
pub(super) static PARTY: Spec = Spec {
    doc: "A relying party.",
    keys: &[
        required("name", Kind::Text, "Its name in metrics and audit records."),
        optional(
            "preset",
            Kind::Word(&["office365", "aws", "openstack", "edugain"]),
            "Fills in all that Entra needs for WS-Trust and ECP; what else is set here overrides it. Or the names and \
             attributes that AWS, OpenStack's keystone or service providers of eduGAIN need for ECP; attributes that are set \
             here are added to those.",
        ),
        optional("required_group", Kind::Text, "The group that a user must be in, by common name or DN; absent: none."),
        optional(
            "access",
            Kind::List(&Kind::Section(&ACCESS)),
            "From where, with what and by which protocol users may sign in: the first rule that fits decides, and the last is for \
             everybody. Absent: without restriction.",
        ),
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
            "The signature that it understands; by a key of an elliptic curve, rsa-sha256 is ECDSA.",
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
            Kind::Word(&["saml-namespace", "token-profile", "as-asked"]),
            "How an answer spells TokenType: urn:oasis:names:tc:SAML:1.0:assertion and …:2.0:assertion, as Microsoft's \
             clients want it, …#SAMLV1.1 and …#SAMLV2.0, as WSO2 writes it, or as the request spells it, and without one as \
             WSO2; absent: as-asked.",
        ),
        optional(
            "name_identifier",
            NAME_IDENTIFIERS,
            "The name identifier of WS-Trust tokens, and over ECP unless ecp has its own; absent: the UPN in \
             WS-Trust, transient over ECP. Of several, WS-Trust has the first; over ECP a NameIDPolicy chooses, then the \
             metadata of the service provider, the first being preferred.",
        ),
        optional(
            "attributes",
            ATTRIBUTES,
            "The attributes of WS-Trust tokens, and over ECP unless ecp has its own; absent: none.",
        ),
        optional(
            "entra",
            Kind::Section(&ENTRA),
            "What Entra reads of a sign-in besides who it is, as claims of WS-Trust tokens; absent: none of it.",
        ),
        optional("aws", Kind::Section(&AWS), "With preset: aws, which roles users have there."),
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
        optional("metadata_source", Kind::Text, "The one of metadata_sources that its SAML metadata is in, for ECP."),
        optional(
            "entity_id",
            Kind::Text,
            "Its SAML entityID; absent: the one in metadata_file, or every service provider of metadata_source.",
        ),
        optional(
            "entity_categories",
            Kind::List(&Kind::Text),
            "With metadata_source: only service providers of one of these entity categories; absent: of any, or none.",
        ),
    ],
};

const NAME_IDENTIFIERS: Kind = Kind::OneOrMany(&Kind::Section(&NAME_IDENTIFIER));
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
        optional("name_identifier", NAME_IDENTIFIERS, "Name identifier, or several, the one to be preferred first."),
        optional("attributes", ATTRIBUTES, "Attributes."),
        optional(
            "encrypt",
            Kind::Word(&["auto", "off", "required"]),
            "Whether assertions are encrypted: auto, where its metadata has a key for that; off; required, or there is none. \
             Absent: auto, and off for Office 365, which cannot decrypt.",
        ),
        optional(
            "content_encryption",
            Kind::Word(&["aes256-gcm", "aes128-gcm", "aes256-cbc", "aes128-cbc"]),
            "How they are; absent: by the best EncryptionMethod in its metadata, and where it lists none by aes256-gcm.",
        ),
        default("sign_response", Kind::Flag, "false", "Whether the Response is signed, besides the assertion in it."),
        default(
            "request_authenticated",
            Kind::Flag,
            "true",
            "Whether the client is told, by ecp:RequestAuthenticated, that its request's signature was verified; pysaml2 \
             cannot read that.",
        ),
        default(
            "accept_sha1",
            Kind::Flag,
            "false",
            "Whether signatures of its requests may be made with SHA-1; Microsoft's are.",
        ),
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
        optional(
            "from",
            Kind::Text,
            "upn, immutable_id, transient (a fresh one for each assertion), or an attribute of the directory; absent: \
             template or first_of.",
        ),
        TEMPLATE,
        FIRST_OF,
        PAIRWISE,
        ALGORITHM,
        ENCODE,
        MATCH,
        CASE,
        SCOPE,
        optional(
            "format",
            Kind::Text,
            "The URI of the format that it is said to have; absent: persistent for pairwise, else unspecified.",
        ),
    ],
};

static ATTRIBUTE: Spec = Spec {
    doc: "An attribute that the party gets: a claim. Its values come from one of from, value, template, first_of, \
          roles and pairwise, and are then encoded, matched, put in a letter case and given a scope, in this order.",
    keys: &[
        required(
            "name",
            Kind::Text,
            "Its name in the assertion. In SAML 1.1 a claim URI, split at its last /, unless namespace is given.",
        ),
        optional(
            "from",
            Kind::Text,
            "upn, immutable_id, groups, or an attribute of the directory: all of its values; absent: another source.",
        ),
        optional(
            "value",
            Kind::OneOrMany(&Kind::Text),
            "A value, or several, that everybody has; absent: another source.",
        ),
        TEMPLATE,
        FIRST_OF,
        optional(
            "roles",
            Kind::Map(&Kind::Text),
            "By group, common name or DN, a role: the values are the roles of the groups that the user is in, in this \
             order, each once; absent: another source.",
        ),
        PAIRWISE,
        ALGORITHM,
        ENCODE,
        MATCH,
        CASE,
        SCOPE,
        default("only_first", Kind::Flag, "false", "Whether only the first of its values is given."),
        optional("namespace", Kind::Text, "SAML 1.1's AttributeNamespace."),
        optional("name_format", Kind::Text, "SAML 2.0's NameFormat."),
        optional("friendly_name", Kind::Text, "SAML 2.0's FriendlyName."),
        default(
            "required",
            Kind::Flag,
            "false",
            "Whether a user without it is refused, and a request that does not ask for it gets it all the same.",
        ),
        optional(
            "released_to",
            Kind::List(&Kind::Section(&RELEASED_TO)),
            "The service providers that get it over ECP: those of which one of these is true; absent: all.",
        ),
    ],
};

const TEMPLATE: Key = optional(
    "template",
    Kind::Text,
    "A text with the first value of each attribute in its place, such as {givenName} {sn}; {{ and }} are braces. No \
     value if one of them has none. Absent: another source.",
);

const FIRST_OF: Key = optional(
    "first_of",
    Kind::List(&Kind::Text),
    "The values of the first of these attributes that has any; absent: another source.",
);

const ENCODE: Key = optional(
    "encode",
    Kind::Word(&["base64", "base32", "hex", "guid"]),
    "How its octets are written; guid is for 16 of them, in Microsoft's order. Absent: text as it is, octets as base64.",
);

const MATCH: Key = optional(
    "match",
    Kind::Section(&MATCH_SECTION),
    "What each value must match, and becomes; one that does not match, or is longer than 1024 bytes, is left out.",
);

const CASE: Key =
    optional("case", Kind::Word(&["lower", "upper"]), "The letter case of its values; absent: as they are.");

static MATCH_SECTION: Spec = Spec {
    doc: "A regular expression that values must match.",
    keys: &[
        required(
            "pattern",
            Kind::Text,
            "A regular expression of Rust's regex crate, which the whole value must match.",
        ),
        optional(
            "replace",
            Kind::Text,
            "What the value becomes: {1} and {name} are groups of the pattern, {0} is the value. Absent: it stays.",
        ),
    ],
};

static ENTRA: Spec = Spec {
    doc: "What Entra reads of a sign-in besides who it is.",
    keys: &[
        optional(
            "inside_corporate_network",
            Kind::List(&Kind::Network),
            "insidecorporatenetwork: whether the client's address is in one of these networks. That of a trusted proxy \
             never is. Absent: not said.",
        ),
        optional(
            "password_expiry",
            Kind::Section(&PASSWORD_EXPIRY),
            "passwordexpirationtime, passwordexpirationdays and passwordchangeurl, within 14 days of the password's end; \
             absent: not said.",
        ),
        default("account_type", Kind::Flag, "false", "accounttype: User."),
        default("issuer_id", Kind::Flag, "false", "issuerid: the issuer of the token."),
        default("authentication_instant", Kind::Flag, "false", "authenticationinstant: when the password was checked."),
    ],
};

static PASSWORD_EXPIRY: Spec = Spec {
    doc: "When the password ends.",
    keys: &[
        default(
            "attribute",
            Kind::Text,
            "msDS-UserPasswordExpiryTimeComputed",
            "The directory's attribute with that instant, as Active Directory counts time.",
        ),
        optional("change_url", Kind::Text, "The https address where a password can be changed; absent: not said."),
    ],
};
