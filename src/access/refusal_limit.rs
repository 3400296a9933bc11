//! How often requests from an address may be refused: unknown callers have no limit of their own.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use quick_cache::sync::Cache;

use super::rate::{Rate, RateLimit};

/// The number of refusals allowed at once, and then per minute. However often it is tried, a key (256 bits)
/// cannot be guessed: this is for programs that never stop trying.
const BURST: NonZeroU32 = NonZeroU32::new(1000).unwrap();
const A_MINUTE: NonZeroU32 = NonZeroU32::new(600).unwrap();

/// How many addresses are remembered; a forgotten one counts as new.
const MOST: usize = 100_000;

/// The bits of an IPv6 address that the end user cannot choose.
const NETWORK: u128 = !(u64::MAX as u128);

/// Counts refusals by address. Known callers are admitted regardless, because they may share an address.
#[derive(Debug)]
pub(super) struct RefusalLimit(Cache<IpAddr, Arc<RateLimit>>);

impl Default for RefusalLimit {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl RefusalLimit {
    /// Counts one refusal; returns how long to wait if it exceeds the limit.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let new = || Ok::<_, Infallible>(Arc::new(RateLimit::new(Rate::a_minute(A_MINUTE), Some(BURST))));
        let Ok(limit) = self.0.get_or_insert_with(&whole(address), new);
        limit.wait()
    }
}

/// The part of an address that counts: for IPv6 a whole /64 network, since its owner has all of it.
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_so_often_and_the_others_are_not_made_to_wait() {
        let refusal_limit = RefusalLimit::default();
        let wait = |address: &str| refusal_limit.wait(address.parse().unwrap());
        let waits: Vec<Duration> = (0..2 * BURST.get()).filter_map(|_| wait("203.0.113.9")).collect();
        assert!((100..=1000).contains(&waits.len()), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(1)), "{waits:?}");
        assert_eq!(wait("203.0.113.8"), None);
    }

    #[test]
    fn a_whole_network_counts_as_one_address() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("203.0.113.9", "::ffff:203.0.113.9", true),
            ("203.0.113.9", "203.0.113.8", false),
        ] {
            assert_eq!(whole(one.parse().unwrap()) == whole(other.parse().unwrap()), same, "{one} {other}");
        }
    }
}
