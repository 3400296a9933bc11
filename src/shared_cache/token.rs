//! The tokens of one login, shared by all replicas: the newest ones, and who may spend the refresh token.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    SharedCache,
    connection::Silent,
    lock::{Lock, Locked, pause},
};
use crate::{config::Secret, domain::SourceName};

/// Where the tokens of one login are stored.
#[derive(Clone, Debug)]
pub struct TokenPlace {
    cache: SharedCache,
    newest: String,
    lock: String,
}

/// The tokens of a login, as of the time when they were received.
#[derive(Clone, Debug)]
pub struct SharedToken {
    /// The token that the next access token is obtained with.
    pub refresh: Secret,
    /// When it was received, in milliseconds since 1970.
    pub rotated: i64,
    /// The access token, if it is known.
    pub access: Option<SharedAccess>,
}

/// An access token that all replicas use.
#[derive(Clone, Debug)]
pub struct SharedAccess {
    /// The token, without the scheme in front.
    pub token: Secret,
    /// When it expires, in milliseconds since 1970.
    pub ends: i64,
    /// Its lifetime when it was received, in milliseconds.
    pub life: u64,
}

/// The wire format.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    refresh: std::borrow::Cow<'a, str>,
    rotated: i64,
    access: Option<WireAccess<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireAccess<'a> {
    token: std::borrow::Cow<'a, str>,
    ends: i64,
    life: u64,
}

impl TokenPlace {
    pub(super) fn new(cache: SharedCache, newest: String, lock: String) -> Self {
        Self { cache, newest, lock }
    }

    /// Returns the newest tokens.
    pub(crate) async fn newest(&self) -> Result<Option<SharedToken>, Silent> {
        Ok(self.cache.newest(&self.newest).await?.and_then(|value| read(&value)))
    }

    /// Offers tokens to all replicas; tokens older than the stored ones are not accepted.
    pub(crate) async fn offer(&self, token: &SharedToken) -> Result<bool, Silent> {
        let written = write(token).ok_or(Silent("error"))?;
        self.cache.offer(&self.newest, token.rotated, token.access.is_some(), &written).await
    }

    /// Waits for the exclusive right to spend the newest refresh token.
    pub(crate) async fn lock(&self, patience: Duration) -> Result<Lock, Silent> {
        let end = tokio::time::Instant::now() + patience;
        let mut looks = 0;
        loop {
            if let Locked::Mine(lock) = self.cache.connection().lock(&self.lock, self.cache.timeout()).await? {
                return Ok(lock);
            }
            if tokio::time::Instant::now() >= end {
                return Err(Silent("timeout"));
            }
            tokio::time::sleep(pause(looks, fastrand::f64())).await;
            looks += 1;
        }
    }

    /// Returns whether we still have that exclusive right.
    pub(crate) async fn holds(&self, lock: &Lock) -> Result<bool, Silent> {
        self.cache.connection().holds(lock).await
    }

    /// Gives that right up.
    pub(crate) async fn release(&self, lock: Lock) {
        self.cache.release(lock).await;
    }

    /// Counts a renewal that could not be made.
    pub(crate) fn withheld(&self, source: SourceName) {
        self.cache.connection().metrics().withheld(source);
    }

    /// Returns the same place, without keeping the cache alive.
    pub(crate) fn weak(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let (cache, newest, lock) = (Arc::downgrade(&self.cache.0), self.newest.clone(), self.lock.clone());
        move || Some(Self { cache: SharedCache(cache.upgrade()?), newest: newest.clone(), lock: lock.clone() })
    }

    /// Returns a receiver that is notified whenever Redis is reachable again.
    pub(crate) fn back(&self) -> watch::Receiver<super::Epoch> {
        self.cache.0.changes.begun()
    }

    /// Runs a task for as long as the cache is used.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.cache.spawn(work);
    }
}

impl SharedAccess {
    /// Returns how much of its lifetime is left: never more than it had, whatever the clocks say.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        let left = self.ends.saturating_sub(millis(now));
        Duration::from_millis(u64::try_from(left).unwrap_or(0).min(self.life))
    }
}

/// Returns milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn write(token: &SharedToken) -> Option<Zeroizing<Vec<u8>>> {
    let access = token.access.as_ref();
    let access = access.map(|access| WireAccess { token: access.token.reveal().into(), ends: access.ends, life: access.life });
    let wire = Wire { refresh: token.refresh.reveal().into(), rotated: token.rotated, access };
    serde_json::to_vec(&wire).ok().map(Zeroizing::new)
}

fn read(value: &[u8]) -> Option<SharedToken> {
    let Wire { refresh, rotated, access } = serde_json::from_slice(value).ok()?;
    if refresh.is_empty() || refresh.contains(char::is_control) {
        return None;
    }
    let access = access.map(|WireAccess { token, ends, life }| SharedAccess { token: Secret::new(token), ends, life });
    Some(SharedToken { refresh: Secret::new(refresh), rotated, access })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written_and_do_not_print() {
        let access = SharedAccess { token: Secret::new("access-1"), ends: 9, life: 7 };
        let token = SharedToken { refresh: Secret::new("refresh-1"), rotated: 5, access: Some(access) };
        let back = read(&write(&token).unwrap()).unwrap();
        assert_eq!((back.refresh.reveal(), back.rotated), ("refresh-1", 5));
        assert_eq!(back.access.as_ref().map(|access| (access.token.reveal(), access.ends, access.life)), Some(("access-1", 9, 7)));
        assert!(!format!("{back:?}").contains("-1"), "{back:?}");
        for bad in [&b""[..], b"{}", b"{\"refresh\":\"\",\"rotated\":1}", b"{\"refresh\":\"a\\nb\",\"rotated\":1}"] {
            assert!(read(bad).is_none());
        }
    }

    #[test]
    fn what_is_left_is_never_more_than_there_was() {
        let access = SharedAccess { token: Secret::new("a"), ends: 100_000, life: 60_000 };
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        for (now, left) in [(40_000, 60_000), (70_000, 30_000), (100_000, 0), (200_000, 0), (0, 60_000)] {
            assert_eq!(access.left(at(now)), Duration::from_millis(left), "{now}");
        }
    }
}
