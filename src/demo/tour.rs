//! The tour: MEX and WS-Trust as Microsoft's libraries use them, ECP as ActiveSync does, a page that is forwarded; over
//! TLS, with every signature verified.

use std::net::SocketAddr;
use std::time::Duration;

use openssl::x509::X509;
use reqwest::{Certificate, Client, RequestBuilder};

use super::files::{ALICE, Made};
use super::identity_provider::TITLE;
use super::message::{authn_request, request_security_token};
use super::say;
use crate::dsig::{Accepted, verify};
use crate::model::{Clock, Ids};
use crate::runtime::{RandomIds, SystemClock};
use crate::wstrust::{TrustOperation, TrustVersion};
use crate::xml::{Document, Element, Limits, parse};

const SAML11: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
const SAML20: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// Goes everywhere once, telling what came back.
pub(super) async fn tour(made: &Made, https: SocketAddr, admin: SocketAddr) -> Result<(), String> {
    let base = format!("https://localhost:{}", https.port());
    let client = client(made, https)?;
    text(client.get(format!("http://{admin}/readyz"))).await.map_err(|error| format!("readyz: {error}"))?;

    say("\n1. WS-Trust 1.3, as MSAL signs in");
    let mex = text(client.get(format!("{base}/adfs/services/trust/mex"))).await?;
    let addresses = addresses(&mex)?;
    say(&format!("   GET {base}/adfs/services/trust/mex names {} endpoints", addresses.len()));
    let endpoint = |marker: &str| {
        let found = addresses.iter().find(|address| address.contains(marker));
        found.cloned().ok_or_else(|| format!("MEX names no endpoint with {marker}"))
    };
    trust(&client, TrustVersion::V13, &endpoint("/trust/13/")?, made).await?;

    say("\n2. WS-Trust 2005/02, as Windows and older clients sign in");
    trust(&client, TrustVersion::V200502, &endpoint("/trust/2005/")?, made).await?;

    say("\n3. SAML ECP, as Exchange Online signs an ActiveSync user in");
    let url = format!("{base}/oamfed/idp/soap");
    let request = authn_request(&RandomIds.id(), SystemClock.now());
    let post = client.post(&url).basic_auth(ALICE.0, Some(ALICE.1)).body(request);
    let answer = text(post.header("content-type", "application/soap+xml")).await?;
    say(&format!("   POST {url}"));
    show(&answer, SAML20, "ID", &made.signing)?;

    say("\n4. Everything else, forwarded");
    let page = text(client.get(format!("{base}/hello"))).await?;
    if !page.starts_with(TITLE) {
        return Err("the page is not the identity provider's".to_owned());
    }
    say(&format!("   GET {base}/hello reached the identity provider, which saw:"));
    page.lines().skip(2).for_each(|line| say(&format!("     {line}")));
    say("");
    Ok(())
}

fn client(made: &Made, https: SocketAddr) -> Result<Client, String> {
    let authority = made.authority.to_pem().map_err(|error| error.to_string())?;
    Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(Certificate::from_pem(&authority).map_err(|error| error.to_string())?)
        .resolve("localhost", https)
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| error.to_string())
}

async fn trust(client: &Client, version: TrustVersion, to: &str, made: &Made) -> Result<(), String> {
    let request = request_security_token(version, to, ALICE, SystemClock.now());
    let post = client.post(to).body(request).header("content-type", "application/soap+xml; charset=utf-8");
    let answer = text(post.header("soapaction", version.action(TrustOperation::Issue))).await?;
    say(&format!("   POST {to}"));
    show(&answer, SAML11, "AssertionID", &made.signing)
}

async fn text(request: RequestBuilder) -> Result<String, String> {
    let answer = request.send().await.map_err(chain)?;
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await.map_err(chain)?;
    if status.is_success() { Ok(text) } else { Err(format!("{url} answered {status}: {text}")) }
}

/// An error with its causes: reqwest's own words alone say little.
fn chain(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn addresses(mex: &str) -> Result<Vec<String>, String> {
    let document = parsed(mex)?;
    let named = |element: &&Element| element.is("http://www.w3.org/2005/08/addressing", "Address");
    Ok(document.root.descendants().filter(named).filter_map(Element::trimmed_text).map(str::to_owned).collect())
}

/// Verifies the assertion in an answer and tells what it says.
fn show(answer: &str, namespace: &str, id_attribute: &str, signing: &X509) -> Result<(), String> {
    let document = parsed(answer)?;
    let assertion = document.root.descendants().find(|element| element.is(namespace, "Assertion"));
    let assertion = assertion.ok_or_else(|| format!("no assertion in the answer: {answer}"))?;
    let key = signing.public_key().map_err(|error| error.to_string())?;
    let verified = verify(&document, assertion, id_attribute, &[key], Accepted::Modern)
        .map_err(|error| format!("the signature: {error}"))?;
    let signed = &verified.document().root;
    let find = |local: &str| signed.descendants().find(|element| element.is(namespace, local));
    let issuer = signed.attribute("Issuer").or_else(|| find("Issuer")?.text()).unwrap_or_default();
    let name = find("NameIdentifier").or_else(|| find("NameID")).and_then(Element::text).unwrap_or_default();
    let until = find("Conditions").and_then(|conditions| conditions.attribute("NotOnOrAfter")).unwrap_or_default();
    say("   signature   verified with signing.crt");
    say(&format!("   issuer      {issuer}"));
    say(&format!("   name        {name} (ImmutableID)"));
    for attribute in signed.descendants().filter(|element| element.is(namespace, "Attribute")) {
        let label = attribute.attribute("AttributeName").or_else(|| attribute.attribute("Name")).unwrap_or_default();
        let value = attribute.child(namespace, "AttributeValue").and_then(Element::text).unwrap_or_default();
        say(&format!("   {label:<11} {value}"));
    }
    say(&format!("   valid until {until}"));
    Ok(())
}

fn parsed(text: &str) -> Result<Document, String> {
    parse(text.as_bytes(), &Limits::message(1 << 20)).map_err(|error| format!("the answer: {error}"))
}
