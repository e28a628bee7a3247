//! From bytes to a request of a service provider that we know, with an address of its own to answer at.

use crate::dsig::{Accepted, verify};
use crate::federation::EcpParty;
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::message::NativeRequest;
use crate::handler::trail::Trail;
use crate::model::{ClientAddress, Refusal, RefusalKind};
use crate::saml::ecp::{AuthnRequest, ChannelBindings, SecondLevelStatus, check, match_channel_bindings};
use crate::soap::{Envelope, SoapVersion};
use crate::xml::{Element, Limits};

/// A request that may be answered, and where.
pub(super) struct Asked<'c> {
    pub request: AuthnRequest,
    pub party: EcpParty<'c>,
    pub acs_url: String,
    pub client: ClientAddress,
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
    let party = context.parties.named(&asked.issuer, context.clock.now()).await?.ok_or_else(|| {
        Refusal::new(RefusalKind::Scope, format!("no relying party with ECP has the entityID {:?}", asked.issuer))
    })?;
    trail.is_of(&party);
    let signature_verified = asked.signed;
    if asked.signed {
        let keys = party.provider.signing_keys();
        let verified = verify(envelope.document(), content, "ID", &keys, Accepted::Modern)
            .map_err(|error| Refusal::new(RefusalKind::Security, format!("the request's signature: {error}")))?;
        // Only what was signed is believed from here.
        asked = AuthnRequest::parse(&verified.document().root)?;
    } else if party.provider.authn_requests_signed {
        let reason = "the metadata says AuthnRequestsSigned, and this one is not";
        return Err(Refusal::new(RefusalKind::Security, reason).into());
    }
    check(&asked, context.clock.now(), &context.ecp_addresses)?;
    let acs_url = party.provider.choose_acs(&asked)?.location.clone();
    let header_bindings = envelope.header().map(ChannelBindings::among).unwrap_or_default();
    let bindings = match_channel_bindings(&asked.channel_bindings, &header_bindings).map(Option::<&_>::cloned);
    Ok(Asked { request: asked, party, acs_url, client: request.client, signature_verified, bindings })
}

/// Header blocks that a request may demand to be understood. Clients relay what a service provider sent them: its PAOS and
/// ECP blocks were for the client, and bindings are compared.
fn understood(block: &Element) -> bool {
    match &*block.name.namespace {
        "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" => matches!(block.name.local.as_str(), "Request" | "RelayState"),
        "urn:liberty:paos:2003-08" => block.name.local == "Request",
        "urn:oasis:names:tc:SAML:protocol:ext:channel-binding" => block.name.local == "ChannelBindings",
        _ => false,
    }
}
