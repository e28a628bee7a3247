//! SAML ECP: an AuthnRequest with HTTP Basic credentials becomes a signed assertion, step by step.
//!
//! What is wrong before it is known where an answer may go is a SOAP fault with a constant text; what is wrong after is a
//! Response that says so, with the header that every client needs to deliver it.

mod asked;
mod assertion;
mod seal;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use self::asked::asked;
use self::seal::envelope;
use super::Failure;
use super::context::Context;
use super::http_basic;
use super::message::{NativeRequest, Reply};
use super::trail::Trail;
use crate::model::{Refusal, RefusalKind};
use crate::saml::ecp::{CONTENT_TYPE, FaultCode, Outcome, SecondLevelStatus, StatusCode as Status, fault};
use crate::telemetry::{AuditCredential, AuditProtocol};

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
        Err(failure) => {
            trail.end(context, Some(&failure)).await;
            return as_fault(&failure);
        }
    };
    let outcome = asked.assertion(context, &username, &password, &mut trail).await;
    trail.end(context, outcome.as_ref().err().map(|failed| &failed.failure)).await;
    match outcome {
        Ok(envelope) => soap(StatusCode::OK, envelope),
        Err(Failed { status: Some((top, second)), .. }) => {
            // From the name alone: the entry's own domain would tell that there is one.
            let issuer = context.issuers.issuer_for_name(asked.party.party, &username);
            let id = context.ids.id();
            let head = asked.head(&id, issuer, context.clock.now());
            match envelope(context, &head, Outcome::Failure(top, second), asked.response_signature()).await {
                Ok(envelope) => soap(StatusCode::OK, envelope),
                Err(failure) => as_fault(&failure),
            }
        }
        Err(Failed { failure, .. }) => as_fault(&failure),
    }
}

/// Whose fault it was is all that it says.
fn as_fault(failure: &Failure) -> Reply {
    match failure {
        Failure::Refused(refusal) => soap(StatusCode::INTERNAL_SERVER_ERROR, fault(FaultCode::from(refusal.kind))),
        Failure::Misconfigured(_) | Failure::Unavailable(_) | Failure::Ours(_) => {
            let again = HeaderValue::from_static("5");
            soap(StatusCode::INTERNAL_SERVER_ERROR, fault(FaultCode::Server)).with(RETRY_AFTER, again)
        }
    }
}

/// The fault for a request whose body could not be had.
pub(super) fn without_body(status: StatusCode) -> Reply {
    soap(status, fault(FaultCode::Client))
}

/// Why there is no assertion, and the status that says so; without one it is a SOAP fault.
struct Failed {
    failure: Failure,
    status: Option<(Status, Option<SecondLevelStatus>)>,
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

/// What the request asks for and cannot have.
fn cannot(kind: RefusalKind, reason: impl Into<String>, status: SecondLevelStatus) -> Failed {
    let refusal = Refusal::new(kind, reason);
    Failed { failure: refusal.into(), status: Some((Status::Requester, Some(status))) }
}

fn soap(status: StatusCode, envelope: String) -> Reply {
    Reply::fresh(status, CONTENT_TYPE, envelope).with(SOAP_ACTION.clone(), HeaderValue::from_static(""))
}
