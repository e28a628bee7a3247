//! Who asks: from the credential that a message presents to somebody who proved who they are.

use std::sync::Arc;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use crate::handler::Failure;
use crate::handler::context::Context;
use crate::handler::trail::Trail;
use crate::model::{Authenticated, Refusal, RefusalKind, Timestamp};
use crate::soap::{Envelope, SecurityHeader};

/// What a message presents, read and in time, proved nothing yet.
pub(super) struct Presented(SecurityHeader);

/// Who asks.
pub(super) struct Asker {
    /// They themselves.
    pub(super) user: Arc<Authenticated>,
    /// The key that they have proved to have, by signing the message, or else as a TLS client.
    pub(super) key: Option<ProvenKey>,
    /// The Nonce of their UsernameToken.
    nonce: Option<String>,
}

/// A key that an asker has.
pub(super) struct ProvenKey {
    /// Its public half.
    pub(super) public: PKey<Public>,
    /// Its certificate, where that is of a CA that certifies users; what another says of whose key it is means nothing.
    pub(super) certificate: Option<X509>,
}

impl Presented {
    /// Reads the security header and compares its times with ours.
    pub(super) fn read(envelope: &Envelope, trail: &mut Trail, now: Timestamp) -> Result<Self, Failure> {
        let security = SecurityHeader::read(envelope)?;
        security.check_times(now)?;
        trail.names(&security.username_token.username);
        Ok(Self(security))
    }

    /// Has it proved.
    pub(super) async fn sign_in(self, context: &Context, trail: &mut Trail) -> Result<Asker, Failure> {
        let token = self.0.username_token;
        let user = trail.sign_in(context, &token.username, &token.password, false).await?;
        Ok(Asker { user, key: None, nonce: token.nonce })
    }
}

impl Asker {
    /// Notes what may be used once only. Called with an answer to give, not before: who was told to come again must not
    /// find the Nonce used.
    pub(super) async fn first_use(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        if let Some(nonce) = &self.nonce {
            let entry = &self.user.entry().id;
            if !context.replay.first_use(&["nonce", &entry.directory, &entry.entry, nonce], now).await {
                return Err(Refusal::new(RefusalKind::Security, "the Nonce has been used before"));
            }
        }
        Ok(())
    }
}
