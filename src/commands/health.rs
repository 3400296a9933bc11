//! `rollcall health`: checks whether the gateway on this machine accepts requests, for images without curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;
use toml::Value;
use url::Url;

use super::{
    Failed, LAST_MOMENT,
    configuration::{self, Environment},
};
use crate::{
    config::{DEFAULT_LISTEN, Endpoint, Reader, Setting},
    domain::FailureKind,
    outbound::{Answer, Bounds, Client, Transport},
};

/// The peer's name, for the log.
const NAME: &str = "health";

const PATH: &str = "/health/ready";

/// How long the whole check may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the request may take, so that time is left to start and to end the process.
const TIMEOUT: Duration = PATIENCE.saturating_sub(LAST_MOMENT.saturating_mul(2));

const BOUNDS: Bounds = Bounds { connect_timeout: TIMEOUT, timeout: TIMEOUT, max_idle: 0, max_response_bytes: 64 << 10 };

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The URL to ask; by default, the address where the configuration says that the gateway listens
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    configuration: configuration::Arguments,
}

pub(super) async fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failed> {
    let Some(text) = &arguments.url else { return ask_as_configured(&arguments.configuration, environment).await };
    let endpoint = given(text).map_err(|what| Failed::Usage(format!("--url: {what}")))?;
    let client = if endpoint.is_loopback() {
        Client::of_this_machine(NAME, BOUNDS)
    } else {
        Client::new(NAME, &Transport::direct(endpoint.is_encrypted()), BOUNDS)
    };
    ask(client, endpoint.url()).await
}

/// Asks the address in the configuration. If the file cannot be read, the running gateway may be fine all the
/// same, so the environment and the flags have to suffice.
async fn ask_as_configured(configuration: &configuration::Arguments, environment: &Environment) -> Result<(), Failed> {
    let (layers, unread) = configuration.usable_layers(environment)?;
    let url = configured(&mut Reader::new(layers))?;
    let asked = ask(Client::of_this_machine(NAME, BOUNDS), &url).await;
    asked.map_err(|failed| match unread {
        Some(faults) => Failed::Running(format!("{failed}\n{faults}")),
        None => failed,
    })
}

async fn ask(client: reqwest::Result<Client>, url: &Url) -> Result<(), Failed> {
    let client = client.map_err(|error| Failed::Running(format!("cannot call {url}: {error}.")))?;
    match client.exchange_in_time(reqwest::Request::new(http::Method::GET, url.clone())).await {
        Ok(Answer { status: 200, body: Ok(_), .. }) => Ok(()),
        Ok(Answer { status: 200, body: Err(failure), .. }) | Err(failure) => {
            Err(Failed::Running(format!("not ready: {}", sentence(url, failure.kind))))
        }
        Ok(Answer { status, .. }) => Err(Failed::Running(format!("not ready: {url} answered {status}."))),
    }
}

/// Parses a URL given by a person; without a path it gets the gateway's.
fn given(text: &str) -> Result<Endpoint, String> {
    let read = |text: &str| Endpoint::read(&Value::String(text.to_owned()));
    let endpoint = read(text)?;
    if endpoint.url().path() == "/" { read(&format!("{}{PATH}", text.trim().trim_end_matches('/'))) } else { Ok(endpoint) }
}

/// Returns where a gateway with this configuration reports whether it is ready: on the operators' listener,
/// which is never encrypted, if there is one.
fn configured(reader: &mut Reader) -> Result<Url, Failed> {
    let (listen, admin) = (reader.get("server.listen"), reader.get("server.admin_listen"));
    let is_encrypted = admin.is_none() && reader.holds("server.tls");
    let address = here(admin.or(listen).unwrap_or(DEFAULT_LISTEN));
    if address.port() == 0 {
        return Err(Failed::Usage("server.listen: port 0 means any free port; pass --url with the actual one.".to_owned()));
    }
    let scheme = if is_encrypted { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{address}{PATH}")).map_err(|error| Failed::Usage(error.to_string()))
}

/// Returns the address by which this machine reaches that listener.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn sentence(url: &Url, kind: FailureKind) -> String {
    match kind {
        FailureKind::Timeout => format!("{url} did not answer within {} s.", TIMEOUT.as_secs_f32()),
        FailureKind::InvalidResponse => format!("the answer from {url} is not HTTP; if the gateway uses TLS, use an https URL."),
        _ => format!("{url} cannot be reached."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[test]
    fn it_is_asked_where_the_configuration_says_that_the_gateway_listens() {
        for (keys, expected) in [
            ("", "http://127.0.0.1:8080/health/ready"),
            ("server.listen = \"0.0.0.0:9000\"", "http://127.0.0.1:9000/health/ready"),
            ("server.listen = \"[::]:9000\"", "http://[::1]:9000/health/ready"),
            ("server.listen = \"10.0.0.7:9000\"", "http://10.0.0.7:9000/health/ready"),
            ("server.listen = \"0.0.0.0:9000\"\nserver.tls.cert_file = \"x\"", "https://127.0.0.1:9000/health/ready"),
            ("server.admin_listen = \"0.0.0.0:9090\"\nserver.tls.cert_file = \"x\"", "http://127.0.0.1:9090/health/ready"),
            ("server.base_path = \"/rollcall\"", "http://127.0.0.1:8080/health/ready"),
            ("sources.my_reports.token = 3", "http://127.0.0.1:8080/health/ready"),
        ] {
            let mut reader = Reader::new(Layers::from_text(keys).unwrap_or_default());
            assert_eq!(configured(&mut reader).unwrap().as_str(), expected, "{keys}");
        }
        let mut any = Reader::new(Layers::from_text("server.listen = \"127.0.0.1:0\"").unwrap_or_default());
        assert!(configured(&mut any).is_err_and(|failed| failed.to_string().contains("--url")));
    }

    #[test]
    fn a_url_without_a_path_is_the_gateways() {
        assert_eq!(given("http://127.0.0.1:1").unwrap().url().as_str(), "http://127.0.0.1:1/health/ready");
        assert_eq!(given("http://127.0.0.1:1/x?y").unwrap().url().as_str(), "http://127.0.0.1:1/x?y");
        assert!(given("127.0.0.1:1").is_err());
    }
}
