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

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{app::StartError, config::Faults, telemetry::LogError};

pub use configuration::Environment;
pub use memory::{keep_memory_private, keep_memory_small};

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
    Io(#[from] std::io::Error),
    /// The command does not fit the configuration.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Running(String),
}

impl Line {
    /// Runs the command.
    pub async fn run(self, environment: &Environment) -> ExitCode {
        let done = match self.command {
            Command::Demo(arguments) => demo::run(arguments, environment).await,
            Command::Serve(arguments) => serve::run(&arguments, environment).await,
            Command::Check(arguments) => check::run(&arguments, environment).await,
            Command::Key(arguments) => key::run(&arguments),
            Command::Login(arguments) => login::run(&arguments, environment).await,
            Command::Health(arguments) => health::run(&arguments, environment).await,
            Command::Openapi(arguments) => openapi::run(&arguments),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => {
                output::say_error(&failed.to_string());
                failed.exit_code()
            }
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }
}
