//! Storing and reading values at a subject's places. An older value never replaces a newer one.
//!
//! A value is preceded by its moment in plain digits, which Redis can compare without the key.

use std::{sync::LazyLock, time::Duration};

use redis::Script;
use secrecy::zeroize::Zeroizing;

use super::{Change, Lock, Place, SharedCache, Silent, Subject, There, connection::Call, name::Names, seal::MOST_SEALED};

/// Digits in front of a value: milliseconds since 1970.
const STAMP: usize = 16;

/// Stores a value, or removes the stored one if it is empty, and notifies everyone, unless the stored one is
/// newer. The lock's holder always wins: a stamp may be garbage, or come from a wrong clock. Releases the
/// lock on request.
static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local function text(key) return redis.call('TYPE', key).ok == 'string' end
         local mine = text(KEYS[2]) and redis.call('GET', KEYS[2]) == ARGV[1]
         local there = text(KEYS[1]) and string.match(redis.call('GETRANGE', KEYS[1], 0, 15), '^%d+$')
         if mine and ARGV[2] == 'release' then redis.call('DEL', KEYS[2]) end
         if not mine and there and tonumber(there) > tonumber(ARGV[3]) then return 0 end
         if ARGV[4] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5]) end
         redis.call('PUBLISH', ARGV[6], ARGV[7])
         return 1",
    )
});

impl SharedCache {
    /// Reads what is stored at a subject's place.
    pub(crate) async fn read(&self, subject: &Subject, place: Place, within: Duration) -> Result<There, Silent> {
        let names = self.names(subject);
        let name = if place == Place::Copy { &names.copy } else { &names.note };
        let read = self.read_at(name, within).await;
        if place == Place::Copy {
            self.0.connection.metrics().lookup(match &read {
                Ok(Some(There::Value(..))) => "hit",
                Ok(Some(There::Nothing)) => "miss",
                Ok(None) => "unreadable",
                Err(silent) => silent.0,
            });
        }
        if matches!(read, Ok(None)) {
            self.complain();
        }
        read.map(|there| there.unwrap_or(There::Nothing))
    }

    /// Returns `None` if the stored value cannot be read.
    async fn read_at(&self, name: &str, within: Duration) -> Result<Option<There>, Silent> {
        let mut pipe = redis::pipe();
        pipe.cmd("GETRANGE").arg(name).arg(0).arg(STAMP + MOST_SEALED).cmd("PTTL").arg(name);
        let call = Call::new("read", within);
        let answer = self.0.connection.ask(call, async |mut manager| pipe.query_async::<(Vec<u8>, i64)>(&mut manager).await).await?;
        let Ok((sealed, left)) = answer else { return Ok(None) };
        if sealed.is_empty() {
            return Ok(Some(There::Nothing));
        }
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        let Some((_, sealed)) = sealed.split_first_chunk::<STAMP>() else { return Ok(None) };
        Ok(self.open(name, sealed.to_vec()).await.map(|value| There::Value(value, left)))
    }

    /// Stores a value at a place for `life`, releases the lock and notifies everyone, atomically, unless
    /// there is a newer value. Returns false if there is, or if it was not possible; the lock then expires.
    pub(crate) async fn publish(
        &self,
        place: Place,
        value: Vec<u8>,
        life: Duration,
        owner: &str,
        mut lock: Option<Lock>,
        change: &Change,
    ) -> bool {
        let Names { copy, lock: locked, note } = self.names(&change.subject);
        let name = if place == Place::Copy { copy } else { note };
        let channel = self.channel();
        let message = serde_json::to_vec(change).ok().and_then(|change| self.0.seal.seal(&channel, &change));
        let Some(message) = message else { return false };
        // A value that is too large, or useless, is not stored; the stored one is older and is removed.
        let sealed = if life.is_zero() { None } else { self.seal(&name, Zeroizing::new(value)).await };
        let value = sealed.map_or_else(Vec::new, |sealed| stamped(change.at, &sealed));
        let mut publish = PUBLISH.key(name);
        publish.key(locked).arg(owner).arg(if lock.is_some() { "release" } else { "keep" }).arg(change.at.max(0));
        publish.arg(value).arg(life.as_millis().to_string()).arg(channel).arg(message);
        if let Some(lock) = &mut lock {
            lock.keep_no_longer().await;
        }
        let call = Call::new("write", self.connection().patience());
        let put = self.connection().ask(call, async |mut manager| publish.invoke_async::<u8>(&mut manager).await).await;
        put == Ok(Ok(1))
    }
}

fn stamped(at: i64, sealed: &[u8]) -> Vec<u8> {
    let mut value = format!("{:0STAMP$}", at.max(0)).into_bytes();
    value.extend_from_slice(sealed);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_always_as_many_digits() {
        for (at, stamp) in [(-5, "0000000000000000"), (7, "0000000000000007"), (1_795_000_000_000, "0001795000000000")] {
            assert_eq!(stamped(at, b"x"), format!("{stamp}x").into_bytes());
        }
    }
}
