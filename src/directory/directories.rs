//! Several directories as one.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;

use super::{BindError, BindOutcome, BindRefusal, Directory, OpenError, Resolution, Standing, open};
use crate::config::DirectoryConfig;
use crate::model::{Entry, EntryId, Password, Timestamp, Unavailable, Username};
use crate::telemetry::Metrics;

/// Several directories as one, asked in order; the first that knows a name decides.
///
/// An outage of one does not keep the others' users out, but neither does it hide behind another's "nobody": a name that
/// nobody else has may be a user of the one that is down.
pub struct Directories(Vec<Arc<dyn Directory>>);

/// Opens every directory of a configuration.
///
/// # Errors
/// Each that cannot be used, all at once.
pub fn open_all(configs: &[DirectoryConfig], metrics: &Arc<Metrics>) -> Result<Directories, Vec<OpenError>> {
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for config in configs {
        match open(config, metrics.clone()) {
            Ok(directory) => opened.push(directory),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(Directories::new(opened)) } else { Err(errors) }
}

impl Directories {
    /// These, in this order.
    pub fn new(directories: Vec<Arc<dyn Directory>>) -> Self {
        Self(directories)
    }

    /// Each, in order.
    pub fn each(&self) -> impl Iterator<Item = &Arc<dyn Directory>> {
        self.0.iter()
    }
}

#[async_trait]
impl Directory for Directories {
    fn name(&self) -> &str {
        match self.0.as_slice() {
            [only] => only.name(),
            _ => "directories",
        }
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        let (mut outage, mut answered) = (None, false);
        for directory in &self.0 {
            match directory.resolve(name).await {
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
        match self.0.iter().find(|directory| directory.name() == &*entry.id.directory) {
            Some(directory) => directory.bind(entry, password).await,
            None => Err(BindError::NotTried(Unavailable::new(&*entry.id.directory, "no longer configured"))),
        }
    }

    async fn with_groups(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, Unavailable> {
        match self.0.iter().find(|directory| directory.name() == &*entry.id.directory) {
            Some(directory) => directory.with_groups(entry).await,
            None => Err(Unavailable::new(&*entry.id.directory, "no longer configured")),
        }
    }

    fn forget(&self, entry: Option<&EntryId>) {
        self.0.iter().for_each(|directory| directory.forget(entry));
    }

    fn standing(&self, entry: &Entry, now: Timestamp) -> Standing {
        match self.0.iter().find(|directory| directory.name() == &*entry.id.directory) {
            Some(directory) => directory.standing(entry, now),
            None => Standing::Refused(BindRefusal::Other("no longer configured".to_owned())),
        }
    }

    async fn decoy(&self, entry: Option<&Entry>, password: &Password) -> Result<(), Unavailable> {
        let own = |directory: &&Arc<dyn Directory>| entry.is_none_or(|e| *e.id.directory == *directory.name());
        let decoys = self.0.iter().filter(own).map(|directory| directory.decoy(entry, password));
        join_all(decoys).await.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn many(scripts: &[(&'static str, Option<&'static str>)]) -> Directories {
        Directories::new(
            scripts.iter().map(|(name, knows)| Arc::new(Scripted(name, *knows)) as Arc<dyn Directory>).collect(),
        )
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
