//! Who asks: from the credential that a message presents to somebody who proved who they are.

use std::sync::Arc;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use super::issued_token::{Shown, shown};
use crate::dsig::KeyReference;
use crate::handler::Failure;
use crate::handler::addresses::normalized;
use crate::handler::context::Context;
use crate::handler::message::NativeRequest;
use crate::handler::trail::{For, Trail};
use crate::keys::{ClientTrust, ShownCertificate};
use crate::model::{Authenticated, AuthenticationMethod, Refusal, RefusalKind, Timestamp, hex, quoted};
use crate::saml::{saml_id, saml_issuer};
use crate::soap::{
    CertificateEncoding, Credential, Endorsement, Envelope, Required, SecurityHeader, SignedMessage, key_unavailable,
};
use crate::telemetry::AuditCredential;
use crate::xml::Element;

/// What a message presents, read and in time, proved nothing yet.
pub(super) struct Presented<'m> {
    envelope: &'m Envelope,
    header: Option<SecurityHeader<'m>>,
    /// Of the TLS client.
    certificate: Option<&'m ShownCertificate>,
    now: Timestamp,
}

/// Who asks.
pub(super) struct Asker {
    /// They themselves.
    pub(super) user: Arc<Authenticated>,
    /// The key that they have proved to have, by signing the message, or else as a TLS client.
    pub(super) key: Option<ProvenKey>,
    /// When what they have shown ends, where nothing that follows from it may end later.
    pub(super) until: Option<Timestamp>,
    /// The Nonce of their UsernameToken.
    nonce: Option<String>,
    /// Issuer and ID of tokens that are good once only.
    tokens: Vec<(String, String)>,
    /// The SHA-256 of what the message's signature covers.
    signed: Option<[u8; 32]>,
}

/// A key that an asker has.
pub(super) struct ProvenKey {
    /// Its public half.
    pub(super) public: PKey<Public>,
    /// Its certificate, where that is of a CA that certifies users; what another says of whose key it is means nothing.
    pub(super) certificate: Option<X509>,
}

impl<'m> Presented<'m> {
    /// Reads the security header and compares its times with ours. A TLS client with a certificate needs none. `about` is the
    /// ID of a token in the header that the request refers to.
    pub(super) fn read(
        request: &'m NativeRequest,
        envelope: &'m Envelope,
        about: Option<&str>,
        context: &Context,
        trail: &mut Trail,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let certificate = request.certificate.as_ref().filter(|_| context.client_trust.is_some());
        let header = SecurityHeader::read(envelope)?;
        note(header.as_ref(), request, trail);
        match &header {
            None if certificate.is_none() && request.certificate.is_some() => {
                return Err(Refusal { kind: RefusalKind::Security, ..without_trust() }.into());
            }
            None if certificate.is_none() => {
                let told = "It needs a wsse:Security header, with a credential in it.";
                return Err(Refusal::new(RefusalKind::Security, "no wsse:Security header").telling(told).into());
            }
            None => {}
            Some(header) => {
                if header.carried.is_some_and(|carried| about.is_none_or(|id| saml_id(carried) != Some(id))) {
                    let reason = "both a UsernameToken and an Assertion: who of the two asks?";
                    let told = "A UsernameToken and an Assertion are two credentials: send one of them.";
                    return Err(Refusal::new(RefusalKind::Security, reason).telling(told).into());
                }
                match &header.credential {
                    Credential::Username { .. } => {}
                    Credential::Certificate(_) if context.client_trust.is_some() => {}
                    Credential::Certificate(_) => return Err(unsupported("a signature by a certificate").into()),
                    Credential::Assertion { .. } if context.config.issued_tokens.is_some() => {}
                    Credential::Assertion { .. } => return Err(unsupported("a SAML assertion").into()),
                    // Whoever says anything else may pass on what is somebody else's.
                    Credential::Nothing(found) if certificate.is_some() && found.is_empty() => {}
                    Credential::Nothing(found) if request.certificate.is_some() && found.is_empty() => {
                        return Err(without_trust().into());
                    }
                    Credential::Nothing(found) => return Err(no_credential(found).into()),
                }
                let by_connection = matches!(header.credential, Credential::Nothing(_));
                if !(by_connection && header.timestamp.is_none()) {
                    header.check_times(now)?;
                }
            }
        }
        Ok(Self { envelope, header, certificate, now })
    }

    /// The token in the header that the request refers to.
    pub(super) fn carried(&self) -> Option<&'m Element> {
        self.header.as_ref()?.carried
    }

    /// Whether the message's signature is over its Body too, so that its sender expects the same of the answer. It may not
    /// hold: there is no answer then.
    pub(super) fn claims_body(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.claims_body(self.envelope))
    }

    /// Has it proved, to somebody whom the rules that it is `sought` under let in from there.
    pub(super) async fn sign_in(self, sought: For<'_>, context: &Context, trail: &mut Trail) -> Result<Asker, Failure> {
        let Self { envelope, header, certificate, now } = self;
        if let Some(header) = &header {
            match &header.credential {
                Credential::Username { token, endorsement } => {
                    let proof = endorsement.as_ref();
                    let proof =
                        proof.map(|proof| Proof::of(proof, header, envelope, Required::Timestamp, context, trail));
                    let proof = proof.transpose()?;
                    let user = trail.sign_in(context, &token.username, &token.password, false, sought).await?;
                    let nonce = token.nonce.clone();
                    return Ok(match proof {
                        Some(proof) => {
                            let believed = is_believed(&proof.shown, context);
                            Asker { nonce, ..proof.asker(user, believed) }
                        }
                        None => {
                            let key = certificate.and_then(|shown| ProvenKey::of(shown, is_believed(shown, context)));
                            Asker { key, nonce, ..Asker::of(user) }
                        }
                    });
                }
                Credential::Certificate(endorsement) => {
                    let proof = Proof::of(endorsement, header, envelope, Required::TimestampAndTo, context, trail)?;
                    let trust = offered(context)?;
                    let method = AuthenticationMethod::X509;
                    let user = trail.sign_in_by_certificate(context, trust, &proof.shown, method, sought).await?;
                    return Ok(proof.asker(user, true));
                }
                Credential::Assertion { assertion, signature } => {
                    let Shown { vouched, signed } =
                        shown(assertion, *signature, header, envelope, context, now).await?;
                    let user = trail.sign_in_by_token(context, &vouched, sought).await?;
                    let asker =
                        Asker { until: vouched.until, tokens: vouched.once.into_iter().collect(), ..Asker::of(user) };
                    return Ok(match signed {
                        None => asker,
                        Some((key, signed)) => Asker {
                            key: Some(ProvenKey { public: key, certificate: None }),
                            signed: Some(signed.digest),
                            ..asker
                        },
                    });
                }
                Credential::Nothing(_) => {}
            }
        }
        let (trust, shown) = (offered(context)?, certificate.ok_or_else(|| unsupported("nothing"))?);
        let method = AuthenticationMethod::TlsClient;
        let user = trail.sign_in_by_certificate(context, trust, shown, method, sought).await?;
        let key = ProvenKey::of(shown, true);
        Ok(Asker { key, ..Asker::of(user) })
    }
}

/// A signature of the message that holds.
struct Proof {
    shown: ShownCertificate,
    key: PKey<Public>,
    signed: SignedMessage,
}

impl Proof {
    /// Verifies the signature by the certificate that came along, whoever that is of: whether a certificate is believed is
    /// not told to anybody who does not have its key.
    fn of(
        endorsement: &Endorsement<'_>,
        header: &SecurityHeader<'_>,
        envelope: &Envelope,
        required: Required,
        context: &Context,
        trail: &mut Trail,
    ) -> Result<Self, Refusal> {
        let signature = SecurityHeader::signature(envelope, endorsement.signature)?;
        let token = match (signature.key(), &endorsement.certificate) {
            (KeyReference::Token(named), Some(token)) if std::ptr::eq(named, token.element) => token,
            (key, _) => return Err(key_unavailable(key)),
        };
        let shown = match token.encoding {
            CertificateEncoding::X509 => ShownCertificate::from_der(&token.octets),
            CertificateEncoding::PkiPath => ShownCertificate::from_pki_path(&token.octets),
        };
        let shown = shown.ok_or_else(|| invalid("a BinarySecurityToken that is no certificate"))?;
        trail.shows_certificate(&shown);
        let key =
            shown.public_key().ok_or_else(|| invalid("a certificate whose key is too weak, or of no type we use"))?;
        let signed = header.verify(envelope, &signature, &key, required)?;
        check_to(&signed, context)?;
        Ok(Self { shown, key, signed })
    }

    /// Whoever signed in, with the key of the signature; `believed` says whether its certificate is.
    fn asker(self, user: Arc<Authenticated>, believed: bool) -> Asker {
        let certificate = believed.then_some(self.shown.leaf);
        let key = Some(ProvenKey { public: self.key, certificate });
        Asker { key, signed: Some(self.signed.digest), ..Asker::of(user) }
    }
}

impl ProvenKey {
    fn of(shown: &ShownCertificate, believed: bool) -> Option<Self> {
        Some(Self { public: shown.public_key()?, certificate: believed.then(|| shown.leaf.clone()) })
    }
}

impl Asker {
    /// Whoever has proved nothing besides who they are.
    fn of(user: Arc<Authenticated>) -> Self {
        Self { user, key: None, until: None, nonce: None, tokens: Vec::new(), signed: None }
    }

    /// Notes a token that is good once only, shown of another user.
    pub(super) fn uses_up(&mut self, once: Option<(String, String)>) {
        self.tokens.extend(once);
    }

    /// Notes what may be used once only. Called with an answer to give, not before: who was told to come again must not
    /// find the Nonce used.
    pub(super) async fn first_use(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        let again = |what: &str, told: &'static str| {
            let reason = format!("the {what} has been used before, or there is no room to remember that it has");
            Refusal::new(RefusalKind::Security, reason).telling(told)
        };
        let entry = &self.user.entry().id;
        if let Some(nonce) = &self.nonce
            && !context.replay.first_use(&["nonce", &entry.directory, &entry.entry, nonce], entry, now).await
        {
            return Err(again("Nonce", "A Nonce is good once."));
        }
        if let Some(signed) = &self.signed
            && !context.replay.first_use(&["signed", &hex(signed)], entry, now).await
        {
            let told = "A signed message is good once: sign the wsa:MessageID too, or write the Timestamp with milliseconds, so that each differs.";
            return Err(again("signed message", told));
        }
        for (issuer, id) in &self.tokens {
            if !context.replay.first_use(&["token", issuer, id], entry, now).await {
                return Err(again("token", "A token with OneTimeUse is good once."));
            }
        }
        Ok(())
    }
}

/// What a signature was made for must be us.
pub(super) fn check_to(signed: &SignedMessage, context: &Context) -> Result<(), Refusal> {
    match signed.to.as_deref().filter(|to| !context.sts_addresses.contains(&normalized(to))) {
        Some(to) => {
            let reason = format!("wsa:To is signed, and is {}, which is no address of ours", quoted(to));
            Err(Refusal::new(RefusalKind::Security, reason))
        }
        None => Ok(()),
    }
}

/// Whether the certificate is of a CA that certifies users, and names one.
fn is_believed(shown: &ShownCertificate, context: &Context) -> bool {
    context.client_trust.as_ref().is_some_and(|trust| trust.user_of(shown).is_ok())
}

fn offered(context: &Context) -> Result<&ClientTrust, Refusal> {
    context.client_trust.as_deref().ok_or_else(|| unsupported("a certificate"))
}

/// Notes what is shown, whatever comes of it.
pub(super) fn note(header: Option<&SecurityHeader<'_>>, request: &NativeRequest, trail: &mut Trail) {
    match header.map(|header| &header.credential) {
        Some(Credential::Username { token, .. }) => {
            trail.shows(AuditCredential::Password);
            trail.names(&token.username);
        }
        Some(Credential::Certificate(_)) => trail.shows(AuditCredential::SignedMessage),
        Some(Credential::Assertion { assertion, .. }) => {
            trail.shows(AuditCredential::Token);
            trail.shows_token(saml_issuer(assertion));
        }
        Some(Credential::Nothing(_)) | None => {
            if let Some(shown) = &request.certificate {
                trail.shows(AuditCredential::TlsCertificate);
                trail.shows_certificate(shown);
            }
        }
    }
}

/// The refusal of a TLS client whose certificate is all that it shows, where none are taken.
fn without_trust() -> Refusal {
    unsupported("a TLS client's certificate, and credentials.certificate is not configured")
        .telling("The certificate of a TLS client is not taken for a credential.")
}

/// The refusal of a security header without any credential; `found` is what there is.
fn no_credential(found: &str) -> Refusal {
    match found {
        "" => unsupported("no credential in wsse:Security"),
        "EncryptedAssertion" => unsupported("an EncryptedAssertion for a credential, which is not decrypted")
            .telling("An encrypted assertion cannot be read: TLS keeps a plain one secret."),
        found => unsupported(format!("no credential in wsse:Security, but {}", quoted(found))),
    }
}

fn unsupported(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::UnsupportedToken, reason)
}

fn invalid(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::InvalidSecurityToken, reason)
}
