//! The commands: takes the command line, returns an exit code. Errors go to stderr in plain sentences.

mod check;
mod configuration;
mod demo;
mod health;
mod key;
mod login;
mod memory;
mod openapi;
mod output;
mod serve;
mod signals;
mod watched;

use std::{io, num::NonZeroUsize, process::ExitCode, thread, time::Duration};

use clap::{Parser, Subcommand};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

use crate::{app::StartError, config::Faults, telemetry::LogError};

pub use configuration::Environment;
pub use memory::{keep_memory_private, keep_memory_small};

/// With one thread, how many sockets are served in one go. What their answers hold then stays in the processor's nearer cache
/// until it has been read, joined and sent; with all sockets at once it does not.
const SOCKETS_AT_ONCE: usize = 12;

/// How long threads whose result is no longer needed may continue once a command has ended.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// One roll of a customer's users, whichever backend holds them.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, about, max_term_width = 100)]
pub struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole product on this machine with nothing to set up: both backends simulated, the gateway in
    /// front of them
    Demo(demo::Arguments),
    /// Runs the gateway
    Serve(configuration::Arguments),
    /// Validates a configuration and prints every fault it finds
    Check(check::Arguments),
    /// Prints a new caller's key and the configuration table that admits it, or a key for the shared cache
    Key(key::Arguments),
    /// Logs in once to a source that requires it, and stores the refresh token
    Login(login::Arguments),
    /// Checks whether the gateway on this machine accepts requests: exit code 0 or 1
    Health(health::Arguments),
    /// Prints the OpenAPI document
    Openapi(openapi::Arguments),
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// The command line or the configuration is wrong.
    #[error("{0}")]
    Configuration(#[from] Faults),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The command does not fit the configuration.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Running(String),
}

impl Line {
    /// Runs the command.
    pub fn run(self, environment: &Environment) -> ExitCode {
        let done = on_a_runtime(self.command.run(environment)).map_err(Failed::from).flatten();
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => {
                output::say_error(&failed.to_string());
                failed.exit_code()
            }
        }
    }
}

impl Command {
    async fn run(self, environment: &Environment) -> Result<(), Failed> {
        match self {
            Self::Demo(arguments) => demo::run(arguments, environment).await,
            Self::Serve(arguments) => serve::run(&arguments, environment).await,
            Self::Check(arguments) => check::run(&arguments, environment).await,
            Self::Key(arguments) => key::run(&arguments),
            Self::Login(arguments) => login::run(&arguments, environment).await,
            Self::Health(arguments) => health::run(&arguments, environment).await,
            Self::Openapi(arguments) => openapi::run(&arguments),
        }
    }
}

impl Failed {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Usage(_) | Self::Log(_) => ExitCode::from(2),
            Self::Start(_) | Self::Io(_) | Self::Running(_) => ExitCode::from(1),
        }
    }
}

/// Runs work to its end, beside a runtime for the tasks that it spawns. Does not wait for threads whose result is no longer
/// needed, such as the system's look-up of a host name, which cannot be stopped; `work` itself waits for whatever must be
/// finished.
fn on_a_runtime<T>(work: impl Future<Output = T>) -> io::Result<T> {
    run_beside(runtime(thread::available_parallelism().map_or(1, NonZeroUsize::get))?, work)
}

/// A runtime for so many cores. With only one there is nothing to share, and a scheduler that shares nothing takes a tenth
/// less CPU for a roll that is not cached.
fn runtime(cores: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if cores == 1 {
        builder = Builder::new_current_thread();
        builder.max_io_events_per_tick(SOCKETS_AT_ONCE);
    }
    builder.enable_all().build()
}

/// Runs work here and the runtime's tasks elsewhere: reading a configuration takes a while, and requests must not wait for it.
fn run_beside<T>(runtime: Runtime, work: impl Future<Output = T>) -> io::Result<T> {
    let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel::<()>());
    let driver = thread::Builder::new().name("tasks".to_owned()).spawn(move || {
        drop(runtime.block_on(ended));
        runtime
    })?;
    let done = handle.block_on(work);
    drop(end);
    if let Ok(runtime) = driver.join() {
        runtime.shutdown_timeout(LAST_MOMENT);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use clap::CommandFactory;
    use tokio::{runtime::RuntimeFlavor, time::Instant};

    use super::*;

    #[test]
    fn a_thread_that_cannot_be_stopped_does_not_keep_the_end() {
        let (begun, begins) = (Instant::now(), oneshot::channel());
        let done = on_a_runtime(async {
            drop(tokio::task::spawn_blocking(|| {
                begins.0.send(()).unwrap();
                std::thread::sleep(Duration::from_secs(10));
            }));
            begins.1.await
        });
        assert!(done.is_ok_and(|begins| begins.is_ok()));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_single_core_gets_the_scheduler_that_shares_nothing() {
        for (cores, expected) in [(1, RuntimeFlavor::CurrentThread), (2, RuntimeFlavor::MultiThread)] {
            assert_eq!(runtime(cores).unwrap().handle().runtime_flavor(), expected, "{cores}");
        }
    }

    #[test]
    fn work_that_blocks_holds_up_no_task() {
        for cores in [1, 2] {
            let (ticks, count) = (Arc::new(AtomicUsize::new(0)), |ticks: &AtomicUsize| ticks.load(Ordering::Relaxed));
            let ticking = Arc::clone(&ticks);
            let during = run_beside(runtime(cores).unwrap(), async {
                tokio::spawn(async move {
                    loop {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        ticking.fetch_add(1, Ordering::Relaxed);
                    }
                });
                let before = count(&ticks);
                thread::sleep(Duration::from_millis(500));
                count(&ticks) - before
            });
            assert!(during.is_ok_and(|ticks| ticks > 5), "{cores}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }
}
