//! The keys that belong to no source, caller or customer: `server`, `join`, `cache`, `telemetry`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytesize::ByteSize;
use toml::Value;

use super::{
    certificates::KeyPair,
    networks::Networks,
    origins,
    reader::Reader,
    setting::{BaseUrl, Setting, one_of},
};
use crate::domain::Placeholders;

/// The default of `server.listen`.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The settings that belong to no source.
#[derive(Clone, Debug)]
pub struct General {
    /// `[server]`.
    pub server: Server,
    /// `[join]`: the addresses that do not stand for a person.
    pub placeholders: Placeholders,
    /// `[cache]`.
    pub cache: Cache,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
}

/// `[server]`: where and how callers are answered.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address that listens for callers.
    pub listen: SocketAddr,
    /// A second listener for `/metrics` and `/health/sources`, which then answer there only.
    pub admin_listen: Option<SocketAddr>,
    /// The certificate for callers' connections, if they are encrypted; operators' never are.
    pub tls: Option<KeyPair>,
    /// The web origins, as browsers send them, whose pages may read the answers.
    pub cors_origins: Vec<String>,
    /// The longest time that a request waits for the sources; they get a little less.
    pub deadline: Duration,
    /// The maximum number of simultaneous connections; further ones wait in the kernel.
    pub max_connections: usize,
    /// The maximum number of simultaneous requests for customers; further ones are refused at once.
    pub max_in_flight: usize,
    /// How long `/health/ready` says 503 before the listener closes.
    pub drain: Duration,
    /// The proxies that are trusted to name the client that they forward for.
    pub trusted_proxies: Networks,
    /// The path prefix of every route; empty, or begins with `/` and does not end with it.
    pub base_path: String,
}

/// `[cache]`: how long a source's answer is used.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    /// How long a roll is fresh.
    pub fresh: Duration,
    /// How long after that it is returned at once while it is refreshed.
    pub stale_while_revalidate: Duration,
    /// How long after `fresh` it stands in for a source that fails.
    pub stale_if_error: Duration,
    /// How long a source's answer that it does not know a customer is cached.
    pub not_found: Duration,
    /// Roughly how much memory everything that is cached may take.
    pub max_bytes: ByteSize,
}

/// `[telemetry]`: what is logged and reported about each request, and how.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The format of log lines.
    pub format: LogFormat,
    /// Which requests get a line.
    pub access_log: AccessLog,
    /// Where spans are sent (OTLP over HTTP), if at all.
    pub otlp_endpoint: Option<BaseUrl>,
    /// The share of traces starting here that is sampled, 0 to 1.
    pub sample: f64,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object per line.
    Json,
}

/// Which requests get a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// All.
    All,
    /// Those answered with a status of 400 or more, and partial rolls.
    Errors,
    /// None.
    Off,
}

// === impl General ===

impl General {
    /// Reads every key that belongs to no source.
    pub fn read(reader: &mut Reader) -> Self {
        let server = Server::read(reader);
        let nobody = reader.or("join.placeholders", vec!["unknown_*@unknown.com".to_owned(), "*@dummy.com".to_owned()]);
        Self { server, placeholders: Placeholders::new(&nobody), cache: Cache::read(reader), telemetry: Telemetry::read(reader) }
    }
}

impl Server {
    fn read(reader: &mut Reader) -> Self {
        let (listen, admin_listen) = read_addresses(reader);
        Self {
            listen,
            admin_listen,
            tls: KeyPair::configured(reader, "server.tls"),
            cors_origins: origins::read(reader),
            deadline: reader.within(
                "server.deadline",
                Duration::from_secs(10),
                Duration::from_millis(300)..=Duration::from_mins(5),
                "between 300ms and 5m",
            ),
            max_connections: read_count(reader, "server.max_connections", 16_384),
            max_in_flight: read_count(reader, "server.max_in_flight", 4096),
            drain: read_time(reader, "server.drain", Duration::from_secs(5)),
            trusted_proxies: Networks::configured(reader),
            base_path: read_base_path(reader),
        }
    }
}

impl Cache {
    fn read(reader: &mut Reader) -> Self {
        Self {
            fresh: read_time(reader, "cache.fresh", Duration::from_mins(1)),
            stale_while_revalidate: read_time(reader, "cache.stale_while_revalidate", Duration::from_mins(5)),
            stale_if_error: read_time(reader, "cache.stale_if_error", Duration::from_hours(1)),
            not_found: read_time(reader, "cache.not_found", Duration::from_secs(30)),
            max_bytes: reader.or("cache.max_bytes", ByteSize::mib(256)),
        }
    }
}

impl Telemetry {
    fn read(reader: &mut Reader) -> Self {
        Self {
            format: reader.or("telemetry.format", LogFormat::Text),
            access_log: reader.or("telemetry.access_log", AccessLog::All),
            otlp_endpoint: read_otlp_endpoint(reader),
            sample: reader.within("telemetry.sample", 0.01, 0.0..=1.0, "between 0 and 1"),
        }
    }
}

impl Setting for LogFormat {
    const WANTED: &'static str = "\"text\" or \"json\"";

    fn read(value: &Value) -> Result<Self, String> {
        one_of(value, &[("text", Self::Text), ("json", Self::Json)])
    }
}

impl Setting for AccessLog {
    const WANTED: &'static str = "\"all\", \"errors\" or \"off\"";

    fn read(value: &Value) -> Result<Self, String> {
        one_of(value, &[("all", Self::All), ("errors", Self::Errors), ("off", Self::Off)])
    }
}

/// Reads the callers' address, and the operators' if it is a different one.
fn read_addresses(reader: &mut Reader) -> (SocketAddr, Option<SocketAddr>) {
    let listen = reader.or("server.listen", DEFAULT_LISTEN);
    let admin_listen = reader.get("server.admin_listen");
    if admin_listen.is_some_and(|admin| collide(listen, admin)) {
        let what = format!("must have a different port from server.listen, which is {listen}: an address can have only one listener.");
        reader.fault("server.admin_listen", what);
    }
    (listen, admin_listen)
}

/// Whether two addresses cannot be listened on at the same time. Port 0 means any free port. The unspecified
/// IPv6 address also covers all IPv4 addresses.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let holds = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    one.port() != 0 && one.port() == other.port() && (a == b || holds(a, b) || holds(b, a))
}

/// Reads a time, up to a limit that no one should need to exceed.
fn read_time(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    reader.within(key, default, Duration::ZERO..=Duration::from_hours(365 * 24), "at most 365d")
}

fn read_count(reader: &mut Reader, key: &str, default: u64) -> usize {
    let count = reader.within(key, default, 1..=1_000_000, "between 1 and 1000000");
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Reads the whole URL: nothing is appended to it.
fn read_otlp_endpoint(reader: &mut Reader) -> Option<BaseUrl> {
    let key = "telemetry.otlp_endpoint";
    let endpoint: Option<BaseUrl> = reader.get(key);
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.url().path() == "/") {
        reader.fault(key, "must be the whole URL, such as \"http://127.0.0.1:4318/v1/traces\".");
    }
    endpoint
}

fn read_base_path(reader: &mut Reader) -> String {
    let path: String = reader.or("server.base_path", String::new());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
    let fits = path.is_empty() || (path.starts_with('/') && !path.ends_with('/') && !path.contains("//"));
    if !fits || !path.bytes().all(plain) {
        reader.fault("server.base_path", "must be empty, or begin with / and not end with it, and consist of A-Z a-z 0-9 / . _ ~ -.");
        return String::new();
    }
    if ["/health/live", "/health/ready"].contains(&path.as_str()) {
        reader.fault("server.base_path", "must be a different path: /health/live and /health/ready also answer without the base path.");
        return String::new();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_have_two_addresses() {
        for (one, other, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", true),
            ("127.0.0.1:8080", "127.0.0.1:8081", false),
            ("127.0.0.1:8080", "127.0.0.2:8080", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("0.0.0.0:8080", "127.0.0.1:8080", true),
            ("127.0.0.1:8080", "0.0.0.0:8080", true),
            ("[::1]:8080", "[::]:8080", true),
            ("[::1]:8080", "127.0.0.1:8080", false),
            ("[::1]:8080", "0.0.0.0:8080", false),
            ("[::]:8080", "127.0.0.1:8080", true),
            ("0.0.0.0:8080", "[::]:8080", true),
            ("[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", true),
        ] {
            assert_eq!(collide(one.parse().unwrap(), other.parse().unwrap()), expected, "{one} {other}");
        }
    }
}
