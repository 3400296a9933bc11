//! What other replicas tell of the copies that they share.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

use super::{Copies, Key, entry::Said, shared::Shared};
use crate::{
    domain::RemoteId,
    shared_cache::{Change, Place, Subject, What},
    sources::{Identity, Source},
};

/// Hears of one subject, from the moment on in which it is made.
pub(super) struct Ear {
    heard: Receiver<Arc<Change>>,
    subject: Subject,
}

impl Ear {
    pub(super) fn new(shared: &Shared) -> Self {
        Self { heard: shared.cache.changes(), subject: shared.subject.clone() }
    }

    /// Waits for word, for so long; whether there was any.
    pub(super) async fn hears_within(&mut self, pause: Duration) -> bool {
        let word = async {
            loop {
                match self.heard.recv().await {
                    Ok(change) if change.subject == self.subject => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::time::timeout(pause, word).await.is_ok()
    }

    /// Whether there was word that something is stored or has ended, or may have been.
    pub(super) fn has_heard(&mut self) -> bool {
        loop {
            match self.heard.try_recv() {
                Ok(change) if change.subject == self.subject && change.what != What::Failed => return true,
                Ok(_) => {}
                Err(TryRecvError::Lagged(_)) => return true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return false,
            }
        }
    }
}

impl Copies {
    /// Hears what other replicas store, until this is dropped.
    pub(super) fn listen(self: &Arc<Self>, sources: &[Arc<Source>]) {
        let Some(cache) = &self.shared else { return };
        cache.listen();
        let sources = sources.iter().map(Arc::downgrade).collect(); // nothing may hold what it is held by
        cache.spawn(listen(Arc::downgrade(self), sources, cache.changes()));
    }

    /// Takes note of one change.
    async fn hear(&self, change: &Change, sources: &[Weak<Source>]) {
        let mut sources = sources.iter().filter_map(Weak::upgrade);
        let Some(source) = sources.find(|source| source.name().as_str() == change.subject.source) else { return };
        let key = Key::of(&source, &Identity::own(), &RemoteId::new(change.subject.customer.clone()));
        let Some(held) = self.held.get(&key) else { return };
        let Some(shared) = self.shared(&key, &source).filter(|shared| shared.subject == change.subject) else { return };
        let epoch = shared.cache.epoch();
        match change.what {
            What::Failed => {}
            What::Ended => self.held.remove(&key),
            What::Stored if held.fetched_at.as_millis() == change.at => held.note_newest_in(epoch),
            What::Stored => match self.read(&shared, &key, Place::Copy, shared.cache.timeout()).await {
                Ok(Some((entry, _))) if entry.at <= held.fetched_at && !matches!(entry.said, Said::Ended) => held.note_newest_in(epoch),
                Ok(Some((entry, age))) => drop(self.take(&key, entry, age, epoch)),
                // Too large, or nothing that we can read: what is held is no worse for it. It is looked up before it is used again.
                Ok(None) | Err(_) => held.note_newest_in(0),
            },
        }
    }
}

async fn listen(copies: Weak<Copies>, sources: Vec<Weak<Source>>, mut heard: Receiver<Arc<Change>>) {
    loop {
        let change = heard.recv().await;
        let Some(copies) = copies.upgrade() else { return };
        match (change, &copies.shared) {
            (Ok(change), _) => copies.hear(&change, &sources).await,
            (Err(RecvError::Lagged(_)), Some(cache)) => cache.miss(),
            (Err(_), _) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_that_came_meanwhile_is_noticed() {
        let subject = |customer: &str| Subject { source: "a".to_owned(), who: "b".to_owned(), customer: customer.to_owned() };
        let change = |customer: &str, what| Arc::new(Change { subject: subject(customer), what, at: 7 });
        for (told, expected, why) in [
            (vec![], false, "nobody said anything"),
            (vec![change("else", What::Stored), change("acme", What::Failed)], false, "nothing is newer"),
            (vec![change("else", What::Stored), change("acme", What::Stored)], true, "there is a newer one"),
            (vec![change("acme", What::Ended)], true, "there is none any more"),
            (vec![change("else", What::Failed); 9], true, "it may have been missed"),
        ] {
            let sender = tokio::sync::broadcast::Sender::new(8);
            let mut ear = Ear { heard: sender.subscribe(), subject: subject("acme") };
            for change in told {
                sender.send(change).unwrap();
            }
            assert_eq!(ear.has_heard(), expected, "{why}");
        }
    }
}
