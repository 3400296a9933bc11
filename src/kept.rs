//! Values that successive configurations share: found again by their key for as long as one configuration uses them.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

/// The values in use, by key.
#[derive(Debug)]
pub struct Kept<K, V>(Mutex<HashMap<K, Weak<V>>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V> Kept<K, V> {
    /// Returns the value that another configuration uses under this key, if it `fits`, otherwise a new one.
    pub fn find(&self, key: K, fits: impl FnOnce(&V) -> bool, new: impl FnOnce() -> V) -> Arc<V> {
        let mut all = self.0.lock();
        all.retain(|_, kept| kept.strong_count() > 0);
        let kept = all.get(&key).and_then(Weak::upgrade).filter(|kept| fits(kept)).unwrap_or_else(|| Arc::new(new()));
        all.insert(key, Arc::downgrade(&kept));
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_one_while_somebody_has_it_and_it_fits() {
        let kept = Kept::default();
        let find = |key: &'static str, fits: bool, new: u8| kept.find(key, |_| fits, || new);
        let first = find("a", true, 1);
        assert_eq!([*find("a", true, 2), *find("b", true, 3)], [1, 3]);
        let other = find("a", false, 4);
        assert_eq!((*other, *find("a", true, 5)), (4, 4), "the newer one counts");
        drop((first, other));
        assert_eq!(*find("a", true, 6), 6);
        drop(find("c", true, 7));
        drop(find("d", true, 8));
        assert_eq!(kept.0.lock().len(), 1, "a value that is no longer used is forgotten");
    }
}
