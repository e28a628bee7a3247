//! Signs in by WS-Trust.

use super::super::finding::Findings;
use super::super::request::{Asked, request_security_token};
use super::super::step::{Step, StepName};
use super::SignIn;
use super::sign_in::concluded;
use crate::answers;
use crate::model::{Clock, Ids};
use crate::runtime::{RandomIds, SystemClock};
use crate::wstrust::{TrustOperation, TrustVersion};

/// Asks for a token, `to` being the address as MEX has it.
pub(in crate::probe) async fn trust(
    sign_in: &SignIn<'_>,
    version: TrustVersion,
    to: &str,
    findings: &mut Findings,
) -> Step {
    let SignIn { server, user, password, expected } = sign_in;
    let (url, id) = (server.here(to), RandomIds.id());
    let asked = Asked { version, to: to.trim(), applies_to: &expected.party, id: &id, now: SystemClock.now() };
    let request = request_security_token(&asked, user, password);
    let posted = server.post(&url, &request, |post| {
        let post = post.header("content-type", "application/soap+xml; charset=utf-8");
        post.header("soapaction", version.action(TrustOperation::Issue))
    });
    let posted = posted.await;
    concluded(
        StepName::of(version),
        posted,
        |bytes| answers::token(bytes, &expected.certificates),
        expected,
        &id,
        findings,
    )
}
