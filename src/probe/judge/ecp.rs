//! What is around an assertion of ECP.

use super::super::expected::Expected;
use super::super::finding::Findings;
use crate::answers::{EcpResponse, Issued};

pub(super) fn judge(
    response: &EcpResponse,
    issued: &Issued,
    request: &str,
    expected: &Expected,
    findings: &mut Findings,
) {
    if response.in_response_to.as_deref() != Some(request) {
        findings.refused(
            "in_response_to",
            "InResponseTo is not the request's ID: the Response answers another request",
            "see that nothing between keeps answers and gives them to others",
        );
    }
    match (&response.acs_url, &response.destination) {
        (None, _) => findings.refused(
            "acs_url",
            "the envelope has no ecp:Response header, which says where the assertion is to go",
            "have the server answer by the ECP profile (SAML 2.0 Profiles 4.2)",
        ),
        (Some(acs), Some(destination)) if acs != destination => findings.refused(
            "destination",
            format!("Destination is {destination}, and the header's AssertionConsumerServiceURL {acs}"),
            "give both the address that the service provider's metadata has",
        ),
        _ => {}
    }
    let Some(assertion) = issued.assertion() else { return };
    let recipients = || assertion.confirmations.iter().filter_map(|confirmation| confirmation.recipient.as_deref());
    if let Some(acs) = response.acs_url.as_deref()
        && !recipients().any(|recipient| recipient == acs)
    {
        findings.refused(
            "recipient",
            format!("no subject confirmation has the Recipient {acs}"),
            "have the assertion written for the assertion consumer service that the answer is sent to",
        );
    }
    if expected.is_entra() && assertion.signature.is_none() && response.signature.is_some() {
        findings.refused(
            "assertion_unsigned",
            "only the Response is signed, and Entra wants the assertion itself signed",
            "have assertions signed for this relying party",
        );
    }
}
