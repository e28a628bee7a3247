//! WS-Trust: a RequestSecurityToken is read, and answered by the operation that it asks for.

mod asker;
mod cancel;
mod deliver;
mod issue;
mod keys;
#[cfg(test)]
mod keys_tests;
mod known;
mod renew;
mod token;
mod validate;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

use self::asker::Presented;
use super::Failure;
use super::context::Context;
use super::message::{NativeRequest, Reply};
use super::trail::Trail;
use crate::model::{Refusal, RefusalKind, Timestamp};
use crate::soap::{Addressing, Envelope, SoapVersion, understood_by_wstrust};
use crate::sts::Circumstances;
use crate::telemetry::AuditProtocol;
use crate::wstrust::{Operation, RequestSecurityToken, RequestedClaims, TrustVersion, fault, unavailable};
use crate::xml::Limits;

/// Answers a request to the STS.
pub(super) async fn answer(request: &NativeRequest, context: &Context) -> Reply {
    if request.method != Method::POST {
        // Axis2 serves a service's description so.
        if super::is_get(&request.method) && request.query.eq_ignore_ascii_case("wsdl") {
            return context.documents.mex.reply(&request.headers);
        }
        return Reply::method_not_allowed("POST");
    }
    let mut answering = Answering::to(request);
    let mut trail = Trail::of(request, context, None);
    let outcome = answered(request, context, &mut answering, &mut trail).await;
    trail.end(context, outcome.as_ref().err()).await;
    match outcome {
        Ok(envelope) => Reply::fresh(StatusCode::OK, answering.soap.content_type(), envelope),
        Err(Failure::Refused(refusal)) => refused(&refusal, &answering, context),
        Err(Failure::Unavailable(_) | Failure::Ours(_)) => {
            let body = unavailable(answering.trust).render(answering.soap, answering.addressing.as_ref());
            Reply::fresh(StatusCode::SERVICE_UNAVAILABLE, answering.soap.content_type(), body)
                .with(RETRY_AFTER, HeaderValue::from_static("5"))
        }
    }
}

/// From bytes to the envelope of the answer.
async fn answered(
    request: &NativeRequest,
    context: &Context,
    answering: &mut Answering,
    trail: &mut Trail,
) -> Result<String, Failure> {
    let now = context.clock.now();
    let limits = Limits::message(context.config.limits.rst_body);
    let envelope = Envelope::parse(&request.body, &limits, understood_by_wstrust)
        .inspect_err(|_| answering.peek(&request.body, &limits))?;
    answering.learn(&envelope);
    let RequestSecurityToken { version, context: label, operation } = RequestSecurityToken::read(&envelope)?;
    trail.speaks(protocol(version));
    trail.asks_for(operation.kind());
    let presented = Presented::read(&envelope, trail, now)?;
    let message = Message { version, label, now, request, envelope: &envelope, answering, context };
    match operation {
        Operation::Issue(asked) => issue::issue(asked, presented, &message, trail).await,
        Operation::Renew(asked) => renew::renew(asked, presented, &message, trail).await,
        Operation::Validate(asked) => validate::validate(asked, presented, &message, trail).await,
        Operation::Cancel(asked) => cancel::cancel(asked, presented, &message, trail).await,
    }
}

/// What every operation knows of the message that asks for it.
struct Message<'a> {
    /// Its version of WS-Trust.
    version: TrustVersion,
    /// Its `Context`.
    label: Option<String>,
    /// When it is answered.
    now: Timestamp,
    /// How it came.
    request: &'a NativeRequest,
    /// The message itself.
    envelope: &'a Envelope,
    /// How it is answered.
    answering: &'a Answering,
    /// With what.
    context: &'a Context,
}

/// In which Exchange Online says for whom it asks.
static RELAYED_FOR: HeaderName = HeaderName::from_static("x-ms-forwarded-client-ip");

impl Message<'_> {
    /// What claims are made by, besides who asks.
    fn circumstances<'c>(&'c self, requested: Option<&'c RequestedClaims>) -> Circumstances<'c> {
        let relayed_for = self.request.headers.get(&RELAYED_FOR).map(|value| value.to_str().unwrap_or("?"));
        Circumstances { client: Some(self.request.client), relayed_for, now: self.now, requested }
    }
}

/// A refusal's fault. With `Retry-After`, MSAL.NET and MSAL for Java do not send the same password again at once, as they do
/// after any other 5xx.
pub(super) fn refused(refusal: &Refusal, answering: &Answering, context: &Context) -> Reply {
    let body = fault(refusal, answering.trust).render(answering.soap, answering.addressing.as_ref());
    let status = StatusCode::from_u16(context.config.faults.bad_password_status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::fresh(status, answering.soap.content_type(), body).with(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// The fault for a request whose body could not be had.
pub(super) fn without_body(request: &NativeRequest, status: StatusCode) -> Reply {
    let answering = Answering::to(request);
    let refusal = Refusal::new(RefusalKind::Malformed, "the body could not be had");
    let body = fault(&refusal, answering.trust).render(answering.soap, None);
    Reply::fresh(status, answering.soap.content_type(), body)
}

/// How the client wants to be answered, as far as that is known yet.
pub(super) struct Answering {
    soap: SoapVersion,
    addressing: Option<Addressing>,
    trust: TrustVersion,
}

impl Answering {
    /// What the HTTP headers and the path let expect.
    pub(super) fn to(request: &NativeRequest) -> Self {
        let content_type = request.header(http::header::CONTENT_TYPE);
        let trust = if request.path.contains("/2005/") { TrustVersion::V200502 } else { TrustVersion::V13 };
        Self { soap: SoapVersion::claimed_by(content_type), addressing: None, trust }
    }

    /// What an envelope says.
    pub(super) fn learn(&mut self, envelope: &Envelope) {
        self.soap = envelope.version;
        self.addressing = envelope.addressing.clone();
        if let Some(version) = envelope.content().ok().and_then(|body| TrustVersion::of(&body.name.namespace)) {
            self.trust = version;
        }
    }

    /// What can be told of an envelope that was refused.
    pub(super) fn peek(&mut self, body: &[u8], limits: &Limits) {
        if let Some((soap, addressing)) = Envelope::peek(body, limits) {
            self.soap = soap;
            self.addressing = addressing;
        }
    }
}

fn protocol(version: TrustVersion) -> AuditProtocol {
    match version {
        TrustVersion::V13 => AuditProtocol::WsTrust13,
        TrustVersion::V200502 => AuditProtocol::WsTrust2005,
    }
}
