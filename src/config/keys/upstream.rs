//! Keys of the identity provider behind.

use super::kind::{Kind, Spec, default, optional, required};

/// `upstream`.
pub(super) static UPSTREAM: Spec = Spec {
    doc: "The identity provider behind.",
    keys: &[
        required("servers", Kind::List(&Kind::Server(&["https", "http"])), "Servers, tried in order of health."),
        default("tls", Kind::Section(&UPSTREAM_TLS), "{}", "How https servers are verified."),
        optional("health", Kind::Section(&HEALTH), "Active health requests; absent: none are made."),
        default("set_headers", Kind::Map(&Kind::Text), "{}", "Headers set on every forwarded request."),
        default(
            "remove_headers",
            Kind::List(&Kind::Text),
            "[WL-Proxy-*, Proxy-Client-IP, X-WebLogic-*, OAM_*, Osso-*, REMOTE_USER, X-Remote-User, SSL_CLIENT_*, \
             X-SSL-Client-*, IS_SSL, X-WSO2-*, X-JWT-Assertion]",
            "Headers that an identity provider trusts, removed from requests of peers that are not in \
             trusted_proxies; a * at the end is any ending.",
        ),
        default(
            "rewrite_location",
            Kind::Flag,
            "false",
            "Whether Location headers that name an upstream server, host and port, are moved to public_url.",
        ),
        default(
            "strip_basic_authorization",
            Kind::List(&Kind::HttpPath),
            "[]",
            "Path prefixes from which Authorization: Basic is removed (WebLogic would validate it).",
        ),
        default("connect_timeout", Kind::Duration, "3s", "Deadline for connecting, TCP and TLS."),
        default("read_timeout", Kind::Duration, "2m", "The longest silence of a server within a request."),
        default("idle_timeout", Kind::Duration, "30s", "How long an idle connection is kept for the next request."),
    ],
};

static UPSTREAM_TLS: Spec = Spec {
    doc: "How TLS servers behind are verified.",
    keys: &[
        optional("ca_file", Kind::File, "Certificates to trust, PEM; absent: the system's."),
        optional("server_name", Kind::Text, "The name to ask for and to find in the certificate; absent: the host."),
    ],
};

static HEALTH: Spec = Spec {
    doc: "Active health requests.",
    keys: &[
        required("path", Kind::HttpPath, "The path to GET; an answer below 500 is healthy."),
        default("interval", Kind::Duration, "10s", "Pause between requests."),
    ],
};
