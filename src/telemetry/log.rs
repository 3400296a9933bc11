//! Log lines: JSON or text on stderr, and how much of a panic is logged.

use std::{io, panic};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use crate::config::LogFormat;

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not a known one.
    #[error("ROLLCALL_LOG: must be off, error, warn, info, debug or trace.")]
    Level,
    /// A logger is already installed.
    #[error("logging is already started")]
    Twice(#[source] TryInitError),
}

/// Starts logging to stderr. `level` is `info` if it is absent or blank.
pub fn start_logging(format: LogFormat, level: Option<&str>) -> Result<(), LogError> {
    let filter = self::level(level)?.and(filter_fn(is_ours_or_quiet));
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().map_err(LogError::Twice)
}

/// The requested level. The library takes an empty text for `error`, but an empty variable requests nothing.
fn level(said: Option<&str>) -> Result<LevelFilter, LogError> {
    let said = said.map(str::trim).filter(|said| !said.is_empty());
    said.unwrap_or("info").parse().map_err(|_| LogError::Level)
}

/// Libraries log nothing below `info`, whatever level is asked for: some would log headers or bodies, with
/// contents that no one may see.
fn is_ours_or_quiet(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("rollcall") || *metadata.level() <= Level::INFO
}

/// Makes panics log their location but not their message, which may quote what an upstream wrote.
pub fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug: the program panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_level_is_the_default() {
        for (said, expected) in [
            (None, Some(LevelFilter::INFO)),
            (Some(""), Some(LevelFilter::INFO)),
            (Some(" \n"), Some(LevelFilter::INFO)),
            (Some(" warn "), Some(LevelFilter::WARN)),
            (Some("off"), Some(LevelFilter::OFF)),
            (Some("loud"), None),
        ] {
            assert_eq!(level(said).ok(), expected, "{said:?}");
        }
    }
}
