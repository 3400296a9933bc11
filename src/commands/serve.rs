//! `rollcall serve`: the gateway, until it is told to stop.

use std::time::Duration;

use super::{
    Failed,
    configuration::{Arguments, Environment},
    signals::{Signals, Stop},
};
use crate::{
    app::{App, Running},
    telemetry::{log_panics, start_logging},
};

pub(super) async fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failed> {
    let config = arguments.read(environment)?;
    start_logging(config.general.telemetry.format, environment.variable("ROLLCALL_LOG"))?;
    log_panics();
    let signals = Signals::listen()?;
    let running = App::new(config)?.start().await?;
    tracing::info!(address = %running.address, admin = running.admin_address.map(tracing::field::display), version = env!("CARGO_PKG_VERSION"), "listening");
    until_stopped(running, signals).await;
    Ok(())
}

/// Waits to be told to stop, drains, and ends; a second signal ends at once.
pub(super) async fn until_stopped(running: Running, mut signals: Signals) {
    let drain = match signals.next().await {
        Stop::Drain => running.drain(),
        Stop::Now => Duration::ZERO,
    };
    tracing::info!(drain_ms = drain.as_millis(), "stopping: not ready any more, requests are still taken");
    tokio::select! {
        () = running.stop(drain) => tracing::info!("stopped"),
        _ = signals.next() => tracing::warn!("told to stop again: ending at once"),
    }
}
