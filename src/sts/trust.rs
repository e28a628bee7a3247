//! Whose tokens say who somebody is, and what a token must be for that.

use std::collections::BTreeMap;

use openssl::pkey::{PKey, Public};

use super::Issuers;
use super::delegation::ACTOR;
use crate::model::{AuthenticationMethod, MAX_AGE, MAX_SKEW, Refusal, RefusalKind, Timestamp, Username, quoted};
use crate::saml::{ConfirmationMethod, Period, ReadError, ReceivedAssertion, SubjectConfirmation, saml_issuer};
use crate::xml::{Document, Element};

/// Where an issuer's tokens have the name that the directory knows the user by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// In the subject's name identifier.
    NameIdentifier,
    /// In the one value of a claim.
    Claim(String),
}

/// An issuer whose tokens are believed.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Its name, as its tokens have it.
    pub entity_id: String,
    /// What it signs with.
    pub keys: Vec<PKey<Public>>,
    /// Where the user's name is.
    pub name: SubjectName,
}

/// Every issuer whose tokens are believed, we ourselves among them.
#[derive(Clone, Debug)]
pub struct TrustedIssuers {
    issuers: BTreeMap<String, TrustedIssuer>,
    own: Vec<String>,
    /// What a token that is for us may call us.
    audiences: Vec<String>,
}

/// How a token's presenter is known to be its subject.
#[derive(Clone, Copy)]
pub enum HeldBy<'a> {
    /// They present it themselves, and these keys signed the message.
    Subject(&'a [PKey<Public>]),
    /// Somebody else shows it, who must be one of its audiences or one of ours.
    Asker(&'a [String]),
}

/// What a token says of its subject's sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The name to look up in the directory.
    pub username: Username,
    /// How they signed in, where it is a way that we know.
    pub method: AuthenticationMethod,
    /// When.
    pub instant: Timestamp,
    /// Issuer and ID of a token that is good once only.
    pub once: Option<(String, String)>,
    /// The end of a token of ours, and of the session that another's tells of: what follows from it ends no later.
    pub until: Option<Timestamp>,
}

impl TrustedIssuers {
    /// The issuers that are listed, and we: under every name that we have, with the keys that we sign with. A name of ours
    /// that is listed keeps its keys and says where our tokens have the user's name. `addresses` are the STS's.
    pub fn new(listed: Vec<TrustedIssuer>, ours: &Issuers, keys: &[PKey<Public>], addresses: Vec<String>) -> Self {
        let mut issuers: BTreeMap<String, TrustedIssuer> =
            listed.into_iter().map(|issuer| (issuer.entity_id.clone(), issuer)).collect();
        let own: Vec<String> = ours.domains.values().chain([&ours.entity_id]).cloned().collect();
        let names = issuers.get(&ours.entity_id).map_or(SubjectName::NameIdentifier, |listed| listed.name.clone());
        for entity_id in &own {
            let unlisted = || TrustedIssuer { entity_id: entity_id.clone(), keys: Vec::new(), name: names.clone() };
            issuers.entry(entity_id.clone()).or_insert_with(unlisted).keys.extend_from_slice(keys);
        }
        let audiences = addresses.into_iter().chain([ours.entity_id.clone()]).collect();
        Self { issuers, own, audiences }
    }

    /// Verifies and reads an assertion of any of them.
    ///
    /// # Errors
    /// [`RefusalKind::Authentication`] without a trusted issuer's signature, whose bytes tell nobody which issuers those are;
    /// [`RefusalKind::InvalidSecurityToken`] for what a trusted issuer signed and SAML does not know.
    pub fn verify(&self, document: &Document, element: &Element) -> Result<ReceivedAssertion, Refusal> {
        let keys_of = |issuer: &str| self.issuers.get(issuer).map(|issuer| issuer.keys.as_slice());
        ReceivedAssertion::verify(document, element, keys_of).map_err(|error| {
            let kind = match error {
                ReadError::NoAssertion => RefusalKind::UnsupportedToken,
                ReadError::Issuer | ReadError::Signature(_) => RefusalKind::Authentication,
                ReadError::Form(_) | ReadError::Duplicate(_) => RefusalKind::InvalidSecurityToken,
            };
            let reason = match error {
                ReadError::Issuer => {
                    format!("{error}: {}", saml_issuer(element).map_or_else(|| "it names none".to_owned(), quoted))
                }
                error => error.to_string(),
            };
            Refusal::new(kind, reason)
        })
    }

    /// Whether an assertion is one of ours.
    pub fn is_own(&self, assertion: &ReceivedAssertion) -> bool {
        self.own.contains(&assertion.issuer)
    }

    /// Judges whether an assertion says, here and now, who somebody is.
    ///
    /// # Errors
    /// [`RefusalKind::ExpiredData`] for one that has ended, [`RefusalKind::InvalidSecurityToken`] for one that is for
    /// others or not for this, [`RefusalKind::Security`] for one whose key did not sign the message.
    pub fn judge(
        &self,
        assertion: &ReceivedAssertion,
        held_by: HeldBy<'_>,
        now: Timestamp,
    ) -> Result<Vouched, Refusal> {
        check_times(assertion, self.is_own(assertion), now)?;
        let shown_to = match held_by {
            HeldBy::Subject(_) => &[],
            HeldBy::Asker(audiences) => audiences,
        };
        let is_meant = |audience: &str| self.audiences.iter().chain(shown_to).any(|name| name == audience);
        let conditions = &assertion.conditions;
        if !conditions.is_for(is_meant) {
            let audiences = conditions.audiences.concat().join(" ");
            return Err(match audiences.as_str() {
                "" => invalid("a token without an Audience: it must have one of ours"),
                audiences => invalid(format!("a token for {}, not for us", quoted(audiences))),
            });
        }
        // It is remembered for as long as a message is accepted, and is to be used at once anyway.
        if conditions.one_time_use && assertion.issue_instant < now.minus(MAX_AGE + MAX_SKEW) {
            let reason = format!("a token that is good once, made at {}", assertion.issue_instant);
            return Err(Refusal::new(RefusalKind::ExpiredData, reason));
        }
        if conditions.proxy_restriction {
            return Err(invalid("a token with a ProxyRestriction, which ours would not carry on"));
        }
        // Whoever acts for the subject has it to show elsewhere, not to become the subject here; and of a token upon it nobody
        // could tell any more that somebody acted.
        if assertion.values(ACTOR).next().is_some() {
            return Err(invalid("a token that says who acts for its subject"));
        }
        match held_by {
            HeldBy::Subject(signers) => self.confirm(assertion, signers, now)?,
            HeldBy::Asker(_) if assertion.confirmations.iter().any(is_known) => {}
            HeldBy::Asker(_) => return Err(unconfirmed()),
        }
        let statement = assertion.authentication.as_ref();
        let method = statement.and_then(|statement| statement.method.as_deref()).map(method);
        Ok(Vouched {
            username: self.name(assertion)?,
            method: method.unwrap_or(AuthenticationMethod::Unspecified),
            instant: statement.map_or(assertion.issue_instant, |statement| statement.instant).min(now),
            until: self.until(assertion),
            once: conditions.one_time_use.then(|| (assertion.issuer.clone(), assertion.id.clone())),
        })
    }

    /// When what follows from a token ends: with one of ours, so that no token can be had from a token for ever; with the
    /// session that another issuer tells of (SAML Core 2.7.2), while its Conditions say only how long it may be shown.
    fn until(&self, assertion: &ReceivedAssertion) -> Option<Timestamp> {
        if self.is_own(assertion) {
            return assertion.conditions.not_on_or_after;
        }
        let session = assertion.authentication.as_ref().and_then(|statement| statement.session_not_on_or_after);
        session.map(|end| end.plus(MAX_SKEW))
    }

    /// Whether whoever presents it may be taken for its subject.
    fn confirm(&self, assertion: &ReceivedAssertion, signers: &[PKey<Public>], now: Timestamp) -> Result<(), Refusal> {
        let ours = |confirmation: &&SubjectConfirmation| {
            let recipient = confirmation.recipient.as_ref();
            recipient.is_none_or(|recipient| self.audiences.contains(recipient))
                // We have asked nobody for one.
                && confirmation.in_response_to.is_none()
                && confirmation.not_before.is_none_or(|from| from <= now.plus(MAX_SKEW))
                && confirmation.not_on_or_after.is_none_or(|until| now.minus(MAX_SKEW) < until)
        };
        let mut keyed = false;
        for confirmation in assertion.confirmations.iter().filter(ours) {
            match &confirmation.method {
                ConfirmationMethod::Bearer => return Ok(()),
                ConfirmationMethod::HolderOfKey(held) if signers.iter().any(|key| held.is(key)) => return Ok(()),
                ConfirmationMethod::HolderOfKey(_) => keyed = true,
                ConfirmationMethod::Other => {}
            }
        }
        if keyed {
            let reason = "a holder-of-key token whose key did not sign the message";
            let told = "The key of a holder-of-key token must sign the Timestamp and To of the message.";
            return Err(Refusal::new(RefusalKind::Security, reason).telling(told));
        }
        Err(unconfirmed())
    }

    fn name(&self, assertion: &ReceivedAssertion) -> Result<Username, Refusal> {
        let issuer = self.issuers.get(&assertion.issuer).ok_or_else(|| invalid("an issuer that is not trusted"))?;
        let name = match &issuer.name {
            SubjectName::NameIdentifier => assertion.name_identifier.as_ref().map(|name| name.value.as_str()),
            SubjectName::Claim(uri) => {
                let mut values = assertion.values(uri);
                match (values.next(), values.next()) {
                    (Some(_), Some(_)) => return Err(invalid(format!("more than one value of {uri}"))),
                    (first, _) => first,
                }
            }
        };
        match name.map(str::trim).filter(|name| !name.is_empty()) {
            // A directory leaves the domain out: `OTHER\alice` would be its own alice.
            Some(name) if name.contains(['\\', '/']) => {
                let reason =
                    format!("a token whose name is of a domain, {}: no directory is asked for one", quoted(name));
                Err(invalid(reason))
            }
            Some(name) => Ok(Username::new(name)),
            None => Err(invalid("a token without the name that its issuer's entry in the configuration asks for")),
        }
    }
}

fn check_times(assertion: &ReceivedAssertion, own: bool, now: Timestamp) -> Result<(), Refusal> {
    let expired = |what: &str| Refusal::new(RefusalKind::ExpiredData, format!("{what}; our clock says {now}"));
    if assertion.issue_instant > now.plus(MAX_SKEW) {
        return Err(invalid(format!("a token made at {}; our clock says {now}", assertion.issue_instant)));
    }
    match assertion.conditions.period(now) {
        Period::Before => return Err(invalid(format!("a token that is not valid yet; our clock says {now}"))),
        Period::After => return Err(expired("a token that has ended, or says no end")),
        Period::Within => {}
    }
    // Our own clock needs no leeway.
    if own && assertion.conditions.not_on_or_after.is_some_and(|until| until <= now) {
        return Err(expired("a token of ours that has ended"));
    }
    let session = assertion.authentication.as_ref().and_then(|statement| statement.session_not_on_or_after);
    if session.is_some_and(|until| until <= now.minus(MAX_SKEW)) {
        return Err(expired("a token of a session that has ended"));
    }
    Ok(())
}

fn is_known(confirmation: &SubjectConfirmation) -> bool {
    !matches!(confirmation.method, ConfirmationMethod::Other)
}

fn unconfirmed() -> Refusal {
    invalid("a token that nobody may present to us: neither bearer nor holder-of-key, or for another recipient or time")
}

/// The ways to sign in that we tell others of, in the words of both versions of SAML.
fn method(uri: &str) -> AuthenticationMethod {
    match uri {
        "urn:oasis:names:tc:SAML:1.0:am:password"
        | "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
        | "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" => AuthenticationMethod::Password,
        "urn:ietf:rfc:2246" | "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient" => AuthenticationMethod::TlsClient,
        "urn:oasis:names:tc:SAML:1.0:am:X509-PKI" | "urn:oasis:names:tc:SAML:2.0:ac:classes:X509" => {
            AuthenticationMethod::X509
        }
        _ => AuthenticationMethod::Unspecified,
    }
}

fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::InvalidSecurityToken, reason)
}
