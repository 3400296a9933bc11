//! Each request's id, trace, log line and metrics, and the headers that every answer carries.

use std::{
    sync::{Arc, LazyLock, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    access::Caller,
    api::{
        Gateway,
        code::Code,
        headers::{REQUEST_ID, TRACEPARENT},
        peer::Peer,
        request_context::RequestContext,
        users::LogFacts,
    },
    config::AccessLog,
    telemetry::{Origin, Span, Tracer},
};

/// The longest request id that a caller may send.
const LONGEST_ID: usize = 128;

/// The label of an unknown caller.
static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "nobody".into());

/// The label of a request that matches no route.
static NO_ROUTE: LazyLock<Arc<str>> = LazyLock::new(|| "none".into());

/// The status in the log and the metrics of a request whose caller hung up (as in nginx).
const HUNG_UP: u16 = 499;

/// Starts observing a request, and attaches what everything below needs to know about it.
pub(super) fn begin(gateway: &Arc<Gateway>, request: &mut Request) -> Observed {
    let started = Instant::now();
    let (origin, span) = origin_of(request.headers(), &gateway.tracer);
    let route: Arc<str> = request.extensions().get::<MatchedPath>().map_or_else(|| NO_ROUTE.clone(), |path| path.as_str().into());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.behind(&gateway.trusted_proxies, request.headers()));
    if let Some(client) = peer.filter(|_| !gateway.trusted_proxies.is_empty()) {
        request.extensions_mut().insert(client); // replaces the proxy
    }
    let request_context = Arc::new(RequestContext { origin, deadline: gateway.deadline_of(started), caller: OnceLock::new() });
    request.extensions_mut().insert(Arc::clone(&request_context));
    Observed {
        method: request.method().clone(),
        started,
        answered: false,
        gateway: Arc::clone(gateway),
        request_context,
        route,
        peer,
        span,
    }
}

/// A request while it is being answered. If this is dropped before the answer, the caller gave up.
pub(super) struct Observed {
    gateway: Arc<Gateway>,
    request_context: Arc<RequestContext>,
    route: Arc<str>,
    method: Method,
    started: Instant,
    answered: bool,
    /// The client, even behind trusted proxies.
    peer: Option<Peer>,
    /// Empty if its trace is not reported.
    span: Span,
}

impl Observed {
    /// The origin of everything done for the request.
    pub(super) fn origin(&self) -> &Origin {
        &self.request_context.origin
    }

    /// Ends with an answer, and adds the headers that every answer carries.
    pub(super) fn answer(mut self, mut response: Response) -> Response {
        self.answered = true;
        let facts = response.extensions_mut().remove::<LogFacts>();
        self.note(response.status().as_u16(), response.extensions().get::<Code>().copied(), facts.as_ref());
        finish(response.headers_mut(), &self.request_context.origin, &self.gateway.vary);
        if !self.gateway.is_ready() {
            // A caller that keeps the connection would send the next request to a socket that is about to close.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Records one metrics sample for the request, and a log line and a span if they are wanted.
    fn note(&mut self, status: u16, code: Option<Code>, facts: Option<&LogFacts>) {
        let took = self.started.elapsed();
        self.count(status, code, took);
        let failed = status >= 400 || facts.is_some_and(|facts| facts.partial);
        let wanted = match self.gateway.access_log {
            AccessLog::All => true,
            AccessLog::Errors => failed,
            AccessLog::Off => false,
        };
        if wanted {
            self.log(status, code, facts, took);
        }
        if self.span.is_open() {
            self.tell(status, code, facts);
        }
    }

    fn count(&self, status: u16, code: Option<Code>, took: Duration) {
        let (metrics, request_context) = (&self.gateway.metrics, &self.request_context);
        metrics.request(&self.route, status, took, request_context.origin.trace.reported());
        match (request_context.caller.get().and_then(Caller::label), code) {
            (Some(caller), _) => metrics.caller(caller, status),
            (None, Some(Code::Unauthorized | Code::RateLimited)) => metrics.caller(&NOBODY, status),
            (None, _) => {}
        }
    }

    /// Writes one line, with the route's template and never its path.
    fn log(&self, status: u16, code: Option<Code>, facts: Option<&LogFacts>, took: Duration) {
        let (origin, caller) = (&self.request_context.origin, self.request_context.caller.get());
        tracing::info!(
            request_id = %origin.request_id,
            trace_id = %origin.trace.id(),
            method = %self.method,
            route = self.route.as_ref(),
            status,
            code = code.map(Code::as_str),
            caller = caller.filter(|caller| caller.label().is_some()).map(Caller::name),
            client = self.peer.map(|peer| tracing::field::display(peer.ip())),
            duration_ms = milliseconds(took),
            cache = facts.and_then(|facts| facts.cache.to_str().ok()),
            sources = facts.map(|facts| facts.sources.as_ref()),
            partial = facts.map(|facts| facts.partial),
            "request"
        );
    }

    /// Records the outcome in the span (OpenTelemetry's semantic conventions for HTTP); a caller's
    /// mistake is not recorded as our error.
    fn tell(&mut self, status: u16, code: Option<Code>, facts: Option<&LogFacts>) {
        let (method, span) = (known(&self.method), &mut self.span);
        if Arc::ptr_eq(&self.route, &NO_ROUTE) {
            span.name(method);
        } else {
            span.name(format!("{method} {}", self.route));
            span.set("http.route", self.route.to_string());
        }
        span.set("http.request.method", method);
        span.set("url.scheme", self.peer.map_or("http", Peer::scheme));
        if status == HUNG_UP {
            return span.set("rollcall.outcome", "hung_up");
        }
        span.set("http.response.status_code", i64::from(status));
        if let Some(code) = code {
            span.set("rollcall.code", code.as_str());
        }
        if let Some(facts) = facts {
            span.set("rollcall.outcome", if facts.partial { "partial" } else { "success" });
            span.set("rollcall.sources", facts.sources.to_string());
            span.set("rollcall.cache", facts.cache.to_str().unwrap_or_default().to_owned());
        }
        if status >= 500 {
            span.fail(code.map_or("internal", Code::as_str));
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.answered {
            self.note(HUNG_UP, None, None);
        }
    }
}

fn origin_of(headers: &HeaderMap, tracer: &Tracer) -> (Origin, Span) {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let fits = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)
    };
    let given = text(&REQUEST_ID).filter(fits);
    let request_id = given.map_or_else(new_id, Arc::from);
    // Two headers count as none (W3C Trace Context, 3.2).
    let is_one = headers.get_all(&TRACEPARENT).iter().nth(1).is_none();
    let (trace, span) = tracer.receive(text(&TRACEPARENT).filter(|_| is_one));
    (Origin { request_id, trace }, span)
}

/// The method as recorded in a span; all unknown methods share one name.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// Milliseconds, to the microsecond: a log line is for people, too.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// A new request id: a timestamp, and random bits without a system call for each request.
fn new_id() -> Arc<str> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut chance = [0; 10];
    fastrand::fill(&mut chance);
    let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.as_millis()).unwrap_or_default(), &chance).into_uuid();
    (&*id.hyphenated().encode_lower(&mut Uuid::encode_buffer())).into()
}

/// Adds the headers that every answer carries.
fn finish(headers: &mut HeaderMap, origin: &Origin, vary: &HeaderValue) {
    if let Ok(request_id) = HeaderValue::from_str(&origin.request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    if let Ok(position) = origin.trace.header() {
        headers.insert(TRACEPARENT, position);
    }
    headers.insert(header::VARY, vary.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_kept_where_it_is_one() {
        for (given, kept) in
            [("abc-1.2_Z", true), ("", false), ("a b", false), ("a/b", false), (&"x".repeat(128), true), (&"x".repeat(129), false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            assert_eq!(origin_of(&headers, &Tracer::default()).0.request_id.as_ref() == given, kept, "{given}");
        }
    }
}
