//! A single request to the token endpoint: Basic credentials, a form, and the result.

use std::time::{Duration, SystemTime};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use secrecy::zeroize::Zeroizing;
use url::{Url, form_urlencoded};

use super::{
    answer::{Granted, OAuthError, read_granted, read_refusal},
    left_alone::LeftAlone,
};
use crate::{
    config::{Secret, SecretSource},
    domain::{Failure, FailureKind, SourceName},
    outbound::{Answer, Client, Deadline},
    sources::{answer::by_token_status, authorization::Authorization, spans},
    telemetry::{Span, Trace},
};

/// How long the identity server may take if a token can be used only once, and how long another process may hold
/// its store. Longer than any request waits for a roll: an answer that is not read loses the only valid token.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Where tokens are issued, and who we are there.
#[derive(Clone, Debug)]
pub(in crate::sources) struct Endpoint {
    pub(super) name: SourceName,
    pub(super) url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: SecretSource,
    basic: Basic,
    left_alone: LeftAlone,
}

/// How the client's id and secret are put into HTTP Basic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Basic {
    /// As they are.
    Plain,
    /// Form-encoded before (RFC 6749, 2.3.1).
    Encoded,
}

/// Why no token was granted.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// The error, if the endpoint stated one in the form of the RFC.
    pub(super) error: Option<OAuthError>,
    /// The refresh token for the next request, if one came with an answer that is otherwise unusable.
    pub(super) refresh_token: Option<Secret>,
}

impl Endpoint {
    pub(in crate::sources) fn new(name: SourceName, url: Url, client_id: String, client_secret: SecretSource, basic: Basic) -> Self {
        Self { name, url, client_id, client_secret, basic, left_alone: LeftAlone::default() }
    }

    /// Checks that it has not asked to be left alone; otherwise returns its last failure.
    pub(super) fn may_be_asked(&self) -> Result<(), Failure> {
        self.left_alone.now().map_or(Ok(()), Err)
    }

    /// Identifies us there, without any secret.
    pub(super) fn who(&self) -> String {
        format!("{}\u{1f}{}", self.url, self.client_id)
    }

    /// Sends a form; `patience` is the timeout of this one call, by default the client's own.
    pub(super) async fn ask(
        &self,
        client: &Client,
        form: &[(&str, &str)],
        patience: Option<Duration>,
        trace: Option<&Trace>,
    ) -> Result<Granted, Refused> {
        let mut request = self.request(form)?;
        let mut span = trace.map_or_else(Span::none, |trace| spans::begin_attempt(trace, self.name, &mut request, 0));
        let answered = match patience.map(Deadline::after) {
            Some(deadline) => deadline.bound(client.exchange(request, deadline)).await.flatten(),
            None => client.exchange_in_time(request).await,
        };
        let granted = answered.map_err(Refused::from).and_then(|answer| {
            spans::note_status(&mut span, answer.status);
            read(answer)
        });
        let failed = granted.as_ref().err().map(|refused| &refused.failure);
        spans::note_outcome(&mut span, failed);
        if let Some(failure) = failed {
            self.left_alone.note(*failure);
        }
        granted
    }

    fn request(&self, form: &[(&str, &str)]) -> Result<reqwest::Request, Failure> {
        let unauthorized = Failure::new(FailureKind::Unauthorized);
        let secret = self.client_secret.reveal().map_err(|error| {
            tracing::error!(source = %self.name, cause = %error, "the client secret cannot be read");
            unauthorized
        })?;
        let basic = self.basic.header(&self.client_id, &secret).ok_or(unauthorized)?;
        let mut request = reqwest::Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, basic.header());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(Bytes::from_owner(encode(form)).into());
        Ok(request)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, error: None, refresh_token: None }
    }
}

/// Parses the endpoint's answer. A refusal counts as one even if its body was cut short.
fn read(answer: Answer) -> Result<Granted, Refused> {
    let body = answer.body.map(|body| Zeroizing::new(Vec::from(body)));
    if answer.status != 200 {
        let failure = Failure { retry_after: answer.retry_after, ..by_token_status(answer.status) };
        return Err(Refused { error: body.ok().and_then(|body| read_refusal(&body)), ..failure.into() });
    }
    let unusable = Failure::answered(FailureKind::InvalidResponse, 200);
    read_granted(&body?, SystemTime::now()).map_err(|refresh_token| Refused { refresh_token, ..unusable.into() })
}

impl Basic {
    fn header(self, client_id: &str, secret: &Secret) -> Option<Authorization> {
        let written = |text: &str| {
            Zeroizing::new(match self {
                Self::Plain => text.to_owned(),
                Self::Encoded => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            })
        };
        let pair = Zeroizing::new(format!("{}:{}", written(client_id).as_str(), written(secret.reveal()).as_str()));
        Authorization::new(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()))))
    }
}

/// Encodes the form into a single allocation that is wiped once it is sent.
fn encode(form: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    // A byte takes three at most, so the buffer never reallocates and leaves no copy behind.
    let most = form.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut encoded = form_urlencoded::Serializer::new(String::with_capacity(most));
    encoded.extend_pairs(form);
    Zeroizing::new(encoded.finish().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_secret_are_sent_as_the_endpoint_wants_them() {
        let endpoint = |basic| {
            let (url, secret) = (Url::parse("http://127.0.0.1/token").unwrap(), SecretSource::Written(Secret::new("p:w/d")));
            Endpoint::new(SourceName::new("test"), url, "gate way".to_owned(), secret, basic)
        };
        let plain = endpoint(Basic::Plain).request(&[]).unwrap();
        assert_eq!(plain.headers()[header::AUTHORIZATION], format!("Basic {}", BASE64_STANDARD.encode("gate way:p:w/d")).as_str());
        let request = endpoint(Basic::Encoded).request(&[("grant_type", "refresh_token"), ("refresh_token", "a+b/c=&ä")]).unwrap();
        let expected = format!("Basic {}", BASE64_STANDARD.encode("gate+way:p%3Aw%2Fd"));
        assert_eq!(request.headers()[header::AUTHORIZATION], expected.as_str());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
        assert_eq!(str::from_utf8(body), Ok("grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26%C3%A4"));
        assert!(!format!("{request:?}").contains("Basic Z"), "{request:?}");
    }
}
