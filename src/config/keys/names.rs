//! Keys of pairwise names, of scopes, of whom attributes are released to, and of what AWS needs.

use super::kind::{Key, Kind, Spec, default, optional};

pub(super) static RELEASED_TO: Spec = Spec {
    doc: "What must be true of a service provider that gets an attribute, by its metadata.",
    keys: &[
        optional("category", Kind::Text, "It is of this entity category; absent: of any or none."),
        default(
            "requested",
            Kind::Flag,
            "false",
            "It asks for the attribute, by RequestedAttribute, or subject-id:req for subject-id and pairwise-id.",
        ),
    ],
};

pub(super) static AWS: Spec = Spec {
    doc: "What users may do in Amazon Web Services.",
    keys: &[
        optional(
            "roles",
            Kind::Map(&Kind::Text),
            "By group, common name or DN, the ARNs of a role and of the identity provider in IAM, with a comma between; \
             absent: an attribute of the party gives them.",
        ),
        optional("session_duration", Kind::Duration, "How long a session lasts, 15m to 12h; absent: as AWS says, 1h."),
    ],
};

pub(super) const PAIRWISE: Key = optional(
    "pairwise",
    Kind::Text,
    "upn, immutable_id, or an attribute of the directory whose first value a user keeps for ever: a name is computed from it, \
     the service provider's entityID and issuer.name_salt_file, another for each service provider. Absent: another source.",
);

pub(super) const ALGORITHM: Key = optional(
    "algorithm",
    Kind::Word(&["hmac-sha256", "shibboleth"]),
    "How a pairwise name is computed; shibboleth: as its ComputedId does, by SHA-1, for users that have such names already. \
     Absent: hmac-sha256.",
);

pub(super) const SCOPE: Key = optional(
    "scope",
    Kind::Text,
    "A domain that is put behind each value, with an @; a value that has another there is left out. Absent: none.",
);
