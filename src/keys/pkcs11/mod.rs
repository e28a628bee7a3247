//! A signing key in a hardware security module, by PKCS#11: found by its token's and its own label, used through sessions
//! that are opened anew when the device was away.

mod attendants;
mod failure;
mod module;
mod token;
mod wanted;

use std::sync::Arc;

use openssl::pkey::{PKey, Public};

use self::failure::Failure;
use self::module::Module;
use self::wanted::Wanted;
use super::error::{KeyError, KeyField, Source};
use crate::config::Pkcs11Key;
use crate::dsig::{DeviceError, KeyKind, SigningDevice, trial};

/// A key of a device.
pub(super) struct HsmKey {
    module: Arc<Module>,
    wanted: Arc<Wanted>,
}

/// What became of asking a device for a signature for the first time.
pub(super) enum Trial {
    /// It is the certificate's.
    Signs,
    /// It is another key's.
    AnotherKey,
    /// There is none: the device is not there now.
    Absent(KeyError),
}

impl HsmKey {
    /// The key of a certificate with this public key, which signs as one of `kind` does.
    ///
    /// # Errors
    /// A module that cannot be loaded.
    pub fn new(key: &Pkcs11Key, kind: KeyKind, public: PKey<Public>) -> Result<Self, KeyError> {
        let module = Module::at(&key.module).map_err(|failure| failure.of(key))?;
        Ok(Self { module, wanted: Arc::new(Wanted { key: key.clone(), kind, public }) })
    }

    /// Logs in, looks for the key, and has it sign.
    ///
    /// # Errors
    /// No such key or more than one, several tokens, a PIN that is refused, or a key that may not sign.
    pub fn try_out(&self) -> Result<Trial, KeyError> {
        let key = &self.wanted.key;
        match self.module.try_out(&self.wanted, trial(self.wanted.kind)) {
            Ok(()) => Ok(Trial::Signs),
            Err(Failure::AnotherKey) => Ok(Trial::AnotherKey),
            Err(failure) if failure.is_absence() => {
                let why = failure.of(key);
                self.module.note(key, failure);
                Ok(Trial::Absent(why))
            }
            Err(failure) => Err(failure.of(key)),
        }
    }
}

impl SigningDevice for HsmKey {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, DeviceError> {
        self.module.sign(&self.wanted, input.to_vec()).map_err(|failure| said(&failure.of(&self.wanted.key)))
    }

    fn outage(&self) -> Option<DeviceError> {
        self.module.failure(&self.wanted.key).map(|failure| said(&failure.of(&self.wanted.key)))
    }
}

fn said(error: &KeyError) -> DeviceError {
    DeviceError(format!("{} {}", error.file.display(), error.message))
}

/// For what is wrong with a key of this file.
fn source<'a>(key: &'a Pkcs11Key, field: KeyField) -> Source<'a> {
    Source { file: &key.module, field }
}
