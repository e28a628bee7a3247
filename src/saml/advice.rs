//! `saml:Advice`: what an assertion of ECP says beside the subject (`saml-ecp-v2.0-cs01`, 2.3.8; `draft-ietf-kitten-sasl-saml-ec`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::ecp::ChannelBindings;
use super::names::{CB, SAMLEC};
use crate::xml::{Ns, Writer};

/// What stands in an assertion's Advice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// The bindings in which the client and the SP agree.
    pub channel_bindings: Option<ChannelBindings>,
    /// A key that the client and the SP share.
    pub generated_key: Option<GeneratedKey>,
}

/// A key that the client and the SP share from here on: the client has it from a header of the answer, the SP from the
/// assertion, which is encrypted. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct GeneratedKey(Zeroizing<String>);

impl GeneratedKey {
    /// So many octets of it.
    pub const LENGTH: usize = 32;

    /// The key that these octets, fresh and random, are.
    pub fn new(octets: &[u8; Self::LENGTH]) -> Self {
        Self(Zeroizing::new(STANDARD.encode(octets)))
    }

    /// Its base64, which both get.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedKey(…)")
    }
}

impl Advice {
    /// Writes the element, if there is anything to say.
    pub(super) fn write(&self, ns: &'static Ns, w: &mut Writer) {
        if *self == Self::default() {
            return;
        }
        w.start(ns, "Advice", &[]);
        if let Some(bindings) = &self.channel_bindings {
            w.start(
                &CB,
                "ChannelBindings",
                &bindings.kind.as_deref().map(|kind| ("Type", kind)).into_iter().collect::<Vec<_>>(),
            );
            w.text(&bindings.value);
            w.end();
        }
        if let Some(key) = &self.generated_key {
            w.leaf(&SAMLEC, "GeneratedKey", key.expose());
        }
        w.end();
    }
}
