//! Spans to a collector: OTLP over HTTP, with protobuf.

use std::path::Path;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

use crate::config::TracesConfig;
use crate::http_client::{Body, Client, authorities, builder, explain, root};
use crate::keys::KeyError;

/// For one request to the collector.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECTING: Duration = Duration::from_secs(2);
/// Of its answer, in bytes.
const ANSWER: usize = 64 * 1024;

/// How spans get to the collector; made of a configuration, without a network.
pub struct Exporter {
    pub(super) sample_ratio: f64,
    client: Client,
    url: String,
    headers: HeaderMap,
    service_name: String,
}

/// Why none can be made.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The certificates to trust.
    #[error(transparent)]
    Authorities(#[from] KeyError),
    /// The library's own.
    #[error("{0}")]
    Library(String),
}

impl Exporter {
    /// Reads the certificates to trust.
    ///
    /// # Errors
    /// They cannot be read, or are none.
    pub fn new(config: &TracesConfig) -> Result<Self, ExporterError> {
        let trusted = config.ca_file.as_deref().map(|file: &Path| authorities(file)).transpose()?;
        let client = builder(CONNECTING, trusted.as_deref()).timeout(PATIENCE).build();
        let named = |(name, value): &(String, HeaderValue)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value.clone()))
        };
        let mut headers: HeaderMap = config.headers.iter().filter_map(named).collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Ok(Self {
            sample_ratio: config.sample_ratio,
            client: client.map_err(|error| ExporterError::Library(root(&error)))?,
            url: format!("{}/v1/traces", config.endpoint),
            headers,
            service_name: config.service_name.clone(),
        })
    }

    /// Sends what is said of the service, and no span: whether the collector is there, and takes what we send.
    ///
    /// # Errors
    /// For people.
    pub async fn try_out(&self) -> Result<(), String> {
        self.send(Vec::new(), &self.resource()).await.map(drop)
    }

    /// What is said of the service.
    pub(super) fn resource(&self) -> Resource {
        let mut said = vec![
            KeyValue::new("service.name", self.service_name.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        // In a cluster, the pod's.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        if !host.trim().is_empty() {
            said.push(KeyValue::new("host.name", host.trim().to_owned()));
        }
        Resource::builder_empty().with_attributes(said).build()
    }

    /// Sends them; how many of them the collector did not want.
    ///
    /// # Errors
    /// For people. None of them has arrived, as far as is known.
    pub(super) async fn send(&self, spans: Vec<SpanData>, resource: &Resource) -> Result<u64, String> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &resource.into());
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let request = self.client.post(&self.url).headers(self.headers.clone()).body(body);
        let answer = request.send().await.map_err(|error| explain(&error))?;
        let status = answer.status();
        let answer = Body::new(answer, ANSWER).whole().await;
        if status != StatusCode::OK {
            return Err(format!("answered {status}"));
        }
        let read = answer.ok().and_then(|answer| ExportTraceServiceResponse::decode(answer).ok());
        let refused = read.and_then(|answer| answer.partial_success).map_or(0, |partial| partial.rejected_spans);
        Ok(u64::try_from(refused).unwrap_or(0))
    }
}
