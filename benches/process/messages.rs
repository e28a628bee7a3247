//! The requests.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedfront::model::{Clock, Timestamp};
use fedfront::runtime::SystemClock;

/// Alice of `fedfront demo`.
const USER: &str = "alice@example.com";
const PASSWORD: &str = "wonderland";

static STARTED: LazyLock<Timestamp> = LazyLock::new(|| SystemClock.now());
static RST: LazyLock<Vec<u8>> = LazyLock::new(|| token_request_of(USER, PASSWORD));

/// Alice's RST for WS-Trust 1.3, in the shape of MSAL's.
pub fn token_request() -> Vec<u8> {
    RST.clone()
}

/// The same of somebody, whose name and password need no escape.
pub fn token_request_of(user: &str, password: &str) -> Vec<u8> {
    let body = include_str!("../data/rst13.xml")
        .replace("2026-01-01T00:00:00.000Z", &STARTED.to_string())
        .replace("2026-01-01T00:10:00.000Z", &STARTED.plus(Duration::from_secs(600)).to_string())
        .replace(USER, user)
        .replace("wonder &amp; land", password);
    let head = "SOAPAction: http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue\r\n";
    post("/adfs/services/trust/13/usernamemixed", head, &body)
}

/// An AuthnRequest by ECP, as Exchange Online sends it. Each number is good once.
pub fn ecp_request(number: usize) -> Vec<u8> {
    let body = format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><samlp:AuthnRequest \
         xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
         ID=\"_{number:032x}\" IssueInstant=\"{}\" Version=\"2.0\" AssertionConsumerServiceIndex=\"2\"><saml:Issuer>\
         urn:federation:MicrosoftOnline</saml:Issuer></samlp:AuthnRequest></S:Body></S:Envelope>",
        *STARTED
    );
    let credentials = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    post("/oamfed/idp/soap", &format!("Authorization: Basic {credentials}\r\n"), &body)
}

fn post(path: &str, head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let common = "Host: localhost\r\nContent-Type: application/soap+xml; charset=utf-8\r\nAccept: */*\r\n";
    format!("POST {path} HTTP/1.1\r\n{common}{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}
