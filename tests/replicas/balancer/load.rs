//! Requests that begin at a steady rate, whatever happens to those before them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

/// Requests that begin per second.
const RATE: u64 = 60;

/// After how long a request is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Callers that ask until they are told to stop.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Asked>>,
}

/// The fate of one request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// Why it failed, if it did.
    pub(super) failure: Option<String>,
}

impl Load {
    /// Asks a gateway for customers: every second one is new, the others repeat in turn.
    pub(super) fn on(base: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asking = tokio::spawn(ask_on(base, Arc::clone(&stop)));
        Self { stop, asking }
    }

    /// Begins no more requests, and waits for the answers.
    pub(super) async fn stop(self) -> Vec<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.await.unwrap()
    }
}

impl Asked {
    /// Returns whether it had begun and was not yet answered at a moment.
    pub(super) fn is_in_flight_at(&self, moment: Instant) -> bool {
        self.begun <= moment && self.ended >= moment
    }

    pub(super) fn took(&self) -> Duration {
        self.ended - self.begun
    }
}

async fn ask_on(base: String, stop: Arc<AtomicBool>) -> Vec<Asked> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE).build().unwrap();
    let (begun, mut asked) = (Instant::now(), JoinSet::new());
    for number in 0.. {
        sleep_until(begun + Duration::from_millis(number * 1000 / RATE)).await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let customer = if number.is_multiple_of(2) { format!("new-{number}") } else { format!("known-{}", number % 20) };
        asked.spawn(ask(client.clone(), format!("{base}/customers/{customer}/users?partial=deny")));
    }
    asked.join_all().await
}

async fn ask(client: reqwest::Client, url: String) -> Asked {
    let begun = Instant::now();
    let failure = match client.get(url).send().await {
        Ok(answer) if answer.status() == 200 => answer.text().await.err().map(|error| format!("cut short: {error}")),
        Ok(answer) => Some(format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default())),
        Err(error) => Some(format!("no answer: {error:?}")),
    };
    Asked { begun, ended: Instant::now(), failure }
}
