//! A YAML file of users with argon2id hashes: for trying fedfront out, and for the few who need no directory server.
//!
//! ```yaml
//! users:
//!   - name: alice                        # her login; matched without regard to case, as is every name here
//!     upn: alice@example.com             # her user principal name; absent: none
//!     aliases: ['EXAMPLE\alice']         # what else she may type, exactly as typed: no domain is taken off
//!     password_hash: $argon2id$v=19$m=19456,t=2,p=1$…
//!     immutable_id: MDEyMzQ1Njc4OWFiY2RlZg==   # as Entra knows it: the base64 of an objectGUID, or any text
//!     groups: [O365-Users]               # plain names or DNs
//!     attributes: { mail: alice@example.com, proxyAddresses: [a@example.com, b@example.com] }
//!     disabled: false
//! ```
//! Only `name` and `password_hash` must be there. No two users may share a name.

mod hashing;
mod users;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::hashing::Hashers;
use self::users::User;
use super::{BindError, BindOutcome, BindRefusal, Directory, Examined, OpenError, Resolution, Standing};
use crate::config::DirectoryConfig;
use crate::model::{Entry, Password, Timestamp, Unavailable, Username};

pub use hashing::{HashError, hash};

/// Where the configuration names the file.
const KEY: &str = "file.path";

/// A file of users.
pub(super) struct FileDirectory {
    name: Arc<str>,
    file: String,
    users: Vec<User>,
    /// Folded name to position in `users`.
    names: HashMap<String, usize>,
    /// What a guess at nobody's password is compared with: costs as much as the first user's.
    decoy: Arc<str>,
    hashers: Hashers,
}

impl FileDirectory {
    /// Reads the whole file.
    pub(super) fn open(config: &DirectoryConfig, path: &std::path::Path) -> Result<Self, OpenError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let help = "name a file that exists and that the user running fedfront may read";
            OpenError::new(&config.name, KEY, format!("{} cannot be read: {error}", path.display()), help)
        })?;
        let refused = |wrong: users::Wrong| {
            OpenError::new(&config.name, KEY, format!("{}: {}", path.display(), wrong.problem), wrong.remedy)
        };
        let users = users::parse(&text, config).map_err(refused)?;
        let names = users::index(&users).map_err(refused)?;
        let decoy = users.first().map_or_else(|| hashing::DECOY.into(), |user| user.password_hash.clone());
        let hashers = Hashers::start().map_err(|error| {
            OpenError::new(&config.name, KEY, format!("no threads to hash on: {error}"), "raise the limit on threads")
        })?;
        Ok(Self { name: config.name.as_str().into(), file: path.display().to_string(), users, names, decoy, hashers })
    }

    fn find(&self, folded: &str) -> Option<&User> {
        self.names.get(folded).and_then(|at| self.users.get(*at))
    }

    fn busy(&self) -> Unavailable {
        Unavailable::new(&*self.name, "too many passwords are waiting to be hashed")
    }
}

#[async_trait]
impl Directory for FileDirectory {
    fn name(&self) -> &str {
        &self.name
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        // Before the name is looked up, so that overload does not tell which names exist.
        if self.hashers.are_busy() {
            return Err(self.busy());
        }
        Ok(self.find(&name.folded()).map_or(Resolution::Nobody, |user| Resolution::Found(user.entry.clone())))
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        let user = self.find(&entry.bind_name).filter(|_| !password.is_empty());
        let Some(user) = user else { return Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials)) };
        let right = self.hashers.verify(password, &user.password_hash).await;
        let right = right.ok_or_else(|| BindError::NotTried(self.busy()))?;
        Ok(match (right, user.disabled) {
            (false, _) => BindOutcome::Refused(BindRefusal::InvalidCredentials),
            (true, true) => BindOutcome::Refused(BindRefusal::Disabled),
            (true, false) => BindOutcome::Bound,
        })
    }

    fn standing(&self, entry: &Entry, _: Timestamp) -> Standing {
        match self.find(&entry.bind_name) {
            Some(user) if !user.disabled => Standing::Good,
            _ => Standing::Refused(BindRefusal::Disabled),
        }
    }

    async fn decoy(&self, _: Option<&Entry>, password: &Password) -> Result<(), Unavailable> {
        if !password.is_empty() {
            // Whatever comes of it: nobody has this password.
            self.hashers.verify(password, &self.decoy).await.ok_or_else(|| self.busy())?;
        }
        Ok(())
    }

    fn servers(&self) -> Vec<String> {
        vec![self.file.clone()]
    }

    async fn examine(&self, _: usize) -> Examined {
        match self.users.len() {
            0 => Examined::Doubtful { what: "holds no user".to_owned(), help: format!("add one {}", users::A_USER) },
            1 => Examined::Fine("1 user".to_owned()),
            many => Examined::Fine(format!("{many} users")),
        }
    }
}

#[cfg(test)]
mod tests;
