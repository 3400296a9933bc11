//! The redirect URI of a login: this machine, at a port that we listen on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Value;
use url::{Host, Url};

use super::setting::Setting;

/// A redirect URI on this machine (RFC 8252, 7.3), kept exactly as it was written: identity servers
/// compare it character by character, so not even a slash may be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    url: Url,
    address: SocketAddr,
}

impl RedirectUri {
    /// The URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address to listen on for the browser.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The path that the browser requests, at least `/`.
    pub fn path(&self) -> &str {
        self.url.path()
    }
}

impl Setting for RedirectUri {
    const WANTED: &'static str = "a URL on this machine with a port, such as \"http://127.0.0.1:8000\", where the login can listen";

    fn read(value: &Value) -> Result<Self, String> {
        let read = || {
            let text = value.as_str()?.trim().to_owned();
            let url = Url::parse(&text).ok()?;
            let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
            let address = SocketAddr::new(loopback(&url.host()?)?, url.port().filter(|port| *port > 0)?);
            (bare && url.scheme() == "http").then_some(Self { text, url, address })
        };
        read().ok_or_else(Self::wanted)
    }
}

/// The loopback address that a host stands for. A browser that tries `::1` first for `localhost`
/// falls back to IPv4.
fn loopback(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(name) if *name == "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()).filter(IpAddr::is_loopback),
        Host::Ipv6(address) => Some((*address).into()).filter(IpAddr::is_loopback),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_this_machine_has_a_port_and_stays_as_it_was_written() {
        for (uri, address, path) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000", "/"),
            ("http://localhost:8000/back", "127.0.0.1:8000", "/back"),
            ("http://[::1]:9", "[::1]:9", "/"),
        ] {
            let read = RedirectUri::read(&uri.into()).unwrap();
            assert_eq!((read.as_str(), read.address().to_string().as_str(), read.path()), (uri, address, path));
        }
        for bad in [
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:0",
            "https://127.0.0.1:8000",
            "http://10.0.0.1:8000",
            "http://localhost.example:8000",
            "http://u@127.0.0.1:8000",
            "http://127.0.0.1:8000/?a=b",
            "http://127.0.0.1:8000/#a",
            "127.0.0.1:8000",
        ] {
            assert!(RedirectUri::read(&bad.into()).is_err(), "{bad}");
        }
    }
}
