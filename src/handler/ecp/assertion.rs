//! From a request that may be answered to the envelope with the assertion in it.

use std::time::Duration;

use super::asked::Asked;
use super::{Failed, cannot};
use crate::dsig::sign;
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::trail::Trail;
use crate::model::{AttributeRelease, NameIdentifierRule, Password, Refusal, RefusalKind, Timestamp, Username};
use crate::saml::ecp::{ChannelBindings, ResponseHead, grant, success};
use crate::saml::{AuthnContextClass, Confirmation, Saml20Prefix, saml20};
use crate::sts::{Circumstances, Validity, claims, issue};

/// How long an assertion may be delivered (Shibboleth's default).
const DELIVERY: Duration = Duration::from_secs(5 * 60);

impl Asked<'_> {
    /// From a request to the envelope with the assertion in it.
    pub(super) async fn assertion(
        &self,
        context: &Context,
        username: &Username,
        password: &Password,
        trail: &mut Trail,
    ) -> Result<String, Failed> {
        let (party, release) = (self.party.party, self.party.release);
        let now = context.clock.now();
        let rule = &release.name_identifier;
        let class = self.policy(rule)?;

        let user = trail.sign_in(context, username, password, self.request.force_authn).await;
        let user = user.map_err(Failed::signing_in)?;
        let attributes: &[AttributeRelease] = &release.attributes;
        let circumstances = Circumstances { client: Some(self.client), relayed_for: None, now, requested: None };
        let claims = claims(&user, party, &context.issuers, rule, attributes, circumstances, || context.ids.id())
            .map_err(|why| Failed::signing_in(trail.not_entitled(why).into()))?;
        let issuer = claims.issuer.clone();
        let confirmation = Confirmation::BearerFor {
            recipient: self.acs_url.clone(),
            in_response_to: Some(self.request.id.clone()),
            not_on_or_after: now.plus(DELIVERY),
        };
        let validity = Validity::starting(now, party.lifetime);
        let audience = &self.party.provider.entity_id;
        let mut assertion = issue(&user, claims, audience, confirmation, validity, &*context.ids);
        assertion.authn_context = class;
        let (key, algorithm) = (context.signing_key().clone(), party.signature);
        let signed = context.signing.run(move || sign(saml20(assertion, Saml20Prefix::Ecp), &key, algorithm)).await;
        let signed = signed.map_err(Failed::as_fault)?;
        let signed = signed.map_err(|error| Failed::as_fault(Failure::Ours(error.to_string())))?;
        // Only now, with an assertion to give: who was told to come again must not find the request used.
        if !context.replay.first_use(&["ecp", &self.request.issuer, &self.request.id], now).await {
            return Err(Failed::as_fault(Refusal::new(RefusalKind::Security, "the request's ID has been used before")));
        }
        trail.issues(&signed.value().id);
        context.metrics.tokens_issued.with_label_values(&["ecp", "saml20"]).inc();
        Ok(success(&self.head(&context.ids.id(), &issuer, now), &signed))
    }

    /// Refuses what the request asks for and we cannot give; the authentication context that we can.
    fn policy(&self, configured: &NameIdentifierRule) -> Result<AuthnContextClass, Failed> {
        if let Err(status) = self.bindings {
            return Err(cannot("the channel bindings of SP and client do not agree", status));
        }
        grant(&self.request, configured)
            .map_err(|status| cannot("a NameIDPolicy, RequestedAuthnContext or Subject that cannot be met", status))
    }

    /// Only a signed request says what the SP saw; without a signature whoever stands between writes both sides.
    fn agreed_bindings(&self) -> Option<&ChannelBindings> {
        self.bindings.as_ref().ok().and_then(Option::as_ref).filter(|_| self.signature_verified)
    }

    pub(super) fn head<'a>(&'a self, id: &'a str, issuer: &'a str, now: Timestamp) -> ResponseHead<'a> {
        ResponseHead {
            id,
            issue_instant: now,
            issuer,
            acs_url: &self.acs_url,
            in_response_to: &self.request.id,
            request_authenticated: self.signature_verified,
            channel_bindings: self.agreed_bindings(),
        }
    }
}
