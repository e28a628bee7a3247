//! Finds where the server says that its endpoints are.

use super::super::finding::Findings;
use super::super::request::get_metadata;
use super::super::server::{Received, Server};
use super::super::step::{Failure, FailureKind, Said, Step, StepName, Verdict};
use crate::answers::{self, Mex};
use crate::model::Ids;
use crate::runtime::RandomIds;

/// Where MEX is: ours, WSO2's, AD FS's.
pub(in crate::probe) const CANDIDATES: [&str; 3] = ["/mex", "/services/mex-ut", "/adfs/services/trust/mex"];

/// Asks each of `paths` in turn by GET, as clients do; if none answers, by POST, as WSO2 wants it.
pub(in crate::probe) async fn mex(server: &Server, paths: &[String], findings: &mut Findings) -> Step {
    let mut tried = Vec::new();
    for posts in [false, true] {
        for path in paths {
            let url = server.here(path);
            let received = if posts { post(server, &url).await } else { server.get(&url).await };
            let received = match received {
                Ok(received) => received,
                Err(failure) => return Step::failed(StepName::Mex, None, failure),
            };
            match answers::mex(&received.body) {
                Ok(mex) if received.exchange.status == 200 => {
                    if posts {
                        findings.refused(
                            "mex_post_only",
                            format!("{url} answers a SOAP POST only, and every Microsoft library sends a GET"),
                            "answer GET with bare wsdl:definitions, as fedfront in front does",
                        );
                    }
                    return found(server, mex, received, posts, findings);
                }
                Ok(_) | Err(_) if received.exchange.status != 200 => {
                    tried.push(format!("{} {path}: {}", received.exchange.method, received.exchange.status));
                }
                Ok(_) => {}
                Err(why) => tried.push(format!("{} {path}: {why}", received.exchange.method)),
            }
        }
    }
    let what = format!("no metadata at {}", tried.join("; "));
    let help =
        "name its path in --mex-path; in fedfront, endpoints.mex. A domain that signs in by SAML alone needs none";
    Step::failed(StepName::Mex, None, Failure::new(FailureKind::NotThere, what, help))
}

async fn post(server: &Server, url: &str) -> Result<Received, Failure> {
    let body = get_metadata(&RandomIds.id());
    server.post(url, &body, |request| request.header("content-type", "application/soap+xml; charset=utf-8")).await
}

fn found(server: &Server, mex: Mex, received: Received, posted: bool, findings: &mut Findings) -> Step {
    for obstacle in &mex.obstacles {
        // A POST is answered in an envelope.
        if !(posted && *obstacle == answers::Obstacle::Enveloped) {
            findings.refused(obstacle.label(), obstacle.words(), "correct the document, or let fedfront answer it");
        }
    }
    let elsewhere: Vec<&str> = mex
        .endpoints
        .iter()
        .map(|endpoint| endpoint.address.trim())
        .filter(|address| !server.is_here(address))
        .collect();
    if let Some(first) = elsewhere.first() {
        findings.warning(
            "mex_other_origin",
            format!("MEX names {first}, which is not below {}: clients go there. Here the same path is asked", server.origin),
            "correct public_url; to try a server under its future name, give that as --url, and the server in --connect-to",
        );
    }
    let facts = mex
        .endpoints
        .iter()
        .map(|endpoint| {
            let version = StepName::of(endpoint.version).title();
            (endpoint.credential.label().replace('_', " "), format!("{version} at {}", endpoint.address.trim()))
        })
        .collect();
    Step { name: StepName::Mex, exchange: Some(received.exchange), facts, verdict: Verdict::Fine, said: Said::Mex(mex) }
}
