//! OAuth 2.0 client credentials: one token for all calls, renewed before it ends, by one call.
//!
//! The token endpoint wants Basic credentials and a form body and says when the token ends as
//! `expires_on` (Unix seconds; Acronis guide, "Authentication") or `expires_in` (seconds; what
//! Acronis' own Go library reads). Where it says neither, the documented two hours hold.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Method, header};
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::{answer::by_token_status, authorization::Authorization, scalar::Scalar, wire::Object};
use crate::{
    config::{Secret, SecretSource},
    domain::{Failure, FailureKind, SourceName},
    flight::Flights,
    outbound::{Client, Deadline},
    telemetry::Metrics,
};

/// How long a token lives whose answer does not say (Acronis guide, "Authentication": two hours).
const DOCUMENTED_LIFE: Duration = Duration::from_hours(2);

/// How long before its end a token is renewed at the earliest (Acronis' own samples: 15 minutes).
const EARLIEST_RENEWAL: Duration = Duration::from_mins(15);

/// After a renewal that failed while the token was still good, the next one waits this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// A token that was refused like the one before it is replaced again after this long.
const REPLACEMENT_PAUSE: Duration = Duration::from_secs(1);

/// Gives the token that is sent with every call.
#[derive(Debug)]
pub(super) struct TokenSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: SourceName,
    url: Url,
    client_id: String,
    client_secret: SecretSource,
    held: ArcSwapOption<Token>,
    quiet_until: ArcSwapOption<Instant>,
    /// Whether the next token takes the place of a refused one.
    was_refused: AtomicBool,
    renewals: Flights<(), Result<Authorization, Failure>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Token {
    authorization: Authorization,
    received: Instant,
    renew_at: Instant,
    ends_at: Instant,
    /// Whether it was got because the one before it was refused.
    is_replacement: bool,
    /// Whether it has been good for a page.
    is_accepted: AtomicBool,
}

/// The token endpoint's answer (RFC 6749, 5.1), as far as it is needed.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    access_token: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    token_type: Scalar<'a>,
    #[serde(borrow, default)]
    expires_on: Scalar<'a>,
    #[serde(borrow, default)]
    expires_in: Scalar<'a>,
}

impl TokenSource {
    pub(super) fn new(name: SourceName, url: Url, client_id: String, client_secret: SecretSource, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            name,
            url,
            client_id,
            client_secret,
            held: ArcSwapOption::empty(),
            quiet_until: ArcSwapOption::empty(),
            was_refused: AtomicBool::new(false),
            renewals: Flights::default(),
            metrics,
        }))
    }

    /// The token to send now. A token that ends soon is still used while one task renews it;
    /// where there is none, all who need one wait for the same renewal.
    pub(super) async fn now(&self, client: &Arc<Client>, deadline: Deadline) -> Result<Authorization, Failure> {
        let now = Instant::now();
        let held = self.0.held.load_full().filter(|token| now < token.ends_at);
        if let Some(token) = held {
            let quiet = self.0.quiet_until.load().as_deref().is_some_and(|until| now < *until);
            if now >= token.renew_at && !quiet {
                drop(self.renew(client));
            }
            return Ok(token.authorization.clone());
        }
        let seat = self.renew(client);
        deadline.bound(seat.flight).await?.unwrap_or(Err(Failure::new(FailureKind::Unavailable)))
    }

    /// Takes note that a token was good for a page.
    pub(super) fn accepted(&self, sent: &Authorization) {
        if let Some(token) = self.0.held.load().as_ref().filter(|token| token.authorization == *sent) {
            token.is_accepted.store(true, Ordering::Relaxed);
        }
    }

    /// Forgets a token that was refused, unless another one is held already; true where another
    /// one may be had. One that was just got in place of a refused one, and that nobody accepted
    /// either, is kept: another would fare no better, and each costs two calls.
    pub(super) fn forget(&self, refused: &Authorization) -> bool {
        let held = self.0.held.load_full();
        let Some(token) = held.as_ref().filter(|token| token.authorization == *refused) else { return true };
        if token.is_as_good_as_any() {
            return false;
        }
        self.0.was_refused.store(true, Ordering::Relaxed);
        self.0.held.compare_and_swap(&held, None);
        true
    }

    fn renew(&self, client: &Arc<Client>) -> crate::flight::Seat<Result<Authorization, Failure>> {
        let (inner, client) = (Arc::clone(&self.0), Arc::clone(client));
        self.0.renewals.join((), || async move {
            let renewed = inner.fetch(&client).await;
            match &renewed {
                Ok(token) => {
                    inner.held.store(Some(Arc::clone(token)));
                    inner.metrics.token_renewed(inner.name);
                }
                Err(failure) => {
                    inner.quiet_until.store(Some(Arc::new(Instant::now() + RENEWAL_PAUSE)));
                    tracing::warn!(source = %inner.name, outcome = failure.kind.as_str(), http_status = failure.http_status, "no token was given");
                }
            }
            renewed.map(|token| token.authorization.clone())
        })
    }
}

impl Inner {
    async fn fetch(&self, client: &Client) -> Result<Arc<Token>, Failure> {
        let secret = self.client_secret.reveal().map_err(|error| {
            tracing::error!(source = %self.name, cause = %error, "the client secret cannot be read");
            Failure::new(FailureKind::Unauthorized)
        })?;
        let request = token_request(&self.url, &self.client_id, &secret).ok_or(Failure::new(FailureKind::Unauthorized))?;
        let answer = client.exchange_in_time(request).await?;
        if answer.status != 200 {
            return Err(Failure { retry_after: answer.retry_after, ..by_token_status(answer.status) });
        }
        let body = Zeroizing::new(answer.body);
        let mut token = read_token(&body, SystemTime::now()).ok_or(Failure::answered(FailureKind::InvalidResponse, 200))?;
        token.is_replacement = self.was_refused.swap(false, Ordering::Relaxed);
        Ok(Arc::new(token))
    }
}

impl Token {
    /// Whether another token would be refused as well, for all that is known.
    fn is_as_good_as_any(&self) -> bool {
        self.is_replacement && !self.is_accepted.load(Ordering::Relaxed) && self.received.elapsed() < REPLACEMENT_PAUSE
    }
}

/// Id and secret are form-encoded before they go into Basic (RFC 6749, 2.3.1).
fn token_request(url: &Url, client_id: &str, secret: &Secret) -> Option<reqwest::Request> {
    let encoded = |text: &str| Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    let pair = Zeroizing::new(format!("{}:{}", encoded(client_id).as_str(), encoded(secret.reveal()).as_str()));
    let basic = Authorization::new(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()))))?;
    let mut request = reqwest::Request::new(Method::POST, url.clone());
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, basic.header());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some("grant_type=client_credentials".into());
    Some(request)
}

fn read_token(body: &[u8], now: SystemTime) -> Option<Token> {
    let Object(wire): Object<Wire<'_>> = serde_json::from_slice(body).ok()?;
    if let Scalar::Text(kind) = &wire.token_type
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return None;
    }
    let token = Some(wire.access_token.trim()).filter(|token| !token.is_empty()).map(Secret::new)?;
    let authorization = Authorization::bearer(&token)?;
    let life = lifetime(&wire.expires_on, &wire.expires_in, now);
    let received = Instant::now();
    let (renew_at, ends_at) = (received + renew_after(life), received + life);
    Some(Token { authorization, received, renew_at, ends_at, is_replacement: false, is_accepted: AtomicBool::new(false) })
}

/// How long a token lives. One that has ended already, by a clock that differs, is used for a moment.
fn lifetime(end: &Scalar<'_>, life: &Scalar<'_>, now: SystemTime) -> Duration {
    let count = |value: &Scalar<'_>| value.count().ok().flatten().map(Duration::from_secs);
    let unix = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let told = count(life).or_else(|| count(end).map(|end| end.saturating_sub(unix)));
    told.unwrap_or(DOCUMENTED_LIFE).clamp(Duration::from_secs(5), Duration::from_hours(24))
}

/// When a token is renewed: a fifth of its life before its end, at most a quarter of an hour.
fn renew_after(life: Duration) -> Duration {
    life.saturating_sub((life / 5).min(EARLIEST_RENEWAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_told_in_either_way_or_is_the_documented_one() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let number = Scalar::Number;
        for (on, within, seconds) in [
            (number(1600), Scalar::Absent, 600),
            (Scalar::Absent, number(300), 300),
            (Scalar::Absent, Scalar::Text("300".into()), 300),
            (Scalar::Absent, Scalar::Absent, 7200),
            (number(1), Scalar::Absent, 5),
            (Scalar::Flag(true), Scalar::Other, 7200),
        ] {
            assert_eq!(lifetime(&on, &within, now), Duration::from_secs(seconds), "{on:?} {within:?}");
        }
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        for (life, renewed) in [(7200, 6300), (300, 240), (5, 4)] {
            assert_eq!(renew_after(Duration::from_secs(life)), Duration::from_secs(renewed));
        }
    }

    #[test]
    fn the_documented_answer_is_a_token() {
        let documented = br#"{"access_token":"eyJ0eXAi","expires_on":1562910964,"id_token":"eyJ0eXAi","token_type":"bearer"}"#;
        let token = read_token(documented, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(token.authorization.header(), "Bearer eyJ0eXAi");
        assert!(!format!("{token:?}").contains("eyJ0eXAi"), "a token does not print");
        for bad in [&b"{}"[..], b"<html>", br#"{"access_token":""}"#, br#"{"access_token":"a","token_type":"mac"}"#] {
            assert!(read_token(bad, SystemTime::UNIX_EPOCH).is_none());
        }
    }

    #[test]
    fn id_and_secret_are_encoded_before_they_are_sent() {
        let url = Url::parse("http://127.0.0.1/api/2/idp/token").unwrap();
        let request = token_request(&url, "gate way", &Secret::new("p:w/d")).unwrap();
        let expected = format!("Basic {}", BASE64_STANDARD.encode("gate+way:p%3Aw%2Fd"));
        assert_eq!(request.headers()[header::AUTHORIZATION], expected.as_str());
    }
}
