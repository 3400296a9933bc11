//! An in-memory cache of bounded size: the least used entries go first, and unusable ones are swept out.

use std::{hash::Hash, sync::Arc, time::Duration};

use foldhash::quality::RandomState;
use quick_cache::{
    Options, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::offload::offload;

/// How often unusable entries are swept out. They are not handed out before that either, so this only bounds
/// how long they take up memory.
const SWEEP: Duration = Duration::from_mins(1);

/// About how many bytes an entry takes; the expected number of entries is derived from it, roughly.
const USUAL_ENTRY: u64 = 16 << 10;

/// A value that can be kept.
pub(super) trait Cacheable: Send + Sync + 'static {
    /// Returns about how many bytes it holds.
    fn weight(&self) -> u32;

    /// Returns whether it may still be handed out.
    fn is_of_use(&self) -> bool;
}

/// Values kept by key. Cheap to clone: all clones share one store.
pub(super) struct BoundedCache<K, V: Cacheable>(Arc<Cache<K, Arc<V>, ByWeight, RandomState>>);

/// Measures entries in bytes.
#[derive(Clone)]
struct ByWeight;

impl<K, V: Cacheable> Weighter<K, Arc<V>> for ByWeight {
    fn weight(&self, _: &K, kept: &Arc<V>) -> u64 {
        kept.weight().into()
    }
}

impl<K, V: Cacheable> Clone for BoundedCache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, V: Cacheable> BoundedCache<K, V> {
    /// Creates an empty cache that will hold no more than about this many bytes.
    pub(super) fn new(max_bytes: u64) -> Self {
        Self(Arc::new(Cache::with_options(options(max_bytes), ByWeight, RandomState::default(), DefaultLifecycle::default())))
    }

    /// Returns the entry of a key; it may no longer be usable.
    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.get(key)
    }

    /// Returns whether there is an entry of a key.
    pub(super) fn holds(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Stores a value under a key, replacing what was there. A value too large for the whole cache is not
    /// stored, and the old one is removed all the same.
    pub(super) fn insert(&self, key: K, value: Arc<V>) {
        self.0.insert(key, value);
    }

    /// Removes the entry of a key.
    pub(super) fn remove(&self, key: &K) {
        drop(self.0.remove(key));
    }

    /// Returns about how many entries there are and how many bytes they hold.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.0.len() as u64, self.0.weight())
    }

    /// Sweeps out unusable entries at intervals until the last clone is dropped.
    pub(super) fn keep_swept(&self) {
        let kept = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(kept) = kept.upgrade() else { return };
                offload(move || Self(kept).sweep()).await;
            }
        });
    }

    /// Removes entries one at a time, so that no one waits for the whole sweep.
    fn sweep(&self) {
        for (key, _) in self.0.iter().filter(|(_, value)| !value.is_of_use()) {
            self.0.remove_if(&key, |value| !value.is_of_use());
        }
    }
}

/// A single shard because one very large customer may take most of the memory; its lock is held for some
/// hundred nanoseconds.
fn options(max_bytes: u64) -> Options {
    let entries = usize::try_from(max_bytes / USUAL_ENTRY).unwrap_or(usize::MAX);
    let mut options = OptionsBuilder::new();
    options.shards(1).estimated_items_capacity(entries).weight_capacity(max_bytes);
    options.build().unwrap_or_else(|_| unreachable!("both capacities are set"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    struct Thing {
        weight: u32,
        of_use: AtomicBool,
    }

    impl Cacheable for Thing {
        fn weight(&self) -> u32 {
            self.weight
        }

        fn is_of_use(&self) -> bool {
            self.of_use.load(Ordering::Relaxed)
        }
    }

    fn thing(weight: u32) -> Arc<Thing> {
        Arc::new(Thing { weight, of_use: true.into() })
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let kept = BoundedCache::new(1 << 20);
        for number in 0..1_000_u32 {
            kept.insert(number, thing(16 << 10));
            assert!(kept.get(&number).is_some(), "the newest entry is there: {number}");
        }
        let (entries, bytes) = kept.size();
        assert_eq!((entries * (16 << 10), entries > 60), (bytes, true));
        assert!(bytes <= 1 << 20);
    }

    #[test]
    fn one_may_take_most_of_the_room_and_what_is_larger_replaces_what_was_there_by_nothing() {
        let kept = BoundedCache::new(1 << 20);
        kept.insert(1, thing(1_000_000));
        assert_eq!(kept.get(&1).map(|one| one.weight), Some(1_000_000));
        assert!(kept.holds(&1));
        kept.insert(1, thing(2_000_000));
        assert!(!kept.holds(&1));
        assert!(kept.get(&1).is_none(), "an older one must not be taken for the newest");
        assert_eq!(kept.size(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_of_no_use_is_swept_out() {
        let kept = BoundedCache::new(1 << 20);
        let one = thing(1);
        kept.insert(1, Arc::clone(&one));
        kept.insert(2, thing(2));
        kept.keep_swept();
        one.of_use.store(false, Ordering::Relaxed);
        let swept = async {
            while kept.size().0 > 1 {
                tokio::time::sleep(SWEEP).await;
            }
        };
        tokio::time::timeout(SWEEP * 10, swept).await.unwrap();
        assert_eq!((kept.get(&1).is_none(), kept.get(&2).is_some(), kept.size()), (true, true, (1, 2)));
    }
}
