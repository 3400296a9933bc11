//! What the metrics share: labels, and numbers that fit a gauge.

use std::{borrow::Cow, sync::Arc};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::domain::SourceName;

/// Names and values of labels that are all fixed. Other labels have types of their own.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Returns, as a label, a source.
pub(super) const fn of_source(source: SourceName) -> Labels<1> {
    [("source", source.as_str())]
}

/// Returns, as a label, whether something was accepted.
pub(super) const fn result(taken: bool) -> Labels<1> {
    [("result", if taken { "taken" } else { "refused" })]
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: Shared,
    pub(super) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) route: Shared,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallerLabels {
    pub(super) caller: Shared,
    pub(super) status: u16,
}

/// A route's template or a caller's label, shared so that it costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shared(pub(super) Arc<str>);

impl EncodeLabelValue for Shared {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        escaped(&self.0).as_ref().encode(encoder)
    }
}

/// Escapes a label for OpenMetrics. The library writes labels as they are, and token issuers choose callers'
/// names.
fn escaped(label: &str) -> Cow<'_, str> {
    if label.contains(['\\', '"', '\n']) {
        label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
    } else {
        label.into()
    }
}

/// Converts a count for a gauge.
pub(super) fn at_most(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
