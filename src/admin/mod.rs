//! The admin listener, on a thread of its own so that it answers when the edge is busy.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the status page for browsers, by `Accept: text/html`; else version, phase and uptime as text |
//! | `/status.json` | what the page shows, by GET: `deploy/docs/status.md` has every key |
//! | `/metrics` | Prometheus' text format |
//! | `/livez` | 200 |
//! | `/startupz` | 200 once every part is ready, else 503 |
//! | `/readyz` | the same, and 503 again from the first sign of the end |
//! | `/reload` | on the Unix socket alone, by POST: everything is read again; 200 or 422, with what was found |
//! | `/promote` | likewise: the next signing key signs from here on; 200 or 422, with what came of it |
//! | `/upgrade` | likewise: another process takes this one's place; 200, 422 where the configuration is wrong, 409 |
//! | `/drain` | on the Unix socket alone, by POST: `/readyz` says no from here on |
//! | `/cache/flush` | likewise: remembered binds are forgotten; 200 or 422, with how many |
//! | `/guard` | on the Unix socket alone, by GET: the entries that have failures which count |
//! | `/guard/show`, `/guard/unlock` | on the Unix socket alone, by POST: a user's failures are told, or forgotten |
//! | `/log`, `/log/level` | on the Unix socket alone, by GET what is logged, by POST more or less of it for a while |
//!
//! 421 says that somebody else is to be asked: on the Unix socket the process that serves by now, which asking again reaches;
//! on a loopback address `localhost`, where `Host` is another name.
//!
//! With `?verbose` the probes tell of each part. Neither the identity provider nor a directory counts: a sidecar starts
//! before the one, and an outage of the other must not take forwarding down.

mod asked;
mod bound;
pub mod client;
mod errands;
mod host;
mod page;
mod recent;
pub mod report;
mod routes;
mod server;
mod socket;

pub use asked::{Asked, Errand, NoUpgrade, Outcome, Upgraded};
pub use bound::{AdminError, Bound};
pub use recent::{Activity, Recent};
pub use routes::{Information, Status};
pub use server::{Admin, Doors};
