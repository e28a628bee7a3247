//! How log lines look: JSON for machines or text for people, whichever is wanted when a line is written.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::json::JsonLines;
use crate::config::LogFormat;

/// The format of now. A clone is the same.
#[derive(Clone)]
pub(super) struct Form {
    json: Arc<AtomicBool>,
    text: Format,
}

impl Form {
    pub fn new(format: LogFormat) -> Self {
        Self { json: Arc::new(AtomicBool::new(format == LogFormat::Json)), text: Format::default() }
    }

    /// From here on.
    pub fn set(&self, format: LogFormat) {
        self.json.store(format == LogFormat::Json, Ordering::Relaxed);
    }

    /// The line in place of those that there was no room for.
    pub fn dropped(&self, number: u64) -> String {
        const WHAT: &str = "log lines that nobody took were dropped";
        if self.is_json() {
            format!("{{\"level\":\"WARN\",\"message\":\"{WHAT}\",\"number\":{number}}}\n")
        } else {
            format!("WARN {number} {WHAT}\n")
        }
    }

    fn is_json(&self) -> bool {
        self.json.load(Ordering::Relaxed)
    }
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.is_json() {
            JsonLines.format_event(context, writer, event)
        } else {
            self.text.format_event(context, writer, event)
        }
    }
}
