//! WS-Trust: a RequestSecurityToken is read, and answered by the operation that it asks for.

mod asker;
mod cancel;
mod delegation;
mod deliver;
mod issue;
mod issued_token;
mod keys;
#[cfg(test)]
mod keys_tests;
mod known;
mod offers;
mod renew;
mod token;
mod validate;

use http::header::{HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

use self::asker::Presented;
use self::offers::{looked_into, with_offers};
use super::Failure;
use super::context::Context;
use super::message::{NativeRequest, Reply};
use super::mex::schema_asked_for;
use super::origin::CLIENT_IP;
use super::trail::Trail;
use crate::model::{Origin, Refusal, RefusalKind, Timestamp};
use crate::soap::{
    Addressing, AnswerError, Envelope, SecurityHeader, SoapVersion, signed_answer, understood_by_wstrust,
};
use crate::sts::Circumstances;
use crate::telemetry::AuditProtocol;
use crate::wstrust::{Heading, Operation, RequestSecurityToken, RequestedClaims, TrustVersion, fault, unavailable};
use crate::xml::Limits;

/// Answers a request to the STS.
pub(super) async fn answer(request: &NativeRequest, context: &Context) -> Reply {
    if request.method != Method::POST {
        return described(request, context).unwrap_or_else(|| Reply::method_not_allowed("POST"));
    }
    let mut answering = Answering::to(request);
    let mut trail = Trail::of(request, context, None);
    let outcome = answered(request, context, &mut answering, &mut trail).await;
    trail.end(context, outcome.as_ref().err()).await;
    match outcome {
        Ok(envelope) => Reply::fresh(StatusCode::OK, answering.soap.content_type(), envelope),
        Err(Failure::Refused(refusal)) => refused(&refusal, &answering, context),
        Err(Failure::Misconfigured(_) | Failure::Unavailable(_) | Failure::Ours(_)) => {
            let body = unavailable(answering.trust).render(answering.soap, answering.addressing.as_ref());
            Reply::fresh(StatusCode::SERVICE_UNAVAILABLE, answering.soap.content_type(), body)
                .with(RETRY_AFTER, HeaderValue::from_static("5"))
        }
    }
}

/// The description of the STS and its schemas, which Axis2 serves by the query.
fn described(request: &NativeRequest, context: &Context) -> Option<Reply> {
    if !super::is_get(&request.method) {
        return None;
    }
    match request.query.to_ascii_lowercase().as_str() {
        "wsdl" => Some(context.documents.wsdl.reply(&request.headers)),
        "wsdl2" => Some(Reply::text(StatusCode::NOT_FOUND, "There is no WSDL 2.0, but ?wsdl.\n")),
        _ => schema_asked_for(request, &context.documents.wsdl_schemas),
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
    let read = RequestSecurityToken::read(&envelope).map_err(|refusal| {
        note_unread(&envelope, request, trail);
        looked_into(refusal, &envelope)
    });
    let RequestSecurityToken { version, context: label, token_type_spelling, operation } = read?;
    trail.speaks(protocol(version));
    trail.asks_for(operation.kind());
    let presented = Presented::read(request, &envelope, operation.refers_to(), context, trail, now)?;
    let signs_answer = presented.claims_body();
    let origin = &trail.origin().clone();
    let envelope = &envelope;
    let message = Message { version, label, token_type_spelling, now, request, origin, envelope, answering, context };
    let answer = match operation {
        Operation::Issue(asked) => issue::issue(asked, presented, &message, trail).await,
        Operation::Renew(asked) => renew::renew(asked, presented, &message, trail).await,
        Operation::Validate(asked) => validate::validate(asked, presented, &message, trail).await,
        Operation::Cancel(asked) => cancel::cancel(asked, presented, &message, trail).await,
    }?;
    if signs_answer { signed(answer, message.answering.soap, context).await } else { Ok(answer) }
}

/// Notes what can be told of a request that could not be read.
fn note_unread(envelope: &Envelope, request: &NativeRequest, trail: &mut Trail) {
    let Some((version, operation)) = RequestSecurityToken::peek(envelope) else { return };
    trail.speaks(protocol(version));
    if let Some(operation) = operation {
        trail.asks_for(operation);
    }
    if let Ok(header) = SecurityHeader::read(envelope) {
        asker::note(header.as_ref(), request, trail);
    }
}

/// The answer to a message whose Body was signed.
async fn signed(answer: String, soap: SoapVersion, context: &Context) -> Result<String, Failure> {
    let key = context.signing_key().clone();
    let signed = context.sign(move || signed_answer(&answer, soap, &key)).await?;
    signed.map_err(|error| match error {
        AnswerError::Sign(error) => error.into(),
        error => Failure::Ours(error.to_string()),
    })
}

/// What every operation knows of the message that asks for it.
struct Message<'a> {
    /// Its version of WS-Trust.
    version: TrustVersion,
    /// Its `Context`.
    label: Option<String>,
    /// How it spells the TokenType that it asks for.
    token_type_spelling: Option<&'static str>,
    /// When it is answered.
    now: Timestamp,
    /// How it came.
    request: &'a NativeRequest,
    /// Where from.
    origin: &'a Origin,
    /// The message itself.
    envelope: &'a Envelope,
    /// How it is answered.
    answering: &'a Answering,
    /// With what.
    context: &'a Context,
}

impl Message<'_> {
    /// What its answer takes from it.
    fn heading(&self) -> Heading<'_> {
        let Answering { soap, addressing, .. } = self.answering;
        let context = self.label.as_deref();
        Heading { version: self.version, context, soap: *soap, addressing: addressing.as_ref(), now: self.now }
    }

    /// What claims are made by, besides who asks.
    fn circumstances<'c>(&'c self, requested: Option<&'c RequestedClaims>) -> Circumstances<'c> {
        let mut named = self.request.headers.get_all(&CLIENT_IP).iter();
        // Of several, a proxy of theirs may have added one and the client the other.
        let relayed_for = named.next().map(|only| match named.next() {
            None => only.to_str().unwrap_or("?"),
            Some(_) => "?",
        });
        Circumstances { clients: Some(&self.origin.clients), relayed_for, now: self.now, requested, provider: None }
    }
}

/// A refusal's fault. With `Retry-After`, MSAL.NET and MSAL for Java do not send the same password again at once, as they do
/// after any other 5xx.
pub(super) fn refused(refusal: &Refusal, answering: &Answering, context: &Context) -> Reply {
    let body = match refusal.kind {
        RefusalKind::UnsupportedToken => fault(&with_offers(refusal, &context.config), answering.trust),
        _ => fault(refusal, answering.trust),
    };
    let body = body.render(answering.soap, answering.addressing.as_ref());
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
