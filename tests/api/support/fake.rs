//! A backend that answers as a test scripts it, and records its calls.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::net::TcpListener;
use url::form_urlencoded;

type Script = Arc<dyn Fn(&Call) -> Reply + Send + Sync>;

/// A backend on its own port, until it is dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<State>,
    server: tokio::task::JoinHandle<()>,
}

struct State {
    script: Mutex<Script>,
    calls: Mutex<Vec<Call>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// A call that is being answered, until this is dropped.
struct UnderWay(Arc<State>);

/// A call that a backend received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Its answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    ending: Ending,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Whole,
    CutShort,
    Never,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Script = Arc::new(|_| Reply::status(404));
        let state = State { script: Mutex::new(script), calls: Mutex::default(), now: AtomicUsize::new(0), most: AtomicUsize::new(0) };
        let state = Arc::new(state);
        let serving = Arc::clone(&state);
        let router = Router::new().fallback(move |request: Request| answer(Arc::clone(&serving), request));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state, server }
    }

    /// Answers like this from now on.
    pub(crate) fn answer(&self, script: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
    }

    /// Answers everything the same from now on.
    pub(crate) fn always(&self, reply: Reply) {
        self.answer(move |_| reply.clone());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }

    /// The maximum number of calls answered at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }

    /// How often a path with this ending was requested.
    pub(crate) fn count(&self, ending: &str) -> usize {
        self.calls().iter().filter(|call| call.path.ends_with(ending)).count()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl UnderWay {
    fn begin(state: &Arc<State>) -> Self {
        let now = state.now.fetch_add(1, Ordering::SeqCst) + 1;
        state.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(state))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Call {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        self.parameter(name).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), delay: Duration::ZERO, ending: Ending::Whole }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, "")
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json; charset=utf-8")
    }

    pub(crate) fn html(status: u16) -> Self {
        Self::new(status, "<html><body>Sorry</body></html>").header("content-type", "text/html")
    }

    /// An answer that comes when everyone has given up waiting for it.
    pub(crate) fn hung() -> Self {
        Self::status(200).after(Duration::from_mins(2))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The connection ends before the body does.
    pub(crate) fn cut_short(mut self) -> Self {
        self.ending = Ending::CutShort;
        self
    }

    /// The body never ends.
    pub(crate) fn without_end(mut self) -> Self {
        self.ending = Ending::Never;
        self
    }

    /// The body is sent compressed.
    pub(crate) fn gzipped(mut self) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&self.body).unwrap();
        self.body = encoder.finish().unwrap();
        self.header("content-encoding", "gzip")
    }

    /// The size of the body on the wire, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.body.len()
    }

    fn into_body(self) -> Body {
        if self.ending == Ending::Whole {
            return self.body.into();
        }
        let begun = stream::once(async move { Ok(self.body) });
        let end = stream::once(async move {
            if self.ending == Ending::Never {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await; // until what was sent so far is on its way
            Err(io::Error::other("cut short by the test"))
        });
        Body::from_stream(begun.chain(end))
    }
}

async fn answer(state: Arc<State>, request: Request) -> Response {
    let _under_way = UnderWay::begin(&state);
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let call = Call { method: parts.method, path: parts.uri.path().to_owned(), query, headers: parts.headers, body };
    state.calls.lock().unwrap().push(call.clone());
    let script = Arc::clone(&state.script.lock().unwrap());
    let reply = script(&call);
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.into_body()).unwrap()
}
