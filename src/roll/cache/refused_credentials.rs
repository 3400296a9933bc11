//! The callers' credentials that sources have refused: what was fetched with them before counts no more.

use std::{collections::HashMap, mem};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{domain::SourceName, sources::Scope};

/// How many refused credentials are remembered each on their own.
const MOST: usize = 100_000;

/// For each caller's credentials that a source has refused, when that was.
#[derive(Debug, Default)]
pub(super) struct RefusedCredentials(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    each: HashMap<(Scope, SourceName), Instant>,
    /// Until when all callers' credentials count as refused, so that no refusal is ever forgotten for lack of room.
    all: Option<Instant>,
}

impl RefusedCredentials {
    /// Notes that a source has refused a caller's credentials just now.
    pub(super) fn note(&self, scope: Scope, source: SourceName) {
        self.0.lock().note((scope, source), MOST);
    }

    /// Returns when they were last refused, if they were: anything fetched or begun before does not count,
    /// whichever customer the refusal was about. The gateway's own credentials never count as refused.
    pub(super) fn at(&self, scope: Scope, source: SourceName) -> Option<Instant> {
        if scope.is_brought() { self.0.lock().at((scope, source)) } else { None }
    }
}

impl Refused {
    fn note(&mut self, of: (Scope, SourceName), most: usize) {
        let now = Instant::now();
        if self.each.len() >= most {
            drop(mem::take(&mut self.each));
            self.all = Some(now);
        }
        self.each.insert(of, now);
    }

    fn at(&self, of: (Scope, SourceName)) -> Option<Instant> {
        self.each.get(&of).copied().max(self.all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sources::Identity;

    #[tokio::test(start_paused = true)]
    async fn no_refusal_is_forgotten_for_lack_of_room() {
        let (mut refused, begun) = (Refused::default(), Instant::now());
        let of = |name| (Identity::own().scope(), SourceName::new(name));
        let second = Duration::from_secs(1);
        for name in ["a", "b", "c"] {
            tokio::time::advance(second).await;
            refused.note(of(name), 2);
            assert_eq!(refused.at(of(name)), Some(Instant::now()));
            assert_eq!(refused.at(of("other")), (name == "c").then(Instant::now));
        }
        tokio::time::advance(second).await;
        refused.note(of("a"), 2);
        assert_eq!(["a", "b", "c"].map(|name| refused.at(of(name))), [4, 3, 3].map(|seconds| Some(begun + second * seconds)));
    }
}
