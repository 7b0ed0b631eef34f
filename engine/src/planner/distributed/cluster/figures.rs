//! What a task did, as metrics: the one thing that the library's workers send back.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::physical_plan::metrics::{Count, Metric, MetricValue, MetricsSet};

use crate::protocol::TaskStats;
use crate::storage::RequestCounts;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) stats: TaskStats,
    pub(super) rows_out: u64,
    /// In memory, before they are encoded.
    pub(super) bytes_out: u64,
}

/// Of all metric names; nothing else in a plan has it.
const PREFIX: &str = "arachne_";

type Field = (&'static str, fn(&mut Figures) -> &mut u64);

/// One place for both directions.
const FIELDS: [Field; 17] = [
    ("arachne_get", |all| &mut all.stats.requests.get),
    ("arachne_head", |all| &mut all.stats.requests.head),
    ("arachne_list", |all| &mut all.stats.requests.list),
    ("arachne_put", |all| &mut all.stats.requests.put),
    ("arachne_delete", |all| &mut all.stats.requests.delete),
    ("arachne_bytes_scanned", |all| &mut all.stats.requests.bytes_scanned),
    ("arachne_bytes_remembered", |all| &mut all.stats.requests.bytes_remembered),
    ("arachne_bytes_exchanged", |all| &mut all.stats.requests.bytes_exchanged),
    ("arachne_bytes_written", |all| &mut all.stats.requests.bytes_written),
    ("arachne_requests_retried", |all| &mut all.stats.requests.retried),
    ("arachne_requests_hedged", |all| &mut all.stats.requests.hedged),
    ("arachne_elapsed_ms", |all| &mut all.stats.elapsed_ms),
    ("arachne_spilled_bytes", |all| &mut all.stats.spilled_bytes),
    ("arachne_rows_in", |all| &mut all.stats.rows_in),
    ("arachne_peak_memory_bytes", |all| &mut all.stats.peak_memory_bytes),
    ("arachne_rows_out", |all| &mut all.rows_out),
    ("arachne_bytes_out", |all| &mut all.bytes_out),
];

impl Figures {
    pub(super) fn to_metrics(&self) -> MetricsSet {
        let mut figures = self.clone();
        let mut metrics = MetricsSet::new();
        for (name, field) in FIELDS {
            let count = Count::new();
            count.add(usize::try_from(*field(&mut figures)).unwrap_or(usize::MAX));
            metrics.push(Arc::new(Metric::new(MetricValue::Count { name: Cow::Borrowed(name), count }, None)));
        }
        metrics
    }

    /// From the metrics of all nodes of a task's plan; `None` when the task's own node is not among them.
    pub(super) fn from_metrics(nodes: &[MetricsSet]) -> Option<Self> {
        let mut found = None;
        for metric in nodes.iter().flat_map(MetricsSet::iter) {
            let MetricValue::Count { name, count } = metric.value() else { continue };
            if !name.starts_with(PREFIX) {
                continue;
            }
            if let Some((_, field)) = FIELDS.iter().find(|(known, _)| known == name) {
                *field(found.get_or_insert_with(Self::default)) += count.value() as u64;
            }
        }
        found
    }
}

/// Every field has its line in [`FIELDS`]: a new one does not compile before somebody has been here.
const _: fn(Figures) = |Figures { stats, rows_out: _, bytes_out: _ }| {
    let TaskStats { requests, elapsed_ms: _, spilled_bytes: _, rows_in: _, peak_memory_bytes: _ } = stats;
    let RequestCounts {
        get: _,
        head: _,
        list: _,
        put: _,
        delete: _,
        bytes_scanned: _,
        bytes_remembered: _,
        bytes_exchanged: _,
        bytes_written: _,
        retried: _,
        hedged: _,
    } = requests;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_comes_back() {
        let mut figures = Figures::default();
        for (number, (_, field)) in FIELDS.iter().enumerate() {
            *field(&mut figures) = number as u64 + 1;
        }
        let nodes = [MetricsSet::new(), figures.to_metrics()];
        assert_eq!(Figures::from_metrics(&nodes), Some(figures));
        assert_eq!(Figures::from_metrics(&[MetricsSet::new()]), None);
    }
}
