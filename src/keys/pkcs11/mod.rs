//! A signing key in a hardware security module, by PKCS#11: found by its token's and its own label, used through sessions
//! that are opened anew when the device was away.

mod failure;
mod module;
mod token;

use std::sync::Arc;

use self::failure::Failure;
use self::module::Module;
use super::error::{KeyError, KeyField, Source};
use crate::config::Pkcs11Key;
use crate::dsig::{DeviceError, KeyKind, SigningDevice};

/// A key that has signed before, or is about to for the first time.
pub(super) struct HsmKey {
    module: Arc<Module>,
    key: Pkcs11Key,
    kind: KeyKind,
}

impl HsmKey {
    /// Loads the module, logs in and looks for the key, which signs as a key of `kind` does.
    ///
    /// # Errors
    /// A module that cannot be loaded, no such token or key, more than one, or a PIN that is refused.
    pub fn open(key: &Pkcs11Key, kind: KeyKind) -> Result<Self, KeyError> {
        let module = Module::at(&key.module).map_err(|failure| failure.of(key))?;
        let opened = Self { module, key: key.clone(), kind };
        opened.module.look_for(key).map_err(|failure| failure.of(key))?;
        Ok(opened)
    }

    /// Why it does not sign, for the operator; `otherwise` where it has not said so.
    pub fn failure(&self, otherwise: String) -> KeyError {
        self.module.failure(&self.key).unwrap_or(Failure::Device(otherwise)).of(&self.key)
    }
}

impl SigningDevice for HsmKey {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, DeviceError> {
        let said = |error: KeyError| DeviceError(format!("{} {}", error.file.display(), error.message));
        self.module.sign(&self.key, self.kind, input).map_err(|failure| said(failure.of(&self.key)))
    }
}

/// For what is wrong with a key of this file.
fn source<'a>(key: &'a Pkcs11Key, field: KeyField) -> Source<'a> {
    Source { file: &key.module, field }
}
