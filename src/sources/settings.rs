//! The keys that every source has: `sources.<name>.…`.

use std::time::Duration;

use bytesize::ByteSize;

use super::{
    Backend,
    adapter::Adapter,
    credentials::{CredentialSettings, ReadyKind},
    retry::Policy,
};
use crate::{
    breaker::BreakerSettings,
    config::{Authorities, BaseUrl, Reader, Setting, one_of},
    domain::SourceName,
    outbound::{Bounds, Client, Proxy, Transport},
};

/// Everything that makes up a source, as configured.
pub struct SourceSettings {
    /// Which backend it is.
    pub backend: Backend,
    /// Describes requests and answers.
    pub adapter: Box<dyn Adapter>,
    /// How it is reached.
    pub transport: Transport,
    /// Our credentials there.
    pub credentials: CredentialSettings,
    /// When calls are retried.
    pub retry: Policy,
    /// The limits of the calls.
    pub limits: Limits,
}

/// The limits of the calls to one source.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest time for one attempt.
    pub timeout: Duration,
    /// The longest time for establishing a connection.
    pub connect_timeout: Duration,
    /// The longest time for one walk over all pages.
    pub walk_deadline: Duration,
    /// Attempts after the first.
    pub retries: u64,
    /// The maximum number of simultaneous calls.
    pub max_in_flight: u64,
    /// The maximum size of one answer in bytes, after decoding.
    pub max_response_bytes: u64,
    /// The maximum number of pages of one walk.
    pub max_pages: u64,
    /// When the breaker stops calls to the source.
    pub breaker: BreakerSettings,
}

impl SourceSettings {
    /// Makes the client for everything that is requested on this source's behalf.
    pub(super) fn client(&self) -> reqwest::Result<Client> {
        let transport = Transport { encrypted: self.is_encrypted(), ..self.transport.clone() };
        Client::new(self.backend.name.as_str(), &transport, Bounds::from(&self.limits))
    }

    /// Whether certificates will have to be verified, of the source or of where its tokens are issued.
    pub(super) fn is_encrypted(&self) -> bool {
        self.transport.encrypted || self.credentials.is_encrypted()
    }
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            connect_timeout: limits.connect_timeout,
            timeout: limits.timeout,
            max_idle: usize::try_from(limits.max_in_flight).unwrap_or(usize::MAX),
            max_response_bytes: limits.max_response_bytes,
        }
    }
}

/// Whose credentials are used to ask a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Own,
    Callers,
}

impl Setting for Whose {
    const WANTED: &'static str = "\"own\" or \"forward\"";

    fn read(value: &toml::Value) -> Result<Self, String> {
        one_of(value, &[("own", Self::Own), ("forward", Self::Callers)])
    }
}

/// Reads the keys of one source, each under `sources.<name>`.
pub struct SourceReader<'a> {
    reader: &'a mut Reader,
    backend: &'a Backend,
}

impl<'a> SourceReader<'a> {
    /// Reads the keys under `sources.<name>`.
    pub fn new(reader: &'a mut Reader, backend: &'a Backend) -> Self {
        Self { reader, backend }
    }

    /// The full name of a key: `sources.my_reports.token` for `token`.
    pub fn key(&self, key: &str) -> String {
        format!("sources.{}.{key}", self.name())
    }

    /// The source's name.
    pub fn name(&self) -> SourceName {
        self.backend.name
    }

    /// Whether anything at all is set under `sources.<name>`. The backends that every gateway has do not
    /// ask: if one of them is missing, that is a fault and not a shorter roll.
    pub fn is_there(&self) -> bool {
        self.reader.holds(&format!("sources.{}", self.name()))
    }

    /// The reader, for keys that only this source has.
    pub fn reader(&mut self) -> &mut Reader {
        self.reader
    }

    /// The source's base URL; `https`, unless the host is this machine or `allow_http` permits otherwise.
    pub fn base_url(&mut self) -> Option<BaseUrl> {
        let key = self.key("base_url");
        let base: Option<BaseUrl> = self.reader.required(&key);
        self.expect_encrypted(&key, base.as_ref());
        base
    }

    /// Another URL that credentials are sent to, or its default; `https` as for [`Self::base_url`].
    pub fn url(&mut self, key: &str, default: &str) -> Option<BaseUrl> {
        let key = self.key(key);
        let url = if self.reader.holds(&key) { self.reader.get(&key) } else { BaseUrl::read(&default.into()).ok() };
        self.expect_encrypted(&key, url.as_ref());
        url
    }

    /// Even an unencrypted call to this machine leaves it if it goes through a proxy.
    fn expect_encrypted(&mut self, key: &str, url: Option<&BaseUrl>) {
        let [allow, proxy] = ["allow_http", "proxy"].map(|key| self.key(key));
        let (allowed, is_direct) = (self.reader.or(&allow, false), self.reader.or(&proxy, Proxy::None) == Proxy::None);
        if url.is_some_and(|url| !url.is_encrypted() && url.is_loopback() && !is_direct && !allowed) {
            let what =
                format!("would send credentials for {key} unencrypted from this machine to the proxy; set {allow} = true to permit that.");
            self.reader.fault(&proxy, what);
        }
        if url.is_some_and(|url| !url.is_encrypted() && !url.is_loopback() && !allowed) {
            let what = format!("must begin with https://, because credentials are sent there; set {allow} = true to permit http.");
            self.reader.fault(key, what);
        }
    }

    /// Reads whose credentials calls carry: the gateway's, which `own` reads, or the caller's. If the
    /// caller's, keys for our own may still be set but are not used.
    pub fn credentials(&mut self, own: impl FnOnce(&mut SourceReader<'_>) -> Option<CredentialSettings>) -> Option<CredentialSettings> {
        let key = self.key("credentials");
        match self.reader.or(&key, Whose::Own) {
            Whose::Own => own(self),
            Whose::Callers => {
                let backend = self.backend;
                self.reader.unused(|reader| own(&mut SourceReader { reader, backend }));
                Some(CredentialSettings::Forward(backend.authorization_header()))
            }
        }
    }

    /// Reads a ready bearer token, given as a key of this table or as the file that `<name>_file` names.
    pub fn bearer(&mut self, name: &str) -> Option<CredentialSettings> {
        self.ready(name, ReadyKind::Token)
    }

    /// Reads a ready key, given like [a token](Self::bearer) but sent without a scheme, usually in a header of its own
    /// ([`Adapter::credentials_header`]).
    pub fn api_key(&mut self, name: &str) -> Option<CredentialSettings> {
        self.ready(name, ReadyKind::Key)
    }

    fn ready(&mut self, name: &str, kind: ReadyKind) -> Option<CredentialSettings> {
        let key = self.key(name);
        let secret = self.reader.secret(&key)?;
        if secret.reveal().is_ok_and(|secret| !secret.reveal().is_ascii()) {
            let at = if self.reader.holds(&key) { key } else { format!("{key}_file") };
            self.reader.fault(&at, format!("contains a non-ASCII character, which no {} has.", kind.name()));
        }
        Some(CredentialSettings::Ready(kind, secret))
    }

    /// Makes the settings of the source. First reads the keys that every source has, so that their faults are reported
    /// even if `base` or `credentials` is missing, and with it the whole source.
    pub fn settings<A: Adapter>(
        &mut self,
        base: Option<BaseUrl>,
        credentials: Option<CredentialSettings>,
        retry: Policy,
        adapter: impl FnOnce(BaseUrl) -> A,
    ) -> Option<SourceSettings> {
        let (transport, limits) = (self.transport(base.as_ref()), self.limits());
        let adapter = Box::new(adapter(base?));
        Some(SourceSettings { backend: *self.backend, adapter, transport, credentials: credentials?, retry, limits })
    }

    /// Reads how the source is reached: `ca_file` and `proxy`.
    fn transport(&mut self, base: Option<&BaseUrl>) -> Transport {
        let [ca_file, proxy] = ["ca_file", "proxy"].map(|key| self.key(key));
        let authorities = self.reader.path(&ca_file).and_then(|path| {
            let read = Authorities::read(&path);
            read.map_err(|what| self.reader.fault(&ca_file, what)).ok()
        });
        let way = self.reader.or(&proxy, Proxy::None);
        Transport { encrypted: base.is_none_or(|base| base.is_encrypted()), authorities, proxy: way }
    }

    /// Reads the limits of the calls.
    fn limits(&mut self) -> Limits {
        Limits {
            timeout: self.duration("timeout", Duration::from_secs(3)),
            connect_timeout: self.duration("connect_timeout", Duration::from_secs(1)),
            walk_deadline: self.duration("walk_deadline", Duration::from_mins(1)),
            retries: self.count("retries", 2, 0, 10),
            max_in_flight: self.count("max_in_flight", 64, 1, 10_000),
            max_response_bytes: self.size("max_response_bytes", ByteSize::mib(32)),
            max_pages: self.count("max_pages", 4000, 1, 1_000_000),
            breaker: self.breaker(),
        }
    }

    /// Reads a whole number in a range.
    pub fn count(&mut self, key: &str, default: u64, least: u64, most: u64) -> u64 {
        let key = self.key(key);
        self.reader.within(&key, default, least..=most, &format!("between {least} and {most}"))
    }

    fn duration(&mut self, key: &str, default: Duration) -> Duration {
        let key = self.key(key);
        self.reader.within(&key, default, Duration::from_millis(1)..=Duration::from_hours(1), "between 1ms and 1h")
    }

    fn size(&mut self, key: &str, default: ByteSize) -> u64 {
        let key = self.key(key);
        self.reader.within(&key, default, ByteSize::kib(1)..=ByteSize::gib(4), "between 1KiB and 4GiB").as_u64()
    }

    fn breaker(&mut self) -> BreakerSettings {
        let ratio = self.key("breaker.failure_ratio");
        BreakerSettings {
            failure_ratio: self.reader.within(&ratio, 0.5, 0.01..=1.0, "between 0.01 and 1"),
            min_calls: self.count("breaker.min_calls", 20, 1, 1_000_000),
            window: self.duration("breaker.window", Duration::from_secs(10)),
            open_for: self.duration("breaker.open_for", Duration::from_secs(5)),
        }
    }
}
