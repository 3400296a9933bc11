//! Where the issuer's keys come from: a URL or a file.

use std::{fmt, path::PathBuf};

use http::{HeaderValue, header};
use reqwest::{Method, Request};
use url::Url;

use crate::outbound::{Answer, Client};

/// Where a key set comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A URL that serves it.
    Url(Box<Client>, Url),
    /// A file.
    File(PathBuf),
}

impl Origin {
    /// Reads the current set; the error says what is wrong, without quoting what was received.
    pub(super) async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|error| format!("it cannot be read: {error}")),
            Self::Url(client, url) => {
                let mut request = Request::new(Method::GET, url.clone());
                request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
                match client.exchange_in_time(request).await {
                    Ok(Answer { status: 200, body: Ok(body), .. }) => Ok(body.into()),
                    Ok(Answer { status: 200, body: Err(failure), .. }) | Err(failure) => Err(failure.kind.as_str().to_owned()),
                    Ok(Answer { status, .. }) => Err(format!("the server answered with HTTP {status}")),
                }
            }
        }
    }
}

/// Omits the query, in which some hosts expect a key.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_, url) => write!(f, "{}{}", url.origin().ascii_serialization(), url.path()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
