//! argon2id, on threads of its own: a hash takes tens of milliseconds of a core, which no worker of the proxy has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use tokio::sync::oneshot;

use crate::model::Password;

/// Passwords that may wait per thread: about a second's work. Who comes later is told at once to come again.
const WAITING_PER_THREAD: usize = 32;

/// A hash at the default cost, of a password that was thrown away: what a guess is compared with where a file has no users.
pub(super) const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("argon2: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// The `password_hash` of a password: argon2id in PHC form, at the crate's default cost (OWASP's: 19 MiB, 2 passes), with 16
/// random bytes of salt.
///
/// # Errors
/// The password is longer than argon2 takes (4 GiB).
pub fn hash(password: &Password, salt: [u8; 16]) -> Result<String, HashError> {
    let salt = SaltString::encode_b64(&salt).map_err(HashError)?;
    let hash = Argon2::default().hash_password(password.expose().as_bytes(), &salt).map_err(HashError)?;
    Ok(hash.to_string())
}

/// Whether a password can be compared with this at all.
pub(super) fn is_usable(phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|hash| {
        hash.algorithm == argon2::ARGON2ID_IDENT
            && hash.salt.is_some()
            && hash.hash.is_some()
            && Params::try_from(&hash).is_ok()
    })
}

fn matches(password: &Password, phc: &str) -> bool {
    PasswordHash::new(phc)
        .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
}

struct Job {
    password: Password,
    phc: Arc<str>,
    answer: oneshot::Sender<bool>,
}

/// Threads that hash, one a core, and a bounded queue before them. They end when this is dropped.
pub(super) struct Hashers {
    queue: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    capacity: usize,
}

impl Hashers {
    pub(super) fn start() -> io::Result<Self> {
        Self::with(thread::available_parallelism().map_or(1, usize::from), WAITING_PER_THREAD)
    }

    fn with(threads: usize, waiting_per_thread: usize) -> io::Result<Self> {
        let capacity = threads * waiting_per_thread;
        let (queue, jobs) = sync_channel(capacity);
        let jobs = Arc::new(Mutex::new(jobs));
        let waiting = Arc::new(AtomicUsize::new(0));
        for _ in 0..threads {
            let (jobs, waiting) = (jobs.clone(), waiting.clone());
            thread::Builder::new().name("argon2".to_owned()).spawn(move || work(&jobs, &waiting))?;
        }
        Ok(Self { queue, waiting, capacity })
    }

    /// Whether the next password would be turned away.
    pub(super) fn are_busy(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.capacity
    }

    /// Whether the password is the one that was hashed; `None`: too many are waiting.
    pub(super) async fn verify(&self, password: &Password, phc: &Arc<str>) -> Option<bool> {
        let (answer, answered) = oneshot::channel();
        // Counted before it is queued: a thread counts it down as soon as it takes it.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let job = Job { password: password.clone(), phc: phc.clone(), answer };
        if self.queue.try_send(job).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        answered.await.ok()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { password, phc, answer }) = job else { return };
        waiting.fetch_sub(1, Ordering::Relaxed);
        // Whoever stopped waiting needs no hash.
        if !answer.is_closed() {
            // A panic would cost the thread; the asker is told by the answer that does not come.
            if let Ok(right) = catch_unwind(AssertUnwindSafe(|| matches(&password, &phc))) {
                let _ = answer.send(right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_only() {
        let phc = hash(&Password::new("wonderland"), [7; 16]).unwrap();
        assert!(is_usable(&phc), "{phc}");
        assert!(matches(&Password::new("wonderland"), &phc));
        for wrong in ["", "Wonderland", "wonderland ", "wonderland\0"] {
            assert!(!matches(&Password::new(wrong), &phc), "{wrong:?}");
        }
    }

    #[test]
    fn only_argon2id_with_salt_and_hash_is_usable() {
        assert!(is_usable(DECOY));
        for phc in [
            "",
            "wonderland",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA",
            &DECOY.replace("argon2id", "argon2i"),
            &DECOY.replace("argon2id", "scrypt"),
            &DECOY.replace("m=19456", "m=1"),
        ] {
            assert!(!is_usable(phc), "{phc}");
        }
    }

    #[tokio::test]
    async fn who_comes_to_a_full_queue_is_told_at_once() {
        let (hashers, jobs) = Hashers::stalled(2);
        let (password, phc) = (Password::new("p"), Arc::from(DECOY));
        let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(hashers.verify(&password, &phc))).collect();
        assert!(!hashers.are_busy());
        for verify in &mut waiting {
            assert!(futures::poll!(verify).is_pending());
        }
        assert!(hashers.are_busy());
        assert_eq!(hashers.verify(&password, &phc).await, None);
        drop(jobs);
    }

    impl Hashers {
        /// No thread takes anything from this queue, which is as long as what holds it lives.
        pub(in crate::directory::file) fn stalled(capacity: usize) -> (Self, impl Sized) {
            let (queue, jobs) = sync_channel(capacity);
            (Self { queue, waiting: Arc::default(), capacity }, jobs)
        }
    }
}
