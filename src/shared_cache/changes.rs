//! Changes that replicas report to each other, and whether any of them may have been missed.
//!
//! A holder of a copy notes the [`Epoch`] in which it knew that no replica had a newer one. An epoch lasts as
//! long as the subscription does: anything newer would have been reported. When the subscription is lost the
//! epoch ends, and held copies are looked up again before they are trusted.

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

use super::{
    connection::{Connection, cause},
    name::Subject,
    seal::Seal,
};

/// How long it may take to connect for listening.
const CONNECT: Duration = Duration::from_secs(1);

/// How often the connection is checked, and how long the check may take. Their sum is how long a network that
/// silently drops everything can hide a change.
const LOOK: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(2);

/// The shortest and the longest pause before the next attempt to listen.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
const MOST_PAUSE: Duration = Duration::from_millis(500);

/// Changes that may wait for a slow reader; a reader that misses one ends the epoch.
const MOST_WAITING: usize = 4096;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose copy.
    pub subject: Subject,
    /// How.
    pub what: What,
    /// When the copy had been fetched, in milliseconds since 1970.
    pub at: i64,
}

/// How something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// There is a newer copy.
    Stored,
    /// There is no copy any more: the source rejects the question.
    Ended,
    /// A walk has ended with nothing to keep.
    Failed,
}

/// A period in which no change was missed; 0 means none.
pub type Epoch = u64;

/// The listening side.
#[derive(Clone)]
pub(super) struct Changes {
    /// The epoch, with the lowest bit saying whether it still lasts.
    epoch: Arc<AtomicU64>,
    heard: broadcast::Sender<Arc<Change>>,
    begun: watch::Sender<Epoch>,
}

impl Changes {
    pub(super) fn new() -> Self {
        let (heard, begun) = (broadcast::Sender::new(MOST_WAITING), watch::Sender::new(0));
        Self { epoch: Arc::default(), heard, begun }
    }

    /// Returns the present epoch, or 0 if there is none.
    pub(super) fn epoch(&self) -> Epoch {
        let epoch = self.epoch.load(Ordering::Acquire);
        if epoch & 1 == 1 { epoch } else { 0 }
    }

    /// Ends the epoch and begins another, because something was missed.
    pub(super) fn miss(&self) {
        let next = |epoch: u64| (epoch & 1 == 1).then_some(epoch + 2);
        let _ = self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, next); // an error means that there was none
    }

    /// Returns everything that is received from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.heard.subscribe()
    }

    /// Returns a receiver that is notified whenever an epoch begins because Redis is reachable again.
    pub(super) fn begun(&self) -> watch::Receiver<Epoch> {
        self.begun.subscribe()
    }

    /// Listens for as long as this is polled; reconnects whenever the connection is lost.
    pub(super) async fn listen(self, client: Client, connection: Connection, channel: String, seal: Arc<Seal>) {
        let mut is_said = false;
        loop {
            let Err(lost) = self.listen_once(&client, &connection, &channel, &seal).await;
            self.end();
            connection.probe(&channel).await;
            if !is_said {
                let cause = lost.as_ref().map_or_else(|| "the connection was lost".to_owned(), cause);
                tracing::warn!(cause, "not receiving other replicas' changes: copies are checked against the shared cache before use");
            }
            is_said = lost.is_some();
            tokio::time::sleep(MOST_PAUSE.mul_f64(fastrand::f64()).max(LEAST_PAUSE)).await;
        }
    }

    /// Listens until the subscription is lost, or returns why there was none. While Redis answers here, the
    /// connection for calls is tried again, too, if its last call was not answered.
    async fn listen_once(
        &self,
        client: &Client,
        connection: &Connection,
        channel: &str,
        seal: &Seal,
    ) -> Result<std::convert::Infallible, Option<RedisError>> {
        let subscribe = async {
            let mut listening: PubSub = client.get_async_pubsub().await?;
            listening.subscribe(channel).await?;
            Ok(listening)
        };
        let listening = tokio::time::timeout(CONNECT, subscribe).await.map_err(|_| None)?.map_err(Some)?;
        let (mut asking, mut messages) = listening.split();
        self.begin();
        let try_again = async || {
            if connection.is_up() != Some(true) {
                connection.probe(channel).await;
            }
        };
        try_again().await;
        loop {
            tokio::select! {
                message = messages.next() => self.hear(channel, seal, message.ok_or(None)?.get_payload_bytes()),
                () = tokio::time::sleep(LOOK) => {
                    let pong = tokio::time::timeout(ANSWER, asking.ping::<redis::Value>()).await;
                    pong.map_err(|_| None)?.map_err(Some)?;
                    try_again().await;
                }
            }
        }
    }

    /// Passes on messages that were sealed for this channel; ignores everything else on it.
    fn hear(&self, channel: &str, seal: &Seal, message: &[u8]) {
        let change = seal.open(channel, message).and_then(|change| serde_json::from_slice::<Change>(&change).ok());
        if let Some(change) = change {
            drop(self.heard.send(Arc::new(change))); // an error means that no one is listening
        }
    }

    fn begin(&self) {
        let epoch = self.epoch.load(Ordering::Acquire);
        let next = (epoch + 1) | 1;
        self.epoch.store(next, Ordering::Release);
        self.begun.send_replace(next);
    }

    fn end(&self) {
        let ended = |epoch: u64| (epoch & 1 == 1).then_some(epoch + 1);
        let _ = self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, ended); // an error means that there was none
    }
}

#[cfg(test)]
mod tests {
    use super::{super::seal::seal_with, *};

    #[test]
    fn an_epoch_that_has_ended_never_comes_back() {
        let changes = Changes::new();
        let mut seen = vec![0];
        assert_eq!(changes.epoch(), 0);
        changes.miss();
        assert_eq!(changes.epoch(), 0, "without listening there is no epoch");
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
        let changes = Changes::new();
        let mut heard = changes.subscribe();
        let subject = Subject { source: "a".into(), who: "b".into(), customer: "acme".into() };
        let change = Change { subject, what: What::Stored, at: 7 };
        let (seal, other) = (seal_with(7), seal_with(8));
        let text = serde_json::to_vec(&change).unwrap();
        let sealed = |seal: &Seal, channel: &str, text: &[u8]| seal.seal(channel, text).unwrap();
        let mine = sealed(&seal, "mine", &text);
        assert!(!mine.windows(4).any(|part| part == b"acme"), "others cannot see whose change it is");
        for message in
            [vec![], text.clone(), sealed(&seal, "mine", b"{}"), sealed(&seal, "else", &text), sealed(&other, "mine", &text), mine]
        {
            changes.hear("mine", &seal, &message);
        }
        assert_eq!(heard.try_recv().ok().as_deref(), Some(&change));
        assert!(heard.try_recv().is_err());
    }
}
