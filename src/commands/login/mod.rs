//! `rollcall login SOURCE`: a person's one-time login, from the printed URL to the stored token.

mod browser;

use std::time::Duration;

use clap::Args;

use self::browser::{Browser, Page};
use super::{
    Failed,
    configuration::{self, Environment},
    output::say,
    signals::Signals,
};
use crate::{
    config::{Fault, LogFormat},
    sources::{
        SourceSettings,
        oauth::{Callback, Login, LoginError, login_name},
    },
    telemetry::start_logging,
};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The source to log in to: my-reports
    #[arg(value_name = "SOURCE")]
    source: String,
    #[command(flatten)]
    configuration: configuration::Arguments,
}

pub(super) async fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failed> {
    let sources = arguments.configuration.read(environment)?.sources;
    let source = find(sources, &arguments.source)?;
    start_logging(LogFormat::Text, environment.variable("ROLLCALL_LOG"))?;
    let (table, mut signals) = (format!("sources.{}", source.backend.name), Signals::listen()?);
    let login = Login::begin(source).await.map_err(failed)?;
    let (address, uri) = login.redirect();
    let taken = |error| Failed::Running(format!("{table}.oauth.redirect_uri: cannot listen on {address}: {error}."));
    let browser = Browser::listen(address).await.map_err(taken)?;
    say(&invitation(&login, uri))?;
    tokio::select! {
        done = in_time(log_in(&login, browser)) => done,
        _ = signals.next() => Err(nobody("before the command was stopped")),
    }
}

/// Answers the browser until it completes this login.
async fn log_in(login: &Login, mut browser: Browser) -> Result<(), Failed> {
    let done = loop {
        let (asked, reply) = browser.next().await;
        let done = match login.judge(asked.path(), asked.query().unwrap_or_default()) {
            Callback::Elsewhere => {
                reply.send(Page::not_found());
                continue;
            }
            Callback::Stranger => {
                reply.send(Page::stranger());
                continue;
            }
            Callback::Refused(error) => Err(LoginError::from(error)),
            Callback::Code(code) => login.finish(&code).await,
        };
        reply.send(done.as_ref().map_or_else(|_| Page::failed(), |_| Page::done()));
        break done;
    };
    browser.close().await;
    let file = done.map_err(failed)?.display();
    say(&format!("Logged in. The refresh token is in {file}; a gateway that runs with it picks it up by itself."))?;
    Ok(())
}

/// Waits no longer than a person may take.
async fn in_time(login: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::time::timeout(PATIENCE, login).await.unwrap_or_else(|_| Err(nobody("within ten minutes")))
}

fn find(sources: Vec<SourceSettings>, name: &str) -> Result<SourceSettings, Failed> {
    let wanted = |source: &SourceSettings| login_name(source.backend.name) == name;
    let unknown = || Fault { at: "SOURCE".to_owned(), what: "no source has this name; the one with a login is my-reports.".to_owned() };
    sources.into_iter().find(wanted).ok_or_else(|| Failed::Configuration(unknown().into()))
}

fn invitation(login: &Login, uri: &str) -> String {
    format!(
        "Open this in a browser on this machine, and approve as a user who may give access to the API:\n\n{}\n\n\
         The browser comes back to {uri}. Waiting up to ten minutes; Ctrl-C cancels.",
        login.url()
    )
}

fn nobody(when: &str) -> Failed {
    Failed::Running(format!("no one logged in {when}: run the command again."))
}

fn failed(error: LoginError) -> Failed {
    match error {
        LoginError::NotConfigured(_) => Failed::Usage(error.to_string()),
        other => Failed::Running(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_longer_than_ten_minutes() {
        let begun = Instant::now();
        let ended = in_time(std::future::pending()).await.unwrap_err().to_string();
        assert_eq!((begun.elapsed().as_secs(), ended.as_str()), (600, "no one logged in within ten minutes: run the command again."));
    }
}
