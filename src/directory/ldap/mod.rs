//! LDAP: Active Directory, OpenLDAP and their like. A name is searched as the service account; a password is checked by
//! a bind as the entry that was found. Each kind of work has its own pool, so that neither can starve the other.

mod dial;
mod entry;
mod examine;
mod failure;
mod groups;
mod pool;
mod query;
mod result;
mod server;
mod standing;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use self::dial::Dialer;
use self::entry::{EntryReader, RawEntry};
use self::failure::Failure;
use self::pool::{Answer, Connections, Work};
use self::server::Servers;
use super::pace::Pace;
use super::{BindError, BindOutcome, BindRefusal, Directory, Examined, OpenError, Resolution, Standing};
use crate::config::{DirectoryConfig, LdapConfig};
use crate::model::{Entry, Password, Timestamp, Unavailable, Username};
use crate::telemetry::Metrics;

/// Two are enough to know that a name is ambiguous.
const USERS_WANTED: i32 = 2;

/// One LDAP directory, of one or more servers that hold the same.
pub(super) struct LdapDirectory {
    name: Arc<str>,
    config: LdapConfig,
    reader: EntryReader,
    servers: Arc<Servers>,
    searches: Connections,
    binds: Connections,
    pace: Pace,
}

impl LdapDirectory {
    /// Reads the CA file and checks addresses and filters; connects to nothing.
    pub(super) fn open(config: &DirectoryConfig, ldap: &LdapConfig, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let name: Arc<str> = config.name.as_str().into();
        query::check_filter(&name, "ldap.user_filter", &ldap.user_filter, "{name}")?;
        if let Some(filter) = &ldap.group_filter {
            query::check_filter(&name, "ldap.group_filter", filter, "{dn}")?;
        }
        let servers = Arc::new(Servers::open(&name, ldap)?);
        let dialer = |service| Dialer::new(servers.clone(), service, ldap.connect_timeout, metrics.clone());
        let service = (!ldap.bind_dn.is_empty()).then(|| (ldap.bind_dn.as_str().into(), ldap.bind_password.clone()));
        if service.as_ref().is_some_and(|(_, password): &(Arc<str>, Password)| password.is_empty()) {
            let problem = "bind_dn has an empty password";
            return Err(OpenError::new(&name, "ldap.bind_password", problem, "give the service account's password"));
        }
        let pool = |dialer| {
            Connections::new(dialer, ldap.pool_size, ldap.operation_timeout)
                .map_err(|error| OpenError::new(&name, "ldap.pool_size", error, "set it to 1 or more"))
        };
        let (searches, binds) = (pool(dialer(service))?, pool(dialer(None))?);
        Ok(Self {
            reader: EntryReader::new(config),
            config: ldap.clone(),
            servers,
            searches,
            binds,
            pace: Pace::default(),
            name: name.clone(),
        })
    }

    /// When all of one question must be over, whatever it takes to answer it.
    fn deadline(&self) -> Instant {
        Instant::now() + self.config.connect_timeout + self.config.operation_timeout
    }

    fn unavailable(&self, failure: impl ToString) -> Unavailable {
        Unavailable::new(&*self.name, failure.to_string())
    }

    /// A search whose every entry could be read.
    async fn search(&self, work: &Work<'_>, deadline: Instant) -> Result<(Vec<RawEntry>, bool), Failure> {
        let Answer { entries, result } = self.searches.run(work, deadline).await?;
        let complete = match result.rc {
            result::SUCCESS => true,
            result::SIZE_LIMIT_EXCEEDED => false,
            rc => {
                let hint = match rc {
                    32 => " (noSuchObject): is base_dn there, and may bind_dn see it?",
                    34 => " (invalidDNSyntax): base_dn is no DN",
                    50 => " (insufficientAccessRights): bind_dn may not search here",
                    _ => "",
                };
                return Err(Failure::error(format!("search refused with result {rc}{hint}")));
            }
        };
        let entries: Option<Vec<RawEntry>> = entries.into_iter().map(RawEntry::read).collect();
        Ok((entries.ok_or_else(|| Failure::error("malformed entry"))?, complete))
    }

    async fn find(&self, name: &str, deadline: Instant) -> Result<Resolution, Failure> {
        let filter = query::fill(&self.config.user_filter, "{name}", name);
        let attributes = self.reader.attributes();
        let work = Work::Search { base: &self.config.base_dn, filter: &filter, attributes, limit: USERS_WANTED };
        let (mut entries, complete) = self.search(&work, deadline).await?;
        let entry = match (entries.pop(), entries.is_empty()) {
            (None, _) if complete => return Ok(Resolution::Nobody),
            (Some(entry), true) if complete => entry,
            (Some(entry), false) => return Ok(ambiguous(entry, entries)),
            _ => return Err(Failure::error("the server's size limit cut the search for one user")),
        };
        Ok(Resolution::Found(Arc::new(self.reader.entry(&self.name, entry))))
    }

    async fn ask(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        let work = Work::Bind { name: &entry.bind_name, password };
        let answer = self.binds.run(&work, self.deadline()).await.map_err(|failure| match failure.is_unanswered() {
            true => BindError::Unanswered(self.unavailable(failure)),
            false => BindError::NotTried(self.unavailable(failure)),
        })?;
        result::bind_outcome(&answer.result).ok_or_else(|| {
            BindError::NotTried(self.unavailable(format!("bind failed with result {}", answer.result.rc)))
        })
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    fn name(&self) -> &str {
        &self.name
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        match query::searched_name(name, &self.config.strip_domains) {
            Some(name) => {
                let found = self.find(name, self.deadline()).await.map_err(|failure| self.unavailable(failure));
                self.pace.searched(found.as_ref().err());
                found
            }
            None => Ok(Resolution::Nobody),
        }
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        // Without a name or a password, a bind is anonymous and succeeds.
        if password.is_empty() || entry.bind_name.is_empty() {
            return Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials));
        }
        let started = Instant::now();
        let outcome = self.ask(entry, password).await;
        match &outcome {
            Ok(BindOutcome::Bound | BindOutcome::BoundAs(_)) => self.pace.bound(started.elapsed()),
            Ok(BindOutcome::Refused(_)) => {
                self.pace.refused(started.elapsed());
                // A user whose password is right, and whose groups are wrong, is refused only after they were searched.
                sleep(self.pace.of_groups()).await;
            }
            Err(error) => self.pace.failed(started.elapsed(), error.clone().into()),
        }
        outcome
    }

    async fn with_groups(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, Unavailable> {
        let Some(search) = groups::Search::of(&self.config) else { return Ok(entry) };
        let (started, mut entry) = (Instant::now(), Arc::unwrap_or_clone(entry));
        search.add(self, &mut entry, self.deadline()).await.map_err(|failure| self.unavailable(failure))?;
        self.pace.searched_groups(started.elapsed());
        Ok(Arc::new(entry))
    }

    fn standing(&self, entry: &Entry, now: Timestamp) -> Standing {
        standing::of(&entry.attributes, now)
    }

    /// Asks nothing of the server: waits as long as a refused bind takes here lately.
    async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
        let (took, end) = self.pace.of_a_denial();
        sleep(took).await;
        end
    }

    fn servers(&self) -> Vec<String> {
        self.servers.each().iter().map(|server| server.url.clone()).collect()
    }

    async fn examine(&self, server: usize) -> Examined {
        match self.servers.each().get(server) {
            Some(server) => examine::examine(&self.config, self.searches.dialer(), server).await,
            None => Examined::no_such_server(),
        }
    }
}

fn ambiguous(one: RawEntry, others: Vec<RawEntry>) -> Resolution {
    Resolution::Ambiguous(others.into_iter().chain([one]).map(|entry| entry.dn).collect())
}
