//! A loaded library of PKCS#11. There is one of each in a process, whatever becomes of the configuration: a library cannot be
//! initialised twice, and its logins are the process's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use tracing::{error, info};

use super::attendants::{Attendants, MOST_CALLS};
use super::failure::Failure;
use super::token::{self, Pins, Ready};
use super::wanted::Wanted;
use crate::config::Pkcs11Key;

/// How long a device that failed is left alone: each attempt may take as long as the network to it.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a call may take before the device counts as one that hangs. Some take seconds for a signature, and some to begin;
/// who asks for a token waits no longer than `limits.sign_in_deadline`.
const PATIENCE: Duration = Duration::from_secs(10);

static MODULES: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Module>>>> = LazyLock::new(Mutex::default);

/// Its locks are held while the library is called, by the attendants alone; but for that of `failed`.
pub(super) struct Module {
    path: PathBuf,
    attendants: Attendants,
    /// Read by who signs, written to begin with the library anew.
    library: RwLock<Library>,
    /// What became of PINs. Held by the one who opens a session.
    pins: Mutex<Pins>,
    /// The last failure of each key, until it signs again.
    failed: Mutex<BTreeMap<Place, (Instant, Failure)>>,
}

struct Library {
    pkcs11: Pkcs11,
    /// Sessions that nobody uses now.
    idle: Mutex<BTreeMap<Place, Vec<Ready>>>,
}

/// Token and key, as configured.
type Place = (String, String);

impl Module {
    /// The library at a path, loaded if it was not yet.
    pub fn at(path: &Path) -> Result<Arc<Self>, Failure> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(path) {
            return Ok(module.clone());
        }
        let pkcs11 = Pkcs11::new(path).map_err(|error| Failure::Module(error.to_string()))?;
        let attendants = Attendants::start().map_err(|error| Failure::Device(error.to_string()))?;
        let library = RwLock::new(Library { pkcs11, idle: Mutex::default() });
        let (pins, failed) = (Mutex::default(), Mutex::default());
        let module = Arc::new(Self { path: path.to_owned(), attendants, library, pins, failed });
        modules.insert(path.to_owned(), module.clone());
        Ok(module)
    }

    /// Has a key that is new here sign `input`, and keeps the session for who signs first. A PIN that was not tried yet is
    /// tried.
    pub fn try_out(self: &Arc<Self>, wanted: &Arc<Wanted>, input: Vec<u8>) -> Result<(), Failure> {
        let (this, of) = (self.clone(), wanted.clone());
        self.attendants.ask(PATIENCE, move || this.look_for(&of, &input)).unwrap_or_else(|| Err(Failure::hung()))
    }

    /// Signs `input`. What was away is looked for once more.
    pub fn sign(self: &Arc<Self>, wanted: &Arc<Wanted>, input: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let (this, of) = (self.clone(), wanted.clone());
        self.attendants.ask(PATIENCE, move || this.signed(&of, &input)).unwrap_or_else(|| {
            self.note(&wanted.key, Failure::hung());
            Err(Failure::hung())
        })
    }

    /// Why the key does not sign, if it last did not.
    pub fn failure(&self, key: &Pkcs11Key) -> Option<Failure> {
        self.failed().get(&place(key)).map(|(_, failure)| failure.clone())
    }

    /// Remembers, and tells the log, why the key does not sign.
    pub fn note(&self, key: &Pkcs11Key, failure: Failure) {
        let earlier = self.failed().insert(place(key), (Instant::now(), failure.clone()));
        if earlier.is_none_or(|(_, earlier)| earlier != failure) {
            let (module, token, label, reason) =
                (self.path.display(), &key.token, &key.key, failure.of(key).to_string());
            error!(%module, token, key = label, reason, "the key does not sign");
        }
    }

    fn note_signature(&self, key: &Pkcs11Key) {
        if self.failed().remove(&place(key)).is_some() {
            info!(module = %self.path.display(), token = key.token, key = key.key, "the key signs again");
        }
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<Place, (Instant, Failure)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_for(&self, wanted: &Wanted, input: &[u8]) -> Result<(), Failure> {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        // Who is logged in by another PIN would take this one unseen, until the next login.
        if pins.is_another(&wanted.key.token, &wanted.key.pin) {
            self.begin_anew()?;
        }
        self.sign_with_new_twice(wanted, input, &mut pins)?;
        self.note_signature(&wanted.key);
        Ok(())
    }

    fn signed(&self, wanted: &Wanted, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = &wanted.key;
        if let Some(signature) = self.sign_with_idle(wanted, input) {
            self.note_signature(key);
            return Ok(signature);
        }
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = self.failed().get(&place(key)).cloned();
        if let Some((at, failure)) = earlier
            && at.elapsed() < PAUSE
        {
            return Err(failure);
        }
        let signed = self.sign_with_new_twice(wanted, input, &mut pins);
        match &signed {
            Ok(_) => self.note_signature(key),
            Err(failure) => self.note(key, failure.clone()),
        }
        signed
    }

    /// `None` without a session, and where it does not sign: then the others of its time will not, either.
    fn sign_with_idle(&self, wanted: &Wanted, input: &[u8]) -> Option<Vec<u8>> {
        let library = self.library.read().unwrap_or_else(PoisonError::into_inner);
        let mut ready = library.take(&wanted.key)?;
        match wanted.sign(&mut ready, input) {
            Ok(signature) => {
                library.put_back(&wanted.key, ready);
                Some(signature)
            }
            Err(_) => {
                library.forget(&wanted.key);
                None
            }
        }
    }

    fn sign_with_new_twice(&self, wanted: &Wanted, input: &[u8], pins: &mut Pins) -> Result<Vec<u8>, Failure> {
        self.sign_with_new(wanted, input, pins).or_else(|failure| {
            self.begin_again(&failure)?;
            self.sign_with_new(wanted, input, pins)
        })
    }

    fn sign_with_new(&self, wanted: &Wanted, input: &[u8], pins: &mut Pins) -> Result<Vec<u8>, Failure> {
        let mut ready = self.open(&wanted.key, pins)?;
        let signature = wanted.sign(&mut ready, input)?;
        self.put_back(&wanted.key, ready);
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
        if waiting.len() < MOST_CALLS {
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
