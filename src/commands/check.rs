//! `rollcall check`: reports every fault of a configuration, without serving.

use clap::Args;

use super::{
    Failed,
    configuration::{self, Environment},
    output::say,
    serve::finish_soon,
    signals::Signals,
};
use crate::{
    app::App,
    config::LogFormat,
    domain::Failure,
    sources::{CredentialCheck, oauth::Renewals},
    telemetry::start_logging,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: configuration::Arguments,
    /// Also asks each source for a token, and whether the shared cache answers
    #[arg(long)]
    online: bool,
}

pub(super) async fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failed> {
    let config = arguments.configuration.read(environment)?;
    say("The configuration is valid.")?;
    for (source, to_do) in config.sources.iter().filter_map(|source| Some((source.backend.name, source.credentials.to_do()?))) {
        say(&format!("{source}: {to_do}"))?;
    }
    if !arguments.online {
        return Ok(());
    }
    start_logging(LogFormat::Text, environment.variable("ROLLCALL_LOG"))?;
    let mut signals = Signals::listen()?;
    let app = App::new(config)?;
    tokio::select! {
        done = ask(&app) => done,
        _ = signals.next() => {
            finish(&app.renewals(), &mut signals).await;
            Err(Failed::Running("stopped by a signal before everything was checked.".to_owned()))
        }
    }
}

/// Waits for a refresh token that is in transit, because there is no other copy; after a second signal, not for long.
async fn finish(renewals: &Renewals, signals: &mut Signals) {
    tokio::select! {
        () = renewals.finish() => {}
        _ = signals.next() => finish_soon(renewals).await,
    }
}

/// Asks the sources and the shared cache, and prints the results.
async fn ask(app: &App) -> Result<(), Failed> {
    let mut failed = Vec::new();
    match app.try_shared_cache().await {
        None => {}
        Some(Ok(())) => say("shared_cache: it answers.")?,
        Some(Err(why)) => failed.push(format!("shared_cache: it does not answer ({why}): check shared_cache.url.")),
    }
    for (source, check) in app.check_credentials().await {
        match check {
            CredentialCheck::CallersBring => say(&format!("{source}: each caller brings their own credentials."))?,
            CredentialCheck::Obtained => say(&format!("{source}: credentials are available."))?,
            CredentialCheck::Refused { what, failure } => failed.push(format!("{source}: {}", sentence(what, &failure))),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failed::Running(failed.join("\n"))) }
}

fn sentence(what: &str, failure: &Failure) -> String {
    let status = failure.http_status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
    format!("no {what} was obtained: {}{status}.", failure.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureKind;

    #[test]
    fn what_was_not_obtained_is_named() {
        let (refused, unread) = (Failure::answered(FailureKind::Unauthorized, 401), Failure::new(FailureKind::Unauthorized));
        assert_eq!(sentence("token", &refused), "no token was obtained: unauthorized (HTTP 401).");
        assert_eq!(sentence("key", &unread), "no key was obtained: unauthorized.");
    }
}
