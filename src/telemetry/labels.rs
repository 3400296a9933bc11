//! What the metrics share: labels, and numbers that fit a gauge.

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use foldhash::fast::FixedState;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelSetEncoder, LabelValueEncoder};

use crate::domain::SourceName;

/// Names and values of labels that are all fixed. Other labels have types of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Labels<const N: usize>(pub(super) [(&'static str, &'static str); N]);

impl<const N: usize> Hash for Labels<N> {
    /// Hashes the values in a faster way than the library's maps do: several are looked up for each request. No one
    /// outside chooses them, so nobody can make them collide.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(FixedState::default().hash_one(self.0.map(|(_, value)| value)));
    }
}

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

/// Returns, as a label, a source.
pub(super) const fn of_source(source: SourceName) -> Labels<1> {
    Labels([("source", source.as_str())])
}

/// Returns, as a label, whether something was accepted.
pub(super) const fn result(taken: bool) -> Labels<1> {
    Labels([("result", if taken { "taken" } else { "refused" })])
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
