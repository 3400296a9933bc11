//! What other replicas have stored, told to all who listen, and whether anything can have been
//! missed.
//!
//! Whoever holds a copy notes the [`Epoch`] in which he knew that nobody had a newer one. While the
//! subscription lasts, so does the epoch: whatever is newer would have been told. When it is lost the
//! epoch ends, and what is held is looked up again before it is believed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use redis::{Client, RedisError, aio::PubSub};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use super::{connection::cause, name::Subject, seal::Seal};
use crate::telemetry::Metrics;

/// How long a connection for listening may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// How often it is asked whether the connection still lives, and how long the answer may take.
/// Together with it: for how long a network that swallows everything can hide a change.
const LOOK: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(2);

/// How long it is waited before the next try to listen, at least and at most.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
const MOST_PAUSE: Duration = Duration::from_millis(500);

/// Changes that wait for whoever reads them slowly; who misses one ends the epoch.
const MOST_WAITING: usize = 4096;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose copy.
    pub subject: Subject,
    /// How.
    pub what: What,
    /// When it had been fetched, in milliseconds since 1970.
    pub at: i64,
}

/// How something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// There is a newer copy.
    Stored,
    /// There is no copy any more: the source does not take the question.
    Ended,
    /// A walk is over that gave nothing to keep.
    Failed,
}

/// A time in which no change was missed; 0 is none.
pub type Epoch = u64;

/// Who listens.
#[derive(Clone)]
pub(super) struct Changes {
    /// The epoch, and whether it still lasts: the lowest bit.
    epoch: Arc<AtomicU64>,
    heard: broadcast::Sender<Arc<Change>>,
    begun: watch::Sender<Epoch>,
    metrics: Arc<Metrics>,
}

impl Changes {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let (heard, begun) = (broadcast::Sender::new(MOST_WAITING), watch::Sender::new(0));
        Self { epoch: Arc::default(), heard, begun, metrics }
    }

    /// The epoch that lasts, or 0.
    pub(super) fn epoch(&self) -> Epoch {
        let epoch = self.epoch.load(Ordering::Acquire);
        if epoch & 1 == 1 { epoch } else { 0 }
    }

    /// Ends the epoch and begins another, for something was missed.
    pub(super) fn miss(&self) {
        let next = |epoch: u64| (epoch & 1 == 1).then_some(epoch + 2);
        let _ = self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, next); // an error says that there was none
    }

    /// All that is heard from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.heard.subscribe()
    }

    /// Told whenever an epoch begins because Redis is there again.
    pub(super) fn begun(&self) -> watch::Receiver<Epoch> {
        self.begun.subscribe()
    }

    /// Listens for as long as this is polled; makes the connection anew whenever it is lost.
    pub(super) async fn listen(self, client: Client, channel: String, seal: Arc<Seal>) {
        let mut is_said = false;
        loop {
            let Err(lost) = self.listen_once(&client, &channel, &seal).await;
            self.end();
            if !is_said {
                let cause = lost.as_ref().map_or_else(|| "the connection was lost".to_owned(), cause);
                tracing::warn!(cause, "what other replicas store is not heard: copies are looked up before they are used");
            }
            is_said = lost.is_some();
            tokio::time::sleep(MOST_PAUSE.mul_f64(fastrand::f64()).max(LEAST_PAUSE)).await;
        }
    }

    /// Listens until the connection is lost, or says why there was none.
    async fn listen_once(&self, client: &Client, channel: &str, seal: &Seal) -> Result<std::convert::Infallible, Option<RedisError>> {
        let connect = async {
            let mut connection: PubSub = client.get_async_pubsub().await?;
            connection.subscribe(channel).await?;
            Ok(connection)
        };
        let connection = tokio::time::timeout(CONNECT, connect).await.map_err(|_| None)?.map_err(Some)?;
        let (mut asking, mut messages) = connection.split();
        self.begin();
        loop {
            tokio::select! {
                message = messages.next() => self.hear(channel, seal, message.ok_or(None)?.get_payload_bytes()),
                () = tokio::time::sleep(LOOK) => {
                    let pong = tokio::time::timeout(ANSWER, asking.ping::<redis::Value>()).await;
                    pong.map_err(|_| None)?.map_err(Some)?;
                }
            }
        }
    }

    /// Passes on what was sealed for this channel; whatever else is said there is not heard.
    fn hear(&self, channel: &str, seal: &Seal, message: &[u8]) {
        let change = seal.open(channel, message).and_then(|change| serde_json::from_slice::<Change>(&change).ok());
        if let Some(change) = change {
            drop(self.heard.send(Arc::new(change))); // an error says that nobody listens
        }
    }

    fn begin(&self) {
        let epoch = self.epoch.load(Ordering::Acquire);
        let next = (epoch + 1) | 1;
        self.epoch.store(next, Ordering::Release);
        self.begun.send_replace(next);
        self.metrics.shared_cache.subscribed(true);
    }

    fn end(&self) {
        let ended = |epoch: u64| (epoch & 1 == 1).then_some(epoch + 1);
        let _ = self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, ended); // an error says that there was none
        self.metrics.shared_cache.subscribed(false);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::seal::seal_with, *};

    #[test]
    fn an_epoch_that_has_ended_never_comes_back() {
        let changes = Changes::new(Arc::default());
        let mut seen = vec![0];
        assert_eq!(changes.epoch(), 0);
        changes.miss();
        assert_eq!(changes.epoch(), 0, "nothing can be missed by who does not listen");
        for step in [Changes::begin, Changes::miss, Changes::end, Changes::begin, Changes::miss] {
            step(&changes);
            let epoch = changes.epoch();
            assert!(epoch == 0 || !seen.contains(&epoch), "{seen:?} {epoch}");
            seen.push(epoch);
        }
        assert_eq!(seen.iter().filter(|epoch| **epoch == 0).count(), 2, "the first and where it ended: {seen:?}");
    }

    #[test]
    fn what_is_no_change_is_not_heard() {
        let changes = Changes::new(Arc::default());
        let mut heard = changes.subscribe();
        let subject = Subject { source: "a".into(), who: "b".into(), customer: "acme".into() };
        let change = Change { subject, what: What::Stored, at: 7 };
        let (seal, other) = (seal_with(7), seal_with(8));
        let text = serde_json::to_vec(&change).unwrap();
        let sealed = |seal: &Seal, channel: &str, text: &[u8]| seal.seal(channel, text).unwrap();
        let mine = sealed(&seal, "mine", &text);
        assert!(!mine.windows(4).any(|part| part == b"acme"), "whose it is is for nobody else");
        for message in
            [vec![], text.clone(), sealed(&seal, "mine", b"{}"), sealed(&seal, "else", &text), sealed(&other, "mine", &text), mine]
        {
            changes.hear("mine", &seal, &message);
        }
        assert_eq!(heard.try_recv().ok().as_deref(), Some(&change));
        assert!(heard.try_recv().is_err());
    }
}
