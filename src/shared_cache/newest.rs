//! A place that only ever gets newer: what is older than what is there does not replace it.

use std::{sync::LazyLock, time::Duration};

use redis::Script;
use secrecy::zeroize::Zeroizing;

use super::{
    SharedCache,
    connection::{Call, Silent},
};

/// How long a place is kept that nobody writes any more: 30 days.
const LIFE: Duration = Duration::from_hours(30 * 24);

/// Writes, unless what is there is newer; what has the same stamp is replaced where that is wanted.
static OFFER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
         local there = tonumber(redis.call('HGET', KEYS[1], 'stamp') or '')
         local mine = tonumber(ARGV[1])
         if there and (there > mine or (there == mine and ARGV[4] ~= 'replace')) then return 0 end
         redis.call('HSET', KEYS[1], 'stamp', ARGV[1], 'value', ARGV[2])
         redis.call('PEXPIRE', KEYS[1], ARGV[3])
         return 1",
    )
});

impl SharedCache {
    /// What is at a place that only gets newer.
    pub(super) async fn newest(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Silent> {
        let call = Call::new("token", self.timeout());
        let mut get = redis::cmd("HGET");
        get.arg(name).arg("value");
        let value = self.connection().ask(call, async |mut manager| get.query_async(&mut manager).await).await?.unwrap_or(None::<Vec<u8>>);
        Ok(match value {
            Some(value) => self.open(name, value).await,
            None => None,
        })
    }

    /// Puts a value there, unless what is there has a later stamp; one that has the same stamp is
    /// replaced only where `replace` says so. Gives whether it was put.
    pub(super) async fn offer(&self, name: &str, stamp: i64, replace: bool, value: &[u8]) -> Result<bool, Silent> {
        let sealed = self.seal(name, Zeroizing::new(value.to_vec())).await.ok_or(Silent("error"))?;
        let call = Call { insists: true, ..Call::new("token", self.connection().patience()) };
        let life = LIFE.as_millis().to_string();
        let mut offer = OFFER.key(name);
        offer.arg(stamp).arg(sealed).arg(life).arg(if replace { "replace" } else { "keep" });
        let put = self.connection().ask(call, async |mut manager| offer.invoke_async::<u8>(&mut manager).await).await?;
        Ok(put == Ok(1))
    }
}
