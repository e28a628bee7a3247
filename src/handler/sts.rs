//! WS-Trust: a RequestSecurityToken becomes a signed assertion, step by step.

use http::header::{HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

use super::Failure;
use super::context::Context;
use super::message::{NativeRequest, Reply};
use super::trail::Trail;
use crate::dsig::sign;
use crate::model::{Refusal, RefusalKind};
use crate::saml::{Confirmation, Saml20Prefix, saml11, saml20};
use crate::soap::{Addressing, Envelope, SecurityHeader, SoapVersion, understood_by_wstrust};
use crate::sts::{Validity, claims, issue, party_for};
use crate::telemetry::AuditProtocol;
use crate::wstrust::{RequestSecurityToken, Rstr, TokenType, TrustVersion, fault, render, unavailable};
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
    let outcome = token(request, context, &mut answering, &mut trail).await;
    trail.end(context, outcome.as_ref().err()).await;
    match outcome {
        Ok(envelope) => Reply::fresh(StatusCode::OK, answering.soap.content_type(), envelope),
        Err(Failure::Refused(refusal)) => refused(refusal.kind, &answering, context),
        Err(Failure::Unavailable(_) | Failure::Ours(_)) => {
            let body = unavailable(answering.trust).render(answering.soap, answering.addressing.as_ref());
            Reply::fresh(StatusCode::SERVICE_UNAVAILABLE, answering.soap.content_type(), body)
                .with(RETRY_AFTER, HeaderValue::from_static("5"))
        }
    }
}

/// From bytes to the envelope with the token in it.
async fn token(
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
    let rst = RequestSecurityToken::read(&envelope)?;
    trail.speaks(protocol(rst.version));

    let security = SecurityHeader::read(&envelope)?;
    security.check_times(now)?;
    let credentials = &security.username_token;
    trail.names(&credentials.username);
    let party = party_for(&context.parties.all, &rst.applies_to)?;
    trail.is_for(party);

    let user = trail.sign_in(context, &credentials.username, &credentials.password, false).await?;
    let rule = &party.name_identifier;
    let claims = claims(&user, party, &context.issuers, rule, &party.attributes, || context.ids.id())
        .map_err(|why| trail.not_entitled(why))?;
    let audience = party.audience.as_deref().unwrap_or(&rst.applies_to);
    let validity = Validity::starting(now, party.lifetime);
    let assertion = issue(&user, claims, audience, Confirmation::Bearer, validity, &*context.ids);
    let (key, algorithm, token_type) = (context.signing_key.clone(), party.signature, rst.token_type);
    let written = move || match token_type {
        TokenType::Saml11 => saml11(assertion),
        TokenType::Saml20 => saml20(assertion, Saml20Prefix::Rstr),
    };
    let signed = context.signing.run(move || sign(written(), &key, algorithm)).await?;
    let signed = signed.map_err(|error| Failure::Ours(error.to_string()))?;
    if let Some(nonce) = &credentials.nonce {
        // Only now, with a token to give: who was told to come again must not find the Nonce used.
        let entry = &user.entry().id;
        if !context.replay.first_use(&["nonce", &entry.directory, &entry.entry, nonce], now).await {
            return Err(Refusal::new(RefusalKind::Security, "the Nonce has been used before").into());
        }
    }
    trail.issues(&signed.value().id);
    let token = if token_type == TokenType::Saml11 { "saml11" } else { "saml20" };
    context.metrics.tokens_issued.with_label_values(&[rst.version.label(), token]).inc();

    let rstr = Rstr {
        version: rst.version,
        context: rst.context.as_deref(),
        applies_to: &rst.applies_to,
        token_type,
        spelling: party.token_type_spelling,
        assertion_id: &signed.value().id,
        assertion: signed.xml(),
        created: validity.from,
        expires: validity.until,
    };
    Ok(render(&rstr, answering.soap, answering.addressing.as_ref(), now))
}

/// A refusal's fault. With `Retry-After`, MSAL.NET and MSAL for Java do not send the same password again at once, as they do
/// after any other 5xx.
pub(super) fn refused(kind: RefusalKind, answering: &Answering, context: &Context) -> Reply {
    let body = fault(kind, answering.trust).render(answering.soap, answering.addressing.as_ref());
    let status = StatusCode::from_u16(context.config.faults.bad_password_status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::fresh(status, answering.soap.content_type(), body).with(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// The fault for a request whose body could not be had.
pub(super) fn without_body(request: &NativeRequest, status: StatusCode) -> Reply {
    let answering = Answering::to(request);
    let body = fault(RefusalKind::Malformed, answering.trust).render(answering.soap, None);
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
