//! From bytes to a request of a service provider that we know, with an address of its own to answer at.

use crate::dsig::{Accepted, verify};
use crate::federation::EcpParty;
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::message::NativeRequest;
use crate::handler::trail::Trail;
use crate::model::{Origin, Refusal, RefusalKind};
use crate::saml::ecp::{AuthnRequest, ChannelBindings, SecondLevelStatus, check, match_channel_bindings};
use crate::soap::{Envelope, SoapVersion};
use crate::xml::{Element, Limits};

/// A request that may be answered, and where.
pub(super) struct Asked<'c> {
    pub request: AuthnRequest,
    pub party: EcpParty<'c>,
    pub acs_url: String,
    pub origin: Origin,
    pub signature_verified: bool,
    /// What SP and client agree in, or the status that says that they do not.
    pub bindings: Result<Option<ChannelBindings>, SecondLevelStatus>,
}

/// From bytes to a request of a service provider that we know, with an address of its own to answer at.
pub(super) async fn asked<'c>(
    request: &NativeRequest,
    context: &'c Context,
    trail: &mut Trail,
) -> Result<Asked<'c>, Failure> {
    let limits = Limits::message(context.config.limits.ecp_body);
    let envelope = Envelope::parse(&request.body, &limits, understood)?;
    if envelope.version != SoapVersion::V11 {
        return Err(Refusal::new(RefusalKind::Version, "ECP is SOAP 1.1").into());
    }
    let content = envelope.content()?;
    let mut asked = AuthnRequest::parse(content)?;
    // First: a request that is refused anyway has no metadata query service asked.
    check(&asked, context.clock.now(), &context.ecp_addresses)?;
    let now = context.clock.now();
    let Some(party) = context.parties.named(&asked.issuer, request.client, now).await? else {
        let why = context.parties.why_none(&asked.issuer, now);
        return Err(Refusal::new(RefusalKind::Scope, why).into());
    };
    trail.is_of(&party);
    let signature_verified = asked.signed;
    if asked.signed {
        let keys = party.provider.signing_keys();
        let accepted = if party.release.switches.accept_sha1 { Accepted::Sha1Too } else { Accepted::Modern };
        let verified = verify(envelope.document(), content, "ID", &keys, accepted)
            .map_err(|error| Refusal::new(RefusalKind::Security, format!("the request's signature: {error}")))?;
        // Only what was signed is believed from here.
        asked = as_signed(&verified.document().root, &asked.issuer)?;
        check(&asked, context.clock.now(), &context.ecp_addresses)?;
    } else if party.provider.authn_requests_signed {
        let reason = "the metadata says AuthnRequestsSigned, and this one is not";
        return Err(Refusal::new(RefusalKind::Security, reason).into());
    }
    let acs_url = party.provider.choose_acs(&asked)?.location.clone();
    let header_bindings = envelope.header().map(ChannelBindings::among).unwrap_or_default();
    let bindings = match_channel_bindings(&asked.channel_bindings, &header_bindings).map(Option::<&_>::cloned);
    Ok(Asked { request: asked, party, acs_url, origin: trail.origin().clone(), signature_verified, bindings })
}

/// The request that was signed, which must be of whom the keys are that it was verified with.
fn as_signed(signed: &Element, issuer: &str) -> Result<AuthnRequest, Refusal> {
    let request = AuthnRequest::parse(signed)?;
    if request.issuer != issuer {
        return Err(Refusal::new(RefusalKind::Security, "what was signed has another Issuer"));
    }
    Ok(request)
}

/// Header blocks that a request may demand to be understood. Clients relay what a service provider sent them: its PAOS and
/// ECP blocks were for the client, bindings are compared, and whoever wants a key for its session gets one with every
/// assertion that is encrypted.
fn understood(block: &Element) -> bool {
    match &*block.name.namespace {
        "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" => {
            matches!(block.name.local.as_str(), "Request" | "RelayState" | "SubjectConfirmation")
        }
        "urn:ietf:params:xml:ns:samlec" => block.name.local == "SessionKey",
        "urn:liberty:paos:2003-08" => block.name.local == "Request",
        "urn:oasis:names:tc:SAML:protocol:ext:channel-binding" => block.name.local == "ChannelBindings",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    #[test]
    fn what_was_signed_is_of_whom_it_was_verified_for() {
        let request = "<p:AuthnRequest xmlns:p='urn:oasis:names:tc:SAML:2.0:protocol' Version='2.0' ID='_1' \
            IssueInstant='2026-01-01T00:00:00Z'>\
            <Issuer xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>urn:sp</Issuer></p:AuthnRequest>";
        let signed = parse(request.as_bytes(), &Limits::message(1 << 16)).unwrap();
        for (issuer, expected) in [("urn:sp", None), ("urn:other", Some(RefusalKind::Security))] {
            let refused = as_signed(&signed.root, issuer).err().map(|refusal| refusal.kind);
            assert_eq!(refused, expected, "{issuer}");
        }
    }
}
