//! `rollcall serve`: runs the gateway until it is told to stop.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{
    Failed,
    configuration::{Arguments, Environment},
    signals::{Signals, Stop},
    watched::{Next, WatchedFile},
};
use crate::{
    app::{App, Running},
    sources::oauth::Renewals,
    telemetry::{log_panics, start_logging},
};

/// How often the configuration file is checked. It is polled because a file that is mounted into a container
/// changes when links are swapped, which notifications miss.
const LOOK: Duration = Duration::from_millis(900);

/// How long a renewal in progress may still take when the process is to end at once.
const LAST_WAIT: Duration = Duration::from_secs(2);

pub(super) async fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failed> {
    let mut signals = Signals::listen()?; // first, so that a signal that arrives during the start is not lost
    let watched = WatchedFile::new(arguments.digest()); // before the file is read, so that a later change is seen as one
    let config = arguments.read(environment)?;
    start_logging(config.general.telemetry.format, environment.variable("ROLLCALL_LOG"))?;
    log_panics();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    let running = App::new(config)?.start()?;
    let (address, admin) = (running.address, running.admin_address.map(tracing::field::display));
    tracing::info!(%address, admin, version = env!("CARGO_PKG_VERSION"), "listening");
    let stop = until_stopped(&running, &mut signals, watched, arguments, environment).await;
    drain(running, stop, &mut signals).await;
    Ok(())
}

/// Waits for a signal to stop. Meanwhile reloads the configuration when a signal asks for it or the file has changed.
async fn until_stopped(
    running: &Running,
    signals: &mut Signals,
    mut watched: WatchedFile,
    arguments: &Arguments,
    environment: &Environment,
) -> Stop {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay); // two checks are never back to back
    loop {
        let next = tokio::select! {
            signal = signals.next() => match signal {
                Some(stop) => return stop,
                None => watched.told(arguments.digest()),
            },
            _ = look.tick() => watched.look(arguments.digest()),
        };
        let said = match next {
            Next::Wait => continue,
            Next::Read => None,
            Next::TryAgain => watched.refused.take(),
        };
        watched.refused = reload(running, arguments, environment, said.as_deref());
    }
}

/// Puts the present configuration into use; if it is rejected, the previous one stays in use. If it cannot be
/// read, returns what is wrong with it, because a file that it names may appear later than itself. A fault
/// that equals `said` is not logged again.
fn reload(running: &Running, arguments: &Arguments, environment: &Environment, said: Option<&str>) -> Option<String> {
    let read = arguments.read(environment);
    let can_be_read = read.is_ok();
    let reloaded = read.map_err(|faults| faults.to_string()).and_then(|config| running.reload(config).map_err(|error| error.to_string()));
    let faults = reloaded.as_ref().err().cloned();
    if faults.is_some() && faults.as_deref() == said {
        return faults;
    }
    running.metrics().reloaded(reloaded.is_ok());
    match reloaded {
        Ok(waiting) if waiting.is_empty() => tracing::info!("the configuration was reloaded; the cache starts empty"),
        Ok(waiting) => tracing::warn!(keys = waiting.join(", "), "the configuration was reloaded; these keys need a restart"),
        Err(_) => {
            for fault in faults.iter().flat_map(|faults| faults.lines()) {
                tracing::error!(fault, "configuration rejected; the previous one stays in use");
            }
        }
    }
    faults.filter(|_| !can_be_read)
}

/// Drains and ends; a second signal ends at once.
pub(super) async fn drain(running: Running, stop: Stop, signals: &mut Signals) {
    let drain = match stop {
        Stop::Drain => running.drain(),
        Stop::Now => Duration::ZERO,
    };
    tracing::info!(drain_ms = drain.as_millis(), "stopping: no longer ready, requests are still accepted");
    let renewals = running.renewals();
    tokio::select! {
        () = running.stop(drain) => tracing::info!("stopped"),
        _ = signals.stop() => {
            tracing::warn!("second stop signal: ending at once");
            finish_soon(&renewals).await;
        }
    }
}

/// Waits a little for a refresh token that is in transit, because there is no other copy. It does not matter if that fails.
pub(super) async fn finish_soon(renewals: &Renewals) {
    drop(tokio::time::timeout(LAST_WAIT, renewals.finish()).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::watched::LOOKS_TO_A_TRY;

    #[test]
    fn a_change_is_in_use_within_two_seconds_and_a_file_that_appears_later_within_four() {
        assert!(LOOK * 2 <= Duration::from_secs(2), "it is the same at two checks");
        assert!(LOOK * LOOKS_TO_A_TRY <= Duration::from_secs(4));
    }
}
