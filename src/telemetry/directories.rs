//! Whether each directory can be asked. Its name is the operator's, so that there are as many as are configured.

use std::sync::{Mutex, PoisonError};

use prometheus::IntGaugeVec;

/// The gauge of every directory.
pub(super) struct AllDirectories {
    /// `directory`.
    available: IntGaugeVec,
    shown: Mutex<Vec<String>>,
}

impl AllDirectories {
    pub fn new(available: IntGaugeVec) -> Self {
        Self { available, shown: Mutex::default() }
    }

    /// These from now on, and no others.
    pub fn show(&self, directories: &[(String, bool)]) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.iter().filter(|shown| directories.iter().all(|(name, _)| name != *shown)) {
            // It is there: it was shown.
            drop(self.available.remove_label_values(&[gone]));
        }
        for (name, available) in directories {
            self.available.with_label_values(&[name]).set(i64::from(*available));
        }
        *shown = directories.iter().map(|(name, _)| name.clone()).collect();
    }
}

#[cfg(test)]
mod tests {
    use crate::telemetry::Metrics;

    #[test]
    fn those_that_are_configured_are_shown_and_no_others() {
        let metrics = Metrics::new().unwrap();
        let show = |directories: &[(&str, bool)]| {
            let directories: Vec<_> = directories.iter().map(|(name, up)| ((*name).to_owned(), *up)).collect();
            metrics.show_directories(&directories);
            let text = String::from_utf8(metrics.render()).unwrap();
            text.lines().filter(|line| line.starts_with("fedfront_directory")).map(str::to_owned).collect::<Vec<_>>()
        };
        let of = |name: &str, up: u8| format!("fedfront_directory_available{{directory=\"{name}\"}} {up}");
        assert_eq!(show(&[("corp", true), ("partners", false)]), [of("corp", 1), of("partners", 0)]);
        assert_eq!(show(&[("corp", false)]), [of("corp", 0)]);
        assert_eq!(show(&[]), [""; 0]);
    }
}
