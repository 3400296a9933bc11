//! Single flight: one task for all who want the same thing at the same time.
//!
//! The task is spawned, so that it outlives its first caller, and each waiter has its own timeout.

use std::{collections::HashMap, future::Future, hash::Hash, sync::Arc};

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use tokio::sync::SetOnce;

/// The result of a flight, once it has ended: `None` if its task panicked.
#[derive(Clone, Debug)]
pub(crate) struct Flight<T>(Arc<SetOnce<Option<T>>>);

/// The flights under way, by what they fetch.
#[derive(Debug)]
pub(crate) struct Flights<K, T>(Arc<Mutex<HashMap<K, Flight<T>, RandomState>>>)
where
    T: Clone;

/// A caller's place in a flight.
#[derive(Debug)]
pub(crate) struct Seat<T: Clone> {
    /// What is waited for.
    pub flight: Flight<T>,
    /// Whether the flight was already under way.
    pub joined: bool,
}

impl<T: Clone> Flight<T> {
    /// Waits for the flight to end. Returns its result, or `None` if its task panicked.
    pub(crate) async fn landed(self) -> Option<T> {
        self.0.wait().await.clone()
    }
}

impl<T: Clone> Seat<T> {
    /// Leaves the flight to its task, which continues without this waiter.
    pub(crate) fn detach(self) {
        drop(self);
    }
}

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> Flights<K, T>
where
    K: Hash + Eq + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the flight of this key, or starts one. A flight stops accepting callers when `start`'s future
    /// ends, so whatever that future stores is there before another flight can begin.
    pub(crate) fn join<F>(&self, key: K, start: impl FnOnce() -> F) -> Seat<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let flight = Flight(Arc::default());
        {
            let mut flights = self.0.lock();
            if let Some(flight) = flights.get(&key) {
                return Seat { flight: flight.clone(), joined: true };
            }
            flights.insert(key.clone(), flight.clone());
        }
        // The lock has been released by now: a closing runtime drops the task where it is spawned, and
        // dropping the landing takes the lock.
        let landing = Landing { flights: Arc::clone(&self.0), key, flight: flight.clone(), result: None };
        // In place from the beginning: spawning moves a future several times, and a walk's takes kilobytes.
        let work = Box::pin(start());
        tokio::spawn(async move { landing.with(work.await) });
        Seat { flight, joined: false }
    }
}

/// Removes a flight from the map when its task ends, even by a panic, and then tells its result.
struct Landing<K: Hash + Eq, T: Clone> {
    flights: Arc<Mutex<HashMap<K, Flight<T>, RandomState>>>,
    key: K,
    flight: Flight<T>,
    result: Option<T>,
}

impl<K: Hash + Eq, T: Clone> Landing<K, T> {
    fn with(mut self, result: T) {
        self.result = Some(result);
    }
}

impl<K: Hash + Eq, T: Clone> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
        drop(self.flight.0.set(self.result.take())); // an error would mean that it is told already
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_thousand_callers_cause_one_flight_that_outlives_the_first() {
        let flights = Flights::<u8, usize>::default();
        let started = Arc::new(AtomicUsize::new(0));
        let begin = || {
            let started = Arc::clone(&started);
            flights.join(1, || async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                started.fetch_add(1, Ordering::SeqCst) + 1
            })
        };
        drop(begin());
        let seats: Vec<_> = (0..1000).map(|_| begin()).collect();
        assert!(seats.iter().all(|seat| seat.joined));
        for seat in seats {
            assert_eq!(seat.flight.landed().await, Some(1));
        }
        assert!(flights.0.lock().is_empty());
        assert!(!begin().joined, "the next one starts again");
    }

    #[tokio::test]
    async fn a_panic_ends_the_flight_and_leaves_nothing_behind() {
        let flights = Flights::<u8, ()>::default();
        let seat = flights.join(1, || async { panic!("on purpose") });
        assert_eq!(seat.flight.landed().await, None);
        assert!(flights.0.lock().is_empty());
    }

    #[test]
    fn a_runtime_that_closes_ends_a_flight_that_is_about_to_begin() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (flights, handle) = (Flights::<u8, ()>::default(), runtime.handle().clone());
        runtime.shutdown_timeout(Duration::from_secs(5));
        let _inside = handle.enter();
        let seat = flights.join(1, std::future::pending);
        assert_eq!(seat.flight.landed().now_or_never(), Some(None), "and does not wait for its own lock");
        assert!(flights.0.lock().is_empty());
    }
}
