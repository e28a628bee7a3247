//! The directory under test, and what is asked of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fedfront::config::{AttributeNames, DirectoryAdapter, DirectoryConfig, GroupCache, LdapConfig, NestedGroups};
use fedfront::directory::{BindOutcome, BindRefusal, Directory, Resolution, open};
use fedfront::model::{Entry, Password, Template, Unavailable, Username};
use fedfront::telemetry::Metrics;

use super::slapd::Slapd;

pub const PEOPLE: &str = include_str!("people.ldif");
pub const WRONG: BindOutcome = BindOutcome::Refused(BindRefusal::InvalidCredentials);
pub const POOL: usize = 4;
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// Connecting and one operation, and a busy machine.
const SOON: Duration = Duration::from_secs(3);
/// What is promised within a second, on a busy machine.
const RETURN: Duration = Duration::from_secs(4);

pub struct Subject {
    pub directory: Arc<dyn Directory>,
    pub metrics: Arc<Metrics>,
}

impl Subject {
    /// Over ldaps, unless `edit` says otherwise.
    pub fn open(slapd: &Slapd, edit: impl FnOnce(&mut DirectoryConfig, &mut LdapConfig)) -> Self {
        Self::at(&format!("ldaps://127.0.0.1:{}", slapd.tls_port), |config, ldap| {
            ldap.ca_file = Some(slapd.path("ca.pem"));
            edit(config, ldap);
        })
    }

    pub fn at(url: &str, edit: impl FnOnce(&mut DirectoryConfig, &mut LdapConfig)) -> Self {
        let mut ldap = LdapConfig {
            urls: vec![url.to_owned()],
            start_tls: false,
            ca_file: None,
            bind_dn: "cn=service,dc=example,dc=com".to_owned(),
            bind_password: Password::new("service-password"),
            bind_as: places("{dn}"),
            user_dn: None,
            base_dn: "dc=example,dc=com".to_owned(),
            user_filter: "(|(userPrincipalName={name})(uid={name}))".to_owned(),
            strip_domains: vec!["strip.example".to_owned()],
            nested_groups: NestedGroups::No,
            group_cache: GroupCache { ttl: Some(Duration::from_secs(60)), capacity: 100 },
            group_base_dn: None,
            group_filter: None,
            pool_size: POOL,
            connect_timeout: TIMEOUT,
            operation_timeout: TIMEOUT,
        };
        let mut config = DirectoryConfig {
            name: "people".to_owned(),
            adapter: DirectoryAdapter::File { path: "".into() },
            attributes: AttributeNames {
                upn: "userPrincipalName".to_owned(),
                immutable_id: vec!["objectGUID".to_owned()],
                immutable_id_binary: None,
                groups: "seeAlso".to_owned(),
            },
            released: vec!["mail".to_owned()],
            domains: Vec::new(),
            standing: false,
            cached: true,
        };
        edit(&mut config, &mut ldap);
        config.adapter = DirectoryAdapter::Ldap(Box::new(ldap));
        let metrics = Arc::new(Metrics::new().unwrap());
        Self { directory: open(&config, metrics.clone()).unwrap(), metrics }
    }

    pub async fn resolve(&self, name: &str) -> Result<Resolution, Unavailable> {
        self.directory.resolve(&Username::new(name)).await
    }

    pub async fn found(&self, name: &str) -> Arc<Entry> {
        match self.resolve(name).await.unwrap() {
            Resolution::Found(entry) => entry,
            _ => panic!("{name} is not found"),
        }
    }

    /// The entry of this name, with the groups that are searched.
    pub async fn with_groups(&self, name: &str) -> Arc<Entry> {
        self.directory.with_groups(self.found(name).await).await.unwrap()
    }

    pub async fn bind(&self, entry: &Entry, password: &str) -> Result<BindOutcome, Unavailable> {
        Ok(self.directory.bind(entry, &Password::new(password)).await?)
    }

    pub fn operations(&self, op: &str, result: &str) -> u64 {
        self.metrics.ldap_operations.with_label_values(&[op, result]).get()
    }

    /// Waits until the directory is taken for away: nobody waits for it any more.
    pub async fn is_away(&self) {
        until("the directory being taken for away", || !self.directory.availability().available).await;
        assert_eq!(self.metrics.ldap_outages.get(), 1);
    }

    /// Waits until users of the directory are found again.
    pub async fn returns(&self) {
        until("the directory's return", || self.directory.availability().available).await;
        self.found("alice").await;
    }

    pub fn connections(&self, state: &str) -> i64 {
        self.metrics.ldap_connections.with_label_values(&[state]).get()
    }
}

pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < RETURN, "{what}: not within {RETURN:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A template over an entry's attributes.
pub fn places(template: &str) -> Template<String> {
    Template::parse(template, |place| Ok(place.to_owned())).unwrap()
}

/// Why it is unavailable; and that it said so soon.
pub async fn outage<T>(answer: impl Future<Output = Result<T, Unavailable>>) -> String {
    let started = Instant::now();
    let Err(unavailable) = answer.await else { panic!("answered") };
    assert!(started.elapsed() < SOON, "{:?}: {unavailable}", started.elapsed());
    assert_eq!(unavailable.what, "people");
    unavailable.reason
}
