//! The one task that sends spans to the collector, and how it starts and ends.

use std::{sync::Arc, time::Duration};

use opentelemetry_sdk::trace::SpanData;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    otlp::{self, Process, Sent},
    queue::Queue,
    tracer::Tracer,
};
use crate::{
    config::BaseUrl,
    outbound::{Bounds, Client, Transport},
    telemetry::{Metrics, SpanFate},
};

/// What is called, for the log.
const KEY: &str = "telemetry.otlp_endpoint";

/// The most spans that wait; further ones are dropped and counted.
const MOST_WAITING: usize = 4096;

/// The most spans in one batch.
const MOST_AT_ONCE: usize = 512;

/// How long to wait for a batch to fill up.
const GATHER: Duration = Duration::from_secs(1);

/// The most tries for one batch.
const TRIES: u32 = 5;

/// The pause after a failed try, and the longest one: each is twice as long as the one before, until a batch
/// is accepted.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long the process may wait at its end for the remaining spans.
const LAST_WAIT: Duration = Duration::from_secs(3);

const BOUNDS: Bounds =
    Bounds { connect_timeout: Duration::from_secs(1), timeout: Duration::from_secs(5), max_idle: 1, max_response_bytes: 1 << 20 };

/// Sends spans to a collector, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Reporter(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    queue: Arc<Queue>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The sending side, in its task.
struct Sender {
    waiting: mpsc::Receiver<SpanData>,
    client: Client,
    endpoint: Url,
    process: Process,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    pause: Duration,
    /// Whether it has been logged that spans are rejected, so that it is logged once.
    has_complained: bool,
}

impl Reporter {
    /// Starts sending to this collector; fails if no client can be made.
    pub fn start(endpoint: Option<&BaseUrl>, metrics: &Arc<Metrics>) -> reqwest::Result<Self> {
        let Some(endpoint) = endpoint else { return Ok(Self::default()) };
        let client = Client::new(KEY, &Transport::direct(endpoint.is_encrypted()), BOUNDS)?;
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        let (metrics, stop) = (Arc::clone(metrics), CancellationToken::new());
        let queue = Arc::new(Queue::new(sender, Arc::clone(&metrics)));
        let sender = Sender {
            waiting,
            client,
            endpoint: endpoint.url().clone(),
            process: Process::new(),
            metrics,
            stop: stop.clone(),
            pause: FIRST_PAUSE,
            has_complained: false,
        };
        let task = Mutex::new(Some(tokio::spawn(sender.run())));
        Ok(Self(Some(Arc::new(Inner { queue, stop, task }))))
    }

    /// Creates the tracer that decides what is reported; `share`, 0 to 1, of the traces that begin here are
    /// sampled.
    pub fn tracer(&self, share: f64) -> Tracer {
        Tracer::new(self.0.as_ref().map(|inner| Arc::clone(&inner.queue)), share)
    }

    /// Sends the remaining spans, for a few seconds at most. Spans that end later are dropped.
    pub async fn finish(&self) {
        let Some(inner) = &self.0 else { return };
        inner.stop.cancel();
        let task = inner.task.lock().take();
        if let Some(mut task) = task
            && tokio::time::timeout(LAST_WAIT, &mut task).await.is_err()
        {
            task.abort();
            tracing::warn!("the collector did not accept the last spans in time");
        }
    }
}

impl Sender {
    /// Sends until it is told to stop, then sends the rest.
    async fn run(mut self) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                return;
            }
            self.report(batch).await;
        }
    }

    /// Returns the next batch: full, or as it is some time after its first span; empty at the end.
    async fn gather(&mut self) -> Vec<SpanData> {
        let (mut batch, stop) = (Vec::new(), self.stop.clone());
        let waiting = &mut self.waiting;
        let filling = async {
            waiting.recv_many(&mut batch, MOST_AT_ONCE).await;
            let more = async {
                while let room @ 1.. = MOST_AT_ONCE.saturating_sub(batch.len()) {
                    if waiting.recv_many(&mut batch, room).await == 0 {
                        return; // closed
                    }
                }
            };
            drop(tokio::time::timeout(GATHER, more).await); // either way it is sent
        };
        tokio::select! {
            () = filling => return batch,
            () = stop.cancelled() => {}
        }
        self.waiting.close();
        self.waiting.recv_many(&mut batch, MOST_AT_ONCE).await;
        batch
    }

    /// Sends a batch, with retries where they may help; only once at the end of the process.
    async fn report(&mut self, batch: Vec<SpanData>) {
        let (count, body) = (batch.len() as u64, self.process.encode(batch));
        for number in 1..=TRIES {
            match otlp::send(&self.client, &self.endpoint, body.clone()).await {
                Sent::Taken { refused } => return self.taken(count, refused.min(count)),
                Sent::NotNow if number < TRIES && !self.stop.is_cancelled() => self.rest().await,
                Sent::NotNow | Sent::Never => break,
            }
        }
        self.count(0, count);
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!(spans = count, "the collector rejects spans; further losses are only counted in the metrics");
        }
    }

    /// Pauses, unless the process ends.
    async fn rest(&mut self) {
        drop(tokio::time::timeout(self.pause, self.stop.cancelled()).await); // either way the pause is over
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn taken(&mut self, count: u64, refused: u64) {
        (self.pause, self.has_complained) = (FIRST_PAUSE, false);
        self.count(count - refused, refused);
    }

    fn count(&self, exported: u64, failed: u64) {
        self.metrics.spans(SpanFate::Exported, exported);
        self.metrics.spans(SpanFate::Failed, failed);
    }
}
