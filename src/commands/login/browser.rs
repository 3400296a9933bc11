//! Waits for the browser to return from a login, and answers it with small pages.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse, Response},
};
use http::{Method, StatusCode, Uri, header};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Requests that wait for an answer: a browser makes a few.
const MOST_REQUESTS: usize = 16;

/// How long the last page may take to arrive.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// Receives the browser's requests.
pub(super) struct Browser {
    asked: mpsc::Receiver<(Uri, Reply)>,
    serving: JoinHandle<io::Result<()>>,
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
        let ((asking, asked), stop) = (mpsc::channel(MOST_REQUESTS), CancellationToken::new());
        let router = Router::new().fallback(page).with_state(asking);
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self { asked, serving: tokio::spawn(serving.into_future()), stop })
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
        self.stop.cancel();
        drop(tokio::time::timeout(LAST_PAGE, self.serving).await); // if it does not arrive, nothing is lost
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
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let html = format!("<!doctype html><html lang=\"en\"><title>Rollcall</title><p>{}</p></html>\n", self.says);
        // The page's own URL contains the code, so it must not be sent or stored anywhere.
        let headers = [
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status, headers, Html(html)).into_response()
    }
}

// === free functions ===

async fn page(State(asking): State<Asked>, method: Method, uri: Uri) -> Page {
    if method != Method::GET {
        return Page { status: StatusCode::METHOD_NOT_ALLOWED, says: "Only GET is supported here." };
    }
    let (reply, page) = oneshot::channel();
    drop(asking.send((uri, Reply(reply))).await); // if no one is waiting any more, the page says so
    page.await.unwrap_or(Page::failed())
}
