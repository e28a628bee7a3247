//! The trace of one request: its own span, and one of each time that it is sent to a server behind.

use std::str::FromStr;

use http::{HeaderMap, StatusCode, Version};
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::steps::Own;
use super::{TRACEPARENT, TRACESTATE};

/// What is told of a request, none of which names anybody.
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// What answers it, as in metrics.
    pub route: &'static str,
    /// Its path, if that is one of ours.
    pub path: Option<String>,
    /// Whether it came by TLS.
    pub tls: bool,
    /// Its version of HTTP.
    pub version: Version,
    /// By which the logs name it.
    pub correlation_id: &'a str,
}

/// The trace of a request that is being answered. Dropped, it ends there, too.
pub struct RequestTrace {
    tracer: SdkTracer,
    context: Context,
    id: Option<String>,
    hop: Option<Context>,
}

impl RequestTrace {
    pub(super) fn begin(tracer: &SdkTracer, asked: &Asked<'_>, parent: Option<&HeaderMap>) -> Self {
        let parent = parent.and_then(parent_of);
        let told = parent.is_some();
        let root = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let method = known_method(asked.method);
        let name = format!("{} {}", if method == OTHER { "HTTP" } else { method }, asked.route);
        let span = tracer.span_builder(name).with_kind(SpanKind::Server).start_with_context(tracer, &root);
        let context = root.with_value(Own(tracer.clone())).with_span(span);
        let span = context.span();
        if span.is_recording() {
            span.set_attribute(KeyValue::new("http.request.method", method));
            span.set_attribute(KeyValue::new("url.scheme", if asked.tls { "https" } else { "http" }));
            span.set_attribute(KeyValue::new("network.protocol.version", version(asked.version)));
            span.set_attribute(KeyValue::new("fedfront.route", asked.route));
            span.set_attribute(KeyValue::new("fedfront.correlation_id", asked.correlation_id.to_owned()));
            if let Some(path) = &asked.path {
                span.set_attribute(KeyValue::new("url.path", path.clone()));
            }
        }
        let of_trace = span.span_context();
        let id = (told || of_trace.is_sampled()).then(|| of_trace.trace_id().to_string());
        Self { tracer: tracer.clone(), context, id, hop: None }
    }

    /// The id of the trace, if it is sampled, or was begun by somebody else: then others may know it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Has the steps of `answering` be told as this request's.
    pub fn of<F: Future>(&self, answering: F) -> impl Future<Output = F::Output> + use<F> {
        answering.with_context(self.context.clone())
    }

    /// The request goes to a server behind, for the `attempt`th time, from 1.
    pub fn goes_to(&mut self, host: &str, port: u16, method: &str, attempt: usize) {
        self.hop_ends(None);
        let method = known_method(method);
        let builder = self.tracer.span_builder(if method == OTHER { "HTTP" } else { method });
        let span = builder.with_kind(SpanKind::Client).start_with_context(&self.tracer, &self.context);
        let context = self.context.with_span(span);
        let span = context.span();
        if span.is_recording() {
            span.set_attribute(KeyValue::new("http.request.method", method));
            span.set_attribute(KeyValue::new("server.address", host.to_owned()));
            span.set_attribute(KeyValue::new("server.port", i64::from(port)));
            if attempt > 1 {
                span.set_attribute(KeyValue::new("http.request.resend_count", attempt as i64 - 1));
            }
        }
        self.hop = Some(context);
    }

    /// What the server behind is told: that it is asked within the trace, by the span of this attempt.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let context = self.hop.as_ref().unwrap_or(&self.context);
        let span = context.span();
        let of = span.span_context();
        let sampled = u8::from(of.is_sampled());
        let parent = (TRACEPARENT, format!("00-{}-{}-{sampled:02x}", of.trace_id(), of.span_id()));
        let state = Some(of.trace_state().header()).filter(|state| !state.is_empty());
        std::iter::once(parent).chain(state.map(|state| (TRACESTATE, state)))
    }

    /// The server behind has answered with that status; or it has not.
    pub fn hop_ends(&mut self, status: Option<StatusCode>) {
        let Some(hop) = self.hop.take() else { return };
        let span = hop.span();
        match status {
            Some(status) => {
                span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
                if status.is_client_error() || status.is_server_error() {
                    fails(&hop, status.as_str().to_owned());
                }
            }
            None => fails(&hop, "no answer".to_owned()),
        }
        span.end();
    }

    /// The request is answered with that status; without one, the client was gone before.
    pub fn ends(mut self, status: Option<StatusCode>) {
        self.hop_ends(None);
        let span = self.context.span();
        match status {
            Some(status) => {
                span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
                if status.is_server_error() {
                    fails(&self.context, status.as_str().to_owned());
                }
            }
            None => fails(&self.context, "client gone".to_owned()),
        }
        span.end();
    }
}

fn fails(context: &Context, why: String) {
    let span = context.span();
    span.set_attribute(KeyValue::new("error.type", why));
    span.set_status(Status::error(""));
}

/// Stands for every method that is not common, as the conventions want it.
const OTHER: &str = "_OTHER";

fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or(OTHER)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

/// Who asks within which trace (W3C Trace Context 3.2, 3.3); several of them, or one that is malformed, are none.
fn parent_of(headers: &HeaderMap) -> Option<SpanContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return None };
    let only = only.to_str().ok()?.trim();
    let mut parts = only.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let well_formed = hexadecimal(version, 2)
        && version != "ff"
        && hexadecimal(trace, 32)
        && hexadecimal(span, 16)
        && hexadecimal(flags, 2)
        && (version != "00" || parts.next().is_none());
    if !well_formed {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, state_of(headers));
    Some(context).filter(SpanContext::is_valid)
}

/// A state that is malformed does not spoil the trace; it is left out.
fn state_of(headers: &HeaderMap) -> TraceState {
    let given: Option<Vec<&str>> = headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok()).collect();
    let joined = given.unwrap_or_default().join(",");
    let mut members = joined.split(',').map(str::trim).filter(|member| !member.is_empty());
    let whole = |member: &str| {
        member.split_once('=').is_some_and(|(key, value)| {
            !key.is_empty() && !value.is_empty() && !value.contains('=') && member.bytes().all(|byte| byte != b'\t')
        })
    };
    if members.all(whole) { TraceState::from_str(&joined).unwrap_or_default() } else { TraceState::default() }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_parent_is_one_that_is_well_formed() {
        const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
        let whole = format!("00-{TRACE}-b7ad6b7169203331-01");
        for (given, expected) in [
            (vec![whole.as_str()], Some(true)),
            (vec![&whole.replace("-01", "-00")], Some(false)),
            (vec![&whole.replace("-01", "-03")], Some(true)),
            (vec![&whole.replace("00-0", "cc-0")], Some(true)),
            (vec![&format!("{}-what-comes", whole.replace("00-0", "cc-0"))], Some(true)),
            (vec![&format!("{whole}-more")], None),
            (vec![&whole.replace("00-0", "ff-0")], None),
            (vec![&whole.to_uppercase()], None),
            (vec![&whole.replace("b7ad6b7169203331", "0000000000000000")], None),
            (vec![&whole.replace(TRACE, "00000000000000000000000000000000")], None),
            (vec![&whole.replace("b7ad", "b7a")], None),
            (vec![&whole.replace("0af7", "+af7")], None),
            (vec!["00"], None),
            (vec![""], None),
            (vec![], None),
            (vec![&whole, &whole], None),
        ] {
            let mut headers = HeaderMap::new();
            for one in &given {
                headers.append(TRACEPARENT, one.parse().unwrap());
            }
            let parent = parent_of(&headers);
            assert_eq!(parent.as_ref().map(SpanContext::is_sampled), expected, "{given:?}");
            assert!(parent.is_none_or(|parent| parent.trace_id().to_string() == TRACE && parent.is_remote()));
        }
    }

    #[test]
    fn states_of_several_lines_are_one_and_malformed_ones_none() {
        for (given, expected) in [
            (&["a=1", "b=2"][..], "a=1,b=2"),
            (&["a=1,b=2"], "a=1,b=2"),
            (&["=,"], ""),
            (&["a=1,b"], ""),
            (&["a=1=2"], ""),
            (&[], ""),
        ] {
            let mut headers = HeaderMap::new();
            for one in given {
                headers.append(TRACESTATE, HeaderValue::from_static(one));
            }
            assert_eq!(state_of(&headers).header(), expected, "{given:?}");
        }
    }
}
