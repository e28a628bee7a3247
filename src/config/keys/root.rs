//! The whole file, and its sections that are no files of their own.

use super::credentials::CREDENTIALS;
use super::directory::DIRECTORY;
use super::guard::GUARD;
use super::issuer::ISSUER;
use super::kind::{Kind, Spec, default, optional, required};
use super::metadata::METADATA;
use super::metadata_source::METADATA_SOURCE;
use super::party::PARTY;
use super::state::STATE;
use super::telemetry::TELEMETRY;
use super::upstream::UPSTREAM;

/// The whole file.
pub(in crate::config) static ROOT: Spec = Spec {
    doc: "The configuration of fedfront.",
    keys: &[
        required(
            "public_url",
            Kind::Server(&["https"]),
            "The base of every address that we publish: https://host[:port]. Never taken from a Host header.",
        ),
        required("listen", Kind::List(&Kind::Section(&LISTEN)), "Where clients connect; at least one."),
        default("admin", Kind::Section(&ADMIN), "{}", "Metrics and health."),
        required("upstream", Kind::Section(&UPSTREAM), "The identity provider behind."),
        required("issuer", Kind::Section(&ISSUER), "Who we say we are, and the key that proves it."),
        required(
            "directory",
            Kind::OneOrMany(&Kind::Section(&DIRECTORY)),
            "Where passwords are checked: one directory, or several in order.",
        ),
        default("credentials", Kind::Section(&CREDENTIALS), "{}", "What the STS takes besides names and passwords."),
        default("cache", Kind::Section(&CACHE), "{}", "What is remembered."),
        default("guard", Kind::Section(&GUARD), "{}", "Keeps password guessing from locking the directory."),
        default("relying_parties", Kind::List(&Kind::Section(&PARTY)), "[]", "Whom tokens are for."),
        default("endpoints", Kind::Section(&ENDPOINTS), "{}", "What we answer; everything else is forwarded."),
        default("shadow", Kind::Section(&SHADOW), "{}", "How endpoints that are set to shadow are compared."),
        default(
            "metadata_sources",
            Kind::List(&Kind::Section(&METADATA_SOURCE)),
            "[]",
            "Where the metadata of service providers comes from, for relying parties with a metadata_source.",
        ),
        default("metadata", Kind::Section(&METADATA), "{}", "How SAML metadata is published."),
        default(
            "trusted_proxies",
            Kind::List(&Kind::Network),
            "[]",
            "Peers whose forwarded headers (Forwarded, X-Forwarded-*) are believed.",
        ),
        default("faults", Kind::Section(&FAULTS), "{}", "How refusals look."),
        default("limits", Kind::Section(&LIMITS), "{}", "Sizes and deadlines."),
        optional("state", Kind::Section(&STATE), "What replicas share; absent: each process has state of its own."),
        default("telemetry", Kind::Section(&TELEMETRY), "{}", "Logs, audit and traces."),
    ],
};

static LISTEN: Spec = Spec {
    doc: "A listening address.",
    keys: &[
        required("address", Kind::Address, "IP address and port; port 0 takes a free one."),
        optional("tls", Kind::Section(&TLS), "Certificate and key; absent: plain HTTP, for behind a balancer."),
        default(
            "proxy_protocol",
            Kind::Word(&["off", "required"]),
            "off",
            "Whether every connection begins with a PROXY protocol header (v1 or v2), from a peer in trusted_proxies.",
        ),
        optional(
            "public_url",
            Kind::Server(&["https"]),
            "Where clients reach it, for the addresses in MEX of a listener that asks for certificates; absent: the \
             host of public_url, with this listener's port.",
        ),
    ],
};

static TLS: Spec = Spec {
    doc: "A TLS certificate and its key.",
    keys: &[
        required("certificate_file", Kind::File, "Certificate chain, leaf first, PEM."),
        required("private_key_file", Kind::File, "Its private key, PEM."),
        optional(
            "client_ca_file",
            Kind::File,
            "CAs, PEM: every client of this listener shows a certificate of one of them; absent: none is asked for.",
        ),
    ],
};

static ADMIN: Spec = Spec {
    doc: "The admin listener, and how this file is heeded while it runs.",
    keys: &[
        default("address", Kind::Address, "127.0.0.1:9464", "/metrics, /livez, /readyz, /startupz and a status page."),
        optional("socket", Kind::NewFile, "Unix socket for what changes something, such as drain; absent: none."),
        default(
            "watch_files",
            Kind::Flag,
            "true",
            "Whether this file, and each that it names, is read again by itself when it changes.",
        ),
    ],
};

static CACHE: Spec = Spec {
    doc: "What is remembered.",
    keys: &[
        default(
            "bind",
            Kind::WordOr(&["off"], &Kind::Section(&BIND_CACHE)),
            "{}",
            "Passwords that the directory accepted, as keyed digests; off: none.",
        ),
        default(
            "groups",
            Kind::WordOr(&["off"], &Kind::Section(&GROUP_CACHE)),
            "{}",
            "Groups that searches of an LDAP directory found; off: none.",
        ),
        default("tokens", Kind::Section(&TOKENS), "{}", "Tokens that were issued, for Renew, Validate and Cancel."),
        optional(
            "folder",
            Kind::NewFile,
            "A folder for what a restart should find again: copies of metadata, a promotion; absent: all is kept in memory.",
        ),
    ],
};

static TOKENS: Spec = Spec {
    doc: "Remembered tokens.",
    keys: &[default(
        "capacity",
        Kind::Count(1, 10_000_000),
        "50000",
        "How many; of more, those that end first are forgotten, and can no longer be named by reference.",
    )],
};

static BIND_CACHE: Spec = Spec {
    doc: "Remembered binds.",
    keys: &[
        default("ttl", Kind::Duration, "60s", "How long a changed or disabled password may still be accepted."),
        default("capacity", Kind::Count(1, 10_000_000), "10000", "How many."),
    ],
};

static GROUP_CACHE: Spec = Spec {
    doc: "Remembered groups.",
    keys: &[
        default("ttl", Kind::Duration, "60s", "How long a change of groups may wait, whoever binds."),
        default("capacity", Kind::Count(1, 10_000_000), "10000", "Of how many users."),
    ],
};

const PATHS: Kind = Kind::WordOr(&["forward"], &Kind::List(&Kind::HttpPath));

/// Of an endpoint whose answers can be compared with the identity provider's.
const COMPARED: Kind = Kind::WordOr(&["forward", "shadow"], &Kind::ListOrSection(&Kind::HttpPath, &SHADOWED));

static SHADOWED: Spec = Spec {
    doc: "An endpoint that the identity provider answers, while our own answers are compared with its.",
    keys: &[required("shadow", Kind::List(&Kind::HttpPath), "The paths, in the place of the default ones.")],
};

static ENDPOINTS: Spec = Spec {
    doc: "Each endpoint's paths; or forward: the identity provider answers; or shadow: it answers, and we compare.",
    keys: &[
        default("mex", COMPARED, "[/mex, /services/mex-ut, /adfs/services/trust/mex]", "WS-MetadataExchange."),
        default(
            "sts",
            COMPARED,
            "[/services/wso2carbon-sts, /services/wso2carbon-sts.wso2carbon-stsHttpsSoap12Endpoint, \
             /services/wso2carbon-sts.wso2carbon-stsHttpsSoap11Endpoint, /adfs/services/trust/2005/usernamemixed, \
             /adfs/services/trust/13/usernamemixed, /adfs/services/trust/2005/certificatemixed, \
             /adfs/services/trust/13/certificatemixed, /adfs/services/trust/2005/certificatetransport, \
             /adfs/services/trust/13/certificatetransport, \
             /adfs/services/trust/2005/issuedtokenmixedasymmetricbasic256, \
             /adfs/services/trust/13/issuedtokenmixedasymmetricbasic256]",
            "WS-Trust security token service.",
        ),
        default("ecp", COMPARED, "[/oamfed/idp/soap]", "SAML 2.0 Enhanced Client or Proxy."),
        default("metadata", COMPARED, "[/oamfed/idp/metadata]", "SAML 2.0 metadata."),
        default("certificate", PATHS, "[/oamfed/idp/cert]", "The signing certificate, PEM."),
        default("federation_metadata", COMPARED, "forward", "WS-Federation metadata."),
    ],
};

static SHADOW: Spec = Spec {
    doc: "How our answers are compared with the identity provider's, at endpoints that are set to shadow.",
    keys: &[
        default("sample", Kind::Count(1, 100), "100", "Of a hundred requests, how many are compared."),
        default("concurrency", Kind::Count(1, 64), "4", "How many are compared at a time."),
    ],
};

static FAULTS: Spec = Spec {
    doc: "How refusals look.",
    keys: &[default(
        "bad_password_status",
        Kind::Word(&["500", "400"]),
        "500",
        "HTTP status of WS-Trust faults that are the client's: 500 as AD FS, or 400 for balancers that eject on 5xx.",
    )],
};

static LIMITS: Spec = Spec {
    doc: "Sizes and deadlines.",
    keys: &[
        default("rst_body", Kind::Size, "64KiB", "Body of a WS-Trust or MEX request."),
        default("ecp_body", Kind::Size, "256KiB", "Body of an ECP request."),
        default("headers", Kind::Size, "32KiB", "Request line and headers together."),
        default(
            "header_deadline",
            Kind::Duration,
            "10s",
            "From the first byte of a request to the end of its headers.",
        ),
        default("body_deadline", Kind::Duration, "15s", "From there to the end of the body, on our own endpoints."),
        default("handshake_deadline", Kind::Duration, "10s", "TLS handshake; likewise a PROXY protocol header."),
        default(
            "body_silence",
            Kind::Duration,
            "20s",
            "How far a client may fall behind body_rate while it sends a body that is forwarded, or takes an answer.",
        ),
        default("body_rate", Kind::Count(1, 1_000_000), "100", "Bytes in a second."),
        default("keep_alive", Kind::Duration, "60s", "A connection without a request."),
        default("connections", Kind::Count(1, 1_000_000), "10000", "Open connections."),
        default(
            "drain",
            Kind::Delay,
            "20s",
            "Between the end of accepting, lame_duck after SIGTERM, and the last byte.",
        ),
        default("lame_duck", Kind::Delay, "5s", "Between readyz saying no and the end of accepting."),
        default(
            "sign_in_deadline",
            Kind::Duration,
            "4s",
            "One sign-in, the directory included; and as long again for a signature.",
        ),
        default("threads", Kind::Count(0, 1024), "0", "Worker threads; 0: one a core."),
    ],
};
