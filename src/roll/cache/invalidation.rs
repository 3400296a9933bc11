//! Acts on changes that other replicas report to the shared copies.

use std::sync::{Arc, Weak};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Key, SourceCache, entry::Said};
use crate::{
    domain::RemoteId,
    shared_cache::{Change, Place, What},
    sources::{Identity, Source},
};

impl SourceCache {
    /// Listens for what other replicas store, until this is dropped.
    pub(super) fn listen(self: &Arc<Self>, sources: &[Arc<Source>]) {
        let Some(cache) = &self.shared else { return };
        cache.listen();
        let sources = sources.iter().map(Arc::downgrade).collect(); // weak: a strong reference would be a cycle
        cache.spawn(listen(Arc::downgrade(self), sources, cache.changes()));
    }

    /// Handles one change.
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
            What::Stored => {
                let read = self.read(&shared, &key, Place::Copy, shared.cache.timeout()).await;
                let Some(held) = self.held.get(&key) else { return }; // looked up again: a walk may have stored a newer one meanwhile
                match read {
                    Ok(Some((entry, _))) if entry.at <= held.fetched_at && !matches!(entry.said, Said::Ended) => held.note_newest_in(epoch),
                    Ok(Some((entry, age))) => drop(self.take(&key, entry, age, epoch)),
                    // Too large, or unreadable for us: the held copy is no worse for it, but is looked up
                    // again before its next use.
                    Ok(None) | Err(_) => held.note_newest_in(0),
                }
            }
        }
    }
}

async fn listen(cache: Weak<SourceCache>, sources: Vec<Weak<Source>>, mut heard: Receiver<Arc<Change>>) {
    loop {
        let change = heard.recv().await;
        let Some(cache) = cache.upgrade() else { return };
        match (change, &cache.shared) {
            (Ok(change), _) => cache.hear(&change, &sources).await,
            (Err(RecvError::Lagged(_)), Some(shared)) => shared.miss(),
            (Err(_), _) => return,
        }
    }
}
