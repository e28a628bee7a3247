//! What can be wrong with a device, and with what is said of it.

use cryptoki::error::{Error, RvError};

use super::source;
use crate::config::Pkcs11Key;
use crate::keys::error::{KeyError, KeyField};

/// Why a key of a device is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The library.
    Module(String),
    /// No such token, with those that there are; or several.
    NoToken(Vec<String>),
    ManyTokens,
    /// No such private key, with those that there are; or several.
    NoKey(Vec<String>),
    ManyKeys,
    /// The PIN was refused, now or before.
    Pin,
    /// It would be the last that the token takes, or is one too many.
    PinInDanger,
    PinLocked,
    /// The key is another than the certificate's.
    AnotherKey,
    /// The device will not have it used so, whenever it is asked.
    Unfit(String),
    /// Anything else that the device says.
    Device(String),
}

impl Failure {
    /// Of a login.
    pub fn of_login(error: Error) -> Self {
        match error {
            Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => Self::Pin,
            Error::Pkcs11(RvError::PinLocked, _) => Self::PinLocked,
            error => error.into(),
        }
    }

    /// Of a call that has not come back.
    pub fn hung() -> Self {
        Self::Device("it gives no answer".to_owned())
    }

    /// Whether the device may mend it by itself, so that trying again makes sense.
    pub fn may_pass(&self) -> bool {
        self.is_absence() || matches!(self, Self::NoKey(_))
    }

    /// Whether it is not the configuration that is wrong, as far as can be told: the token, or what leads to it, is not there
    /// now.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Device(_) | Self::NoToken(_))
    }

    /// For the operator.
    pub fn of(&self, key: &Pkcs11Key) -> KeyError {
        let Pkcs11Key { token, key: label, .. } = key;
        let (field, message, help) = match self {
            Self::Module(why) => (
                KeyField::Module,
                format!("cannot be used as a PKCS#11 module: {why}"),
                "name the library of the HSM's vendor, such as /usr/lib/softhsm/libsofthsm2.so".to_owned(),
            ),
            Self::NoToken(others) => (
                KeyField::Token,
                format!("has no token {token}{}", instead(others)),
                "give the token's label or serial number; pkcs11-tool --module MODULE --list-token-slots shows them"
                    .to_owned(),
            ),
            Self::ManyTokens => (
                KeyField::Token,
                format!("has several tokens {token}"),
                "give the serial number of the one that is meant".to_owned(),
            ),
            Self::NoKey(others) => (
                KeyField::Key,
                format!("has no private key {label} in the token {token}{}", instead(others)),
                format!("give the key's label; pkcs11-tool --module MODULE --token-label {token} --login -O shows them"),
            ),
            Self::ManyKeys => (
                KeyField::Key,
                format!("has several private keys {label} in the token {token}"),
                "give the one that is meant a label of its own".to_owned(),
            ),
            Self::Pin => (
                KeyField::Pin,
                format!("refuses the PIN for the token {token}"),
                "put the user's PIN into the file, which may end in one line break; this one is not sent again before \
                 another start, since tokens lock after a few wrong ones"
                    .to_owned(),
            ),
            Self::PinInDanger => (
                KeyField::Pin,
                format!("takes only one more wrong PIN for the token {token} before it locks, so none is sent"),
                "log in once with the right one, which makes the token forget the wrong ones: pkcs11-tool --module MODULE \
                 --login --list-objects"
                    .to_owned(),
            ),
            Self::PinLocked => (
                KeyField::Pin,
                format!("has locked the PIN of the token {token}"),
                "have its security officer set it anew".to_owned(),
            ),
            Self::AnotherKey => (
                KeyField::Key,
                format!("has another key {label} in the token {token} than the certificate's"),
                "name the key and the certificate that were made together: what the key signs must verify with it"
                    .to_owned(),
            ),
            Self::Unfit(why) => (
                KeyField::Key,
                format!("does not sign with the key {label} of the token {token}: {why}"),
                "see that this key may sign, and is of the certificate's kind".to_owned(),
            ),
            Self::Device(why) => (
                KeyField::Module,
                format!("does not sign with the key {label} of the token {token}: {why}"),
                "see that the HSM, and whatever leads to it, is up".to_owned(),
            ),
        };
        source(key, field).error(message, help)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Pkcs11(code, function) => {
                // The name of the code, as vendors' manuals have it, rather than the specification's explanation of it.
                let why = format!("{function:?} answered {code:?}");
                if is_unfit(code) { Self::Unfit(why) } else { Self::Device(why) }
            }
            error => Self::Device(error.to_string()),
        }
    }
}

/// Whether it is about the key and what is asked of it. Vendors say anything of a device that is away.
fn is_unfit(code: RvError) -> bool {
    matches!(
        code,
        RvError::KeyFunctionNotPermitted
            | RvError::KeyTypeInconsistent
            | RvError::KeySizeRange
            | RvError::MechanismInvalid
            | RvError::MechanismParamInvalid
            | RvError::PinExpired
            | RvError::UserPinNotInitialized
    )
}

fn instead(others: &[String]) -> String {
    if others.is_empty() { String::new() } else { format!(", but {}", others.join(", ")) }
}
