//! How metrics are made: each is registered, and every combination of its labels exists from the start.

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Where the buckets of histograms end, seconds.
pub(in crate::telemetry) const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Makes metrics of one registry.
pub(in crate::telemetry) struct Maker<'a>(pub(super) &'a Registry);

impl Maker<'_> {
    fn opts(name: &str, help: &str) -> Opts {
        Opts::new(name, help).namespace("fedfront")
    }

    pub(in crate::telemetry) fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &[&str])],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        let metric = self.counters(name, help, &names)?;
        each_combination(labels, |values| drop(metric.with_label_values(values)));
        Ok(metric)
    }

    /// Labels whose values are not known yet.
    pub(in crate::telemetry) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let metric = IntCounterVec::new(Self::opts(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &[&str])],
    ) -> Result<HistogramVec, prometheus::Error> {
        let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        let opts = HistogramOpts::new(name, help).namespace("fedfront").buckets(BUCKETS.to_vec());
        let metric = HistogramVec::new(opts, &names)?;
        each_combination(labels, |values| drop(metric.with_label_values(values)));
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn gauge_vec(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        let metric = IntGaugeVec::new(Self::opts(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        let metric = self.gauge_vec(name, help, &[label])?;
        values.iter().for_each(|value| drop(metric.with_label_values(&[*value])));
        Ok(metric)
    }

    pub(in crate::telemetry) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let metric = IntGauge::with_opts(Self::opts(name, help))?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn count(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let metric = IntCounter::with_opts(Self::opts(name, help))?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn float(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        let metric = Gauge::with_opts(Self::opts(name, help))?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn float_vec(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        let metric = GaugeVec::new(Self::opts(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(in crate::telemetry) fn floats(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        let metric = self.float_vec(name, help, &[label])?;
        values.iter().for_each(|value| drop(metric.with_label_values(&[*value])));
        Ok(metric)
    }
}

/// Calls `visit` with every combination of the labels' values.
fn each_combination(labels: &[(&str, &[&str])], mut visit: impl FnMut(&[&str])) {
    let mut rows: Vec<Vec<&str>> = vec![Vec::new()];
    for (_, values) in labels {
        rows = rows
            .iter()
            .flat_map(|row| values.iter().map(move |value| row.iter().copied().chain([*value]).collect()))
            .collect();
    }
    rows.iter().for_each(|row| visit(row));
}
