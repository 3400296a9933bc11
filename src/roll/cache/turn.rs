//! Turns between replicas: which one asks the source, and which ones wait for its result.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Key, Question, SourceCache, Via, WalkResult, entry::Said, keeping::is_of_source, shared::Shared, subscription::Subscription};
use crate::{
    domain::Moment,
    outbound::Deadline,
    roll::{cached_answer::SourceAnswer, freshness::Freshness},
    shared_cache::{Lock, Locked, Place, pause},
};

/// Who asks the source.
enum Turn {
    /// We do, with the lock, or without it if the shared cache does not answer.
    Ours(Option<Lock>),
    /// No one: there is a copy, or another replica has asked meanwhile.
    Over(WalkResult),
}

/// Decides which other replicas' results satisfy this walk.
struct Wanted {
    /// The owners of the walks that were waited for.
    seen: Vec<String>,
    /// The time since which the source must have been asked, if existing copies do not count.
    since: Option<Moment>,
    held: Option<Moment>,
}

impl Wanted {
    /// Returns whether a result from this moment, of this usability, satisfies the walk.
    fn takes(&self, at: Moment, usable: Freshness, owner: &str) -> bool {
        let was_waited_for = self.is_seen(owner);
        let is_usable = matches!(usable, Freshness::Fresh | Freshness::WhileRevalidating);
        match self.since {
            Some(since) => was_waited_for && at >= since,
            None => is_usable && (was_waited_for || self.held.is_none_or(|held| at > held)),
        }
    }

    fn is_seen(&self, owner: &str) -> bool {
        self.seen.iter().any(|seen| seen == owner)
    }
}

impl SourceCache {
    /// Returns the result of one walk for all replicas: ours, or the lock owner's.
    pub(super) async fn walk_for_all(self: &Arc<Self>, shared: &Shared, question: Question<'_>, begun: Instant) -> WalkResult {
        match self.turn(shared, question, begun).await {
            Turn::Over(result) => result,
            Turn::Ours(lock) => {
                let copy = self.walk_now(question).await;
                self.tell(question.key, shared, &copy, lock);
                WalkResult { copy, via: Via::Walked }
            }
        }
    }

    /// Waits until it is our turn to ask the source, or until that is no longer necessary.
    async fn turn(&self, shared: &Shared, Question { key, source, context, .. }: Question<'_>, begun: Instant) -> Turn {
        let wait = Deadline::after(source.walk_deadline());
        let mut subscription = Subscription::new(&shared.cache, &shared.subject);
        let held = self.held(key).map(|held| held.fetched_at);
        let mut wanted = Wanted { seen: Vec::new(), since: context.refresh.then(Moment::now), held };
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
                && let Some(result) = self.over(shared, key, &wanted, until).await
            {
                if let Locked::Mine(lock) = locked {
                    give_back(shared, lock);
                }
                return Turn::Over(result);
            }
            match locked {
                Locked::Mine(lock) => return Turn::Ours(Some(lock)),
                Locked::Others(owner) if is_another => wanted.seen.push(owner),
                Locked::Others(_) => {}
            }
            is_told = subscription.hears_within(pause(looks, fastrand::f64())).await;
            looks += 1;
            until = Instant::now() + shared.cache.timeout();
        }
        Turn::Ours(None)
    }

    /// Returns what others have found, if it satisfies the walk.
    async fn over(&self, shared: &Shared, key: &Key, wanted: &Wanted, until: Instant) -> Option<WalkResult> {
        let (mut subscription, epoch) = (Subscription::new(&shared.cache, &shared.subject), shared.cache.epoch());
        if let Ok(Some((entry, age))) = self.read(shared, key, Place::Copy, left(until)).await {
            let is_seen = wanted.is_seen(&entry.owner);
            if let Said::Known(answer) = &entry.said
                && wanted.takes(entry.at, self.policy_of(answer).of_age(age), &entry.owner)
            {
                let copy = self.take(key, entry, age, epoch)?;
                self.doubt(key, &mut subscription);
                return Some(WalkResult { copy: Ok(copy), via: if is_seen { Via::Waited } else { Via::Looked } });
            }
        }
        if wanted.seen.is_empty() {
            return None;
        }
        let (entry, age) = self.read(shared, key, Place::Note, left(until)).await.ok()??;
        let is_answer = wanted.is_seen(&entry.owner) && wanted.since.is_none_or(|since| entry.at >= since);
        let walked = match entry.said {
            Said::Failed(failure) if is_of_source(&failure) => Err(failure),
            Said::Known(SourceAnswer::Users(walk)) => Ok(walk),
            Said::Failed(_) | Said::Known(SourceAnswer::NotFound(_)) | Said::Ended => return None,
        };
        is_answer.then(|| {
            let walked = walked.and_then(|walk| self.own(key, walk));
            WalkResult { copy: self.keep_as_of(key, walked, entry.at, age), via: Via::Waited }
        })
    }
}

/// Gives a lock back in the background.
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
        use Freshness::*;
        let moment = |millis| Moment::from_millis(millis).unwrap();
        for (seen, since, held, at, usable, expected, why) in [
            (false, None, None, 5, Fresh, true, "nothing is held"),
            (false, None, None, 5, WhileRevalidating, true, "it may be returned at once"),
            (false, None, None, 5, IfError, false, "it serves only after a failure"),
            (false, None, Some(5), 5, Fresh, false, "it is the held one"),
            (false, None, Some(5), 6, Fresh, true, "it is newer"),
            (true, None, Some(9), 5, Fresh, true, "it was waited for: only a clock makes it older"),
            (true, None, Some(9), 5, Gone, false, "it is not usable"),
            (false, Some(4), None, 9, Fresh, false, "the source must be asked"),
            (true, Some(4), None, 9, Gone, true, "the source was asked, and waited for"),
            (true, Some(4), None, 3, Fresh, false, "the source was asked before"),
        ] {
            let seen = if seen { vec!["owner".to_owned()] } else { vec!["else".to_owned()] };
            let wanted = Wanted { seen, since: since.map(moment), held: held.map(moment) };
            assert_eq!(wanted.takes(moment(at), usable, "owner"), expected, "{why}");
        }
    }
}
