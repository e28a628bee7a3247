//! LDAP: Active Directory, OpenLDAP and their like. A name is searched as the service account, or is made a DN or a login by
//! a template; a password is checked by a bind as the entry that was found, or by that name. Each kind of work has its own
//! pool, so that neither can starve the other.

mod addresses;
mod binds;
mod connect;
mod dial;
mod entry;
mod examine;
mod failure;
mod group_cache;
mod groups;
mod health;
mod lockout;
mod own_count;
mod policy;
mod pool;
mod presence;
mod probe;
mod query;
mod result;
mod server;
mod service;
mod standing;
mod user_dn;
mod users;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use self::dial::Dialer;
use self::entry::{EntryReader, RawEntry};
use self::failure::Failure;
use self::group_cache::GroupCache;
use self::groups::Groups;
use self::pool::Connections;
use self::probe::{Prober, Probes};
use self::server::Servers;
use self::service::Service;
use self::user_dn::Named;
use self::work::{Found, Search, Work};
use super::pace::Pace;
use super::told;
use super::{
    Availability, BindError, BindOutcome, BindRefusal, Directory, Examined, Lockout, OpenError, Resolution,
    ServerState, Standing,
};
use crate::config::{DirectoryConfig, LdapConfig};
use crate::model::{Entry, EntryId, Password, Timestamp, Unavailable, Username};
use crate::telemetry::Metrics;

/// The place of an entry's DN in `bind_as`.
const DN: &str = "dn";
/// The place of the name in `user_filter`, and that of what `user_dn` made of it.
const NAME: &str = "{name}";
const BIND_NAME: &str = "{bind_name}";

/// One LDAP directory, of one or more servers that hold the same.
pub(super) struct LdapDirectory {
    name: Arc<str>,
    config: LdapConfig,
    strip_domains: Vec<String>,
    reader: EntryReader,
    servers: Arc<Servers>,
    /// Whom searches are made as, if anybody.
    service: Option<Arc<Service>>,
    searches: Connections,
    binds: Connections,
    groups: GroupCache,
    pace: Pace,
}

impl LdapDirectory {
    /// Reads the CA file and checks addresses and filters; connects to nothing.
    pub(super) fn open(config: &DirectoryConfig, ldap: &LdapConfig, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let name: Arc<str> = config.name.as_str().into();
        query::check_filter(&name, "ldap.user_filter", &ldap.user_filter, &[NAME, BIND_NAME])?;
        if let Some(filter) = &ldap.group_filter {
            query::check_filter(&name, "ldap.group_filter", filter, &["{dn}"])?;
        }
        let servers = Arc::new(Servers::open(&name, ldap)?);
        if !ldap.bind_dn.is_empty() && ldap.bind_password.is_empty() {
            let problem = "bind_dn has an empty password";
            return Err(OpenError::new(&name, "ldap.bind_password", problem, "give the service account's password"));
        }
        let service = Service::new(&name, &ldap.bind_dn, ldap.bind_password.clone());
        let service = (!ldap.bind_dn.is_empty()).then(|| Arc::new(service));
        let probes = Arc::new(Probes::new(Prober {
            servers: servers.clone(),
            service: service.clone(),
            base_dn: ldap.base_dn.clone(),
            within: ldap.connect_timeout + ldap.operation_timeout,
            metrics: metrics.clone(),
        }));
        let dialer =
            |service| Dialer::new(servers.clone(), probes.clone(), service, ldap.connect_timeout, metrics.clone());
        let pool = |dialer| {
            Connections::new(dialer, ldap.pool_size, ldap.operation_timeout)
                .map_err(|error| OpenError::new(&name, "ldap.pool_size", error, "set it to 1 or more"))
        };
        let (searches, binds) = (pool(dialer(service.clone()))?, pool(dialer(None))?);
        let own_domain = user_dn::own_domain(ldap.user_dn.as_ref()).map(str::to_owned);
        Ok(Self {
            strip_domains: ldap.strip_domains.iter().cloned().chain(own_domain).collect(),
            groups: GroupCache::new(ldap.group_cache, metrics),
            reader: EntryReader::new(config),
            config: ldap.clone(),
            servers,
            service,
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

    /// A search as the service account, and whether it found all.
    async fn search(&self, search: Search<'_>, deadline: Instant) -> Result<(Vec<RawEntry>, bool), Failure> {
        let answer = self.searches.run(&Work::Search(search), deadline).await?;
        read(answer.found.ok_or_else(Failure::malformed)??)
    }
}

/// The entries, and whether these are all.
fn read(found: Found) -> Result<(Vec<RawEntry>, bool), Failure> {
    let entries = found.entries.ok_or_else(|| Failure::error("malformed entry"))?;
    let complete = match found.result.rc {
        result::SUCCESS => true,
        result::SIZE_LIMIT_EXCEEDED => false,
        // The rest is on other servers, which nobody asks.
        result::REFERRAL if !entries.is_empty() => true,
        rc => {
            let hint = match rc {
                result::REFERRAL => " (referral): another server holds what is below base_dn",
                result::NO_SUCH_OBJECT => " (noSuchObject): is base_dn there, and may bind_dn see it?",
                result::INVALID_DN_SYNTAX => " (invalidDNSyntax): base_dn is no DN",
                50 => " (insufficientAccessRights): bind_dn may not search here",
                _ => "",
            };
            return Err(Failure::error(format!("search refused with result {rc}{hint}")));
        }
    };
    Ok((entries, complete))
}

#[async_trait]
impl Directory for LdapDirectory {
    fn name(&self) -> &str {
        &self.name
    }

    async fn resolve(&self, typed: &Username) -> Result<Resolution, Unavailable> {
        let Some(name) = query::searched_name(typed, &self.strip_domains) else { return Ok(Resolution::Nobody) };
        let named = match &self.config.user_dn {
            None => None,
            Some(form) => match Named::of(form, name) {
                None => return Ok(Resolution::Nobody),
                Some(named) if self.config.binds_unseen() => {
                    return Ok(Resolution::Found(Arc::new(self.unseen(named, name))));
                }
                named => named,
            },
        };
        let found = match named {
            None => self.find(name, self.deadline()).await,
            Some(named) => self.look_up(&named, name, self.deadline()).await,
        };
        let found = found.map_err(|failure| self.unavailable(failure));
        told::searched(&self.name, &self.config, name != typed.as_str().trim(), &found);
        self.pace.searched(found.as_ref().err());
        found
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        let name = match self.bind_name(entry) {
            Ok(name) => name,
            Err(attribute) => {
                sleep(self.pace.of_a_denial().0).await;
                return Ok(BindOutcome::Refused(BindRefusal::Incomplete(attribute)));
            }
        };
        // Without a name or a password, a bind is anonymous and succeeds.
        if password.is_empty() || name.is_empty() {
            return Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials));
        }
        let started = Instant::now();
        let mut outcome = self.ask(entry, &name, password).await;
        // OpenLDAP does not say so by itself, unless it is told to (ppolicy_use_lockout).
        if outcome == Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials)) && standing::is_shown_locked(entry) {
            outcome = Ok(BindOutcome::Refused(BindRefusal::ShownLocked));
        }
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
        let Some(search) = Groups::of(&self.config) else { return Ok(entry) };
        let started = Instant::now();
        let found = match self.groups.recall(&entry) {
            Some(found) => found,
            None => {
                let found = search.search(self, &entry, self.deadline()).await;
                let found = found.map_err(|failure| self.unavailable(failure))?;
                self.groups.remember(&entry, found.clone());
                found
            }
        };
        self.pace.searched_groups(started.elapsed());
        let mut entry = Arc::unwrap_or_clone(entry);
        groups::join(&mut entry.groups, &found);
        Ok(Arc::new(entry))
    }

    fn forget(&self, entry: Option<&EntryId>) {
        self.groups.forget(entry);
    }

    fn standing(&self, entry: &Entry, now: Timestamp) -> Standing {
        if self.config.binds_unseen() {
            // Nobody has even looked whether there is such an entry.
            return Standing::Unknown(BindRefusal::Other(
                "none: without a service account it was not asked".to_owned(),
            ));
        }
        standing::of(&entry.attributes, now)
    }

    fn unbindable(&self, entry: &Entry) -> Option<BindRefusal> {
        self.bind_name(entry).err().map(BindRefusal::Incomplete)
    }

    /// Asks nothing of the server: waits as long as a refused bind takes here lately.
    async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
        let (took, end) = self.pace.of_a_denial();
        sleep(took).await;
        end
    }

    fn availability(&self) -> Availability {
        match self.service.as_ref().and_then(|service| service.refused()) {
            Some(says) => Availability { available: false, says },
            None => Availability { available: self.servers.outage().is_none(), says: self.servers.describe() },
        }
    }

    fn refused_since(&self) -> Option<Instant> {
        self.service.as_ref()?.refused_since()
    }

    fn follow_refused(&self, since: Instant) {
        if let Some(service) = &self.service {
            service.follow_refused(since);
            self.searches.dialer().try_service();
        }
    }

    fn server_states(&self) -> Vec<ServerState> {
        self.servers.states()
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

    async fn is_active_directory(&self) -> Option<bool> {
        for server in self.servers.each() {
            if let Ok(mut connection) = self.searches.dialer().dial_one(server).await {
                return lockout::is_active_directory(&self.config, &mut connection).await.ok();
            }
        }
        None
    }

    async fn lockout(&self, server: usize) -> Result<Option<Lockout>, Unavailable> {
        let Some(server) = self.servers.each().get(server) else { return Ok(None) };
        let connected = self.searches.dialer().dial_one(server).await;
        let mut connection = connected.map_err(|failure| self.unavailable(failure))?;
        let lockout = lockout::read(&self.config, &mut connection).await;
        lockout.map(Some).map_err(|failure| self.unavailable(failure))
    }
}
