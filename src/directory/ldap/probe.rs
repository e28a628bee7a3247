//! Asking a server that failed somebody whether it works again, so that no user has to find out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::connect::connect;
use super::failure::Failure;
use super::server::{Server, Servers};
use super::service::Service;
use crate::telemetry::Metrics;

/// How often a probe is begun anew: one that was lost on its way is not waited for when the server is back.
const EVERY: Duration = Duration::from_millis(400);
/// So many in succession without an answer are one that failed.
const UNANSWERED: u32 = 2;

/// The probes of one directory's servers. They end with it.
pub(super) struct Probes {
    prober: Arc<Prober>,
    running: Mutex<JoinSet<()>>,
}

/// What a probe needs: none of what holds the probes.
pub(super) struct Prober {
    pub(super) servers: Arc<Servers>,
    /// Whom searches are made as, if anybody.
    pub(super) service: Option<Arc<Service>>,
    /// Where they begin.
    pub(super) base_dn: String,
    /// As long as connecting and an operation may take.
    pub(super) within: Duration,
    pub(super) metrics: Arc<Metrics>,
}

type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

impl Probes {
    pub(super) fn new(prober: Prober) -> Self {
        Self { prober: Arc::new(prober), running: Mutex::default() }
    }

    /// Begins to ask `server`, of which nobody knew that it does not work; on until it is believed to.
    pub(super) fn begin(&self, server: &Arc<Server>) {
        let (prober, server) = (self.prober.clone(), server.clone());
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(async move { prober.follow(&server).await });
    }
}

impl Prober {
    /// At most two at a time: a new one, and an older one for as long as an operation could take, should the server be slow.
    async fn follow(&self, server: &Arc<Server>) {
        let mut older: Option<Attempt<'_>> = None;
        let mut unanswered = 0;
        loop {
            let next = Instant::now() + EVERY;
            let mut attempt = self.attempt(server);
            let ended = tokio::select! {
                ended = &mut attempt => Some(ended),
                ended = async { older.as_mut()?.await.into() }, if older.is_some() => {
                    older = None;
                    ended
                }
                () = sleep_until(next) => None,
            };
            match ended {
                Some(Ok(())) => {
                    self.count("success");
                    if self.servers.answered_probe(server) {
                        return;
                    }
                    (unanswered, older) = (0, None);
                }
                Some(Err(failure)) => self.failed(server, &failure),
                None => {
                    unanswered += 1;
                    if unanswered >= UNANSWERED {
                        self.failed(server, &Failure::timeout());
                    }
                    older.get_or_insert(attempt);
                }
            }
            sleep_until(next).await;
        }
    }

    fn failed(&self, server: &Server, failure: &Failure) {
        self.count(failure.label());
        if self.servers.failed_probe(server, &failure.to_string()) {
            self.metrics.ldap_outages.inc();
        }
    }

    fn count(&self, result: &str) {
        self.metrics.ldap_operations.with_label_values(&["probe", result]).inc();
    }

    fn attempt<'a>(&'a self, server: &'a Arc<Server>) -> Attempt<'a> {
        let until = Instant::now() + self.within;
        Box::pin(async move {
            let answer = timeout_at(until, async {
                match self.ask(server, until, true).await {
                    // Some end a connection on which somebody asks before saying who they are.
                    Err(failure) if failure.is_lost() && self.service.is_some() => self.ask(server, until, false).await,
                    answer => answer,
                }
            });
            answer.await.unwrap_or_else(|_| Err(Failure::timeout()))
        })
    }

    /// Asks as little as says that searches can be made. The service account's password is sent to a server that answers
    /// already: one that hangs would check all that were sent to it when it wakes, and they may be wrong by then.
    async fn ask(&self, server: &Arc<Server>, until: Instant, before_binding: bool) -> Result<(), Failure> {
        let mut connection = connect(&self.servers, server, until).await?;
        if before_binding {
            connection.ask_for("").await?;
        }
        let Some(service) = &self.service else { return Ok(()) };
        match service.bind(&mut connection).await {
            // It answers. That it refuses is told to whoever wants a connection, and not tried again for a while.
            Err(failure) if failure.is_refused() => Ok(()),
            Err(failure) => Err(failure),
            Ok(()) => connection.ask_for(&self.base_dn).await,
        }
    }
}
