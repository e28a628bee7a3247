//! What is around a token of WS-Trust.

use super::super::expected::Expected;
use super::super::finding::Findings;
use crate::answers::{Issued, TrustResponse};
use crate::saml::SamlVersion;
use crate::saml::names::SAML11;
use crate::wstrust::TrustVersion;

pub(super) fn judge(response: &TrustResponse, issued: &Issued, expected: &Expected, findings: &mut Findings) {
    let is_13 = response.version == TrustVersion::V13;
    if response.collection != is_13 {
        let wanted =
            if is_13 { "a RequestSecurityTokenResponseCollection" } else { "a bare RequestSecurityTokenResponse" };
        findings.refused(
            "collection",
            format!("the answer is not in {wanted}, which clients look for in this version of WS-Trust"),
            "have the server answer in the form of the version that it was asked in",
        );
    }
    if !expected.is_entra() {
        return;
    }
    match response.token_type.as_deref() {
        Some(spelling) if spelling == SAML11.uri => {}
        None => findings.refused("token_type", "there is no TokenType, by which clients know what to send to Entra", TOKEN_TYPE),
        Some(other) => findings.refused(
            "token_type",
            format!(
                "TokenType is {other:?}: MSAL.NET and MSAL for Java then present the token as SAML 2.0, and Entra answers AADSTS7500514"
            ),
            TOKEN_TYPE,
        ),
    }
    if response.text_beside {
        findings.warning(
            "text_beside",
            "white space stands beside the assertion: MSAL for Java then sends it twice",
            "have the answer written without white space in RequestedSecurityToken",
        );
    }
    let Some(assertion) = issued.assertion() else { return };
    if assertion.version != SamlVersion::V11 {
        findings.refused(
            "saml_version",
            "the assertion is SAML 2.0, and Entra takes SAML 1.1 from domains that federate by WS-Federation",
            "have the server issue SAML 1.1 where no TokenType is asked for (in fedfront: preset: office365)",
        );
    } else if assertion.prefix != "saml" {
        findings.warning(
            "prefix",
            format!("the assertion's prefix is {:?}, not saml: MSAL for Go takes it for no SAML", assertion.prefix),
            "have the assertion written with the prefix saml",
        );
    }
    if assertion.authentication_method.is_none() {
        findings.refused(
            "authentication_method",
            "the assertion does not say how the user signed in",
            "have an AuthenticationStatement with AuthenticationMethod urn:oasis:names:tc:SAML:1.0:am:password issued",
        );
    }
}

const TOKEN_TYPE: &str =
    "have the server write urn:oasis:names:tc:SAML:1.0:assertion, letter for letter (in fedfront: preset: office365)";
