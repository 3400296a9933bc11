//! How a peer is reached: by which route, and whose certificates are trusted.

use reqwest::{Certificate, ClientBuilder};
use toml::Value;
use url::Url;

use crate::config::{Authorities, Setting};

/// How a peer is reached.
#[derive(Clone, Debug)]
pub struct Transport {
    /// Whether certificates will be checked; if not, no root certificates are needed.
    pub encrypted: bool,
    /// The authorities that are trusted instead of the system's roots.
    pub authorities: Option<Authorities>,
    /// The proxy, if any.
    pub proxy: Proxy,
}

/// The way between us and a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Direct, whatever the environment says.
    None,
    /// The proxy in `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, subject to `NO_PROXY`.
    Environment,
    /// The proxy at this URL, for everything.
    At(Url),
}

impl Transport {
    /// Goes directly to the peer, with the system's roots if it is encrypted.
    pub fn direct(encrypted: bool) -> Self {
        Self { encrypted, authorities: None, proxy: Proxy::None }
    }

    pub(super) fn lay_on(&self, builder: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let builder = match &self.proxy {
            Proxy::None => builder.no_proxy(),
            Proxy::Environment => builder, // the library's default
            Proxy::At(url) => builder.proxy(reqwest::Proxy::all(url.clone())?),
        };
        Ok(match &self.authorities {
            Some(authorities) => {
                let certificates: reqwest::Result<Vec<_>> = authorities.certificates().map(Certificate::from_der).collect();
                builder.tls_certs_only(certificates?)
            }
            None if self.encrypted => builder,
            None => builder.tls_certs_only([]),
        })
    }
}

/// Accepts no user and password: they would be printed with the URL.
impl Setting for Proxy {
    const WANTED: &'static str = "\"none\", \"environment\" or the URL of a proxy such as \"http://proxy.example:3128\"";

    fn read(value: &Value) -> Result<Self, String> {
        let text = value.as_str().map(str::trim).ok_or_else(Self::wanted)?;
        match text {
            "none" => return Ok(Self::None),
            "environment" => return Ok(Self::Environment),
            _ => {}
        }
        let url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.has_host()).ok_or_else(Self::wanted)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or a password. Write \"environment\": HTTPS_PROXY may hold them.".to_owned());
        }
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if is_bare { Ok(Self::At(url)) } else { Err(Self::wanted()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_place_and_holds_no_credentials() {
        let read = |text: &str| Proxy::read(&Value::String(text.to_owned()));
        assert_eq!(read("none"), Ok(Proxy::None));
        assert_eq!(read("environment"), Ok(Proxy::Environment));
        assert!(matches!(read("http://proxy.example:3128"), Ok(Proxy::At(_))));
        for bad in ["", "proxy.example:3128", "https://proxy.example", "socks5://proxy.example", "http://p/x", "http://p?q", "http://p#f"] {
            assert!(read(bad).is_err_and(|what| what.contains(Proxy::WANTED)), "{bad}");
        }
        for secret in ["http://user:hunter2@proxy.example", "http://hunter2@proxy.example"] {
            assert!(read(secret).is_err_and(|what| what.contains("password") && !what.contains("hunter2")), "{secret}");
        }
    }
}
