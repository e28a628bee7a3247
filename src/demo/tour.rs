//! The tour: MEX and WS-Trust as Microsoft's libraries use them, ECP as ActiveSync does, a page that is forwarded; over
//! TLS, with every signature verified. The sign-ins are those of `fedfront probe`.

use std::net::SocketAddr;

use openssl::x509::X509;

use super::files::{ALICE, Made};
use super::identity_provider::TITLE;
use super::say;
use crate::answers::Verification;
use crate::model::{Password, Username};
use crate::probe::{Expected, Failure, Plan, Probed, Said, Server, Step, StepName, Verdict, probe, said};
use crate::saml::names::MICROSOFT_ONLINE;

/// Goes everywhere once, telling what came back.
pub(super) async fn tour(made: &Made, https: SocketAddr, admin: SocketAddr) -> Result<(), String> {
    let base = format!("https://localhost:{}", https.port());
    let server = Server::new(&base, Some(&https.to_string()), vec![made.authority.clone()])?;
    server.page(&format!("http://{admin}/readyz")).await.map_err(|error| format!("readyz: {error}"))?;

    let expected = Expected { certificates: vec![made.signing.clone()], ..Expected::of_party(MICROSOFT_ONLINE) };
    let plan = Plan {
        user: &Username::new(ALICE.0),
        password: &Password::new(ALICE.1),
        expected: &expected,
        mex_path: Some("/adfs/services/trust/mex".to_owned()),
        ecp_path: Some("/oamfed/idp/soap".to_owned()),
    };
    let probed = probe(&server, &plan, None).await;
    worked(&probed, StepName::Tls)?;

    say("\n1. WS-Trust 1.3, as MSAL signs in");
    let mex = worked(&probed, StepName::Mex)?;
    if let (Some(exchange), Said::Mex(found)) = (&mex.exchange, &mex.said) {
        say(&format!("   GET {} names {} endpoints", exchange.url, found.endpoints.len()));
    }
    show(worked(&probed, StepName::Trust13)?, &made.signing)?;

    say("\n2. WS-Trust 2005/02, as Windows and older clients sign in");
    show(worked(&probed, StepName::Trust200502)?, &made.signing)?;

    say("\n3. SAML ECP, as Exchange Online signs an ActiveSync user in");
    show(worked(&probed, StepName::Ecp)?, &made.signing)?;

    say("\n4. Everything else, forwarded");
    let page = server.page(&format!("{base}/hello")).await?;
    if !page.starts_with(TITLE) {
        return Err("the page is not the identity provider's".to_owned());
    }
    say(&format!("   GET {base}/hello reached the identity provider, which saw:"));
    page.lines().skip(2).for_each(|line| say(&format!("     {line}")));
    say("");
    Ok(())
}

/// A step that was taken, and worked.
fn worked(probed: &Probed, name: StepName) -> Result<&Step, String> {
    let step = probed.step(name).ok_or_else(|| format!("no step {}", name.title()))?;
    match &step.verdict {
        Verdict::Fine => Ok(step),
        Verdict::Failed(Failure { what, .. }) | Verdict::Skipped(what) => Err(format!("{}: {what}", name.title())),
    }
}

/// Tells what the assertion in an answer says, if it is signed as it must be.
fn show(step: &Step, signing: &X509) -> Result<(), String> {
    if let Some(exchange) = &step.exchange {
        say(&format!("   POST {}", exchange.url));
    }
    let assertion = step.answer().and_then(|answer| answer.assertion()).ok_or("no assertion in the answer")?;
    match assertion.signature.as_ref().map(|signature| &signature.verification) {
        Some(Verification::Holds(by)) if by == signing => say("   signature   verified with signing.crt"),
        Some(Verification::Fails(why)) => return Err(format!("the signature: {why}")),
        _ => return Err("the signature is not that of signing.crt".to_owned()),
    }
    said(assertion).iter().for_each(|(label, words)| say(&format!("   {label:<11} {words}")));
    Ok(())
}
