//! Waits for the browser to return from a login, and answers it with small pages.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Simultaneous connections: a browser makes a few.
const MOST_CONNECTIONS: usize = 16;

/// How long a request head may take.
const HEAD: Duration = Duration::from_secs(10);

/// How long the last page may take to arrive.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// Receives the browser's requests.
pub(super) struct Browser {
    asked: mpsc::Receiver<(Uri, Reply)>,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
    stop: CancellationToken,
}

/// Answers one request.
pub(super) struct Reply(oneshot::Sender<Page>);

/// A page for a person to read.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    says: &'static str,
}

type Asked = mpsc::Sender<(Uri, Reply)>;

// === impl Browser ===

impl Browser {
    /// Starts listening.
    pub(super) async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (asking, asked) = mpsc::channel(MOST_CONNECTIONS);
        let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
        let accepting = tokio::spawn(accept(listener, asking, connections.clone(), stop.clone()));
        Ok(Self { asked, accepting, connections, stop })
    }

    /// Waits for the next request.
    pub(super) async fn next(&mut self) -> (Uri, Reply) {
        match self.asked.recv().await {
            Some(asked) => asked,
            None => std::future::pending().await, // it only ends with `close`
        }
    }

    /// Stops once the last page has arrived.
    pub(super) async fn close(self) {
        self.accepting.abort();
        self.stop.cancel();
        self.connections.close();
        drop(tokio::time::timeout(LAST_PAGE, self.connections.wait()).await); // if it does not arrive, nothing is lost
    }
}

impl Reply {
    pub(super) fn send(self, page: Page) {
        drop(self.0.send(page)); // an error means that the browser has gone
    }
}

// === impl Page ===

impl Page {
    pub(super) fn done() -> Self {
        Self { status: StatusCode::OK, says: "Rollcall is logged in. You can close this page." }
    }

    pub(super) fn failed() -> Self {
        Self { status: StatusCode::OK, says: "Rollcall is not logged in. The terminal says why." }
    }

    pub(super) fn stranger() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            says: "This does not belong to the login that Rollcall is waiting for. Open the URL that it printed.",
        }
    }

    pub(super) fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, says: "There is nothing here." }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let html = format!("<!doctype html><html lang=\"en\"><title>Rollcall</title><p>{}</p></html>\n", self.says);
        let mut response = Response::new(Full::from(html));
        *response.status_mut() = self.status;
        // The page's own URL contains the code, so it must not be sent or stored anywhere.
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

// === free functions ===

async fn accept(listener: TcpListener, asking: Asked, connections: TaskTracker, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // out of files, for instance
            continue;
        };
        let (asking, stop) = (asking.clone(), stop.clone());
        connections.spawn(async move {
            answer(stream, asking, stop).await;
            drop(place);
        });
    }
}

async fn answer(stream: TcpStream, asking: Asked, stop: CancellationToken) {
    let service = service_fn(move |request| {
        let asking = asking.clone();
        async move { Ok::<_, Infallible>(page(request, &asking).await.response()) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn page(request: Request<Incoming>, asking: &Asked) -> Page {
    if request.method() != Method::GET {
        return Page { status: StatusCode::METHOD_NOT_ALLOWED, says: "Only GET is supported here." };
    }
    let (reply, page) = oneshot::channel();
    drop(asking.send((request.into_parts().0.uri, Reply(reply))).await); // if no one is waiting any more, the page says so
    page.await.unwrap_or(Page::failed())
}
