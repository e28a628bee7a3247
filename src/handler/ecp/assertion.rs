//! From a request that may be answered to the envelope with the assertion in it.

use std::time::Duration;

use super::asked::Asked;
use super::seal::{Seal, envelope};
use super::{Failed, cannot};
use crate::dsig::Recipient;
use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::trail::{For, Trail};
use crate::model::{
    AttributeRelease, Authenticated, ContentEncryption, NameIdentifierRule, Password, Refusal, RefusalKind,
    SignatureAlgorithm, Timestamp, Username,
};
use crate::saml::ecp::{
    ChannelBindings, Granted, GrantedSubject, Offer, Outcome, ResponseHead, SecondLevelStatus, StatusCode, grant,
};
use crate::saml::metadata::CannotEncrypt;
use crate::saml::{Assertion, Confirmation};
use crate::sts::{Circumstances, Claims, NotEntitled, Validity, choose_name, claims, issue};

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
        let party = self.party.party;
        let now = context.clock.now();
        let validity = Validity::starting(now, party.lifetime);
        let granted = self.grant(context, validity)?;
        let encryption = self.encryption()?;

        let user = trail.sign_in(context, username, password, self.request.force_authn, For::Party(party)).await;
        let user = user.map_err(Failed::signing_in)?;
        let admitted = trail.admit(party, &user.entry().groups);
        admitted.map_err(|refusal| Failed::signing_in(refusal.into()))?;
        let attributes: &[AttributeRelease] = &self.party.release.attributes;
        let claims = self.claims(context, &user, granted.name_identifier, attributes, now);
        let claims = claims.map_err(|why| Failed::signing_in(trail.not_entitled(why).into()))?;
        self.is_about(context, &user, &granted, &claims, now)?;
        let issuer = claims.issuer.clone();
        let confirmation = Confirmation::BearerFor {
            recipient: self.acs_url.clone(),
            in_response_to: Some(self.request.id.clone()),
            not_on_or_after: now.plus(DELIVERY).min(granted.not_on_or_after),
        };
        let audience = &self.party.provider.entity_id;
        let assertion = issue(&user, claims, audience, confirmation, validity, &*context.ids);
        let assertion = self.as_granted(assertion, &granted);
        let seal = Seal { key: context.signing_key().clone(), signature: party.signature, encryption };
        let enclosed = seal.apply(context, assertion).await.map_err(Failed::as_fault)?;

        let id = context.ids.id();
        let generated_key = enclosed.assertion().advice.generated_key.as_ref();
        let head = ResponseHead { generated_key, ..self.head(&id, &issuer, now) };
        let answer = envelope(context, &head, Outcome::Success(&enclosed), self.response_signature()).await;
        let answer = answer.map_err(Failed::as_fault)?;
        // Only now, with an answer to give: who was told to come again must not find the request used.
        let parts = ["ecp", &self.request.issuer, &self.request.id];
        if !context.replay.first_use(&parts, &user.entry().id, now).await {
            return Err(Failed::as_fault(Refusal::new(RefusalKind::Security, "the request's ID has been used before")));
        }
        self.party.is_used();
        trail.issues(&enclosed.assertion().id);
        context.metrics.tokens_issued.with_label_values(&["ecp", "saml20"]).inc();
        Ok(answer)
    }

    /// What the request asks for, unless we cannot give it.
    fn grant(&self, context: &Context, validity: Validity) -> Result<Granted<'_, '_>, Failed> {
        if let Err(status) = self.bindings {
            return Err(cannot(RefusalKind::Security, "the channel bindings of SP and client do not agree", status));
        }
        let name_identifiers = &self.party.release.name_identifiers;
        let policy = self.request.name_id_policy.as_ref();
        let offer = Offer {
            name_identifiers,
            chosen: choose_name(name_identifiers, policy, &self.party.provider),
            not_before: validity.from,
            not_on_or_after: validity.until,
        };
        let granted = grant(&self.request, &offer, |name| context.issuers.are(name));
        granted.map_err(|unmet| cannot(RefusalKind::Unsupported, unmet.reason, unmet.status))
    }

    /// What the service provider is told of the user.
    fn claims(
        &self,
        context: &Context,
        user: &Authenticated,
        rule: &NameIdentifierRule,
        attributes: &[AttributeRelease],
        now: Timestamp,
    ) -> Result<Claims, NotEntitled> {
        let circumstances = Circumstances {
            clients: Some(&self.origin.clients),
            relayed_for: None,
            now,
            requested: None,
            provider: Some(&self.party.provider),
        };
        claims(user, self.party.party, &context.issuers, rule, attributes, circumstances, || context.ids.id())
    }

    /// For whom and how the assertion is encrypted, if it is. That it cannot be is the configuration's fault, or that of the
    /// service provider's metadata, whatever the client does.
    fn encryption(&self) -> Result<Option<(Recipient, ContentEncryption)>, Failed> {
        let sp = &self.party.provider.entity_id;
        self.party.provider.sealing(&self.party.release.switches).map_err(|error| {
            let reason = match error {
                CannotEncrypt::NoKey => {
                    "ecp.encrypt is required, and its metadata has no key to encrypt for".to_owned()
                }
                CannotEncrypt::NoneFits(_) => error.to_string(),
            };
            let status = (StatusCode::Responder, Some(SecondLevelStatus::RequestUnsupported));
            Failed { failure: Failure::Misconfigured(format!("{sp}: {reason}")), status: Some(status) }
        })
    }

    /// Refuses to answer about somebody else than the request asks for, by the name that is given or by another that the user
    /// has.
    fn is_about(
        &self,
        context: &Context,
        user: &Authenticated,
        granted: &Granted<'_, '_>,
        given: &Claims,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let Some(GrantedSubject { name, rule }) = granted.subject else { return Ok(()) };
        let sp = &self.party.provider.entity_id;
        let is_named = if rule == granted.name_identifier {
            name.is(&given.name_identifier, &given.issuer, sp)
        } else {
            let other = self.claims(context, user, rule, &[], now);
            other.is_ok_and(|other| name.is(&other.name_identifier, &other.issuer, sp))
        };
        if is_named {
            return Ok(());
        }
        let reason = "the Subject asked for is not who signed in";
        Err(cannot(RefusalKind::NotPermitted, reason, SecondLevelStatus::UnknownPrincipal))
    }

    fn as_granted(&self, assertion: Assertion, granted: &Granted<'_, '_>) -> Assertion {
        let mut assertion = Assertion {
            not_before: granted.not_before,
            not_on_or_after: granted.not_on_or_after,
            authn_context: granted.authn_context,
            one_time_use: granted.one_time_use,
            not_to_be_proxied: granted.not_to_be_proxied,
            ..assertion
        };
        assertion.advice.channel_bindings = self.agreed_bindings().cloned();
        assertion
    }

    /// Only a signed request says what the SP saw; without a signature whoever stands between writes both sides.
    fn agreed_bindings(&self) -> Option<&ChannelBindings> {
        self.bindings.as_ref().ok().and_then(Option::as_ref).filter(|_| self.signature_verified)
    }

    /// How the Response is signed, if it is.
    pub(super) fn response_signature(&self) -> Option<SignatureAlgorithm> {
        self.party.release.switches.sign_response.then_some(self.party.party.signature)
    }

    pub(super) fn head<'a>(&'a self, id: &'a str, issuer: &'a str, now: Timestamp) -> ResponseHead<'a> {
        ResponseHead {
            id,
            issue_instant: now,
            issuer,
            acs_url: &self.acs_url,
            in_response_to: &self.request.id,
            request_authenticated: self.signature_verified && self.party.release.switches.request_authenticated,
            channel_bindings: self.agreed_bindings(),
            generated_key: None,
        }
    }
}
