//! The copies that all replicas share: looked for before a source is asked, and told of when it
//! was. `turn.rs` says which replica asks it.
//!
//! Nothing here is waited for longer than `shared_cache.timeout`.

use std::{sync::Arc, time::Duration};

use super::{
    Key, SourceCache,
    entry::{self, Entry, Said, Saying},
    keeping::is_of_source,
    subscription::Subscription,
};
use crate::{
    domain::{Failure, FailureKind, Moment},
    offload::offload_if,
    roll::{cached_answer::CachedAnswer, freshness::Freshness},
    shared_cache::{Change, Epoch, Lock, Place, SharedCache, Silent, Subject, There, What},
    sources::Source,
};

/// How long those who wait may take to learn what a walk came to that is nobody's copy.
const NOTE_LIFE: Duration = Duration::from_secs(10);

/// Bytes of a value, or records of a copy, above which it leaves the threads that serve everybody.
const LARGE_VALUE: usize = 128 << 10;
const LARGE_COPY: usize = 1000;

/// The shared cache, and whose places are meant.
pub(super) struct Shared {
    pub(super) cache: SharedCache,
    pub(super) subject: Subject,
}

impl SourceCache {
    /// The shared cache, where what is got so is shared: with our own credentials only.
    pub(super) fn shared(&self, key: &Key, source: &Source) -> Option<Shared> {
        let cache = self.shared.clone().filter(|_| !key.scope.is_brought())?;
        let (source, who, customer) = (key.source.to_string(), source.shared_who()?, key.customer.as_str().to_owned());
        Some(Shared { cache, subject: Subject { source, who, customer } })
    }

    /// The newest copy: that in this process, if nobody can have a newer one, or else what the
    /// shared cache has, looked for once for all who ask.
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
        looking.flight.await;
        self.held(key)
    }

    /// Whether nobody can have a newer copy than this one of this process.
    pub(super) fn is_newest(&self, key: &Key, held: &CachedAnswer) -> bool {
        self.shared.as_ref().is_none_or(|cache| key.scope.is_brought() || held.is_newest_in(cache.epoch()))
    }

    /// Looks whether there is a newer copy, and takes it.
    async fn look(&self, shared: &Shared, key: &Key) {
        let mut subscription = Subscription::new(&shared.cache, &shared.subject);
        self.look_once(shared, key).await;
        self.doubt(key, &mut subscription);
    }

    /// What was told between the reading and the taking of a copy finds nothing to be about, or an
    /// older copy: then it is looked up again before it is used again.
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
            (Ok(None), Some(held)) => held.note_newest_in(epoch), // nobody knows better
            (Ok(Some((entry, age))), _) => drop(self.take(key, entry, age, epoch)),
        }
    }

    /// Takes what another replica has found: gives the copy, if it is one that is of use.
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
        if usable == Freshness::Fresh {
            self.failures.invalidate(key);
        }
        copy.note_newest_in(epoch);
        self.held.insert(key.clone(), Arc::clone(&copy));
        Some(copy)
    }

    /// Reads what is at a place, and how old it is.
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

    /// Tells the others what a walk came to, behind the answer.
    pub(super) fn tell(&self, shared: &Shared, walked: &Result<Arc<CachedAnswer>, Failure>, lock: Option<Lock>) {
        let (cache, subject, walked) = (shared.cache.clone(), shared.subject.clone(), walked.clone());
        let whole = self.policy.whole();
        tokio::spawn(async move {
            let owner = lock.as_ref().map_or_else(String::new, |lock| lock.owner().to_owned());
            let (epoch, now) = (cache.epoch(), Moment::now());
            let change = |what, at: Moment| Change { subject: subject.clone(), what, at: at.as_millis() };
            match walked {
                Ok(copy) => {
                    let at = copy.fetched_at;
                    let kept = copy.is_kept();
                    let (place, life, what) =
                        if kept { (Place::Copy, copy.useful_for(), What::Stored) } else { (Place::Note, NOTE_LIFE, What::Failed) };
                    let (written, heavy) = (Arc::clone(&copy), copy.len() > LARGE_COPY);
                    let by = owner.clone();
                    let text = offload_if(heavy, move || entry::write(&by, at, life, Saying::Known(&written.answer))).await;
                    if cache.publish(place, text, life, &owner, lock, &change(what, at)).await && kept {
                        copy.note_newest_in(epoch);
                    }
                }
                Err(failure) => {
                    // Those who wait for another failure go on, and one of them asks himself.
                    let life = if is_of_source(&failure) { NOTE_LIFE } else { Duration::ZERO };
                    let note = entry::write(&owner, now, life, Saying::Failed(failure));
                    if failure.kind == FailureKind::BadRequest {
                        let ended = entry::write(&owner, now, whole, Saying::Ended);
                        cache.publish(Place::Copy, ended, whole, &owner, None, &change(What::Ended, now)).await;
                    }
                    cache.publish(Place::Note, note, life, &owner, lock, &change(What::Failed, now)).await;
                }
            }
        });
    }
}
