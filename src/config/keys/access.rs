//! Keys of a relying party's access rules.

use super::kind::{Kind, Spec, optional};

/// What a rule says of whom.
const WHOM: Kind = Kind::WordOr(&["everybody"], &Kind::Section(&CONDITIONS));

/// A rule.
pub(super) static ACCESS: Spec = Spec {
    doc: "A rule about who may sign in: either allow or deny.",
    keys: &[
        optional("allow", WHOM, "Who may: everybody, or whom all of these conditions are true of; absent: deny."),
        optional("deny", WHOM, "Who may not, likewise; absent: allow."),
    ],
};

static CONDITIONS: Spec = Spec {
    doc: "What must be true, all of it; of a list, one is enough.",
    keys: &[
        optional(
            "networks",
            Kind::List(&Kind::Network),
            "Where the client is: to be allowed, with every address that is told of it; to be denied, with one. A client of \
             guard.forwarders or trusted_proxies of which they tell no address is nowhere. Absent: anywhere.",
        ),
        optional(
            "forwarded",
            Kind::Flag,
            "Whether it comes through one of guard.forwarders, whoever the client is; absent: either way.",
        ),
        optional(
            "protocols",
            Kind::List(&Kind::Word(&["wstrust13", "wstrust2005", "ecp"])),
            "What it speaks; absent: any of them.",
        ),
        optional(
            "applications",
            Kind::List(&Kind::Text),
            "The client application that one of guard.forwarders tells, whatever its letter case, or with a * at the end how \
             it begins; absent: any, or none.",
        ),
        optional(
            "groups",
            Kind::List(&Kind::Text),
            "A group of the user's, by common name or DN; absent: any, or none.",
        ),
    ],
};
