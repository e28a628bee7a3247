//! One exchange: what the identity provider answered, what we would have, and in what the two differ.

use http::{Method, StatusCode};

use super::aside::{PAUSED, UNASKED};
use super::bench::{Bench, May, Ours};
use super::capture::Exchange;
use super::credentials;
use super::desk::Desk;
use super::found::{Words, found, of_sets};
use super::seen::{Seen, Side};
use crate::answers::{self, Answer, Mex, Subject, differences};
use crate::handler::NativeRequest;
use crate::model::{Endpoint, Timestamp};
use crate::soap::Envelope;
use crate::telemetry::{AuditRecord, AuditResult, ShadowDifference, ShadowRecord};
use crate::wstrust::{RequestSecurityToken, TrustOperation};
use crate::xml::Limits;

/// What came of one exchange.
pub(super) struct Comparison {
    pub outcome: Outcome,
    /// What it is about, for a record of differences.
    pub about: Option<Box<ShadowRecord>>,
}

/// How two answers are to each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Same,
    Different(Vec<ShadowDifference>),
    NotCompared(Why),
    /// We have no answer, and would have said so.
    Failed(String),
}

/// Why an exchange is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Overload,
    TooLarge,
    Cut,
    NoAnswer,
    Coding,
    Unchanged,
    Operation,
    Paused,
    Credentials,
}

impl Why {
    /// The label in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::TooLarge => "too_large",
            Self::Cut => "cut",
            Self::NoAnswer => "no_answer",
            Self::Coding => "coding",
            Self::Unchanged => "unchanged",
            Self::Operation => "operation",
            Self::Paused => "paused",
            Self::Credentials => "credentials",
        }
    }

    /// The same for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Overload => "too many wait: lower shadow.sample, or raise shadow.concurrency",
            Self::TooLarge => "the request is over its endpoint's limit, or the answer over 1 MiB",
            Self::Cut => "the client or the identity provider broke it off",
            Self::NoAnswer => "the identity provider did not answer, or with 502, 503 or 504",
            Self::Coding => "it has a Content-Encoding other than gzip and deflate, or one that does not hold",
            Self::Unchanged => "the identity provider answered 304, so that there is nothing to read",
            Self::Operation => {
                "Renew, Validate and Cancel are about tokens that we did not issue, and descriptions are not read"
            }
            Self::Paused => "a failure of this user counts at the guard, so that our directory is not asked yet",
            Self::Credentials => {
                "beside the password is a cookie, another credential or a header of upstream.remove_headers, which the identity \
                 provider may have gone by"
            }
        }
    }
}

impl Comparison {
    pub fn failed(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed(why.into()), about: None }
    }

    fn not(why: Why) -> Self {
        Self { outcome: Outcome::NotCompared(why), about: None }
    }

    fn of(differences: Vec<ShadowDifference>, about: ShadowRecord) -> Self {
        let outcome = if differences.is_empty() { Outcome::Same } else { Outcome::Different(differences) };
        Self { outcome, about: Some(Box::new(about)) }
    }
}

/// Reads the identity provider's answer, makes ours, and compares them.
pub(super) async fn compare(exchange: Exchange, bench: &Bench, desk: &Desk) -> Comparison {
    let Exchange { request, arrived, .. } = &exchange;
    let Some(status) = exchange.status else { return Comparison::not(Why::NoAnswer) };
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            return Comparison::not(Why::NoAnswer);
        }
        StatusCode::NOT_MODIFIED => return Comparison::not(Why::Unchanged),
        _ => {}
    }
    if !exchange.known.answered {
        return Comparison::of(refused_address(status), about(request, *arrived, None));
    }
    if !is_comparable(request, bench.largest_message()) {
        return Comparison::not(Why::Operation);
    }
    let known = [bench.certificate()];
    let theirs = match Side::read(request.endpoint, status, &exchange.headers, &exchange.body, &known) {
        Ok(theirs) => theirs,
        Err(why) => return Comparison::not(why),
    };
    let proved = theirs.is_token() && !exchange.known.vouched && credentials::is_one_alone(request);
    let may = if proved { May::Bind } else { May::Look };
    let Ours { reply, record } = bench.answer(request, *arrived, may).await;
    if let Some(why) = absent(record.as_ref(), reply.status) {
        return why;
    }
    if theirs.is_token() && record.as_ref().is_some_and(is_guessed) {
        return Comparison::not(Why::Credentials);
    }
    let ours = match Side::read(request.endpoint, reply.status, &reply.headers, &reply.body, &known) {
        Ok(ours) => ours,
        Err(why) => return Comparison::not(why),
    };
    let differences = between(&ours, &theirs, record.as_ref(), desk.words());
    Comparison::of(differences, about(request, *arrived, record))
}

/// At a path that only looks like the endpoint, we would answer 404.
fn refused_address(status: StatusCode) -> Vec<ShadowDifference> {
    if status == StatusCode::NOT_FOUND {
        return Vec::new();
    }
    let ours = "HTTP 404: a lenient reading of the path names the endpoint, and it is none of endpoints' paths";
    vec![found("address", None, ours, format!("HTTP {}", status.as_u16()))]
}

/// Whether the two can be expected to speak of the same.
fn is_comparable(request: &NativeRequest, largest: usize) -> bool {
    match request.endpoint {
        Endpoint::Sts if request.method != Method::POST => false,
        Endpoint::Sts => {
            let envelope = Envelope::parse(&request.body, &Limits::message(largest), |_| true);
            let asked = envelope.ok().and_then(|envelope| RequestSecurityToken::peek(&envelope)?.1);
            asked.is_none_or(|operation| operation == TrustOperation::Issue)
        }
        Endpoint::Mex => !request.query.to_ascii_lowercase().starts_with("xsd"),
        _ => true,
    }
}

/// Why there is no answer of ours.
fn absent(record: Option<&AuditRecord>, status: StatusCode) -> Option<Comparison> {
    let reason = record.and_then(|record| record.reason.as_deref()).unwrap_or_default();
    match record.map(|record| record.result) {
        Some(AuditResult::Unavailable) if reason.contains(PAUSED) => Some(Comparison::not(Why::Paused)),
        Some(AuditResult::Unavailable | AuditResult::Internal) => Some(Comparison::failed(reason)),
        None if status.is_server_error() => Some(Comparison::failed(format!("HTTP {}", status.as_u16()))),
        _ => None,
    }
}

/// Whether no bind was made, so that what would have come of it is not known.
fn is_guessed(record: &AuditRecord) -> bool {
    record.reason.as_deref().is_some_and(|reason| reason.contains(UNASKED))
}

/// In what they differ.
fn between(ours: &Side, theirs: &Side, record: Option<&AuditRecord>, words: &Words) -> Vec<ShadowDifference> {
    let mut differences = match (&ours.seen, &theirs.seen) {
        _ if ours.is_token() && !theirs.is_token() => return vec![found("issued", None, ours.what(), theirs.what())],
        _ if theirs.is_token() && !ours.is_token() => return vec![refused(ours, theirs, record)],
        (Seen::Answer(one), Seen::Answer(other)) => of_answers(one, other, record, words),
        (Seen::Mex(one), Seen::Mex(other)) => of_mex(one, other),
        (Seen::Described(one), Seen::Described(other)) => one.differences(other),
        (Seen::Challenge, Seen::Challenge) => Vec::new(),
        (Seen::Other, Seen::Other) => return status(ours, theirs).into_iter().collect(),
        _ => return vec![found("answer", None, ours.what(), theirs.what())],
    };
    differences.extend(status(ours, theirs));
    if ours.media != theirs.media && !matches!(ours.seen, Seen::Challenge) {
        differences.push(found("content_type", None, ours.media.clone(), theirs.media.clone()));
    }
    differences
}

fn status(ours: &Side, theirs: &Side) -> Option<ShadowDifference> {
    let [one, other] = [ours, theirs].map(|side| side.status.as_u16());
    (one != other).then(|| found("http_status", None, one.to_string(), other.to_string()))
}

/// Somebody who has a token of the identity provider's would have none of ours.
fn refused(ours: &Side, theirs: &Side, record: Option<&AuditRecord>) -> ShadowDifference {
    let result = record.map(|record| record.result);
    // What the directory says of a user, be it by what it does not have.
    let by_directory = matches!(
        result,
        Some(AuditResult::BadCredentials | AuditResult::UnknownUser | AuditResult::Expired | AuditResult::Account)
    );
    let reason = record.and_then(|record| record.reason.clone()).unwrap_or_else(|| ours.what());
    let said = result.map_or(reason.clone(), |result| format!("{}: {reason}", result.label()));
    found(if by_directory { "directory" } else { "refused" }, None, said, theirs.what())
}

/// What people alone read differs by product.
fn of_answers(ours: &Answer, theirs: &Answer, record: Option<&AuditRecord>, words: &Words) -> Vec<ShadowDifference> {
    let differences = differences(ours, theirs);
    let counted = differences
        .iter()
        .filter(|difference| !matches!(difference.subject, Subject::FaultReason | Subject::StatusMessage));
    counted.map(|difference| words.of(difference, record)).collect()
}

/// Endpoints are the same if their addresses are; what keeps clients from finding them is told by its name.
fn of_mex(ours: &Mex, theirs: &Mex) -> Vec<ShadowDifference> {
    let text = |endpoint: &answers::Endpoint| {
        format!("{} {} {}", endpoint.credential.label(), endpoint.version.label(), endpoint.address)
    };
    let [one, other] = [ours, theirs].map(|mex| mex.endpoints.iter().map(text).collect());
    let mut differences: Vec<ShadowDifference> = of_sets("mex_endpoint", &one, &other).into_iter().collect();
    let told = [(ours, theirs, true), (theirs, ours, false)].into_iter().flat_map(|(has, lacks, mine)| {
        let alone = has.obstacles.iter().filter(|obstacle| !lacks.obstacles.contains(obstacle));
        alone.map(move |obstacle| {
            let (fedfront, idp) = if mine { (obstacle.words(), "not so") } else { ("not so", obstacle.words()) };
            found("mex_obstacle", Some(obstacle.label().to_owned()), fedfront, idp)
        })
    });
    differences.extend(told);
    differences
}

/// What a record of differences says besides them.
fn about(request: &NativeRequest, arrived: Timestamp, record: Option<AuditRecord>) -> ShadowRecord {
    let empty = ShadowRecord {
        time: arrived,
        correlation_id: request.correlation_id.clone(),
        endpoint: request.endpoint,
        protocol: None,
        relying_party: None,
        service_provider: None,
        user: None,
        upn: None,
        client: request.client,
        result: None,
        reason: None,
        differences: Vec::new(),
    };
    let Some(record) = record else { return empty };
    let (result, reason) = match is_guessed(&record) {
        true => (None, Some("the password was not asked for: the identity provider refused".to_owned())),
        false => (Some(record.result), record.reason),
    };
    ShadowRecord {
        protocol: record.protocol,
        relying_party: record.relying_party,
        service_provider: record.service_provider,
        user: record.user,
        upn: record.upn,
        result,
        reason,
        ..empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::ShadowMetrics;

    const EVERY: [Why; 9] = [
        Why::Overload,
        Why::TooLarge,
        Why::Cut,
        Why::NoAnswer,
        Why::Coding,
        Why::Unchanged,
        Why::Operation,
        Why::Paused,
        Why::Credentials,
    ];

    #[test]
    fn metrics_know_every_reason() {
        assert_eq!(EVERY.map(Why::label), ShadowMetrics::REASONS);
    }
}
