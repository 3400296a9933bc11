//! The copies that all replicas share: looked up before a source is asked. `turn.rs` decides which replica
//! asks it, and `telling.rs` updates them afterwards.
//!
//! Nothing here makes a caller wait longer than `shared_cache.timeout`.

use std::{sync::Arc, time::Duration};

use super::{
    Key, SourceCache,
    entry::{self, Entry, Said},
    subscription::Subscription,
};
use crate::{
    domain::Moment,
    offload::offload_if,
    roll::{cached_answer::CachedAnswer, freshness::Freshness},
    shared_cache::{Epoch, Place, SharedCache, Silent, Subject, There},
    sources::Source,
};

/// Values of more bytes than this are processed off the threads that serve requests.
const LARGE_VALUE: usize = 128 << 10;

/// The shared cache, and the subject whose places are meant.
pub(super) struct Shared {
    pub(super) cache: SharedCache,
    pub(super) subject: Subject,
}

impl SourceCache {
    /// Returns the shared cache if this key's copies are shared: only those fetched with our own credentials
    /// are.
    pub(super) fn shared(&self, key: &Key, source: &Source) -> Option<Shared> {
        let cache = self.shared.clone().filter(|_| !key.scope.is_brought())?;
        let (source, who, customer) = (key.source.to_string(), source.shared_who()?, key.customer.as_str().to_owned());
        Some(Shared { cache, subject: Subject { source, who, customer } })
    }

    /// Returns the newest copy: this process's own if no replica can have a newer one, otherwise what the
    /// shared cache has, looked up once for all who ask.
    pub(super) async fn newest(self: &Arc<Self>, key: &Key, source: &Arc<Source>) -> Option<Arc<CachedAnswer>> {
        let held = self.held(key);
        if self.shared.is_none() || key.scope.is_brought() || held.as_ref().is_some_and(|held| self.is_newest(key, held)) {
            return held;
        }
        let (cache, source) = (Arc::clone(self), Arc::clone(source));
        let looking = self.looks.join(key.clone(), || {
            let key = key.clone();
            async move {
                if let Some(shared) = cache.shared(&key, &source) {
                    cache.look(&shared, &key).await;
                }
            }
        });
        looking.flight.landed().await;
        self.held(key)
    }

    /// Returns whether no replica can have a newer copy than this one of this process.
    pub(super) fn is_newest(&self, key: &Key, held: &CachedAnswer) -> bool {
        self.shared.as_ref().is_none_or(|cache| key.scope.is_brought() || held.is_newest_in(cache.epoch()))
    }

    /// Looks up whether there is a newer copy, and takes it.
    async fn look(&self, shared: &Shared, key: &Key) {
        let mut subscription = Subscription::new(&shared.cache, &shared.subject);
        self.look_once(shared, key).await;
        self.doubt(key, &mut subscription);
    }

    /// Withdraws the note that a copy is the newest, if a change was reported between reading and taking it.
    /// Such a report found no copy, or an older one. The copy is then looked up again before its next use.
    pub(super) fn doubt(&self, key: &Key, subscription: &mut Subscription) {
        if let Some(held) = self.held.get(key).filter(|_| subscription.has_heard()) {
            held.note_newest_in(0);
        }
    }

    async fn look_once(&self, shared: &Shared, key: &Key) {
        let epoch = shared.cache.epoch();
        let read = self.read(shared, key, Place::Copy, shared.cache.timeout()).await;
        let held = self.held.get(key);
        match (read, held) {
            (Err(_), _) | (Ok(None), None) => {}
            (Ok(Some((entry, _))), Some(held)) if held.fetched_at >= entry.at => held.note_newest_in(epoch),
            (Ok(None), Some(held)) => held.note_newest_in(epoch), // no replica knows better
            (Ok(Some((entry, age))), _) => drop(self.take(key, entry, age, epoch)),
        }
    }

    /// Takes what another replica has found; returns the copy if it is usable.
    pub(super) fn take(&self, key: &Key, entry: Entry, age: Duration, epoch: Epoch) -> Option<Arc<CachedAnswer>> {
        let copy = match entry.said {
            Said::Known(answer) => Arc::new(self.copy(answer, entry.at, age)),
            Said::Ended => {
                self.held.remove(key);
                return None;
            }
            Said::Failed(_) => return None,
        };
        let usable = copy.usable_as();
        if usable == Freshness::Gone || !copy.is_kept() || !self.is_own(key, &copy) {
            return None;
        }
        self.failures.forget_before(key, age);
        copy.note_newest_in(epoch);
        self.held.insert(key.clone(), Arc::clone(&copy));
        Some(copy)
    }

    /// Reads what is stored at a place, and how old it is.
    pub(super) async fn read(
        &self,
        shared: &Shared,
        key: &Key,
        place: Place,
        within: Duration,
    ) -> Result<Option<(Entry, Duration)>, Silent> {
        let There::Value(text, left) = shared.cache.read(&shared.subject, place, within).await? else { return Ok(None) };
        let (source, heavy) = (key.source, text.len() > LARGE_VALUE);
        let Some(entry) = offload_if(heavy, move || entry::read(source, &text)).await else {
            shared.cache.complain();
            return Ok(None);
        };
        let age = entry::age(entry.at, Moment::now(), entry.life, left);
        Ok(Some((entry, age)))
    }
}
