//! Where the issuer's keys are had: a URL or a file.

use std::{fmt, path::PathBuf};

use http::{HeaderValue, header};
use reqwest::{Method, Request};
use url::Url;

use crate::outbound::{Answer, Client};

/// Where a key set is.
#[derive(Debug)]
pub(super) enum Origin {
    /// It is served.
    Url(Box<Client>, Url),
    /// It is in a file.
    File(PathBuf),
}

impl Origin {
    /// The set as it is now; the error says what is wrong, without quoting what came.
    pub(super) async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|error| format!("it cannot be read: {error}")),
            Self::Url(client, url) => {
                let mut request = Request::new(Method::GET, url.clone());
                request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
                match client.exchange_in_time(request).await {
                    Ok(Answer { status: 200, body: Ok(body), .. }) => Ok(body.into()),
                    Ok(Answer { status: 200, body: Err(failure), .. }) | Err(failure) => Err(failure.kind.as_str().to_owned()),
                    Ok(Answer { status, .. }) => Err(format!("it was answered with HTTP {status}")),
                }
            }
        }
    }
}

impl Origin {
    /// Whether it is the same place.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Url(_, one), Self::Url(_, other)) => one == other,
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Url(..), Self::File(_)) | (Self::File(_), Self::Url(..)) => false,
        }
    }
}

/// Without its query, in which some hosts want a key.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_, url) => write!(f, "{}{}", url.origin().ascii_serialization(), url.path()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
