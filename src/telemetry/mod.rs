//! What is told about what happened: metrics, logs, audit records.

mod asked;
mod audit;
mod directories;
mod event;
mod form;
mod guarded;
mod json;
mod lines;
pub mod log;
mod metrics;
mod record;
mod shadow;
mod sink;
mod source;
mod syslog;
#[cfg(test)]
pub(crate) mod testing;
mod totals;

pub use asked::{answering, correlation_id, still_answering};
pub use audit::{Audit, Undecided};
pub use event::{AuditEvent, OperatorAction};
pub use guarded::{AuditGuard, AuditPlace, GuardMetrics, SprayRecord};
pub use metrics::{CLASSES, METHODS, Metrics, ROUTES};
pub use prometheus::{Histogram, IntCounter, IntGauge};
pub use record::{AuditCredential, AuditProtocol, AuditRecord, AuditResult};
pub use shadow::{ShadowDifference, ShadowMetrics, ShadowRecord};
pub use sink::Opened;
pub use source::SourceMetrics;
pub use syslog::reach_syslog;
pub use totals::Totals;
