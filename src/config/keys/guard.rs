//! Lockout protection.

use super::kind::{Kind, Spec, default, optional};

pub(super) static GUARD: Spec = Spec {
    doc: "Lockout protection, counted by directory entry.",
    keys: &[
        default(
            "mode",
            Kind::Word(&["enforce", "observe"]),
            "enforce",
            "Whether who would be refused is, or is only told of in metrics and the audit log.",
        ),
        default(
            "threshold",
            Kind::Count(1, 1000),
            "3",
            "Failures within window before an entry is refused; keep it below the directory's own threshold.",
        ),
        default("window", Kind::Duration, "30m", "How long failures count."),
        default(
            "familiar_for",
            Kind::WordOr(&["off"], &Kind::Duration),
            "30d",
            "How long an address from which a user signed in is familiar to their entry; off: addresses are all the same.",
        ),
        optional(
            "unknown_threshold",
            Kind::Count(1, 1000),
            "How many of the failures may come from addresses unknown to an entry that has familiar ones; absent: all but one.",
        ),
        default(
            "directory_count",
            Kind::Flag,
            "true",
            "Whether what the directory says that it has counted itself counts, too.",
        ),
        default(
            "networks",
            Kind::WordOr(&["off"], &Kind::Section(&NETWORKS)),
            "{}",
            "How many failures a network may cause, whomever they concern; off: any number.",
        ),
        default(
            "spray",
            Kind::WordOr(&["off"], &Kind::Section(&SPRAY)),
            "{}",
            "When failures of many names are told as password spraying; off: never.",
        ),
        default(
            "failure_delay",
            Kind::Delay,
            "250ms",
            "Failed sign-ins are all answered this long after they arrived.",
        ),
        default(
            "forwarders",
            Kind::List(&Kind::Network),
            "[]",
            "Those who sign in for many clients, such as Exchange Online: what they say of these, by \
             X-MS-Forwarded-Client-IP and X-MS-Client-Application, is believed, and their own address means nobody.",
        ),
    ],
};

static NETWORKS: Spec = Spec {
    doc: "Failures by network: 24 bits of an IPv4 address, 56 of an IPv6 one.",
    keys: &[
        default(
            "failures",
            Kind::Count(1, 1_000_000),
            "1000",
            "Failures within window before whoever is there and not familiar to the entry is refused.",
        ),
        default("window", Kind::Duration, "10m", "How long they count; it slides."),
    ],
};

static SPRAY: Spec = Spec {
    doc: "Failures of many names.",
    keys: &[
        default(
            "names",
            Kind::Count(1, 10_000),
            "100",
            "With more names than this that failed within window, and more than a tenth of those that signed in.",
        ),
        default("window", Kind::Duration, "10m", "How long they count; it slides."),
        default(
            "slow_down",
            Kind::Delay,
            "0s",
            "How much longer failed sign-ins from unknown addresses take while it lasts.",
        ),
    ],
};
