//! Several directories as one.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;

use super::told;
use super::{Availability, BindError, BindOutcome, BindRefusal, Directory, OpenError, Resolution, Standing, open};
use crate::config::DirectoryConfig;
use crate::model::{Entry, EntryId, Password, Timestamp, Unavailable, Username};
use crate::telemetry::Metrics;

/// Several directories as one, asked in order; the first that knows a name decides. A name of a domain that some of them list
/// is asked for in these alone: the others, and their outages, are none of its business.
///
/// An outage of one does not keep the others' users out, but neither does it hide behind another's "nobody": a name that
/// nobody else has may be a user of the one that is down.
pub struct Directories(Vec<Member>);

struct Member {
    directory: Arc<dyn Directory>,
    /// In lower case.
    domains: Vec<String>,
}

/// Opens every directory of a configuration.
///
/// # Errors
/// Each that cannot be used, all at once.
pub fn open_all(configs: &[DirectoryConfig], metrics: &Arc<Metrics>) -> Result<Directories, Vec<OpenError>> {
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for config in configs {
        match open(config, metrics.clone()) {
            Ok(directory) => opened.push((directory, config.domains.clone())),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(Directories::new(opened)) } else { Err(errors) }
}

impl Directories {
    /// These, in this order, each with the domains that it lists.
    pub fn new(directories: impl IntoIterator<Item = (Arc<dyn Directory>, Vec<String>)>) -> Self {
        let lower = |domains: Vec<String>| domains.iter().map(|domain| domain.to_lowercase()).collect();
        let member = |(directory, domains)| Member { directory, domains: lower(domains) };
        Self(directories.into_iter().map(member).collect())
    }

    /// Each, in order.
    pub fn each(&self) -> impl Iterator<Item = &Arc<dyn Directory>> {
        self.0.iter().map(|member| &member.directory)
    }

    /// Those that are asked for a name, in order: where its domain is listed, or all if that is nowhere or it has none.
    pub fn asked_for(&self, name: &Username) -> impl Iterator<Item = &Arc<dyn Directory>> {
        let domain = domain(name).map(str::to_lowercase);
        let lists = move |member: &Member| domain.as_ref().is_some_and(|domain| member.domains.contains(domain));
        let listed = self.0.iter().any(&lists);
        self.0.iter().filter(move |member| !listed || lists(member)).map(|member| &member.directory)
    }

    /// Takes the place of `earlier`, of the configuration before, on the current tokio runtime.
    pub fn follow(&self, earlier: &Self) {
        for directory in self.each() {
            let before = earlier.each().find(|before| before.name() == directory.name());
            if let Some(since) = before.and_then(|before| before.refused_since()) {
                directory.follow_refused(since);
            }
        }
    }

    /// How each is, by its name.
    pub fn availability(&self) -> Vec<(String, Availability)> {
        self.each().map(|directory| (directory.name().to_owned(), directory.availability())).collect()
    }

    fn of(&self, entry: &Entry) -> Option<&Arc<dyn Directory>> {
        self.each().find(|directory| directory.name() == &*entry.id.directory)
    }
}

/// `DOMAIN` of `DOMAIN\user` and `DOMAIN/user`, else what follows the last `@`.
fn domain(name: &Username) -> Option<&str> {
    let name = name.as_str().trim();
    let prefix = name.split_once(['\\', '/']).map(|(domain, _)| domain);
    prefix.or_else(|| name.rsplit_once('@').map(|(_, domain)| domain)).map(str::trim)
}

#[async_trait]
impl Directory for Directories {
    fn name(&self) -> &str {
        match self.0.as_slice() {
            [only] => only.directory.name(),
            _ => "directories",
        }
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        let (mut outage, mut answered) = (None, false);
        for directory in self.asked_for(name) {
            let asked = directory.resolve(name).await;
            told::asked(directory.name(), &asked);
            match asked {
                Ok(Resolution::Nobody) => answered = true,
                Ok(Resolution::Found(entry)) => {
                    return Ok(match outage {
                        Some(outage) => Resolution::FoundDespite(entry, outage),
                        None => Resolution::Found(entry),
                    });
                }
                Ok(answer) => return Ok(answer),
                Err(unavailable) => outage = outage.or(Some(unavailable)),
            }
        }
        match (outage, answered) {
            (None, _) => Ok(Resolution::Nobody),
            (Some(outage), true) => Ok(Resolution::NobodyDespite(outage)),
            (Some(outage), false) => Err(outage),
        }
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        match self.of(entry) {
            Some(directory) => {
                let bound = directory.bind(entry, password).await;
                told::bound(entry, &bound);
                bound
            }
            None => Err(BindError::NotTried(Unavailable::new(&*entry.id.directory, "no longer configured"))),
        }
    }

    async fn with_groups(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, Unavailable> {
        match self.of(&entry) {
            Some(directory) => {
                let found = directory.with_groups(entry).await;
                told::grouped(directory.name(), &found);
                found
            }
            None => Err(Unavailable::new(&*entry.id.directory, "no longer configured")),
        }
    }

    fn standing(&self, entry: &Entry, now: Timestamp) -> Standing {
        match self.of(entry) {
            Some(directory) => directory.standing(entry, now),
            None => Standing::Refused(BindRefusal::Other("no longer configured".to_owned())),
        }
    }

    async fn decoy(&self, entry: Option<&Entry>, password: &Password) -> Result<(), Unavailable> {
        let own = |directory: &&Arc<dyn Directory>| entry.is_none_or(|e| *e.id.directory == *directory.name());
        let decoys = self.each().filter(own).map(|directory| directory.decoy(entry, password));
        join_all(decoys).await.into_iter().collect()
    }

    async fn decoy_of_nobody(&self, name: &Username, password: &Password) -> Result<(), Unavailable> {
        let decoys = self.asked_for(name).map(|directory| directory.decoy(None, password));
        join_all(decoys).await.into_iter().collect()
    }

    fn forget(&self, entry: Option<&EntryId>) {
        self.each().for_each(|directory| directory.forget(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a directory, and of whom it knows; `None`: it is down.
    type Script = (&'static str, Option<&'static str>);

    /// Knows one name, or is down.
    struct Scripted(&'static str, Option<&'static str>);

    #[async_trait]
    impl Directory for Scripted {
        fn name(&self) -> &str {
            self.0
        }

        async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
            match self.1 {
                None => Err(Unavailable::new(self.0, "down")),
                Some("both") => Ok(Resolution::Ambiguous(Vec::new())),
                Some(known) if known == name.as_str() => Ok(Resolution::Found(Arc::new(entry(self.0)))),
                Some(_) => Ok(Resolution::Nobody),
            }
        }

        async fn bind(&self, _: &Entry, _: &Password) -> Result<BindOutcome, BindError> {
            Ok(BindOutcome::Refused(BindRefusal::Other(self.0.to_owned())))
        }

        fn standing(&self, _: &Entry, _: Timestamp) -> Standing {
            Standing::Refused(BindRefusal::Other(self.0.to_owned()))
        }

        async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
            if self.1.is_some() { Ok(()) } else { Err(Unavailable::new(self.0, "down")) }
        }
    }

    fn entry(directory: &str) -> Entry {
        Entry {
            id: EntryId { directory: directory.into(), entry: "e".into() },
            bind_name: "e".into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Default::default(),
            own_count: None,
        }
    }

    fn many(scripts: &[Script]) -> Directories {
        routed(&scripts.iter().map(|script| (*script, &[][..])).collect::<Vec<_>>())
    }

    fn routed(scripts: &[(Script, &[&str])]) -> Directories {
        Directories::new(scripts.iter().map(|((name, knows), domains)| {
            let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
            (Arc::new(Scripted(name, *knows)) as Arc<dyn Directory>, domains)
        }))
    }

    #[tokio::test]
    async fn the_first_that_knows_decides_and_an_outage_is_not_nobody() {
        for (scripts, expected) in [
            (&[("a", Some("x")), ("b", Some("x"))][..], "a"),
            (&[("a", Some("y")), ("b", Some("x"))], "b"),
            (&[("a", Some("y")), ("b", Some("z"))], "nobody"),
            (&[("a", None), ("b", Some("x"))], "b, but a: down"),
            (&[("a", None), ("b", Some("y"))], "nobody, but a: down"),
            (&[("a", Some("y")), ("b", None)], "nobody, but b: down"),
            (&[("a", None), ("b", None)], "a: down"),
            (&[("a", Some("both")), ("b", Some("x"))], "ambiguous"),
            (&[], "nobody"),
        ] {
            let got = match many(scripts).resolve(&Username::new("x")).await {
                Ok(Resolution::Found(entry)) => entry.id.directory.to_string(),
                Ok(Resolution::FoundDespite(entry, outage)) => format!("{}, but {outage}", entry.id.directory),
                Ok(Resolution::Nobody) => "nobody".to_owned(),
                Ok(Resolution::NobodyDespite(outage)) => format!("nobody, but {outage}"),
                Ok(Resolution::Ambiguous(_)) => "ambiguous".to_owned(),
                Err(unavailable) => unavailable.to_string(),
            };
            assert_eq!(got, expected, "{scripts:?}");
        }
    }

    #[test]
    fn a_name_is_asked_for_where_its_domain_is_listed_and_everywhere_if_that_is_nowhere() {
        let directories = routed(&[
            (("ad", Some("x")), &["Example.com", "EXAMPLE"]),
            (("partners", Some("x")), &["partners.example", "Überall.example"]),
            (("both", Some("x")), &["example.com", "partners.example"]),
            (("none", Some("x")), &[]),
        ]);
        for (typed, expected) in [
            ("alice@example.com", &["ad", "both"][..]),
            (" alice@EXAMPLE.COM ", &["ad", "both"]),
            ("example\\alice", &["ad"]),
            ("EXAMPLE/alice", &["ad"]),
            ("example.com\\alice", &["ad", "both"]),
            ("EXAMPLE\\alice@partners.example", &["ad"]),
            ("a@example.com@partners.example", &["partners", "both"]),
            ("alice@überall.EXAMPLE", &["partners"]),
            ("alice", &["ad", "partners", "both", "none"]),
            ("alice@", &["ad", "partners", "both", "none"]),
            ("alice@elsewhere.example", &["ad", "partners", "both", "none"]),
            ("ELSEWHERE\\alice@example.com", &["ad", "partners", "both", "none"]),
            ("sub.example.com/alice", &["ad", "partners", "both", "none"]),
        ] {
            let name = Username::new(typed);
            let asked: Vec<_> = directories.asked_for(&name).map(|directory| directory.name()).collect();
            assert_eq!(asked, expected, "{typed:?}");
        }
    }

    #[tokio::test]
    async fn an_outage_does_not_concern_those_of_other_domains() {
        let directories = routed(&[(("a", None), &["a.example"]), (("b", Some("x@b.example")), &["b.example"])]);
        let password = Password::new("p");
        for (typed, known, nobody) in
            [("x@b.example", "b", true), ("y@b.example", "nobody", true), ("x@a.example", "", false), ("x", "", false)]
        {
            let name = Username::new(typed);
            match directories.resolve(&name).await {
                Ok(Resolution::Found(entry)) => assert_eq!(&*entry.id.directory, known, "{typed}"),
                Ok(Resolution::Nobody) => assert_eq!(known, "nobody", "{typed}"),
                _ => assert_eq!(known, "", "{typed}"),
            }
            assert_eq!(directories.decoy_of_nobody(&name, &password).await.is_ok(), nobody, "{typed}");
        }
    }

    #[tokio::test]
    async fn who_is_known_to_one_does_not_feel_the_outage_of_another() {
        let (directories, password) = (many(&[("a", Some("x")), ("b", None)]), Password::new("p"));
        assert!(directories.decoy(Some(&entry("a")), &password).await.is_ok());
        assert!(directories.decoy(Some(&entry("b")), &password).await.is_err());
        assert!(directories.decoy(None, &password).await.is_err());
    }

    #[tokio::test]
    async fn binds_where_the_entry_is() {
        let directories = many(&[("a", Some("x")), ("b", Some("x"))]);
        let outcome = directories.bind(&entry("b"), &Password::new("p")).await.unwrap();
        assert_eq!(outcome, BindOutcome::Refused(BindRefusal::Other("b".to_owned())));
        assert!(directories.bind(&entry("c"), &Password::new("p")).await.is_err());
        let standing = |of| directories.standing(&entry(of), Timestamp::from_unix_millis(0));
        assert_eq!(standing("b"), Standing::Refused(BindRefusal::Other("b".to_owned())));
        assert!(matches!(standing("c"), Standing::Refused(_)));
    }
}
