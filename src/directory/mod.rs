//! Directories: where a name is looked up and a password is checked. An adapter answers "nobody", "no" or "I cannot say"
//! and never takes one for another: an outage is not a bad password.

mod directories;
pub mod file;
mod fold;
mod ldap;
mod lockout;
mod outcome;
mod pace;
mod told;
mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::config::{DirectoryAdapter, DirectoryConfig};
use crate::model::{Entry, EntryId, Password, Timestamp, Unavailable, Username};
use crate::telemetry::Metrics;

pub use directories::{Directories, open_all};
pub use lockout::{Lockout, LockoutPolicy};
pub use outcome::{
    Availability, BindError, BindOutcome, BindRefusal, Examined, Resolution, ServerStanding, ServerState, Standing,
};

/// In bytes. Longer names are nobody's: what is kept, counted and sent of a name is not to grow with what a stranger types.
const LONGEST_NAME: usize = 256;

/// A directory: finds an entry by name, and binds as it.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Finds the entry that has this name.
    ///
    /// # Errors
    /// The directory cannot say. That nobody has the name is an answer.
    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable>;

    /// Checks the password. An empty one is refused without asking the server (RFC 4513, 5.1.2).
    ///
    /// # Errors
    /// The directory cannot say, and may or may not have counted a failure. That the password is wrong is an answer.
    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError>;

    /// The entry with the groups that only searches of their own find. Not part of [`Directory::resolve`], so that a guess
    /// costs the directory no more than one search until the password was right.
    ///
    /// # Errors
    /// The directory cannot say.
    async fn with_groups(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, Unavailable> {
        Ok(entry)
    }

    /// Forgets what [`Directory::with_groups`] remembers of an entry; of every entry if none is named.
    fn forget(&self, _entry: Option<&EntryId>) {}

    /// What keeps the entry from signing in at `now`, though its password is not asked for: what a bind would have been
    /// refused for. Known of an entry that [`Directory::resolve`] found, where the directory is configured to be asked
    /// ([`DirectoryConfig::standing`]). A lock that wrong passwords bring about is none where the directory tells it apart, or
    /// strangers could keep users out who never type one.
    fn standing(&self, entry: &Entry, now: Timestamp) -> Standing;

    /// What keeps the entry from being bound at all, whatever the password, as the directory is configured.
    fn unbindable(&self, _entry: &Entry) -> Option<BindRefusal> {
        None
    }

    /// Does the work that [`Directory::bind`] would have done for a wrong password, or takes the time of it, where its absence
    /// would tell: for an entry whose password is not tried, and without an entry for a name that nobody has.
    ///
    /// # Errors
    /// Where that work would have been refused too.
    async fn decoy(&self, entry: Option<&Entry>, password: &Password) -> Result<(), Unavailable>;

    /// The same for a name that nobody has, in the directories that were asked for it.
    ///
    /// # Errors
    /// Where that work would have been refused too.
    async fn decoy_of_nobody(&self, _name: &Username, password: &Password) -> Result<(), Unavailable> {
        self.decoy(None, password).await
    }

    /// Whether it can be asked now, by what is known of it. Asks nothing.
    fn availability(&self) -> Availability {
        Availability { available: true, says: "needs no server".to_owned() }
    }

    /// Since when its service account has been refused, if that is so.
    fn refused_since(&self) -> Option<Instant> {
        None
    }

    /// Takes the place of a directory whose service account has been refused since then: it is tried at once, and the log is
    /// told when that is over.
    fn follow_refused(&self, _since: Instant) {}

    /// How each of its servers is; none where it has none of its own, or knows nothing of them. Asks nothing.
    fn server_states(&self) -> Vec<ServerState> {
        Vec::new()
    }

    /// Its servers, or its file, by names that an operator knows them by; none where it has none of its own.
    fn servers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Tries all that looking users up needs of one of its servers, by its number. No user's password is asked for.
    async fn examine(&self, _server: usize) -> Examined {
        Examined::no_such_server()
    }

    /// Whether it is Active Directory; `None` where that cannot be said.
    async fn is_active_directory(&self) -> Option<bool> {
        None
    }

    /// What it does by itself about wrong passwords, as one of its servers says; `None`: nothing.
    ///
    /// # Errors
    /// The server cannot say.
    async fn lockout(&self, _server: usize) -> Result<Option<Lockout>, Unavailable> {
        Ok(None)
    }
}

/// A directory cannot be used as it is configured. A server that is down is not such an error.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("directory {directory}: {key}: {problem}; {remedy}")]
pub struct OpenError {
    /// The directory's name in the configuration.
    pub directory: String,
    /// The key below the directory's section that is to blame, such as `ldap.user_filter`.
    pub key: String,
    /// What is wrong, with the file that it is in.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl OpenError {
    fn new(directory: &str, key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { directory: directory.to_owned(), key: key.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Opens one directory. Nothing is asked of an LDAP server yet.
///
/// # Errors
/// A file that is missing or wrong, an address or a filter that cannot be meant.
pub fn open(config: &DirectoryConfig, metrics: Arc<Metrics>) -> Result<Arc<dyn Directory>, OpenError> {
    Ok(match &config.adapter {
        DirectoryAdapter::File { path } => Arc::new(file::FileDirectory::open(config, path)?),
        DirectoryAdapter::Ldap(ldap) => Arc::new(ldap::LdapDirectory::open(config, ldap, metrics)?),
        DirectoryAdapter::Upstream(upstream) => Arc::new(upstream::UpstreamDirectory::open(config, upstream, metrics)?),
    })
}
