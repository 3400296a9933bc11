//! A lock with an owner and an expiry: its holder renews it, and only the holder releases it.
//!
//! A lost lock costs a second walk and nothing else: nothing here relies on there being only one.

use std::{sync::LazyLock, time::Duration};

use redis::Script;
use tokio::task::JoinHandle;

use super::connection::{Call, Connection, Silent};

/// How long a lock survives its owner.
const LIFE: Duration = Duration::from_millis(2500);

/// How often an owner renews it.
const RENEWAL: Duration = Duration::from_millis(700);

/// Takes the lock, or returns its owner. A lock without an expiry, or with a later one than ours, was not
/// written by us.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local left = redis.call('PTTL', KEYS[1])
         if left >= 0 and left <= tonumber(ARGV[2]) and redis.call('TYPE', KEYS[1]).ok == 'string' then
           return redis.call('GET', KEYS[1])
         end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return ARGV[1]",
    )
});

/// Extends the lock if its owner still has it, or takes it again if it was lost and no one else has it.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local owner = redis.call('GET', KEYS[1])
         if owner and owner ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return 1",
    )
});

/// Releases the lock if its owner still has it.
pub(super) const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

/// A held lock; it is renewed until this is dropped.
pub(crate) struct Lock {
    pub(super) name: String,
    pub(super) owner: String,
    renewing: JoinHandle<()>,
}

/// Who has a lock.
pub(crate) enum Locked {
    /// We do, from now on.
    Mine(Lock),
    /// This owner does.
    Others(String),
}

impl Connection {
    /// Takes a lock, if no one has it.
    pub(super) async fn lock(&self, name: &str, within: Duration) -> Result<Locked, Silent> {
        let owner = uuid::Uuid::now_v7().to_string();
        let life = LIFE.as_millis().to_string();
        let call = Call::new("lock", within);
        let mut take = TAKE.key(name);
        take.arg(&owner).arg(&life);
        let held_by: Vec<u8> =
            self.ask(call, async |mut manager| take.invoke_async(&mut manager).await).await?.map_err(|_| Silent("error"))?;
        if held_by != owner.as_bytes() {
            return Ok(Locked::Others(String::from_utf8_lossy(&held_by).into_owned()));
        }
        let renewing = tokio::spawn(keep(self.clone(), name.to_owned(), owner.clone()));
        Ok(Locked::Mine(Lock { name: name.to_owned(), owner, renewing }))
    }

    /// Returns whether a lock is still its owner's.
    pub(super) async fn holds(&self, lock: &Lock) -> Result<bool, Silent> {
        let mut get = redis::cmd("GET");
        get.arg(&lock.name);
        let call = Call::new("lock", self.timeout());
        let owner = self.ask(call, async |mut manager| get.query_async::<Option<Vec<u8>>>(&mut manager).await).await?;
        Ok(owner.is_ok_and(|owner| owner.as_deref() == Some(lock.owner.as_bytes())))
    }

    /// Releases a lock, in the background of its holder's work.
    pub(super) async fn release(&self, mut lock: Lock) {
        lock.keep_no_longer().await;
        let (call, script) = (Call::new("release", self.patience()), Script::new(RELEASE));
        let mut release = script.key(&lock.name);
        release.arg(&lock.owner);
        // If it cannot be released, it expires.
        drop(self.ask(call, async |mut manager| release.invoke_async::<()>(&mut manager).await).await);
    }
}

impl Lock {
    /// Stops renewing, so that no renewal follows the release.
    pub(super) async fn keep_no_longer(&mut self) {
        self.renewing.abort();
        drop((&mut self.renewing).await);
    }

    /// Returns its owner.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews a lock until someone else has it.
async fn keep(connection: Connection, name: String, owner: String) {
    let life = LIFE.as_millis().to_string();
    loop {
        tokio::time::sleep(RENEWAL).await;
        let mut renew = RENEW.key(&name);
        renew.arg(&owner).arg(&life);
        let call = Call::new("renew", connection.patience());
        let renewed = connection.ask(call, async |mut manager| renew.invoke_async::<u8>(&mut manager).await).await;
        if matches!(renewed, Ok(Ok(0) | Err(_))) {
            return;
        }
    }
}

/// Returns how long to pause before the next check on another replica's walk, unless a change is reported
/// first: from 20 ms, growing to a quarter of a second. `chance` (0 to 1) keeps waiting replicas apart.
pub(crate) fn pause(looks: u32, chance: f64) -> Duration {
    let longest = Duration::from_millis(20).saturating_mul(1 << looks.min(8)).min(Duration::from_millis(250));
    longest.mul_f64(0.75 + chance / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_looks_ever_less_often() {
        let pauses = [0, 1, 2, 3, 4, 99].map(|looks| pause(looks, 1.0).as_millis());
        assert_eq!(pauses, [20, 40, 80, 160, 250, 250]);
        assert_eq!(pause(0, 0.0), Duration::from_millis(15));
    }

    #[test]
    fn an_owner_may_miss_two_renewals() {
        assert!(RENEWAL * 3 < LIFE);
    }

    #[test]
    fn a_walk_is_taken_over_within_three_seconds() {
        assert!(LIFE + pause(u32::MAX, 1.0) < Duration::from_secs(3), "the lock expires, and whoever waits looks once more");
    }
}
