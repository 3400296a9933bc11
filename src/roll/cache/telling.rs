//! Reports a walk's result to the other replicas: as a copy for later callers, or as a note for those who wait for it.

use std::{sync::Arc, time::Duration};

use super::{
    Key, SourceCache,
    entry::{self, Said, Saying},
    keeping::is_of_source,
    shared::Shared,
};
use crate::{
    domain::{Failure, FailureKind, Moment, SourceName},
    offload::offload_if,
    roll::cached_answer::{CachedAnswer, SourceAnswer},
    shared_cache::{Change, Lock, Place, SharedCache, Subject, There, What},
};

/// How long a note lasts: the time that waiting replicas have to learn the result of a walk that is not kept as a copy.
const NOTE_LIFE: Duration = Duration::from_secs(10);

/// The most bytes of a copy that says that the customer is unknown.
const MOST_OF_NOT_FOUND: usize = 1024;

/// Copies with more records than this are encoded off the threads that serve requests.
const LARGE_COPY: usize = 1000;

/// One walk whose result is to be reported.
struct Telling {
    cache: SharedCache,
    subject: Subject,
    source: SourceName,
    /// How long a copy is usable in all: the entry that ends one must last that long.
    whole: Duration,
    owner: String,
    lock: Option<Lock>,
}

impl SourceCache {
    /// Reports the result of a walk to the others, in the background, after the answer.
    pub(super) fn tell(&self, key: &Key, shared: &Shared, walked: &Result<Arc<CachedAnswer>, Failure>, lock: Option<Lock>) {
        let owner = lock.as_ref().map_or_else(String::new, |lock| lock.owner().to_owned());
        let (cache, subject, whole) = (shared.cache.clone(), shared.subject.clone(), self.policy.whole());
        let (telling, walked) = (Telling { cache, subject, source: key.source, whole, owner, lock }, walked.clone());
        tokio::spawn(async move {
            match walked {
                Ok(copy) if copy.is_kept() => telling.copy(copy).await,
                Ok(copy) => telling.incomplete(copy).await,
                Err(failure) => telling.failure(failure).await,
            }
        });
    }
}

impl Telling {
    async fn copy(self, copy: Arc<CachedAnswer>) {
        let (epoch, at, life) = (self.cache.epoch(), copy.fetched_at, copy.useful_for());
        let text = self.written(&copy, life).await;
        let change = self.change(What::Stored, at);
        if self.cache.publish(Place::Copy, text, life, &self.owner, self.lock, &change).await {
            copy.note_newest_in(epoch);
        }
    }

    /// Reports a roll whose counts never agreed: only to those who waited for it. It also ends a stored "not found".
    async fn incomplete(self, copy: Arc<CachedAnswer>) {
        if self.says_not_found().await {
            self.end(copy.fetched_at).await;
        }
        let text = self.written(&copy, NOTE_LIFE).await;
        let change = self.change(What::Failed, copy.fetched_at);
        self.cache.publish(Place::Note, text, NOTE_LIFE, &self.owner, self.lock, &change).await;
    }

    async fn failure(self, failure: Failure) {
        let now = Moment::now();
        if failure.kind == FailureKind::BadRequest {
            self.end(now).await;
        }
        // If the failure is not the source's own, it is not reported: of those who wait, one asks the source next.
        let life = if is_of_source(&failure) { NOTE_LIFE } else { Duration::ZERO };
        let note = entry::write(&self.owner, now, life, Saying::Failed(failure));
        let change = self.change(What::Failed, now);
        self.cache.publish(Place::Note, note, life, &self.owner, self.lock, &change).await;
    }

    /// Ends the shared copy.
    async fn end(&self, at: Moment) {
        let ended = entry::write(&self.owner, at, self.whole, Saying::Ended);
        self.cache.publish(Place::Copy, ended, self.whole, &self.owner, None, &self.change(What::Ended, at)).await;
    }

    /// Returns whether the shared copy says that the customer is unknown.
    async fn says_not_found(&self) -> bool {
        let read = self.cache.read(&self.subject, Place::Copy, self.cache.timeout()).await;
        let Ok(There::Value(text, _)) = read else { return false };
        if text.len() > MOST_OF_NOT_FOUND {
            return false; // it has users in it, and would take a while to read
        }
        let entry = entry::read(self.source, &text);
        entry.is_some_and(|entry| matches!(entry.said, Said::Known(SourceAnswer::NotFound(_))))
    }

    async fn written(&self, copy: &Arc<CachedAnswer>, life: Duration) -> Vec<u8> {
        let (owner, heavy, copy) = (self.owner.clone(), copy.len() > LARGE_COPY, Arc::clone(copy));
        offload_if(heavy, move || entry::write(&owner, copy.fetched_at, life, Saying::Known(&copy.answer))).await
    }

    fn change(&self, what: What, at: Moment) -> Change {
        Change { subject: self.subject.clone(), what, at: at.as_millis() }
    }
}
