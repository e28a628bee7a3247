//! The identity provider itself, for users that are in no LDAP: it is asked for a user's own record with the user's password,
//! as WSO2's SCIM2 `/Me` answers it. Nobody can be looked up without their password, so that everybody is found, and who they
//! are is known once it was right.

mod answer;
mod ask;
mod examine;
mod name;
mod path;
mod record;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use self::answer::{Judged, judge};
use self::ask::{Asker, Silence, basic};
use self::record::RecordReader;
use super::pace::Pace;
use super::{BindError, BindOutcome, BindRefusal, Directory, Examined, OpenError, Resolution, Standing};
use crate::config::{DirectoryConfig, UpstreamDirectoryConfig};
use crate::http_client::ClientError;
use crate::model::{Attributes, Entry, EntryId, Password, Timestamp, Unavailable, Username};
use crate::telemetry::Metrics;
use crate::traces;

/// The identity provider as a directory.
pub(super) struct UpstreamDirectory {
    name: Arc<str>,
    path: String,
    login: String,
    strip_domains: Vec<String>,
    reader: RecordReader,
    asker: Asker,
    pace: Pace,
    metrics: Arc<Metrics>,
}

impl UpstreamDirectory {
    /// Reads the CA file and checks the paths of attributes; connects to nothing.
    pub(super) fn open(
        config: &DirectoryConfig,
        upstream: &UpstreamDirectoryConfig,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let name: Arc<str> = config.name.as_str().into();
        let asker = Asker::new(&name, upstream).map_err(|error| {
            let wrong = |key: &str, problem: String, help: &str| OpenError::new(&config.name, key, problem, help);
            match error {
                ClientError::Authorities { file, what } => {
                    let key = if upstream.is_own { "upstream.ca_file" } else { "upstream" };
                    wrong(key, format!("{}: {what}", file.display()), "name a PEM file with the CAs of the servers")
                }
                error => wrong("upstream", error.to_string(), "see upstream.servers and upstream.tls"),
            }
        })?;
        Ok(Self {
            path: upstream.path.clone(),
            login: upstream.login.clone(),
            strip_domains: upstream.strip_domains.clone(),
            reader: RecordReader::new(config, upstream)?,
            asker,
            pace: Pace::default(),
            metrics,
            name,
        })
    }

    async fn ask(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        let login = self.login.replace("{name}", &entry.bind_name);
        let Some(authorization) = basic(&login, password) else {
            let reason = "none: the name or the password cannot be sent by HTTP Basic";
            return Ok(BindOutcome::Refused(BindRefusal::Other(reason.to_owned())));
        };
        let started = Instant::now();
        let answer = self.asker.ask(&authorization).await;
        let took = started.elapsed();
        let answer = answer.map_err(|silence| {
            let error = match silence {
                Silence::NotSent(what) => BindError::NotTried(self.unavailable(what)),
                Silence::Unanswered(what) => BindError::Unanswered(self.unavailable(what)),
            };
            self.pace.failed(took, error.clone().into());
            error
        })?;
        let nothing = |counted: bool, what: String| match counted {
            true => Err(BindError::Unanswered(self.unavailable(what))),
            false => Err(BindError::NotTried(self.unavailable(what))),
        };
        match judge(answer.status, &answer.headers, &answer.body) {
            Judged::Refused(refusal) => {
                self.pace.refused(took);
                Ok(BindOutcome::Refused(refusal))
            }
            Judged::Nothing { counted, what } => nothing(counted, what),
            Judged::Accepted(record) => {
                self.pace.bound(took);
                match self.reader.entry(entry, &record) {
                    Some(entry) => Ok(BindOutcome::BoundAs(entry)),
                    // A cache's answer, or a name that the identity provider knows somebody else by.
                    None => nothing(true, "the record is not that of the user who was asked for".to_owned()),
                }
            }
        }
    }

    fn unavailable(&self, what: String) -> Unavailable {
        Unavailable::new(&*self.name, what)
    }

    fn count(&self, outcome: &Result<BindOutcome, BindError>, took: Duration) {
        let result = match outcome {
            Ok(BindOutcome::Bound | BindOutcome::BoundAs(_)) => "success",
            Ok(BindOutcome::Refused(_)) => "refused",
            Err(BindError::NotTried(_)) => "unavailable",
            Err(BindError::Unanswered(_)) => "unanswered",
        };
        self.metrics.upstream_sign_ins.with_label_values(&[result]).inc();
        self.metrics.upstream_sign_in_duration.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
        let said = || vec![("fedfront.directory", self.name.to_string()), ("fedfront.result", result.to_owned())];
        traces::did("upstream sign_in", took, said, result.starts_with("un"));
    }
}

#[async_trait]
impl Directory for UpstreamDirectory {
    fn name(&self) -> &str {
        &self.name
    }

    async fn resolve(&self, typed: &Username) -> Result<Resolution, Unavailable> {
        Ok(match name::known(typed, &self.strip_domains) {
            None => Resolution::Nobody,
            Some(known) => Resolution::Found(Arc::new(Entry {
                id: EntryId { directory: self.name.clone(), entry: name::counted(&known).into() },
                bind_name: known.into(),
                upn: None,
                immutable_id: None,
                groups: Vec::new(),
                attributes: Attributes::default(),
                own_count: None,
            })),
        })
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        if password.is_empty() || entry.bind_name.is_empty() {
            return Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials));
        }
        let started = Instant::now();
        let outcome = self.ask(entry, password).await;
        self.count(&outcome, started.elapsed());
        outcome
    }

    /// Whoever shows no password is nobody here.
    fn standing(&self, _: &Entry, _: Timestamp) -> Standing {
        let reason = "none: the identity provider looks nobody up without their password";
        Standing::Unknown(BindRefusal::Other(reason.to_owned()))
    }

    /// Asks nothing of the identity provider: waits as long as it takes to refuse a password lately.
    async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
        let (took, end) = self.pace.of_a_denial();
        sleep(took).await;
        end
    }

    fn servers(&self) -> Vec<String> {
        self.asker.names()
    }

    async fn examine(&self, server: usize) -> Examined {
        match self.asker.ask_for_nobody(server).await {
            Some(answer) => examine::examine(&self.path, answer),
            None => Examined::no_such_server(),
        }
    }
}
