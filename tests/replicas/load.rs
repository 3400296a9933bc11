//! Callers that keep asking while something happens to what they depend on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use crate::{
    redis_server::path,
    support::{
        Gateway,
        figure::{figure, spread},
    },
};

/// Callers at the same time.
const CALLERS: usize = 8;

/// Callers that keep asking until they are told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    callers: JoinSet<Vec<Duration>>,
}

impl Load {
    /// Asks these gateways for a few customers that are soon warm, and for ever new ones.
    pub(crate) fn begin(gateways: &[Gateway]) -> Self {
        let (stop, done, mut callers) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), JoinSet::new());
        let asked = gateways.iter().map(|gateway| Gateway::at(gateway.url.clone())).collect::<Vec<_>>();
        let asked = Arc::new(asked);
        for _ in 0..CALLERS {
            callers.spawn(call(Arc::clone(&asked), Arc::clone(&stop), Arc::clone(&done)));
        }
        Self { stop, done, callers }
    }

    /// Returns how many have been answered.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends the load; panics unless every request was answered with a complete roll. Returns how long they
    /// took.
    pub(crate) async fn end(self, what: &str) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.callers.join_all().await.concat();
        assert!(took.len() > CALLERS, "{what}: there was load");
        figure(&format!("{what}: {} requests, 0 failed, {}", took.len(), spread(took.clone())));
        took
    }
}

async fn call(gateways: Arc<Vec<Gateway>>, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let gateway = &gateways[fastrand::usize(..gateways.len())];
        let customer = if fastrand::bool() { format!("warm-{}", fastrand::u8(..20)) } else { format!("cold-{}", fastrand::u32(..)) };
        let begun = Instant::now();
        let answer = gateway.get(&path(&customer)).await;
        took.push(begun.elapsed());
        assert_eq!((answer.status, answer.json()["total"].as_u64()), (200, Some(2)), "{answer:?}");
        done.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await; // a caller, not a flood
    }
    took
}
