//! Metrics of customer links: the sources' lists, the file, and the resulting links.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::labels::{Labels, at_most, result};
use crate::domain::{FailureKind, SourceName};

/// Metrics of customer links.
#[derive(Debug, Default)]
pub struct LinkMetrics {
    lists: Family<Labels<2>, Counter>,
    links: Family<Labels<1>, Gauge>,
    unlinked: Family<Labels<2>, Gauge>,
    files: Family<Labels<1>, Counter>,
    faults: Family<Labels<1>, Gauge>,
    fault_lines: Family<Labels<1>, Gauge>,
}

impl LinkMetrics {
    pub(super) fn register(&self, all: &mut Registry) {
        let help = "Readings of a source's list of customers, by outcome";
        all.register("customer_lists", help, self.lists.clone());
        all.register("customer_links", "Customers that a strategy knows", self.links.clone());
        let help = "Customers of a source that were found but are not linked, by reason";
        all.register("customers_unlinked", help, self.unlinked.clone());
        all.register("customer_file_loads", "Changed files of links, by whether they were accepted", self.files.clone());
        let help = "Faults in the present file of links, by reason";
        all.register("customer_file_faults", help, self.faults.clone());
        let help = "The first line of the file of links with such a fault; 0 if there is none";
        all.register("customer_file_fault_line", help, self.fault_lines.clone());
    }

    /// Shows a zero for a source whose list of customers has not been read yet, so that the first reading counts as an increase.
    pub fn lists(&self, source: SourceName) {
        drop(self.lists.get_or_create(&Labels([("source", source.as_str()), ("outcome", "ok")])));
    }

    /// Counts a reading of a source's list of customers; `failure` is `None` if the list was read.
    pub fn listed(&self, source: SourceName, failure: Option<FailureKind>) {
        let outcome = failure.map_or("ok", FailureKind::as_str);
        self.lists.get_or_create(&Labels([("source", source.as_str()), ("outcome", outcome)])).inc();
    }

    /// Notes how many customers a strategy knows.
    pub fn linked(&self, strategy: &'static str, customers: usize) {
        self.links.get_or_create(&Labels([("strategy", strategy)])).set(at_most(customers));
    }

    /// Notes how many customers of a source are not linked for a given reason.
    pub fn unlinked(&self, source: SourceName, reason: &'static str, customers: usize) {
        self.unlinked.get_or_create(&Labels([("source", source.as_str()), ("reason", reason)])).set(at_most(customers));
    }

    /// Counts a changed file of links, and whether it was accepted.
    pub fn file_loaded(&self, taken: bool) {
        self.files.get_or_create(&result(taken)).inc();
    }

    /// Notes how many faults of a kind the file of links has, and the line of the first one.
    pub fn file_faults(&self, reason: &'static str, faults: usize, first_line: u64) {
        let labels = Labels([("reason", reason)]);
        self.faults.get_or_create(&labels).set(at_most(faults));
        self.fault_lines.get_or_create(&labels).set(at_most(first_line));
    }

    /// Stops showing how many customers a strategy knows.
    pub fn forget_linked(&self, strategy: &'static str) {
        self.links.remove(&Labels([("strategy", strategy)]));
    }

    /// Stops showing which customers are not linked.
    pub fn forget_unlinked(&self) {
        self.unlinked.clear();
    }

    /// Stops showing the faults of the file of links.
    pub fn forget_file_faults(&self) {
        self.faults.clear();
        self.fault_lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn a_gateway_whose_turn_is_over_forgets_nothing() {
        let metrics = Metrics::default();
        let (before, now) = (metrics.begin_turn(), metrics.begin_turn());
        metrics.links.linked("left", 1);
        for (turn, is_shown) in [(0, true), (before, true), (now, false)] {
            metrics.show_in_turn(turn, || metrics.links.forget_linked("left"));
            assert_eq!(metrics.render(0, 0).contains("strategy=\"left\""), is_shown, "{turn}");
        }
    }

    #[test]
    fn what_is_forgotten_is_shown_no_more() {
        let metrics = Metrics::default();
        metrics.links.linked("left", 1);
        metrics.links.linked("right", 1);
        metrics.links.file_faults("duplicate_id", 1, 2);
        metrics.links.unlinked(SourceName::new("left"), "no_reference", 1);
        let signs = ["strategy=\"left\"", "strategy=\"right\"", "reason=\"duplicate_id\"", "reason=\"no_reference\""];
        let shown = || {
            let text = metrics.render(0, 0);
            signs.map(|sign| text.contains(sign))
        };
        assert_eq!(shown(), [true; 4]);
        metrics.links.forget_linked("left");
        assert_eq!(shown(), [false, true, true, true]);
        metrics.links.forget_file_faults();
        assert_eq!(shown(), [false, true, false, true]);
        metrics.links.forget_unlinked();
        assert_eq!(shown(), [false, true, false, false]);
    }
}
