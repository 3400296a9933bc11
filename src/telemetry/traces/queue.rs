//! The bounded queue in front of the one task that sends spans.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;

use crate::telemetry::{Metrics, SpanFate};

/// Where spans wait until they are sent.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<SpanData>,
    metrics: Arc<Metrics>,
    pub(super) scope: InstrumentationScope,
}

impl Queue {
    pub(super) fn new(sender: mpsc::Sender<SpanData>, metrics: Arc<Metrics>) -> Self {
        let scope = InstrumentationScope::builder("rollcall").with_version(env!("CARGO_PKG_VERSION")).build();
        Self { sender, metrics, scope }
    }

    /// Adds a span if there is room for it. Never waits.
    pub(super) fn put(&self, span: SpanData) {
        if self.sender.try_send(span).is_err() {
            self.metrics.spans(SpanFate::Dropped, 1);
        }
    }
}
