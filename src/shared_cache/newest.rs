//! A place whose value only ever gets newer: an older value never replaces a newer one.
//!
//! The value does not expire: when Redis is full it evicts expiring keys first.

use std::sync::LazyLock;

use redis::Script;
use secrecy::zeroize::Zeroizing;

use super::{
    SharedCache,
    connection::{Call, Silent},
};

/// Writes a value unless the stored one is newer; one with the same stamp is replaced on request.
static OFFER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
         local there = tonumber(redis.call('HGET', KEYS[1], 'stamp') or '')
         local mine = tonumber(ARGV[1])
         if there and (there > mine or (there == mine and ARGV[3] ~= 'replace')) then return 0 end
         redis.call('HSET', KEYS[1], 'stamp', ARGV[1], 'value', ARGV[2])
         redis.call('PERSIST', KEYS[1])
         return 1",
    )
});

/// Removes an unreadable value, unless it has been replaced meanwhile.
static CLEAR: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
         local there = redis.call('HMGET', KEYS[1], 'stamp', 'value')
         if (there[1] or '') == ARGV[1] and (there[2] or '') == ARGV[2] then return redis.call('DEL', KEYS[1]) end
         return 0",
    )
});

/// Binds a value to its stamp: no one can make an old value look new and thereby block others.
fn bound(name: &str, stamp: &str) -> String {
    format!("{name}:{stamp}")
}

impl SharedCache {
    /// Returns the value at such a place. An unreadable one is removed: because of its stamp nothing could
    /// replace it, and no one can use it.
    pub(super) async fn newest(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Silent> {
        let call = Call::new("token", self.timeout());
        let mut get = redis::cmd("HMGET");
        get.arg(name).arg("stamp").arg("value");
        let there = self.connection().ask(call, async |mut manager| get.query_async(&mut manager).await).await?;
        let (stamp, value): (Option<Vec<u8>>, Option<Vec<u8>>) = there.unwrap_or_default();
        if stamp.is_none() && value.is_none() {
            return Ok(None);
        }
        let (stamp, value) = (stamp.unwrap_or_default(), value.unwrap_or_default());
        let open = self.open(&bound(name, &String::from_utf8_lossy(&stamp)), value.clone()).await;
        if open.is_none() {
            self.complain();
            self.clear(name, &stamp, &value).await?;
        }
        Ok(open)
    }

    async fn clear(&self, name: &str, stamp: &[u8], value: &[u8]) -> Result<(), Silent> {
        let mut clear = CLEAR.key(name);
        clear.arg(stamp).arg(value);
        let call = Call::new("token", self.connection().patience());
        self.connection().ask(call, async |mut manager| clear.invoke_async::<()>(&mut manager).await).await.map(drop)
    }

    /// Stores a value unless the present one has a later stamp; one with the same stamp is replaced only if
    /// `replace` is set. Returns whether it was stored.
    pub(super) async fn offer(&self, name: &str, stamp: i64, replace: bool, value: &[u8]) -> Result<bool, Silent> {
        let sealed = self.seal(&bound(name, &stamp.to_string()), Zeroizing::new(value.to_vec())).await.ok_or(Silent("error"))?;
        let call = Call { insists: true, ..Call::new("token", self.connection().patience()) };
        let mut offer = OFFER.key(name);
        offer.arg(stamp).arg(sealed).arg(if replace { "replace" } else { "keep" });
        let put = self.connection().ask(call, async |mut manager| offer.invoke_async::<u8>(&mut manager).await).await?;
        Ok(put == Ok(1))
    }
}
