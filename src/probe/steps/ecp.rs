//! Signs in by ECP.

use super::super::finding::Findings;
use super::super::request::authn_request;
use super::super::server::Server;
use super::super::step::{Step, StepName};
use super::SignIn;
use super::sign_in::concluded;
use crate::answers;
use crate::model::{Clock, Ids};
use crate::runtime::{RandomIds, SystemClock};

/// Where ECP is: ours and OAM's, Shibboleth's, WSO2's.
pub(in crate::probe) const CANDIDATES: [&str; 3] = ["/oamfed/idp/soap", "/idp/profile/SAML2/SOAP/ECP", "/samlecp"];
/// Microsoft's assertion consumer service by PAOS.
const MICROSOFTS_INDEX: &str = "2";
const UNAUTHORIZED: u16 = 401;

/// The first of [`CANDIDATES`] that asks for a password. None is sent to find it.
pub(in crate::probe) async fn find(server: &Server, party: &str) -> Option<String> {
    for path in CANDIDATES {
        let request = authn_request(&RandomIds.id(), party, None, SystemClock.now());
        let url = server.here(path);
        let asked = server.post(&url, &request, |post| post.header("content-type", "text/xml; charset=utf-8"));
        match asked.await {
            Ok(received) if received.exchange.status == UNAUTHORIZED => return Some(path.to_owned()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Asks for an assertion at `path`.
pub(in crate::probe) async fn ecp(sign_in: &SignIn<'_>, path: &str, findings: &mut Findings) -> Step {
    let SignIn { server, user, password, expected } = sign_in;
    let (url, id) = (server.here(path), RandomIds.id());
    let index = expected.is_entra().then_some(MICROSOFTS_INDEX);
    let request = authn_request(&id, &expected.party, index, SystemClock.now());
    let posted = server.post(&url, &request, |post| {
        // What Exchange Online sends, whatever the envelope's version.
        let post = post.header("content-type", "application/soap+xml");
        post.basic_auth(user.as_str(), Some(password.expose()))
    });
    let posted = posted.await;
    concluded(StepName::Ecp, posted, |bytes| answers::ecp(bytes, &expected.certificates), expected, &id, findings)
}
