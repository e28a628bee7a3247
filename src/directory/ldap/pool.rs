//! Connections that are used again, one operation at a time, and thrown away at the first doubt.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolConfig, PoolError, QueueMode, Timeouts};
use futures::FutureExt;
use ldap3::LdapError;
use tokio::time::{Instant, timeout_at};

use super::connect::Connection;
use super::dial::Dialer;
use super::failure::Failure;
use super::result;
use super::server::Server;
use super::work::{Answer, Work};
use crate::traces;

/// A bounded number of connections for one kind of work. A server that hangs holds at most so many; who finds all of them
/// busy waits no longer than an operation may take.
pub(super) struct Connections {
    pool: Pool<Dialer>,
    operation_timeout: Duration,
}

impl Connections {
    pub(super) fn new(dialer: Dialer, size: usize, operation_timeout: Duration) -> Result<Self, &'static str> {
        if size == 0 {
            return Err("pool_size is 0");
        }
        let config = PoolConfig {
            max_size: size,
            timeouts: Timeouts { wait: Some(operation_timeout), ..Timeouts::default() },
            queue_mode: QueueMode::Lifo,
        };
        let pool = Pool::builder(dialer).config(config).runtime(Runtime::Tokio1).build();
        Ok(Self { pool: pool.map_err(|_| "the pool cannot be made")?, operation_timeout })
    }

    /// What makes its connections.
    pub(super) fn dialer(&self) -> &Dialer {
        self.pool.manager()
    }

    /// Does it, within the operation timeout and before `deadline`.
    ///
    /// While no server of the directory works, nobody is asked. A connection that its server closed while it lay idle is no
    /// outage: the pool sees it and makes another, and a search that is lost with one is made again; so is one that failed, once,
    /// if there is another server, or on a new connection if an old one gave no answer. A bind that was sent is not: the server
    /// could count a wrong password twice.
    pub(super) async fn run(&self, work: &Work<'_>, deadline: Instant) -> Result<Answer, Failure> {
        if let Some(outage) = self.dialer().outage() {
            return Err(outage);
        }
        let mut again = work.may_repeat();
        loop {
            let mut lease = match timeout_at(deadline, self.lease()).await {
                Ok(lease) => lease?,
                Err(_) => return Err(Failure::timeout()),
            };
            let started = Instant::now();
            let until = deadline.min(started + self.operation_timeout);
            let outcome = match timeout_at(until, lease.perform(work, until)).await {
                Ok(Err(failure)) if failure.is_lost() && lease.reused && work.may_repeat() => continue,
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::timeout().after_sending()),
            };
            let label = work.label(&outcome);
            self.observe(work, started, label);
            let failure = match outcome {
                Ok(answer) if !result::is_outage(answer.result.rc) => {
                    lease.settled = !answer.is_doubtful(work);
                    return Ok(answer);
                }
                Ok(answer) => Failure::not_available(answer.result.rc),
                Err(failure) => failure,
            };
            self.leave(&lease.server, &failure);
            let may_help = self.dialer().has_choice() || (lease.reused && failure.is_timeout());
            if !(may_help && std::mem::take(&mut again)) || Instant::now() >= deadline {
                return Err(failure.at(&lease.server.url));
            }
        }
    }

    async fn lease(&self) -> Result<Lease, Failure> {
        match self.pool.get().await {
            Ok(mut object) => {
                object.show("busy");
                let reused = Object::metrics(&object).recycle_count > 0;
                Ok(Lease { server: object.server.clone(), object: Some(object), reused, settled: false })
            }
            Err(PoolError::Backend(failure)) => Err(failure),
            Err(PoolError::Timeout(_)) => Err(Failure::busy()),
            Err(_) => Err(Failure::error("no connection")),
        }
    }

    /// Others first from now on; its idle connections are likely as dead.
    fn leave(&self, server: &Arc<Server>, failure: &Failure) {
        self.dialer().failed(server, failure);
        drop(self.pool.retain(|connection, _| !Arc::ptr_eq(&connection.server, server)));
    }

    fn observe(&self, work: &Work<'_>, started: Instant, result: &str) {
        let op = work.op();
        let metrics = &self.pool.manager().metrics;
        metrics.ldap_operations.with_label_values(&[op, result]).inc();
        let took = started.elapsed();
        metrics.ldap_operation_duration.with_label_values(&[op]).observe(took.as_secs_f64());
        let name = if op == "bind" { "ldap bind" } else { "ldap search" };
        let answered = matches!(result, "success" | "refused");
        traces::did(name, took, || vec![("fedfront.result", result.to_owned())], !answered);
    }
}

/// A connection in use. It goes back to the pool only when its answer has arrived whole and is no error: whoever stops waiting, by a timeout
/// or because their client is gone, leaves a connection behind of which nobody knows who is bound.
struct Lease {
    object: Option<Object<Dialer>>,
    server: Arc<Server>,
    /// Whether it has lain idle since it was made.
    reused: bool,
    settled: bool,
}

impl Lease {
    async fn perform(&mut self, work: &Work<'_>, until: Instant) -> Result<Answer, Failure> {
        let Some(connection) = &mut self.object else { return Err(Failure::error("no connection")) };
        // ldap3 panics on malformed answers.
        let answer = AssertUnwindSafe(work.perform(&mut connection.ldap, until)).catch_unwind().await;
        answer.map_err(|_| Failure::malformed().after_sending())?.map_err(|error| match error {
            // The driver had ended before it could take the request.
            LdapError::OpSend { .. } => Failure::from(error),
            _ => Failure::from(error).after_sending(),
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.object.take() {
            Some(mut object) if self.settled => object.show("idle"),
            Some(object) => drop::<Connection>(Object::take(object)),
            None => {}
        }
    }
}
