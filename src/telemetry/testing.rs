//! Hearing what is logged, in tests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::form::Form;
use crate::config::LogFormat;

/// What was said. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// Hears all that `speak` logs on this thread, as text at `trace`.
    pub(crate) fn hears(&self, speak: impl FnOnce()) {
        self.hears_at("trace", LogFormat::Text, speak);
    }

    /// The same at another level, in another format.
    pub(crate) fn hears_at(&self, level: &str, format: LogFormat, speak: impl FnOnce()) {
        let writer = self.clone();
        let (subscriber, _) = super::log::subscriber(Form::new(format), level, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, speak);
    }

    /// Line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
