//! `rollcall serve`: the gateway, until it is told to stop.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{
    Failed,
    configuration::{Arguments, Environment},
    signals::{Signals, Stop},
    watched::{Next, Watched},
};
use crate::{
    app::{App, Running},
    telemetry::{log_panics, start_logging},
};

/// How often the configuration file is looked at. A poll, for a file that is mounted into a
/// container changes by a swap of links that notifications miss.
const LOOK: Duration = Duration::from_millis(900);

/// How long a renewal that is under way may take once the process is told to end at once.
const LAST_WAIT: Duration = Duration::from_secs(2);

pub(super) async fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failed> {
    let config = arguments.read(environment)?;
    start_logging(config.general.telemetry.format, environment.variable("ROLLCALL_LOG"))?;
    log_panics();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let mut signals = Signals::listen()?;
    let running = App::new(config)?.start()?;
    let (address, admin) = (running.address, running.admin_address.map(tracing::field::display));
    tracing::info!(%address, admin, version = env!("CARGO_PKG_VERSION"), "listening");
    let stop = until_stopped(&running, &mut signals, arguments, environment).await;
    drain(running, stop, &mut signals).await;
    Ok(())
}

/// Waits to be told to stop; reads the configuration again when it is told to, and when the file has changed.
async fn until_stopped(running: &Running, signals: &mut Signals, arguments: &Arguments, environment: &Environment) -> Stop {
    let mut watched = Watched::new(arguments.digest());
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay); // two looks are a time apart
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

/// Puts the configuration as it is now to work; where it is broken, the old one goes on. Where it cannot be read, what is
/// wrong with it is given: a file that it names may come later than itself. What was `said` of it is not said again.
fn reload(running: &Running, arguments: &Arguments, environment: &Environment, said: Option<&str>) -> Option<String> {
    let read = arguments.read(environment);
    let can_be_read = read.is_ok();
    let reloaded = read.map_err(Failed::from).and_then(|config| Ok(running.reload(config)?));
    let faults = reloaded.as_ref().err().map(ToString::to_string);
    if faults.is_some() && faults.as_deref() == said {
        return faults;
    }
    running.metrics().reloaded(reloaded.is_ok());
    match reloaded {
        Ok(waiting) if waiting.is_empty() => tracing::info!("the configuration was read again; the cache begins empty"),
        Ok(waiting) => tracing::warn!(keys = waiting.join(", "), "the configuration was read again; these keys wait for a restart"),
        Err(_) => {
            for fault in faults.iter().flat_map(|faults| faults.lines()) {
                tracing::error!(fault, "the configuration is broken; the one before goes on");
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
    tracing::info!(drain_ms = drain.as_millis(), "stopping: not ready any more, requests are still taken");
    let renewals = running.renewals();
    tokio::select! {
        () = running.stop(drain) => tracing::info!("stopped"),
        _ = signals.stop() => {
            tracing::warn!("told to stop again: ending at once");
            // But for a refresh token that is on its way: nobody has another one. In vain is no matter.
            drop(tokio::time::timeout(LAST_WAIT, renewals.finish()).await);
        }
    }
}
