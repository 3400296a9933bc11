//! `rollcall demo`: backends simulated inside the process, with the gateway in front of them.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    Failed,
    configuration::{Environment, Flags},
    output::say,
    serve::drain,
    signals::{Signals, Stop},
};
use crate::{
    app::{App, Config},
    config::Layers,
    sandbox::{
        CLIENT_ID, CLIENT_SECRET, Fault, MY_REPORTS_CLIENT_ID, MY_REPORTS_CLIENT_SECRET, MY_REPORTS_TOKEN, Options, Sandbox,
        SimulatedBackend, examples,
    },
    sources::{Backend, REGISTRY},
    telemetry::{log_panics, start_logging},
};

#[derive(Debug, Args)]
#[command(after_help = customers_help())]
pub(super) struct Arguments {
    /// Determines names, addresses and ids
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long a backend takes for each answer, such as 50ms
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// A fault at a backend for every customer, such as `my_reports=timeout`; may be repeated
    #[arg(long, value_name = "SOURCE=KIND")]
    fault: Vec<Fault>,
    #[command(flatten)]
    flags: Flags,
}

/// What to try: the end of a customer's id, the expected answer, and the rest of the URL.
const TRIES: &[(&str, &str, &str)] = &[
    ("002", "200: two rolls of 50 and 40 joined into one", "?page_size=3"),
    ("001", "200: the vendors' documented examples", ""),
    ("106", "200 partial: MyReports is unavailable", ""),
    ("106", "502: the same, if a partial roll is not accepted", "?partial=deny"),
    ("002", "400: a parameter out of range", "?page_size=0"),
    ("133", "401: both refuse our credentials", ""),
    ("111", "404: no source knows the customer", ""),
    ("155", "504: both are too slow", ""),
];

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failed> {
    let Arguments { seed, latency, fault, flags } = arguments;
    let sandbox = Sandbox::start(Options { seed, latency, faults: fault, ..Options::default() }).await?;
    let config = Config::read(flags.lay_over(layers(&sandbox))?, &played())?;
    start_logging(config.general.telemetry.format, environment.variable("ROLLCALL_LOG"))?;
    log_panics();
    let mut signals = Signals::listen()?;
    let server = &config.general.server;
    let (scheme, base_path) = (if server.tls.is_some() { "https" } else { "http" }, server.base_path.clone());
    let discovers = config.customers.discovers();
    let running = App::new(config)?.start()?;
    say(&welcome(&format!("{scheme}://{}{base_path}", running.address), &sandbox.base_url(SimulatedBackend::MyReports), discovers))?;
    drain(running, signals.next().await.unwrap_or(Stop::Now), &mut signals).await;
    Ok(())
}

/// Returns the backends that the sandbox simulates.
fn played() -> Vec<Backend> {
    let is_played = |backend: &&Backend| SimulatedBackend::from_str(backend.name.as_str(), false).is_ok();
    REGISTRY.iter().filter(is_played).copied().collect()
}

/// Returns the configuration that points at the sandbox. It ignores the environment: a demo must work the
/// same everywhere, and must not send anyone's real secrets anywhere.
fn layers(sandbox: &Sandbox) -> Layers {
    let keys = [
        ("server.drain", "0s".to_owned()),
        ("sources.advanced_automation.base_url", sandbox.base_url(SimulatedBackend::AdvancedAutomation)),
        ("sources.advanced_automation.client_id", CLIENT_ID.to_owned()),
        ("sources.advanced_automation.client_secret", CLIENT_SECRET.to_owned()),
        ("sources.my_reports.base_url", sandbox.base_url(SimulatedBackend::MyReports)),
        ("sources.my_reports.token", MY_REPORTS_TOKEN.to_owned()),
    ];
    keys.into_iter().fold(Layers::default(), |layers, (key, value)| layers.with_flag(key, value, "demo"))
}

/// What to try where the backends' customers are linked.
const LINKED_TRIES: &[(&str, &str)] = &[
    ("200: the customers, and the id of each at each backend", "/customers"),
    ("200: linked by the tenant's UUID; the ids differ", "/customers/00000000-0000-4000-8000-000000000021/users?page_size=3"),
    ("200: a reference shared by two customers links neither", "/customers/00000000-0000-4000-8000-000000000025"),
];

fn welcome(base: &str, my_reports: &str, discovers: bool) -> String {
    let tries = TRIES.iter().map(|(digits, shows, query)| {
        format!("# {shows}\ncurl -i '{base}/customers/00000000-0000-4000-8000-000000000{digits}/users{query}'\n")
    });
    let linked = LINKED_TRIES.iter().filter(|_| discovers).map(|(shows, path)| format!("# {shows}\ncurl -i '{base}{path}'\n"));
    let tries: Vec<String> = tries.chain(linked).collect();
    let hint =
        if discovers { "" } else { "With `--set customers.links=discover,same_id` the customers that both backends list are linked.\n" };
    format!(
        "Rollcall answers at {base}/ and can be browsed at {base}/docs/\n\nTry:\n\n{}\n\
         All users as CSV, for a spreadsheet: curl -H 'Accept: text/csv' '{base}/customers/00000000-0000-4000-8000-000000000002/users'\n\
         {hint}`rollcall login` can be tried at {my_reports}/connect/authorize and /token: client {MY_REPORTS_CLIENT_ID}, secret {MY_REPORTS_CLIENT_SECRET}.\n\
         `rollcall demo --help` lists every customer. Ctrl-C stops it.",
        tries.join("\n")
    )
}

fn customers_help() -> String {
    let rows: Vec<String> = examples().iter().map(|example| format!("  {}  {}", example.id, example.shows)).collect();
    format!("Customers to ask for, by their id:\n{}", rows.join("\n"))
}
