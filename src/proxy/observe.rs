//! What is told about each request: metrics and the access line.

use std::time::{Duration, Instant};

use http::StatusCode;

use crate::model::ClientAddress;
use crate::telemetry::{CLASSES, Histogram, IntCounter, IntGauge, METHODS, Metrics, ROUTES};

/// Of a path, in bytes: the rest tells nothing, and its length is the client's choice.
const LONGEST_PATH: usize = 512;
/// The client was gone before it could be answered (as nginx writes it).
const CLIENT_GONE: u16 = 499;

/// The metrics of the proxy, their labels looked up once.
pub(super) struct Observer {
    routes: Vec<RouteMetrics>,
    upstream_duration: Histogram,
    upstream_errors: [IntCounter; 4],
    rejections: [IntCounter; 3],
}

struct RouteMetrics {
    label: &'static str,
    requests: Vec<IntCounter>,
    duration: Histogram,
    in_flight: IntGauge,
}

/// How an upstream failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpstreamFailure {
    Connect,
    Timeout,
    Reset,
    Other,
}

/// Why a request on a connection that goes on is cut, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    SlowBody,
    SlowReader,
    Requests,
}

/// One request being answered; dropping it ends that.
pub(super) struct InFlight {
    route: usize,
    gauge: IntGauge,
    started: Instant,
}

/// What an access line says besides.
pub(super) struct Access<'a> {
    pub method: &'a str,
    pub path: &'a [u8],
    pub status: Option<StatusCode>,
    pub client: ClientAddress,
    pub correlation_id: &'a str,
    pub sent: usize,
    pub trace_id: Option<&'a str>,
}

impl Observer {
    pub fn new(metrics: &Metrics) -> Self {
        let routes = ROUTES.iter().map(|label| RouteMetrics {
            label,
            requests: METHODS
                .iter()
                .flat_map(|method| CLASSES.iter().map(move |class| (method, class)))
                .map(|(method, class)| metrics.http_requests.with_label_values(&[*label, *method, *class]))
                .collect(),
            duration: metrics.http_request_duration.with_label_values(&[*label]),
            in_flight: metrics.http_requests_in_flight.with_label_values(&[*label]),
        });
        let error = |kind| metrics.upstream_errors.with_label_values(&[kind]);
        Self {
            routes: routes.collect(),
            upstream_duration: metrics.upstream_request_duration.with_label_values::<&str>(&[]),
            rejections: ["slow_body", "slow_reader", "requests"]
                .map(|reason| metrics.connections_rejected.with_label_values(&[reason])),
            upstream_errors: [error("connect"), error("timeout"), error("reset"), error("other")],
        }
    }

    /// A request on the route of that label has begun.
    pub fn begin(&self, label: &str) -> Option<InFlight> {
        let index = self.routes.iter().position(|route| route.label == label)?;
        let gauge = self.routes.get(index)?.in_flight.clone();
        gauge.inc();
        Some(InFlight { route: index, gauge, started: Instant::now() })
    }

    /// It has ended.
    pub fn end(&self, request: &InFlight, access: &Access<'_>) {
        let Some(route) = self.routes.get(request.route) else { return };
        let duration = request.started.elapsed();
        let status = access.status.map_or(CLIENT_GONE, |status| status.as_u16());
        let method = METHODS.iter().position(|method| *method == access.method).unwrap_or(METHODS.len() - 1);
        let class = usize::from(status / 100).saturating_sub(1).min(CLASSES.len() - 1);
        if let Some(requests) = route.requests.get(method * CLASSES.len() + class) {
            requests.inc();
        }
        route.duration.observe(duration.as_secs_f64());
        tracing::info!(
            target: "access",
            route = route.label,
            method = access.method,
            path = %access.path.get(..LONGEST_PATH).unwrap_or(access.path).escape_ascii(),
            status,
            duration_ms = in_milliseconds(duration),
            bytes = access.sent,
            client = %access.client,
            correlation_id = access.correlation_id,
            trace_id = access.trace_id,
        );
    }

    pub fn upstream_answered(&self, after: Duration) {
        self.upstream_duration.observe(after.as_secs_f64());
    }

    pub fn rejected(&self, rejection: Rejection) {
        if let Some(counter) = self.rejections.get(rejection as usize) {
            counter.inc();
        }
    }

    pub fn upstream_failed(&self, failure: UpstreamFailure) {
        if let Some(counter) = self.upstream_errors.get(failure as usize) {
            counter.inc();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// To the microsecond: more digits are noise.
fn in_milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_logged_to_the_microsecond() {
        for (nanoseconds, logged) in [(135_079_999, "135.079"), (135_080, "0.135"), (999, "0"), (2_000_000, "2")] {
            assert_eq!(in_milliseconds(Duration::from_nanos(nanoseconds)).to_string(), logged);
        }
    }
}
