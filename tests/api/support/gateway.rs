//! The gateway under test, on its own port, and a caller of it.

use std::{io::Read, time::Duration};

use flate2::read::GzDecoder;
use http::HeaderMap;
use rollcall::{
    app::{App, Config, Running},
    config::{Faults, Layers},
    sources::{Backend, REGISTRY},
};
use serde_json::Value;
use tokio::net::TcpStream;

use super::certificates::Authority;

/// A gateway that is yet to be configured.
pub(crate) struct Setup {
    layers: Layers,
    backends: Vec<Backend>,
}

/// A running gateway, until it is dropped.
pub(crate) struct Gateway {
    running: Option<Running>,
    pub(crate) url: String,
    pub(crate) admin_url: Option<String>,
    client: reqwest::Client,
}

/// What a caller received.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Setup {
    pub(crate) fn new(keys: &[(&str, &str)]) -> Self {
        let own = [("server.listen", "127.0.0.1:0"), ("server.drain", "0s"), ("telemetry.access_log", "off")];
        let layers = own.iter().chain(keys).fold(Layers::default(), |layers, (key, value)| layers.with_flag(key, *value, "test"));
        Self { layers, backends: REGISTRY.to_vec() }
    }

    /// Sets one key.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.layers = self.layers.with_flag(key, value, "test");
        self
    }

    /// Adds a backend that is not in the registry.
    pub(crate) fn with_backend(mut self, backend: Backend) -> Self {
        self.backends.push(backend);
        self
    }

    pub(crate) fn config(self) -> Result<Config, Faults> {
        Config::read(self.layers, &self.backends)
    }

    #[expect(clippy::unused_async, reason = "it needs a runtime, and every test awaits it")]
    pub(crate) async fn start(self) -> Gateway {
        let running = App::new(self.config().unwrap()).unwrap().start().unwrap();
        let (url, admin) = (format!("http://{}", running.address), running.admin_address);
        Gateway { admin_url: admin.map(|address| format!("http://{address}")), running: Some(running), ..Gateway::at(url) }
    }
}

impl Gateway {
    /// A gateway that runs elsewhere.
    pub(crate) fn at(url: String) -> Self {
        // An error means that another gateway in this process has installed it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().no_gzip().tls_certs_only([]).build().unwrap();
        Self { running: None, url, admin_url: None, client }
    }

    /// The same gateway, called over TLS by a caller that trusts only this authority.
    pub(crate) fn over_tls(self, authority: &Authority) -> Self {
        Self { url: self.url.replace("http://", "https://"), client: authority.caller().build().unwrap(), ..self }
    }

    /// The address that it listens on.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Opens a connection to it, on which nothing is sent yet.
    pub(crate) async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.address()).await
    }

    /// Whether its metrics contain this line.
    pub(crate) async fn has_metric(&self, line: &str) -> bool {
        self.get("/metrics").await.text.lines().any(|other| other == line)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let response = self.response(method, path, headers).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    async fn response(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.timeout(Duration::from_secs(30)).send().await.unwrap()
    }

    /// Requests a compressed answer, and decompresses it if it is one.
    pub(crate) async fn get_gzipped(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut response = self.response("GET", path, &[&[("accept-encoding", "gzip")], headers].concat()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (mut sent, mut text) = (Vec::new(), String::new());
        while let Some(chunk) = response.chunk().await.unwrap() {
            sent.extend_from_slice(&chunk);
        }
        if headers.contains_key("content-encoding") {
            GzDecoder::new(&sent[..]).read_to_string(&mut text).unwrap();
        } else {
            (&sent[..]).read_to_string(&mut text).unwrap();
        }
        Answer { status, headers, text }
    }

    /// Puts a new configuration to work.
    pub(crate) fn reload(&self, config: Config) {
        self.running.as_ref().unwrap().reload(config).unwrap();
    }

    /// Stops it, and waits until it has stopped.
    pub(crate) async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop(Duration::ZERO).await;
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The users' display names, in order.
    #[track_caller]
    pub(crate) fn names(&self) -> Vec<String> {
        let users = self.json()["data"].as_array().cloned().unwrap_or_else(|| panic!("no roll: {}", self.text));
        users.iter().map(|user| user["display_name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A source's entry under `sources`.
    #[track_caller]
    pub(crate) fn source(&self, name: &str) -> Value {
        let sources = self.json()["sources"].as_array().cloned().unwrap_or_default();
        sources.into_iter().find(|source| source["source"] == name).unwrap_or_else(|| panic!("no source {name}: {}", self.text))
    }
}
