//! The key of a token, as its answer tells the asker: KeySize, Entropy and RequestedProofToken (WS-Trust 1.3, 4.4).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::dsig::KeyInfo;
use crate::saml::Confirmation;
use crate::wstrust::TrustVersion;
use crate::xml::Writer;

/// What a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuedKey {
    /// Nothing.
    Bearer,
    /// The asker's public key.
    Public,
    /// A shared key that the asker has had since an earlier token.
    Kept,
    /// A key that asker and relying party share.
    Symmetric {
        /// Its length.
        bits: u32,
        /// How the asker comes to know it.
        proof: Proof,
    },
}

/// How the asker comes to know a shared key. Shows nothing in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is told.
    Secret(Zeroizing<Vec<u8>>),
    /// It computes it from its own entropy and ours, which is told.
    Computed(Zeroizing<Vec<u8>>),
    /// The asker gave it.
    Given,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(…)",
            Self::Computed(_) => "Computed(…)",
            Self::Given => "Given",
        })
    }
}

impl IssuedKey {
    /// Of a token that follows another and keeps its confirmation: nobody is told again what they know.
    pub const fn kept(confirmation: &Confirmation) -> Self {
        match confirmation {
            Confirmation::Bearer | Confirmation::BearerFor { .. } => Self::Bearer,
            Confirmation::HolderOfKey(KeyInfo::EncryptedKey(_)) => Self::Kept,
            Confirmation::HolderOfKey(KeyInfo::Certificate(_) | KeyInfo::RsaKeyValue { .. }) => Self::Public,
        }
    }

    /// KeyType, as the version spells it.
    pub(super) const fn key_type(&self, version: TrustVersion) -> &'static str {
        match self {
            Self::Bearer => version.bearer(),
            Self::Public => version.public_key(),
            Self::Symmetric { .. } | Self::Kept => version.symmetric_key(),
        }
    }

    /// What WIF and AD FS write before the token: our entropy, and the length of the key.
    pub(super) fn before_token(&self, w: &mut Writer, version: TrustVersion) {
        let Self::Symmetric { bits, proof } = self else { return };
        if let Proof::Computed(entropy) = proof {
            w.start(version.ns(), "Entropy", &[]);
            secret(w, version, version.nonce(), entropy);
            w.end();
        }
        w.leaf(version.ns(), "KeySize", &bits.to_string());
    }

    /// And behind it: the key, or how it is computed.
    pub(super) fn after_token(&self, w: &mut Writer, version: TrustVersion) {
        let Self::Symmetric { proof, .. } = self else { return };
        match proof {
            Proof::Given => {}
            Proof::Secret(key) => {
                w.start(version.ns(), "RequestedProofToken", &[]);
                secret(w, version, version.symmetric_key(), key);
                w.end();
            }
            Proof::Computed(_) => {
                w.start(version.ns(), "RequestedProofToken", &[]);
                w.leaf(version.ns(), "ComputedKey", version.p_sha1());
                w.end();
            }
        }
    }
}

fn secret(w: &mut Writer, version: TrustVersion, kind: &str, octets: &[u8]) {
    w.start(version.ns(), "BinarySecret", &[("Type", kind)]);
    w.text(&Zeroizing::new(STANDARD.encode(octets)));
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key: &IssuedKey, version: TrustVersion) -> [String; 2] {
        let (mut before, mut after) = (Writer::default(), Writer::default());
        key.before_token(&mut before, version);
        key.after_token(&mut after, version);
        [before.finish(), after.finish()]
    }

    #[test]
    fn each_proof_is_told_in_its_own_way() {
        let (v, uri) = (TrustVersion::V200502, "http://schemas.xmlsoap.org/ws/2005/02/trust");
        let symmetric = |proof| IssuedKey::Symmetric { bits: 128, proof };
        let size = format!("<t:KeySize xmlns:t=\"{uri}\">128</t:KeySize>");
        let octets = || Zeroizing::new(vec![0; 3]);
        for (key, key_type, before, after) in [
            (IssuedKey::Bearer, v.bearer(), String::new(), String::new()),
            (IssuedKey::Public, v.public_key(), String::new(), String::new()),
            (IssuedKey::Kept, v.symmetric_key(), String::new(), String::new()),
            (symmetric(Proof::Given), v.symmetric_key(), size.clone(), String::new()),
            (
                symmetric(Proof::Secret(octets())),
                v.symmetric_key(),
                size.clone(),
                format!(
                    "<t:RequestedProofToken xmlns:t=\"{uri}\"><t:BinarySecret Type=\"{uri}/SymmetricKey\">AAAA\
                     </t:BinarySecret></t:RequestedProofToken>"
                ),
            ),
            (
                symmetric(Proof::Computed(octets())),
                v.symmetric_key(),
                format!(
                    "<t:Entropy xmlns:t=\"{uri}\"><t:BinarySecret Type=\"{uri}/Nonce\">AAAA</t:BinarySecret></t:Entropy>\
                     {size}"
                ),
                format!(
                    "<t:RequestedProofToken xmlns:t=\"{uri}\"><t:ComputedKey>{uri}/CK/PSHA1</t:ComputedKey>\
                     </t:RequestedProofToken>"
                ),
            ),
        ] {
            assert_eq!(written(&key, v), [before, after], "{key:?}");
            assert_eq!(key.key_type(v), key_type);
            assert!(!format!("{key:?}").contains("[0"), "{key:?}");
        }
    }

    #[test]
    fn a_token_that_follows_another_keeps_its_key() {
        let public = KeyInfo::Certificate("AAAA".to_owned());
        assert_eq!(IssuedKey::kept(&Confirmation::Bearer), IssuedKey::Bearer);
        assert_eq!(IssuedKey::kept(&Confirmation::HolderOfKey(public)), IssuedKey::Public);
    }
}
