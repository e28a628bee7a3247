//! Every metric, by its name. Label sets are closed and every combination exists at 0 from the start; never a user, an
//! address or a path.

mod maker;

use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

pub(super) use self::maker::{BUCKETS, Maker};
use super::directories::AllDirectories;
use super::source::AllSources;
use super::{GuardMetrics, ShadowMetrics, SourceMetrics};

/// The labels of `route`: our endpoints and what is forwarded.
pub const ROUTES: [&str; 8] =
    ["mex", "sts", "ecp", "metadata", "certificate", "federation_metadata", "forward", "refused"];
/// The labels of `method`; the last one is any that is not among them.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "other"];
/// The labels of `code`: the classes of HTTP status, from 1xx on.
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The commit that this was built of, where whoever built it said so.
const REVISION: &str = match option_env!("FEDFRONT_REVISION") {
    Some(revision) if !revision.is_empty() => revision,
    _ => "unknown",
};

/// The metrics of one process, on a registry of their own.
pub struct Metrics {
    registry: Registry,
    /// `route`, `method`, `code` (the class: `2xx`).
    pub http_requests: IntCounterVec,
    /// `route`; seconds from headers to the last byte.
    pub http_request_duration: HistogramVec,
    /// `route`.
    pub http_requests_in_flight: IntGaugeVec,
    /// Open client connections.
    pub connections_open: IntGauge,
    /// How many there may be.
    pub connections_limit: IntGauge,
    /// `reason`: see [`Metrics::REJECTIONS`].
    pub connections_rejected: IntCounterVec,
    /// `result`: `success`, `failure`, `timeout`.
    pub tls_handshakes: IntCounterVec,
    /// When the first of the TLS certificates ends, Unix seconds.
    pub tls_certificate_not_after: Gauge,
    /// `slot`: `current`.
    pub signing_certificate_not_after: GaugeVec,
    /// `protocol` (`wstrust13`, `wstrust2005`, `ecp`), `token` (`saml11`, `saml20`).
    pub tokens_issued: IntCounterVec,
    /// `operation` (`issue`, `renew`, `validate`, `cancel`), `result` (`success`, `invalid`: what Validate says of a token,
    /// `refused`, `unavailable`).
    pub wstrust_requests: IntCounterVec,
    /// `result`: see [`Metrics::AUTHENTICATIONS`].
    pub authentications: IntCounterVec,
    /// `reason`: see [`Metrics::BIND_REFUSALS`].
    pub bind_refusals: IntCounterVec,
    /// `op` (`connect`, `search`, `bind`; `probe`: of a server that failed), `result` (`success`, `refused`, `timeout`, `error`).
    pub ldap_operations: IntCounterVec,
    /// `op` (`connect`, `search`, `bind`); seconds.
    pub ldap_operation_duration: HistogramVec,
    /// Times that no server of an LDAP directory answered, after which nobody was made to wait for one.
    pub ldap_outages: IntCounter,
    directories: AllDirectories,
    /// `state`: `idle`, `busy`.
    pub ldap_connections: IntGaugeVec,
    /// `result`: `success`, `refused`, `unavailable` (nothing was counted against the user), `unanswered`.
    pub upstream_sign_ins: IntCounterVec,
    /// Seconds.
    pub upstream_sign_in_duration: HistogramVec,
    /// `cache` (`bind`; `groups` that searches found), `result` (`hit`, `miss`, `coalesced`).
    pub cache_requests: IntCounterVec,
    /// `cache` (`bind`; `groups`: users whose groups were searched; `guard`: entries that had a failure; `tokens` that were issued; `cancelled` ones).
    pub cache_entries: IntGaugeVec,
    /// `cache` (`bind`, `groups`, `guard`, `tokens`, `cancelled`), `reason` (`expired`, `size`, `invalidated`). What the guard and the
    /// record of cancelled tokens forget when its time is over is not counted.
    pub cache_evictions: IntCounterVec,
    /// Seconds from sending a forwarded request to the answer's headers.
    pub upstream_request_duration: HistogramVec,
    /// `kind`: `connect`, `timeout`, `reset`, `other`.
    pub upstream_errors: IntCounterVec,
    /// `result`: `success`, `unavailable`, `invalid` (no metadata, or over).
    pub metadata_refreshes: IntCounterVec,
    /// Until when the identity provider's metadata may be shown, the first to end of several, Unix seconds; 0 without an end.
    pub metadata_not_after: Gauge,
    sources: AllSources,
    /// `slot` (`current`, `next`): 1 while the key does not sign, as when its device is away.
    pub signing_unavailable: IntGaugeVec,
    /// Signatures waiting for a thread.
    pub signing_queue: IntGauge,
    /// `scope`: directory entries locked now (`entry`), and those locked to unknown places alone (`unknown`).
    pub lockouts_active: IntGaugeVec,
    /// 1 while state is shared, else 0.
    pub state_shared: IntGauge,
    /// `op` (`get`, `swap`), `result` (`success`, `error`, `timeout`, `away`: not tried).
    pub state_operations: IntCounterVec,
    /// `op`; seconds.
    pub state_operation_duration: HistogramVec,
    /// What else the guard does.
    pub guard: GuardMetrics,
    /// Our answers beside the identity provider's.
    pub shadow: ShadowMetrics,
    /// Audit records that could not be written.
    pub audit_records_lost: IntCounter,
    /// 1 while audit records are taken, 0 while they wait.
    pub audit_available: IntGauge,
    /// Log lines for which there was no room.
    pub log_lines_dropped: IntCounter,
    /// `result`: `exported`, `failed`, `dropped`.
    pub trace_spans: IntCounterVec,
    /// Defects that broke off what they were found in.
    pub panics: IntCounter,
    /// 1 while draining.
    pub draining: IntGauge,
    /// 1 if the configuration was read without an error when it was last read, else 0.
    pub config_last_reload_successful: IntGauge,
    /// When that was last so, Unix seconds.
    pub config_last_reload_success: Gauge,
    /// 1 while keys have changed that only a restart can heed, else 0.
    pub config_restart_pending: IntGauge,
    /// `result`: `success`, `failure`.
    pub config_reloads: IntCounterVec,
}

impl Metrics {
    /// The labels of `connections_rejected_total`: over `limits.connections`, a PROXY protocol header that is missing,
    /// malformed or from a peer that is not trusted, a TLS handshake or a header that did not end in time, headers far
    /// over the limit, what is no HTTP, a body that came or an answer that was taken too slowly, more requests at a time
    /// than can be forwarded.
    pub const REJECTIONS: [&str; 9] = [
        "limit",
        "proxy_protocol",
        "handshake_timeout",
        "header_timeout",
        "header_size",
        "malformed",
        "slow_body",
        "slow_reader",
        "requests",
    ];
    /// The labels of `authentications_total`.
    pub const AUTHENTICATIONS: [&str; 11] = [
        "success",
        "bad_credentials",
        "unknown_user",
        "locked",
        "throttled",
        "wrong_group",
        "access",
        "account",
        "expired",
        "unavailable",
        "malformed",
    ];

    /// The labels of `bind_refusals_total`.
    pub const BIND_REFUSALS: [&str; 12] = [
        "wrong_password",
        "unknown_user",
        "disabled",
        "locked",
        "password_expired",
        "must_change",
        "account_expired",
        "hours",
        "workstation",
        "incomplete",
        "no_entry",
        "other",
    ];

    /// Registers everything, and makes each combination of labels exist.
    ///
    /// # Errors
    /// Only if two metrics have one name, which a test rules out.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let make = Maker(&registry);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let build_info =
            make.gauge_vec("build_info", "Always 1; says which version runs.", &["version", "revision"])?;
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), REVISION]).set(1);
        const OPS: &[&str] = &["connect", "search", "bind"];
        const CACHES: &[&str] = &["bind", "groups", "guard", "tokens", "cancelled"];
        Ok(Self {
            http_requests: make.counter(
                "http_requests_total",
                "Requests answered.",
                &[("route", &ROUTES), ("method", &METHODS), ("code", &CLASSES)],
            )?,
            http_request_duration: make.histogram(
                "http_request_duration_seconds",
                "From the end of the headers to the last byte of the answer.",
                &[("route", &ROUTES)],
            )?,
            http_requests_in_flight: make.gauges(
                "http_requests_in_flight",
                "Requests being answered.",
                "route",
                &ROUTES,
            )?,
            connections_open: make.gauge("connections_open", "Open client connections.")?,
            connections_limit: make.gauge("connections_limit", "Client connections that may be open at a time.")?,
            connections_rejected: make.counter(
                "connections_rejected_total",
                "Connections refused or cut, and requests whose body came or whose answer was taken too slowly.",
                &[("reason", &Self::REJECTIONS)],
            )?,
            tls_handshakes: make.counter(
                "tls_handshakes_total",
                "TLS handshakes with clients.",
                &[("result", &["success", "failure", "timeout"])],
            )?,
            tls_certificate_not_after: make
                .float("tls_certificate_not_after_timestamp_seconds", "When the first of the TLS certificates ends.")?,
            signing_certificate_not_after: make.floats(
                "signing_certificate_not_after_timestamp_seconds",
                "When the signing certificate ends, and the next one; 0 where there is none.",
                "slot",
                &["current", "next"],
            )?,
            tokens_issued: make.counter(
                "tokens_issued_total",
                "Assertions signed for a user.",
                &[("protocol", &["wstrust13", "wstrust2005", "ecp"]), ("token", &["saml11", "saml20"])],
            )?,
            wstrust_requests: make.counter(
                "wstrust_requests_total",
                "WS-Trust requests that could be read, by outcome.",
                &[
                    ("operation", &["issue", "renew", "validate", "cancel"]),
                    ("result", &["success", "invalid", "refused", "unavailable"]),
                ],
            )?,
            authentications: make.counter(
                "authentications_total",
                "Sign-ins by outcome.",
                &[("result", &Self::AUTHENTICATIONS)],
            )?,
            bind_refusals: make.counter(
                "bind_refusals_total",
                "Binds that a directory refused, by its reason.",
                &[("reason", &Self::BIND_REFUSALS)],
            )?,
            ldap_operations: make.counter(
                "ldap_operations_total",
                "LDAP operations.",
                &[
                    ("op", &["connect", "search", "bind", "probe"]),
                    ("result", &["success", "refused", "timeout", "error"]),
                ],
            )?,
            ldap_operation_duration: make.histogram(
                "ldap_operation_duration_seconds",
                "LDAP operations, waiting for a connection not counted.",
                &[("op", OPS)],
            )?,
            ldap_outages: make
                .count("ldap_outages_total", "Times that no server of an LDAP directory answered any more.")?,
            ldap_connections: make.gauges("ldap_connections", "LDAP connections.", "state", &["idle", "busy"])?,
            directories: AllDirectories::new(make.gauge_vec(
                "directory_available",
                "1 while a directory can be asked, 0 while none of its servers answers, or its service account is refused.",
                &["directory"],
            )?),
            upstream_sign_ins: make.counter(
                "upstream_sign_ins_total",
                "Passwords that the identity provider was to check, as directory.upstream.",
                &[("result", &["success", "refused", "unavailable", "unanswered"])],
            )?,
            upstream_sign_in_duration: make.histogram(
                "upstream_sign_in_duration_seconds",
                "The identity provider's check of a password, waiting for a turn included.",
                &[],
            )?,
            cache_requests: make.counter(
                "cache_requests_total",
                "Look-ups in a cache.",
                &[("cache", &["bind", "groups"]), ("result", &["hit", "miss", "coalesced"])],
            )?,
            cache_entries: make.gauges("cache_entries", "Entries in a cache.", "cache", CACHES)?,
            cache_evictions: make.counter(
                "cache_evictions_total",
                "Entries that a cache gave up.",
                &[("cache", CACHES), ("reason", &["expired", "size", "invalidated"])],
            )?,
            upstream_request_duration: make.histogram(
                "upstream_request_duration_seconds",
                "From choosing a server to the headers of its answer.",
                &[],
            )?,
            upstream_errors: make.counter(
                "upstream_errors_total",
                "Forwarded requests that the upstream failed.",
                &[("kind", &["connect", "timeout", "reset", "other"])],
            )?,
            metadata_refreshes: make.counter(
                "metadata_refreshes_total",
                "Fetches of the identity provider's SAML metadata.",
                &[("result", &["success", "unavailable", "invalid"])],
            )?,
            metadata_not_after: make.float(
                "metadata_not_after_timestamp_seconds",
                "Until when the identity provider's SAML metadata that is kept may be shown; 0: without an end.",
            )?,
            sources: AllSources {
                refreshes: make.counters(
                    "metadata_source_refreshes_total",
                    "Times that a source of metadata was asked for documents.",
                    &["source", "result"],
                )?,
                lookups: make.counters(
                    "metadata_source_lookups_total",
                    "Service providers that were looked up in a source of metadata.",
                    &["source", "result"],
                )?,
                providers: make.gauge_vec(
                    "metadata_source_service_providers",
                    "Service providers of which a source of metadata is held.",
                    &["source"],
                )?,
                last_success: make.float_vec(
                    "metadata_source_last_success_timestamp_seconds",
                    "When a source of metadata last had a document that is believed; 0: never.",
                    &["source"],
                )?,
                not_after: make.float_vec(
                    "metadata_source_not_after_timestamp_seconds",
                    "Until when what is held of a source of metadata is believed; 0: without an end, or by entity.",
                    &["source"],
                )?,
            },
            signing_unavailable: make.gauges(
                "signing_unavailable",
                "1 while the key that signs, or the next one, does not: its device is away.",
                "slot",
                &["current", "next"],
            )?,
            signing_queue: make.gauge("signing_queue", "Signatures waiting for a thread.")?,
            state_shared: make.gauge("state_shared", "1 while state is shared with other replicas, else 0.")?,
            state_operations: make.counter(
                "state_operations_total",
                "Operations on shared state.",
                &[("op", &["get", "swap"]), ("result", &["success", "error", "timeout", "away"])],
            )?,
            state_operation_duration: make.histogram(
                "state_operation_duration_seconds",
                "Operations on shared state that were tried.",
                &[("op", &["get", "swap"])],
            )?,
            lockouts_active: make.gauges(
                "lockouts_active",
                "What the guard refuses now.",
                "scope",
                &["entry", "unknown"],
            )?,
            guard: GuardMetrics::new(&make)?,
            shadow: ShadowMetrics::new(&make)?,
            audit_records_lost: make.count("audit_records_lost_total", "Audit records that could not be written.")?,
            audit_available: make
                .gauge("audit_available", "1 while audit records are taken, 0 while they wait and may be lost.")?,
            log_lines_dropped: make
                .count("log_lines_dropped_total", "Log lines that nobody took and there was no room for.")?,
            trace_spans: make.counter(
                "trace_spans_total",
                "Spans of sampled traces, by what became of them.",
                &[("result", &["exported", "failed", "dropped"])],
            )?,
            panics: make.count("panics_total", "Defects that broke off what they were found in.")?,
            draining: make.gauge("draining", "1 while draining.")?,
            config_last_reload_successful: make.gauge(
                "config_last_reload_successful",
                "1 if the configuration was read without an error when it was last read, else 0.",
            )?,
            config_last_reload_success: make.float(
                "config_last_reload_success_timestamp_seconds",
                "When the configuration was last read without an error.",
            )?,
            config_restart_pending: make
                .gauge("config_restart_pending", "1 while keys have changed that only a restart can heed, else 0.")?,
            config_reloads: make.counter(
                "config_reloads_total",
                "Times that a running fedfront read its configuration again.",
                &[("result", &["success", "failure"])],
            )?,
            registry,
        })
    }

    /// Those of one source of metadata, at 0 from here on.
    pub fn of_source(&self, name: &str) -> SourceMetrics {
        self.sources.of(name)
    }

    /// Forgets a source of metadata that is configured no longer.
    pub fn forget_source(&self, name: &str) {
        self.sources.forget(name);
    }

    /// Which directories there are, and whether each can be asked.
    pub fn show_directories(&self, directories: &[(String, bool)]) {
        self.directories.show(directories);
    }

    /// The text exposition format.
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            tracing::error!(%error, "metrics cannot be rendered");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_exists_at_zero() {
        let text = String::from_utf8(Metrics::new().unwrap().render()).unwrap();
        assert!(text.contains(r#"fedfront_tokens_issued_total{protocol="wstrust2005",token="saml20"} 0"#), "{text}");
        assert!(text.contains(r#"fedfront_cache_requests_total{cache="bind",result="coalesced"} 0"#), "{text}");
    }
}
