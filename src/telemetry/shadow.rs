//! What is told of our answers beside the identity provider's.

use prometheus::IntCounterVec;
use serde_json::json;

use super::metrics::Maker;
use super::record::{line_of, shortened};
use super::{AuditProtocol, AuditResult};
use crate::answers::Subject;
use crate::model::{ClientAddress, Endpoint, Timestamp, Username};

/// Metrics of what is compared.
pub struct ShadowMetrics {
    /// `endpoint`: see [`ShadowMetrics::ENDPOINTS`]; `result`: see [`ShadowMetrics::RESULTS`].
    pub comparisons: IntCounterVec,
    /// `endpoint`; `difference`: a [`Subject`], or one of [`ShadowMetrics::DIFFERENCES`].
    pub differences: IntCounterVec,
    /// `endpoint`; `reason`: see [`ShadowMetrics::REASONS`].
    pub not_compared: IntCounterVec,
}

impl ShadowMetrics {
    /// The endpoints that can be in shadow.
    pub const ENDPOINTS: [&str; 5] = [
        Endpoint::Mex.label(),
        Endpoint::Sts.label(),
        Endpoint::Ecp.label(),
        Endpoint::Metadata.label(),
        Endpoint::FederationMetadata.label(),
    ];
    /// What came of a comparison; `failed`: we had no answer.
    pub const RESULTS: [&str; 4] = ["same", "different", "not_compared", "failed"];
    /// Why an exchange was not compared.
    pub const REASONS: [&str; 9] =
        ["overload", "too_large", "cut", "no_answer", "coding", "unchanged", "operation", "paused", "credentials"];
    /// What may differ besides what two tokens or two faults say.
    pub const DIFFERENCES: [&str; 14] = [
        "answer",
        "address",
        "http_status",
        "content_type",
        "directory",
        "refused",
        "issued",
        "mex_endpoint",
        "mex_obstacle",
        "entity_id",
        "metadata_certificate",
        "metadata_endpoint",
        "metadata_format",
        "metadata_signature",
    ];

    /// Every name of a difference.
    pub fn every_difference() -> Vec<&'static str> {
        Self::DIFFERENCES.into_iter().chain(Subject::ALL.map(Subject::label)).collect()
    }

    pub(super) fn new(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let endpoints = ("endpoint", Self::ENDPOINTS.as_slice());
        Ok(Self {
            comparisons: make.counter(
                "shadow_comparisons_total",
                "Answers of the identity provider beside which ours was computed, by what came of it.",
                &[endpoints, ("result", &Self::RESULTS)],
            )?,
            differences: make.counter(
                "shadow_differences_total",
                "Answers of ours that differ from the identity provider's, by what differs.",
                &[endpoints, ("difference", &Self::every_difference())],
            )?,
            not_compared: make.counter(
                "shadow_not_compared_total",
                "Answers of the identity provider that ours was not compared with, by why.",
                &[endpoints, ("reason", &Self::REASONS)],
            )?,
        })
    }

    /// How many comparisons of an endpoint ended in that way.
    pub fn tally(&self, endpoint: Endpoint, result: &str) -> u64 {
        self.comparisons.with_label_values(&[endpoint.label(), result]).get()
    }
}

/// What we would have answered otherwise than the identity provider: no decision, and told apart from one by its key `event`.
#[derive(Clone, Debug)]
pub struct ShadowRecord {
    /// When it was noticed.
    pub time: Timestamp,
    /// That of the request.
    pub correlation_id: String,
    /// Where the request arrived.
    pub endpoint: Endpoint,
    /// Which protocol it spoke, as far as that was understood.
    pub protocol: Option<AuditProtocol>,
    /// For whom the token is.
    pub relying_party: Option<String>,
    /// ECP: the service provider.
    pub service_provider: Option<String>,
    /// The name as typed.
    pub user: Option<Username>,
    /// The user principal name of the entry found.
    pub upn: Option<String>,
    /// Who asked.
    pub client: ClientAddress,
    /// What we would have decided.
    pub result: Option<AuditResult>,
    /// Why.
    pub reason: Option<String>,
    /// In what the answers differ.
    pub differences: Vec<ShadowDifference>,
}

/// One thing in which two answers differ, both sides in words without a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowDifference {
    /// Its name, which the metric has as well.
    pub difference: &'static str,
    /// Of what exactly, such as the name of an attribute.
    pub of: Option<String>,
    /// What we would have said.
    pub fedfront: String,
    /// What the identity provider said.
    pub idp: String,
}

/// Differences told of one exchange.
const MOST: usize = 64;
/// Characters of each side.
const LONGEST: usize = 256;

impl ShadowRecord {
    /// The label in audit records.
    pub(super) const LABEL: &str = "shadow_difference";

    /// The record as one line, its end included.
    pub(super) fn line(&self) -> Result<String, serde_json::Error> {
        let one = |found: &ShadowDifference| {
            json!({
                "difference": found.difference,
                "of": found.of.as_ref().map(|of| shortened(of, LONGEST)),
                "fedfront": shortened(&found.fedfront, LONGEST),
                "idp": shortened(&found.idp, LONGEST),
            })
        };
        line_of(&json!({
            "time": self.time.to_string(),
            "event": Self::LABEL,
            "correlation_id": self.correlation_id,
            "endpoint": self.endpoint.label(),
            "protocol": self.protocol.map(AuditProtocol::label),
            "relying_party": self.relying_party,
            "service_provider": self.service_provider,
            "user": self.user.as_ref().map(|user| shortened(user.as_str(), LONGEST)),
            "upn": self.upn,
            "client": self.client.0,
            "result": self.result.map(AuditResult::label),
            "reason": self.reason.as_ref().map(|reason| shortened(reason, 512)),
            "differences": self.differences.iter().take(MOST).map(one).collect::<Vec<_>>(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_an_event_of_its_own() {
        let difference =
            ShadowDifference { difference: "issuer", of: None, fedfront: "urn:a".to_owned(), idp: "x".repeat(300) };
        let record = ShadowRecord {
            time: Timestamp::from_unix_millis(1_767_225_600_068),
            correlation_id: "c1".to_owned(),
            endpoint: Endpoint::Sts,
            protocol: Some(AuditProtocol::WsTrust13),
            relying_party: Some("office365".to_owned()),
            service_provider: None,
            user: Some(Username::new("al\u{2028}ice")),
            upn: None,
            client: ClientAddress([192, 0, 2, 7].into()),
            result: Some(AuditResult::Success),
            reason: None,
            differences: vec![difference],
        };
        let line = record.line().unwrap();
        let expected = concat!(
            r#"{"time":"2026-01-01T00:00:00.068Z","event":"shadow_difference","correlation_id":"c1","endpoint":"sts","#,
            r#""protocol":"wstrust13","relying_party":"office365","service_provider":null,"user":"al\u2028ice","upn":null,"#,
            r#""client":"192.0.2.7","result":"success","reason":null,"#,
            r#""differences":[{"difference":"issuer","of":null,"fedfront":"urn:a","idp":"xxx"#,
        );
        assert!(line.starts_with(expected) && line.ends_with("xxx…\"}]}\n"), "{line}");
    }

    #[test]
    fn no_two_differences_have_one_name() {
        let mut names = ShadowMetrics::every_difference();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
