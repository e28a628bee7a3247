//! What is told about what happened: metrics, logs, audit records.

mod metrics;

pub use metrics::{Metrics, ROUTES};
pub use prometheus::{Histogram, IntCounter, IntGauge};
