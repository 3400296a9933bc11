//! The types that a key may have, and how each is written.

use std::{net::SocketAddr, ops::Deref, path::PathBuf, str::FromStr, time::Duration};

use toml::Value;
use url::Url;

use super::secret::Secret;

/// The type of a key. A value from the environment or a flag is always a text.
pub trait Setting: Sized {
    /// The expected value, as the end of the sentence "must be …".
    const WANTED: &'static str;

    /// Whether it is a secret; the configuration's digest leaves secrets out.
    const IS_SECRET: bool = false;

    /// Parses a value; the error is a sentence without the key.
    fn read(value: &Value) -> Result<Self, String>;

    /// The sentence for any value that is not what is wanted.
    fn wanted() -> String {
        format!("must be {}.", Self::WANTED)
    }
}

/// The URL of a single resource, possibly with a query, but without user information.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

/// The base URL of a backend: other URLs are made by appending to it, so it has no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Endpoint);

impl Endpoint {
    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether everything sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

impl BaseUrl {
    /// Appends path segments to the URL, percent-encoding each.
    pub fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

/// A base URL has all the properties of an endpoint.
impl Deref for BaseUrl {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.0
    }
}

/// Parses an HTTP or HTTPS URL that has a host, no user information and no fragment.
fn web_url(value: &Value) -> Option<Url> {
    let url = Url::parse(value.as_str()?.trim()).ok()?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (bare && matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Parses a text with `FromStr`.
fn parsed<T: Setting + FromStr>(value: &Value) -> Result<T, String> {
    value.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(T::wanted)
}

/// Parses one of a few words, each with its meaning.
pub fn one_of<T: Setting + Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| value.as_str() == Some(*word));
    found.map(|(_, meaning)| *meaning).ok_or_else(T::wanted)
}

impl Setting for String {
    const WANTED: &'static str = "a text";

    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(Self::wanted)
    }
}

/// A text that is not blank: it is sent as it is, or compared with others.
#[derive(Clone, Debug)]
pub struct Text(pub String);

impl Setting for Text {
    const WANTED: &'static str = "a text that is not blank";

    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().filter(|text| !text.trim().is_empty()).map(|text| Self(text.to_owned())).ok_or_else(Self::wanted)
    }
}

impl Setting for bool {
    const WANTED: &'static str = "true or false";

    fn read(value: &Value) -> Result<Self, String> {
        value.as_bool().map_or_else(|| parsed(value), Ok)
    }
}

impl Setting for u64 {
    const WANTED: &'static str = "a whole number, 0 or more";

    fn read(value: &Value) -> Result<Self, String> {
        match value.as_integer() {
            Some(number) => Self::try_from(number).map_err(|_| Self::wanted()),
            None => parsed(value),
        }
    }
}

impl Setting for f64 {
    const WANTED: &'static str = "a number";

    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Float(number) => Ok(*number),
            Value::Integer(number) => parsed(&Value::String(number.to_string())), // accepts 1 for 1.0
            _ => parsed(value),
        }
    }
}

impl Setting for SocketAddr {
    const WANTED: &'static str = "an address with a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"";

    fn read(value: &Value) -> Result<Self, String> {
        parsed(value)
    }
}

impl Setting for PathBuf {
    const WANTED: &'static str = "the path of a file";

    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().filter(|path| !path.is_empty()).map(Into::into).ok_or_else(Self::wanted)
    }
}

impl Setting for Duration {
    const WANTED: &'static str = "a duration such as \"250ms\", \"10s\" or \"5m\"";

    fn read(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(Self::wanted)?;
        humantime::parse_duration(text).map_err(|_| Self::wanted())
    }
}

/// A size in bytes.
impl Setting for bytesize::ByteSize {
    const WANTED: &'static str = "a size such as \"512KiB\" or \"64MiB\"";

    fn read(value: &Value) -> Result<Self, String> {
        parsed(value)
    }
}

/// A list of texts; in the environment and in flags, one text with commas.
impl Setting for Vec<String> {
    const WANTED: &'static str = "a list of texts";

    fn read(value: &Value) -> Result<Self, String> {
        if let Some(text) = value.as_str() {
            return Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect());
        }
        let texts = value.as_array().ok_or_else(Self::wanted)?;
        texts.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(Self::wanted)).collect()
    }
}

impl Setting for Secret {
    const WANTED: &'static str = "a text that is not empty";
    const IS_SECRET: bool = true;

    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(Secret::new).ok_or_else(Self::wanted)
    }
}

impl Setting for BaseUrl {
    const WANTED: &'static str = "a URL such as \"https://api.example.com\", without user, query and fragment";

    fn read(value: &Value) -> Result<Self, String> {
        web_url(value).filter(|url| url.query().is_none()).map(|url| Self(Endpoint(url))).ok_or_else(Self::wanted)
    }
}

impl Setting for Endpoint {
    const WANTED: &'static str = "a URL such as \"https://id.example.com/keys\", without user and fragment";

    fn read(value: &Value) -> Result<Self, String> {
        web_url(value).map(Self).ok_or_else(Self::wanted)
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn values_are_read_as_written_in_a_file_or_a_variable() {
        assert_eq!(Duration::read(&text("250ms")), Ok(Duration::from_millis(250)));
        assert_eq!(ByteSize::read(&text("64MiB")), Ok(ByteSize::mib(64)));
        assert_eq!(u64::read(&Value::Integer(4)), u64::read(&text("4")));
        assert_eq!(bool::read(&text("true")), Ok(true));
        assert_eq!(Vec::<String>::read(&text("a, b")), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert!(u64::read(&Value::Integer(-1)).is_err());
        assert!(Duration::read(&Value::Integer(5)).is_err(), "a duration needs a unit");
    }

    #[test]
    fn a_base_url_is_a_place_and_nothing_else() {
        for bad in ["", "api.example.com", "ftp://x", "https://u:p@x", "https://x/?q=1", "https://x/#f"] {
            assert!(BaseUrl::read(&text(bad)).is_err(), "{bad:?}");
        }
        let base = BaseUrl::read(&text("https://x.example/gate/")).unwrap();
        assert_eq!(base.join(["api", "a/b ..", "ü"]).as_str(), "https://x.example/gate/api/a%2Fb%20../%C3%BC");
    }

    #[test]
    fn an_endpoint_may_have_a_query() {
        let endpoint = Endpoint::read(&text("https://id.example/keys?p=b2c")).unwrap();
        assert!(endpoint.is_encrypted() && endpoint.url().query() == Some("p=b2c"));
        for bad in ["id.example/keys", "https://u:p@x/keys", "https://x/#f", "file:///keys"] {
            assert!(Endpoint::read(&text(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn loopback_is_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(BaseUrl::read(&text(url)).unwrap().is_loopback(), expected, "{url}");
        }
    }
}
