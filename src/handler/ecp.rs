//! SAML ECP: an AuthnRequest with HTTP Basic credentials becomes a signed assertion, step by step.
//!
//! What is wrong before it is known where an answer may go is a SOAP fault with a constant text; what is wrong after is a
//! Response that says so, with the header that every client needs to deliver it.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use super::Failure;
use super::context::Context;
use super::http_basic;
use super::message::{NativeRequest, Reply};
use super::trail::Trail;
use crate::dsig::{sign, verify};
use crate::federation::EcpParty;
use crate::model::{
    AttributeRelease, ClientAddress, NameIdentifierRule, Password, Refusal, RefusalKind, Timestamp, Username,
};
use crate::saml::ecp::{
    AuthnRequest, CONTENT_TYPE, ChannelBindings, FaultCode, ResponseHead, SecondLevelStatus, StatusCode as Status,
    check, failure, fault, grant, match_channel_bindings, success,
};
use crate::saml::{AuthnContextClass, Confirmation, Saml20Prefix, saml20};
use crate::soap::{Envelope, SoapVersion};
use crate::sts::{Circumstances, Validity, claims, issue};
use crate::telemetry::{AuditCredential, AuditProtocol};
use crate::xml::{Element, Limits};

/// How long an assertion may be delivered (Shibboleth's default).
const DELIVERY: Duration = Duration::from_secs(5 * 60);
/// OpenSAML's SOAP encoder sends it empty.
static SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// Answers a request to the ECP endpoint.
pub(super) async fn answer(request: &NativeRequest, context: &Context) -> Reply {
    if request.method != Method::POST {
        return Reply::method_not_allowed("POST");
    }
    let Some((username, password)) = http_basic::credentials(&request.headers) else {
        // The bare challenge of a client that waits for it decides nothing.
        if request.headers.contains_key(AUTHORIZATION) {
            let refusal =
                Refusal::new(RefusalKind::Malformed, "an Authorization header without readable Basic credentials");
            let trail = Trail::of(request, context, Some(AuditProtocol::Ecp));
            trail.end(context, Some(&Failure::Refused(refusal))).await;
        }
        return soap(StatusCode::UNAUTHORIZED, fault(FaultCode::Client))
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"SAML ECP\", charset=\"UTF-8\""));
    };
    let mut trail = Trail::of(request, context, Some(AuditProtocol::Ecp));
    trail.names(&username);
    trail.shows(AuditCredential::Password);
    let asked = match asked(request, context, &mut trail).await {
        Ok(asked) => asked,
        Err(refusal) => {
            let code = FaultCode::from(refusal.kind);
            trail.end(context, Some(&Failure::Refused(refusal))).await;
            return soap(StatusCode::INTERNAL_SERVER_ERROR, fault(code));
        }
    };
    let outcome = asked.assertion(context, &username, &password, &mut trail).await;
    trail.end(context, outcome.as_ref().err().map(|failed| &failed.failure)).await;
    match outcome {
        Ok(envelope) => soap(StatusCode::OK, envelope),
        Err(Failed { status: Some((top, second)), .. }) => {
            // From the name alone: the entry's own domain would tell that there is one.
            let issuer = context.issuers.issuer_for_name(&asked.party.party, &username);
            let id = context.ids.id();
            soap(StatusCode::OK, failure(&asked.head(&id, issuer, context.clock.now()), top, second))
        }
        Err(Failed { failure: Failure::Refused(refusal), .. }) => {
            soap(StatusCode::INTERNAL_SERVER_ERROR, fault(FaultCode::from(refusal.kind)))
        }
        Err(Failed { failure: Failure::Unavailable(_) | Failure::Ours(_), .. }) => {
            let again = HeaderValue::from_static("5");
            soap(StatusCode::INTERNAL_SERVER_ERROR, fault(FaultCode::Server)).with(RETRY_AFTER, again)
        }
    }
}

/// The fault for a request whose body could not be had.
pub(super) fn without_body(status: StatusCode) -> Reply {
    soap(status, fault(FaultCode::Client))
}

/// A request that may be answered, and where.
struct Asked<'c> {
    request: AuthnRequest,
    party: &'c EcpParty,
    acs_url: &'c str,
    client: ClientAddress,
    signature_verified: bool,
    /// What SP and client agree in, or the status that says that they do not.
    bindings: Result<Option<ChannelBindings>, SecondLevelStatus>,
}

/// Why there is no assertion, and the status that says so; without one it is a SOAP fault.
struct Failed {
    failure: Failure,
    status: Option<(Status, Option<SecondLevelStatus>)>,
}

/// From bytes to a request of a service provider that we know, with an address of its own to answer at.
async fn asked<'c>(request: &NativeRequest, context: &'c Context, trail: &mut Trail) -> Result<Asked<'c>, Refusal> {
    let limits = Limits::message(context.config.limits.ecp_body);
    let envelope = Envelope::parse(&request.body, &limits, understood)?;
    if envelope.version != SoapVersion::V11 {
        return Err(Refusal::new(RefusalKind::Version, "ECP is SOAP 1.1"));
    }
    let content = envelope.content()?;
    let mut asked = AuthnRequest::parse(content)?;
    let party = context.parties.by_entity_id(&asked.issuer, context.clock.now()).ok_or_else(|| {
        Refusal::new(RefusalKind::Scope, format!("no relying party with ECP has the entityID {:?}", asked.issuer))
    })?;
    trail.is_for(&party.party);
    let signature_verified = asked.signed;
    if asked.signed {
        let keys = &party.provider.signing_keys;
        let verified = verify(envelope.document(), content, "ID", keys)
            .map_err(|error| Refusal::new(RefusalKind::Security, format!("the request's signature: {error}")))?;
        // Only what was signed is believed from here.
        asked = AuthnRequest::parse(&verified.document().root)?;
    } else if party.provider.authn_requests_signed {
        return Err(Refusal::new(RefusalKind::Security, "the metadata says AuthnRequestsSigned, and this one is not"));
    }
    check(&asked, context.clock.now(), &context.ecp_addresses)?;
    let acs_url = &party.provider.choose_acs(&asked)?.location;
    let header_bindings = envelope.header().map(ChannelBindings::among).unwrap_or_default();
    let bindings = match_channel_bindings(&asked.channel_bindings, &header_bindings).map(Option::<&_>::cloned);
    Ok(Asked { request: asked, party, acs_url, client: request.client, signature_verified, bindings })
}

impl Asked<'_> {
    /// From a request to the envelope with the assertion in it.
    async fn assertion(
        &self,
        context: &Context,
        username: &Username,
        password: &Password,
        trail: &mut Trail,
    ) -> Result<String, Failed> {
        let (party, release) = (&self.party.party, &self.party.release);
        let now = context.clock.now();
        let rule = &release.name_identifier;
        let class = self.policy(rule)?;

        let user = trail.sign_in(context, username, password, self.request.force_authn).await;
        let user = user.map_err(Failed::signing_in)?;
        let attributes: &[AttributeRelease] = &release.attributes;
        let circumstances = Circumstances { client: Some(self.client), relayed_for: None, now, requested: None };
        let claims = claims(&user, party, &context.issuers, rule, attributes, circumstances, || context.ids.id())
            .map_err(|why| Failed::signing_in(trail.not_entitled(why).into()))?;
        let issuer = claims.issuer.clone();
        let confirmation = Confirmation::BearerFor {
            recipient: self.acs_url.to_owned(),
            in_response_to: Some(self.request.id.clone()),
            not_on_or_after: now.plus(DELIVERY),
        };
        let validity = Validity::starting(now, party.lifetime);
        let audience = &self.party.provider.entity_id;
        let mut assertion = issue(&user, claims, audience, confirmation, validity, &*context.ids);
        assertion.authn_context = class;
        let (key, algorithm) = (context.signing_key.clone(), party.signature);
        let signed = context.signing.run(move || sign(saml20(assertion, Saml20Prefix::Ecp), &key, algorithm)).await;
        let signed = signed.map_err(Failed::as_fault)?;
        let signed = signed.map_err(|error| Failed::as_fault(Failure::Ours(error.to_string())))?;
        // Only now, with an assertion to give: who was told to come again must not find the request used.
        if !context.replay.first_use(&["ecp", &self.request.issuer, &self.request.id], now).await {
            return Err(Failed::as_fault(Refusal::new(RefusalKind::Security, "the request's ID has been used before")));
        }
        trail.issues(&signed.value().id);
        context.metrics.tokens_issued.with_label_values(&["ecp", "saml20"]).inc();
        Ok(success(&self.head(&context.ids.id(), &issuer, now), &signed))
    }

    /// Refuses what the request asks for and we cannot give; the authentication context that we can.
    fn policy(&self, configured: &NameIdentifierRule) -> Result<AuthnContextClass, Failed> {
        if let Err(status) = self.bindings {
            return Err(cannot("the channel bindings of SP and client do not agree", status));
        }
        grant(&self.request, configured)
            .map_err(|status| cannot("a NameIDPolicy, RequestedAuthnContext or Subject that cannot be met", status))
    }

    /// Only a signed request says what the SP saw; without a signature whoever stands between writes both sides.
    fn agreed_bindings(&self) -> Option<&ChannelBindings> {
        self.bindings.as_ref().ok().and_then(Option::as_ref).filter(|_| self.signature_verified)
    }

    fn head<'a>(&'a self, id: &'a str, issuer: &'a str, now: Timestamp) -> ResponseHead<'a> {
        ResponseHead {
            id,
            issue_instant: now,
            issuer,
            acs_url: self.acs_url,
            in_response_to: &self.request.id,
            request_authenticated: self.signature_verified,
            channel_bindings: self.agreed_bindings(),
        }
    }
}

impl Failed {
    fn as_fault(failure: impl Into<Failure>) -> Self {
        Self { failure: failure.into(), status: None }
    }

    /// A sign-in that failed: a Response with AuthnFailed; what is not the user's to mend is a fault.
    fn signing_in(failure: Failure) -> Self {
        let denied = matches!(&failure, Failure::Refused(refusal) if refusal.kind == RefusalKind::Authentication);
        Self { failure, status: denied.then_some((Status::Requester, Some(SecondLevelStatus::AuthnFailed))) }
    }
}

fn cannot(reason: &str, status: SecondLevelStatus) -> Failed {
    let refusal = Refusal::new(RefusalKind::Unsupported, reason);
    Failed { failure: refusal.into(), status: Some((Status::Requester, Some(status))) }
}

fn soap(status: StatusCode, envelope: String) -> Reply {
    Reply::fresh(status, CONTENT_TYPE, envelope).with(SOAP_ACTION.clone(), HeaderValue::from_static(""))
}

/// Header blocks that a request may demand to be understood. Clients relay what a service provider sent them: its PAOS and
/// ECP blocks were for the client, and bindings are compared.
fn understood(block: &Element) -> bool {
    match &*block.name.namespace {
        "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" => matches!(block.name.local.as_str(), "Request" | "RelayState"),
        "urn:liberty:paos:2003-08" => block.name.local == "Request",
        "urn:oasis:names:tc:SAML:protocol:ext:channel-binding" => block.name.local == "ChannelBindings",
        _ => false,
    }
}
