//! Durations: buckets that fit, each with the trace of one request that fell into it.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder, MetricEncoder},
    metrics::{MetricType, TypedMetric, exemplar::HistogramWithExemplars},
};

/// The buckets for requests, in seconds: a hit takes 30 us or more, a walk up to a request's whole deadline.
const REQUESTS: [f64; 18] =
    [0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The buckets for calls to a source, in seconds.
const CALLS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The id of a reported trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub(super) u128);

/// A histogram whose buckets point at traces (`OpenMetrics` exemplars).
#[derive(Clone, Debug)]
pub(super) struct Timing(HistogramWithExemplars<TraceLabels>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabels {
    trace_id: TraceId,
}

impl Timing {
    /// Creates a histogram for requests.
    pub(super) fn of_requests() -> Self {
        Self(HistogramWithExemplars::new(REQUESTS.into_iter()))
    }

    /// Creates a histogram for calls to a source.
    pub(super) fn of_calls() -> Self {
        Self(HistogramWithExemplars::new(CALLS.into_iter()))
    }

    /// Counts one duration, and remembers its trace if that is reported.
    pub(super) fn observe(&self, took: Duration, trace: Option<TraceId>) {
        self.0.observe(took.as_secs_f64(), trace.map(|trace_id| TraceLabels { trace_id }), None);
    }
}

impl EncodeMetric for Timing {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

impl TypedMetric for Timing {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeLabelValue for TraceId {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        fmt::Write::write_fmt(encoder, format_args!("{self}"))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
