//! Finds where the server says that its endpoints are.

use super::super::finding::Findings;
use super::super::request::get_metadata;
use super::super::server::{Received, Server};
use super::super::step::{Failure, FailureKind, Said, Step, StepName, Verdict};
use crate::answers::{self, Mex, Unreadable};
use crate::model::Ids;
use crate::runtime::RandomIds;

/// Where MEX is: ours, WSO2's, AD FS's.
pub(in crate::probe) const CANDIDATES: [&str; 3] = ["/mex", "/services/mex-ut", "/adfs/services/trust/mex"];

/// Asks each of `paths` in turn by GET, as clients do; if none answers, by POST, as WSO2 wants it. Where the first is the
/// `tenants`, clients ask there alone.
pub(in crate::probe) async fn mex(
    server: &Server,
    paths: &[String],
    tenants: Option<&str>,
    findings: &mut Findings,
) -> Step {
    let mut tried = Vec::new();
    for posts in [false, true] {
        for path in paths {
            let url = server.here(path);
            let received = if posts { post(server, &url).await } else { server.get(&url).await };
            let received = match received {
                Ok(received) => received,
                Err(failure) => return Step::failed(StepName::Mex, None, failure),
            };
            let (method, status) = (received.exchange.method, received.exchange.status);
            let why = match answers::mex(&received.body) {
                Ok(mex) if status == 200 => {
                    if posts {
                        findings.refused(
                            "mex_post_only",
                            format!("{url} answers a SOAP POST only, and every Microsoft library sends a GET"),
                            "answer GET with bare wsdl:definitions, as fedfront in front does",
                        );
                    }
                    if let Some(tenants) = tenants.filter(|tenants| tenants != path) {
                        findings.refused("mex_tenants_address", tenants_alone(tenants, &tried, &url), AT_THE_TENANT);
                    }
                    return found(server, mex, received, posts, findings);
                }
                Err(Unreadable::Xml(_)) if status == 200 => NO_XML.to_owned(),
                Err(why) if status == 200 => why.to_string(),
                Ok(_) | Err(_) => status.to_string(),
            };
            tried.push(Tried { method, path: path.clone(), why });
        }
    }
    let what = in_vain(&tried);
    let help = match tenants {
        Some(tenants) => format!(
            "{tenants} is the tenant's metadataExchangeUri: if it is wrong, {AT_THE_TENANT}. If MEX is elsewhere, name its path in \
             --mex-path; in fedfront, endpoints.mex"
        ),
        None => {
            "name its path in --mex-path; in fedfront, endpoints.mex. A domain that signs in by SAML alone needs none"
                .to_owned()
        }
    };
    Step::failed(StepName::Mex, None, Failure::new(FailureKind::NotThere, what, help))
}

/// Where nothing was, and why.
struct Tried {
    method: &'static str,
    path: String,
    why: String,
}

const NO_XML: &str = "what is answered is no XML: is this an STS?";
const AT_THE_TENANT: &str =
    "correct it in Entra: fedfront entra diff compares every address of the tenant's, and has the commands";

fn tenants_alone(tenants: &str, tried: &[Tried], url: &str) -> String {
    let why = tried.iter().find(|tried| tried.path == tenants).map_or("", |tried| tried.why.as_str());
    format!(
        "the tenant's metadataExchangeUri is {tenants}, and there is no metadata here ({why}): Windows and Microsoft's libraries ask \
         there alone. It was found at {url}, and the rest is tried by it"
    )
}

/// Each reason once, after the places that it is about.
fn in_vain(tried: &[Tried]) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for Tried { method, path, why } in tried {
        let place = format!("{method} {path}");
        match reasons.iter_mut().find(|(before, _)| before == why) {
            Some((_, places)) => places.push(place),
            None => reasons.push((why, vec![place])),
        }
    }
    let each: Vec<String> = reasons.into_iter().map(|(why, places)| format!("{}: {why}", places.join(", "))).collect();
    format!("no metadata at {}", each.join("; "))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a server that is no STS one line said the same six times.
    #[test]
    fn each_reason_why_there_is_no_metadata_is_told_once() {
        let tried = |method, path: &str, why: &str| Tried { method, path: path.to_owned(), why: why.to_owned() };
        let all = [tried("GET", "/a", "404"), tried("GET", "/b", NO_XML), tried("POST", "/a", "404")];
        assert_eq!(in_vain(&all), format!("no metadata at GET /a, POST /a: 404; GET /b: {NO_XML}"));
    }
}
