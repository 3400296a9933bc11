//! The keys that belong to no source, no caller and no customer: `server`, `join`, `cache`, `telemetry`.

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

/// Where callers are listened to unless `server.listen` says otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Everything that belongs to no source.
#[derive(Clone, Debug)]
pub struct General {
    /// `[server]`.
    pub server: Server,
    /// `[join]`: the addresses that stand for nobody.
    pub placeholders: Placeholders,
    /// `[cache]`.
    pub cache: Cache,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
}

/// `[server]`: where and how callers are answered.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where callers are listened to.
    pub listen: SocketAddr,
    /// A second listener for `/metrics` and `/health/sources`, which then answer there only.
    pub admin_listen: Option<SocketAddr>,
    /// What callers' connections are encrypted with, if they are; operators' never are.
    pub tls: Option<KeyPair>,
    /// Which web pages elsewhere may read the answers, as browsers send them.
    pub cors_origins: Vec<String>,
    /// How long a request waits for the sources at most, a little more than they get.
    pub deadline: Duration,
    /// Connections at the same time; further ones wait in the kernel.
    pub max_connections: usize,
    /// Requests for customers at the same time; further ones are refused at once.
    pub max_in_flight: usize,
    /// How long `/health/ready` says 503 before the listener closes.
    pub drain: Duration,
    /// The proxies that are believed when they say whom they ask for.
    pub trusted_proxies: Networks,
    /// Stands before every route; empty, or begins with `/` and does not end with it.
    pub base_path: String,
}

/// `[cache]`: how long a source's answer is used.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    /// How long a roll is fresh.
    pub fresh: Duration,
    /// How long after that it is given at once while it is asked for anew.
    pub stale_while_revalidate: Duration,
    /// How long after `fresh` it stands in for a source that fails.
    pub stale_if_error: Duration,
    /// How long "I do not know this customer" is believed.
    pub not_found: Duration,
    /// About how much memory all that is kept may take.
    pub max_bytes: ByteSize,
}

/// `[telemetry]`: what is written of each request, and how.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// How a log line looks.
    pub format: LogFormat,
    /// Which requests get a line.
    pub access_log: AccessLog,
    /// Where spans are sent (OTLP over HTTP), if they are.
    pub otlp_endpoint: Option<BaseUrl>,
    /// How large a share of the traces that begin here is sampled, 0 to 1.
    pub sample: f64,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which requests get a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// All.
    All,
    /// Those that were answered with 400 or more, and partial rolls.
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

/// Where callers are listened to, and operators, if that is somewhere else.
fn read_addresses(reader: &mut Reader) -> (SocketAddr, Option<SocketAddr>) {
    let listen = reader.or("server.listen", DEFAULT_LISTEN);
    let admin_listen = reader.get("server.admin_listen");
    if admin_listen.is_some_and(|admin| collide(listen, admin)) {
        let what = format!("must have another port than server.listen, which is {listen}: one address has one listener.");
        reader.fault("server.admin_listen", what);
    }
    (listen, admin_listen)
}

/// Whether one of two addresses cannot be listened on beside the other. Port 0 is a free one. All addresses
/// of IPv6 are those of IPv4 as well.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let holds = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    one.port() != 0 && one.port() == other.port() && (a == b || holds(a, b) || holds(b, a))
}

/// A time that is not longer than anybody could want.
fn read_time(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    reader.within(key, default, Duration::ZERO..=Duration::from_hours(365 * 24), "at most 365d")
}

fn read_count(reader: &mut Reader, key: &str, default: u64) -> usize {
    let count = reader.within(key, default, 1..=1_000_000, "between 1 and 1000000");
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Nothing is put behind it, so it has to be the whole URL.
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
        reader.fault("server.base_path", "must be empty or begin with / and not end with it, of A-Z a-z 0-9 / . _ ~ -.");
        return String::new();
    }
    if ["/health/live", "/health/ready"].contains(&path.as_str()) {
        reader.fault("server.base_path", "must be another path: /health/live and /health/ready answer without it, too.");
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
