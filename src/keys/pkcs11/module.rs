//! A loaded library of PKCS#11. There is one of each in a process, whatever becomes of the configuration: a library cannot be
//! initialised twice, and its logins are the process's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use tracing::{error, info};

use super::failure::Failure;
use super::token::{self, Pins, Ready};
use crate::config::Pkcs11Key;
use crate::dsig::KeyKind;

/// Sessions that wait for each key: as many as sign at once.
const MOST_IDLE: usize = 16;

/// How long a device that failed is left alone: each attempt may take as long as the network to it.
const PAUSE: Duration = Duration::from_secs(1);

static MODULES: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Module>>>> = LazyLock::new(Mutex::default);

pub(super) struct Module {
    path: PathBuf,
    /// Read by who signs, written to begin with the library anew.
    library: RwLock<Library>,
    /// Held by the one who opens a session.
    care: Mutex<Care>,
}

struct Library {
    pkcs11: Pkcs11,
    /// Sessions that nobody uses now.
    idle: Mutex<BTreeMap<Place, Vec<Ready>>>,
}

/// What is remembered of opening sessions.
#[derive(Default)]
struct Care {
    pins: Pins,
    /// The last failure of each key, until it signs again.
    failed: BTreeMap<Place, (Instant, Failure)>,
}

/// Token and key, as configured.
type Place = (String, String);

impl Module {
    /// The library at a path, loaded and initialised if it was not yet.
    pub fn at(path: &Path) -> Result<Arc<Self>, Failure> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(path) {
            return Ok(module.clone());
        }
        let pkcs11 = Pkcs11::new(path).map_err(|error| Failure::Module(error.to_string()))?;
        initialize(&pkcs11)?;
        let library = RwLock::new(Library { pkcs11, idle: Mutex::default() });
        let module = Arc::new(Self { path: path.to_owned(), library, care: Mutex::default() });
        modules.insert(path.to_owned(), module.clone());
        Ok(module)
    }

    /// Opens a session for the key, and keeps it for who signs first. A PIN that was not tried yet is tried.
    pub fn look_for(&self, key: &Pkcs11Key) -> Result<(), Failure> {
        let mut care = self.care.lock().unwrap_or_else(PoisonError::into_inner);
        // Who is logged in by another PIN would take this one unseen, until the next login.
        if care.pins.is_another(&key.token, &key.pin) {
            self.begin_anew()?;
        }
        let ready = self.open(key, &mut care.pins).or_else(|failure| {
            self.begin_again(&failure)?;
            self.open(key, &mut care.pins)
        })?;
        self.put_back(key, ready);
        care.failed.remove(&place(key));
        Ok(())
    }

    /// Why the key does not sign, if it last did not.
    pub fn failure(&self, key: &Pkcs11Key) -> Option<Failure> {
        let care = self.care.lock().unwrap_or_else(PoisonError::into_inner);
        care.failed.get(&place(key)).map(|(_, failure)| failure.clone())
    }

    /// Signs `input` as a key of this kind does. What was away is looked for once more.
    pub fn sign(&self, key: &Pkcs11Key, kind: KeyKind, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let mechanism = if kind.is_elliptic() { Mechanism::Ecdsa } else { Mechanism::RsaPkcs };
        if let Some(signature) = self.sign_with_idle(key, &mechanism, input) {
            return Ok(signature);
        }
        let mut care = self.care.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = care.failed.get(&place(key)).cloned();
        if let Some((at, failure)) = &earlier
            && at.elapsed() < PAUSE
        {
            return Err(failure.clone());
        }
        let signed = self.sign_with_new(key, &mechanism, input, &mut care.pins).or_else(|failure| {
            self.begin_again(&failure)?;
            self.sign_with_new(key, &mechanism, input, &mut care.pins)
        });
        let (module, token, label) = (self.path.display(), &key.token, &key.key);
        match &signed {
            Ok(_) if care.failed.remove(&place(key)).is_some() => {
                info!(%module, token, key = label, "the key signs again")
            }
            Ok(_) => {}
            Err(failure) => {
                if earlier.is_none_or(|(_, earlier)| earlier != *failure) {
                    let reason = failure.of(key).to_string();
                    error!(%module, token, key = label, reason, "the key does not sign");
                }
                care.failed.insert(place(key), (Instant::now(), failure.clone()));
            }
        }
        signed
    }

    /// `None` without a session, and where it does not sign: then the others of its time will not, either.
    fn sign_with_idle(&self, key: &Pkcs11Key, with: &Mechanism<'_>, input: &[u8]) -> Option<Vec<u8>> {
        let library = self.library.read().unwrap_or_else(PoisonError::into_inner);
        let mut ready = library.take(key)?;
        match ready.sign(with, input) {
            Ok(signature) => {
                library.put_back(key, ready);
                Some(signature)
            }
            Err(_) => {
                library.forget(key);
                None
            }
        }
    }

    fn sign_with_new(
        &self,
        key: &Pkcs11Key,
        with: &Mechanism<'_>,
        input: &[u8],
        pins: &mut Pins,
    ) -> Result<Vec<u8>, Failure> {
        let mut ready = self.open(key, pins)?;
        let signature = ready.sign(with, input)?;
        self.put_back(key, ready);
        Ok(signature)
    }

    fn open(&self, key: &Pkcs11Key, pins: &mut Pins) -> Result<Ready, Failure> {
        token::open(&self.library.read().unwrap_or_else(PoisonError::into_inner).pkcs11, key, pins)
    }

    fn put_back(&self, key: &Pkcs11Key, ready: Ready) {
        self.library.read().unwrap_or_else(PoisonError::into_inner).put_back(key, ready);
    }

    /// Begins anew where that may help; else the failure stays.
    fn begin_again(&self, failure: &Failure) -> Result<(), Failure> {
        if failure.may_pass() { self.begin_anew() } else { Err(failure.clone()) }
    }

    /// Many a library knows nothing of tokens that came after its initialisation, nor of a device that was away.
    fn begin_anew(&self) -> Result<(), Failure> {
        let library = self.library.write().unwrap_or_else(PoisonError::into_inner);
        // Closed before their numbers are given to others.
        library.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // One that was never initialised, after the last attempt, is as good.
        drop(library.pkcs11.clone().finalize());
        initialize(&library.pkcs11)
    }
}

impl Library {
    fn take(&self, key: &Pkcs11Key) -> Option<Ready> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&place(key))?.pop()
    }

    fn put_back(&self, key: &Pkcs11Key, ready: Ready) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(place(key)).or_default();
        if waiting.len() < MOST_IDLE {
            waiting.push(ready);
        }
    }

    fn forget(&self, key: &Pkcs11Key) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).remove(&place(key));
    }
}

fn place(key: &Pkcs11Key) -> Place {
    (key.token.clone(), key.key.clone())
}

fn initialize(pkcs11: &Pkcs11) -> Result<(), Failure> {
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // By another part of the process: it is as good.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(Failure::from(error)),
    }
}
