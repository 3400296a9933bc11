//! The copies that all replicas share: looked for before a source is asked, one walk for all of
//! them, and what others have found.
//!
//! Nothing here is waited for longer than `shared_cache.timeout`, but another replica's walk.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Copies, How, Key, Landing, Patience,
    ear::Ear,
    entry::{self, Entry, Said, Saying},
    keeping::is_of_source,
};
use crate::{
    domain::{Failure, FailureKind, Moment},
    offload::offload,
    outbound::Deadline,
    roll::{copy::Copy, copy::Known, freshness::Use},
    shared_cache::{Change, Epoch, Lock, Locked, Place, SharedCache, Silent, Subject, There, What, pause},
    sources::{Identity, Source},
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

/// Who asks the source.
enum Turn {
    /// We do; with the lock, or without, where the shared cache says nothing.
    Ours(Option<Lock>),
    /// Nobody, for there is a copy, or somebody has asked meanwhile.
    Over(Landing),
}

/// Which answers of other replicas count for this walk.
struct Wanted {
    /// The owners of walks that were waited for.
    seen: Vec<String>,
    /// Since when the source is to be asked, if it is whatever copies there are.
    since: Option<Moment>,
    held: Option<Moment>,
}

impl Wanted {
    /// Whether something said at this moment, that may be used so, is an answer.
    fn takes(&self, at: Moment, usable: Use, owner: &str) -> bool {
        let was_waited_for = self.is_seen(owner);
        let is_usable = matches!(usable, Use::Fresh | Use::WhileRevalidating);
        match self.since {
            Some(since) => was_waited_for && at >= since,
            None => is_usable && (was_waited_for || self.held.is_none_or(|held| at > held)),
        }
    }

    fn is_seen(&self, owner: &str) -> bool {
        self.seen.iter().any(|seen| seen == owner)
    }
}

impl Copies {
    /// The shared cache, where what is got so is shared: with our own credentials only.
    pub(super) fn shared(&self, key: &Key, source: &Source) -> Option<Shared> {
        let cache = self.shared.clone().filter(|_| !key.scope.is_brought())?;
        let (source, who, customer) = (key.source.to_string(), source.shared_who()?, key.customer.as_str().to_owned());
        Some(Shared { cache, subject: Subject { source, who, customer } })
    }

    /// The newest copy: that in this process, if nobody can have a newer one, or else what the
    /// shared cache has, looked for once for all who ask.
    pub(super) async fn newest(self: &Arc<Self>, key: &Key, source: &Arc<Source>) -> Option<Arc<Copy>> {
        let held = self.held(key);
        if self.shared.is_none() || key.scope.is_brought() || held.as_ref().is_some_and(|held| self.is_newest(key, held)) {
            return held;
        }
        let (copies, source) = (Arc::clone(self), Arc::clone(source));
        let looking = self.looks.join(key.clone(), || {
            let key = key.clone();
            async move {
                if let Some(shared) = copies.shared(&key, &source) {
                    copies.look(&shared, &key).await;
                }
            }
        });
        looking.flight.await;
        self.held(key)
    }

    /// Whether nobody can have a newer copy than this one of this process.
    pub(super) fn is_newest(&self, key: &Key, held: &Copy) -> bool {
        self.shared.as_ref().is_none_or(|cache| key.scope.is_brought() || held.is_newest_in(cache.epoch()))
    }

    /// Looks whether there is a newer copy, and takes it.
    async fn look(&self, shared: &Shared, key: &Key) {
        let mut ear = Ear::new(&shared.cache, &shared.subject);
        self.look_once(shared, key).await;
        self.doubt(key, &mut ear);
    }

    /// What was told between the reading and the taking of a copy finds nothing to be about, or an
    /// older copy: then it is looked up again before it is used again.
    fn doubt(&self, key: &Key, ear: &mut Ear) {
        if let Some(held) = self.held.get(key).filter(|_| ear.has_heard()) {
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
    pub(super) fn take(&self, key: &Key, entry: Entry, age: Duration, epoch: Epoch) -> Option<Arc<Copy>> {
        let copy = match entry.said {
            Said::Known(known) => Arc::new(self.copy(known, entry.at, age)),
            Said::Ended => {
                self.held.remove(key);
                return None;
            }
            Said::Failed(_) => return None,
        };
        let usable = copy.usable_as();
        if usable == Use::Gone || !copy.is_kept() || !self.is_own(key, &copy) {
            return None;
        }
        if usable == Use::Fresh {
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
        let Some(entry) = offload(heavy, move || entry::read(source, &text)).await else {
            shared.cache.complain();
            return Ok(None);
        };
        let age = entry::age(entry.at, Moment::now(), entry.life, left);
        Ok(Some((entry, age)))
    }

    /// One walk for all replicas: ours, or that of the one who has the lock.
    pub(super) async fn walk_for_all(
        self: &Arc<Self>,
        shared: &Shared,
        key: &Key,
        source: &Source,
        identity: &Identity,
        patience: &Patience,
        begun: Instant,
    ) -> Landing {
        let wait = Deadline::after(source.walk_deadline());
        match self.turn(shared, key, patience.now, begun, wait).await {
            Turn::Over(landing) => landing,
            Turn::Ours(lock) => {
                let copy = self.walk_now(key, source, identity, patience).await;
                self.tell(shared, &copy, lock);
                Landing { copy, how: How::Walked }
            }
        }
    }

    /// Waits until it is our turn to ask the source, or until that is no longer needed.
    async fn turn(&self, shared: &Shared, key: &Key, now: bool, begun: Instant, wait: Deadline) -> Turn {
        let mut ear = Ear::new(&shared.cache, &shared.subject);
        let held = self.held(key).map(|held| held.fetched_at);
        let mut wanted = Wanted { seen: Vec::new(), since: now.then(Moment::now), held };
        let (mut until, mut is_told, mut looks) = (begun + shared.cache.timeout(), false, 0);
        while !wait.left().is_zero() {
            let Ok(locked) = shared.cache.lock(&shared.subject, left(until)).await else { break };
            let owner = match &locked {
                Locked::Mine(_) => None,
                Locked::Others(owner) => Some(owner.clone()),
            };
            let is_another = owner.as_ref().is_none_or(|owner| !wanted.is_seen(owner));
            let may_be_over = wanted.since.is_none() || !wanted.seen.is_empty();
            if (is_another || is_told)
                && may_be_over
                && let Some(landing) = self.over(shared, key, &wanted, until).await
            {
                if let Locked::Mine(lock) = locked {
                    give_back(shared, lock);
                }
                return Turn::Over(landing);
            }
            match locked {
                Locked::Mine(lock) => return Turn::Ours(Some(lock)),
                Locked::Others(owner) if is_another => wanted.seen.push(owner),
                Locked::Others(_) => {}
            }
            is_told = ear.hears_within(pause(looks, fastrand::f64())).await;
            looks += 1;
            until = Instant::now() + shared.cache.timeout();
        }
        Turn::Ours(None)
    }

    /// What others have found, if that is an answer.
    async fn over(&self, shared: &Shared, key: &Key, wanted: &Wanted, until: Instant) -> Option<Landing> {
        let (mut ear, epoch) = (Ear::new(&shared.cache, &shared.subject), shared.cache.epoch());
        if let Ok(Some((entry, age))) = self.read(shared, key, Place::Copy, left(until)).await {
            let is_seen = wanted.is_seen(&entry.owner);
            if let Said::Known(known) = &entry.said
                && wanted.takes(entry.at, self.windows_of(known).of_age(age), &entry.owner)
            {
                let copy = self.take(key, entry, age, epoch)?;
                self.doubt(key, &mut ear);
                return Some(Landing { copy: Ok(copy), how: if is_seen { How::Waited } else { How::Looked } });
            }
        }
        if wanted.seen.is_empty() {
            return None;
        }
        let (entry, age) = self.read(shared, key, Place::Note, left(until)).await.ok()??;
        let is_answer = wanted.is_seen(&entry.owner) && wanted.since.is_none_or(|since| entry.at >= since);
        let walked = match entry.said {
            Said::Failed(failure) if is_of_source(&failure) => Err(failure),
            Said::Known(Known::Users(walk)) => Ok(walk),
            Said::Failed(_) | Said::Known(Known::NotFound(_)) | Said::Ended => return None,
        };
        is_answer.then(|| {
            let walked = walked.and_then(|walk| self.own(key, walk));
            Landing { copy: self.keep_as_of(key, walked, entry.at, age), how: How::Waited }
        })
    }

    /// Tells the others what a walk came to, behind the answer.
    fn tell(&self, shared: &Shared, walked: &Result<Arc<Copy>, Failure>, lock: Option<Lock>) {
        let (cache, subject, walked) = (shared.cache.clone(), shared.subject.clone(), walked.clone());
        let whole = self.windows.whole();
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
                    let text = offload(heavy, move || entry::write(&by, at, life, Saying::Known(&written.known))).await;
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

/// Gives a lock back, behind whoever waits.
fn give_back(shared: &Shared, lock: Lock) {
    let cache = shared.cache.clone();
    tokio::spawn(async move { cache.release(lock).await });
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_found_is_an_answer_or_not() {
        use Use::*;
        let moment = |millis| Moment::from_millis(millis).unwrap();
        for (seen, since, held, at, usable, expected, why) in [
            (false, None, None, 5, Fresh, true, "nothing is held"),
            (false, None, None, 5, WhileRevalidating, true, "it may be given at once"),
            (false, None, None, 5, IfError, false, "only a failure wants it"),
            (false, None, Some(5), 5, Fresh, false, "it is the one that is held"),
            (false, None, Some(5), 6, Fresh, true, "it is newer"),
            (true, None, Some(9), 5, Fresh, true, "it was waited for: only a clock makes it older"),
            (true, None, Some(9), 5, Gone, false, "it is of no use"),
            (false, Some(4), None, 9, Fresh, false, "the source is to be asked"),
            (true, Some(4), None, 9, Gone, true, "it was asked, and waited for"),
            (true, Some(4), None, 3, Fresh, false, "it had been asked before"),
        ] {
            let seen = if seen { vec!["owner".to_owned()] } else { vec!["else".to_owned()] };
            let wanted = Wanted { seen, since: since.map(moment), held: held.map(moment) };
            assert_eq!(wanted.takes(moment(at), usable, "owner"), expected, "{why}");
        }
    }
}
