//! A backend at the level of TCP: it speaks HTTP only as far as a test wants it to.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::World;

/// A backend on its own port, until it is dropped.
pub(crate) struct RawSource {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// One thing that it does with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends this, one byte at a time.
    Drip(Vec<u8>),
    /// Sends this again and again, until the other side hangs up.
    Repeat(Vec<u8>),
    /// Sends nothing more, but does not hang up either.
    Stall,
    /// Resets the connection.
    Reset,
}

/// The content of a valid answer: one body that is a roll of one at either source, and a token.
pub(crate) const GOOD: &str = concat!(
    r#"{"access_token":"raw","token_type":"bearer","expires_in":7200,"status":"success","page_size":1,"#,
    r#""Clients":[{"Id":"1","Name":"Raw","Email":"raw@acme.example"}],"Paging":{"AmountRecordsFound":1,"AmountOfPages":1},"#,
    r#""data":[{"id":"1","displayName":"Raw","email":"raw@acme.example","isParent":false}]}"#
);

/// The pause between two bytes of a drip.
const BETWEEN_DRIPS: Duration = Duration::from_millis(20);

/// The size of an endless answer, in bytes, after which it stalls, so that a gateway that never hangs up
/// does no harm.
const ENOUGH: usize = 1 << 30;

/// The largest request, in bytes.
const LARGEST_REQUEST: usize = 64 << 10;

struct State {
    /// It misbehaves at paths with this ending.
    where_bad: &'static str,
    steps: Mutex<Option<Vec<Step>>>,
    calls: AtomicUsize,
    open: AtomicUsize,
}

/// A connection, while it is open.
struct Open(Arc<State>);

// === impl RawSource ===

impl RawSource {
    /// Starts one that takes these steps at paths with this ending and then hangs up; it answers
    /// everything else correctly.
    pub(crate) async fn start(where_bad: &'static str, steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, open) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let state = Arc::new(State { where_bad, steps: Mutex::new(Some(steps)), calls, open });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers everything correctly from now on.
    pub(crate) fn mend(&self) {
        *self.state.steps.lock().unwrap() = None;
    }

    /// How often it was called where it misbehaves.
    pub(crate) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

impl Drop for RawSource {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new(); // all connections end with the server
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.open.fetch_add(1, Ordering::SeqCst);
        let open = Open(Arc::clone(&state));
        connections.spawn(async move { answer(stream, &open.0).await });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers requests until one is answered badly or the other side has gone.
async fn answer(mut stream: TcpStream, state: &State) {
    while let Some(path) = read_request(&mut stream).await {
        let bad = path.ends_with(state.where_bad);
        state.calls.fetch_add(usize::from(bad), Ordering::SeqCst);
        let steps = state.steps.lock().unwrap().clone().filter(|_| bad);
        let Some(steps) = steps else {
            if stream.write_all(&good_answer()).await.is_err() {
                return;
            }
            continue;
        };
        for step in steps {
            if step.take(&mut stream).await.is_err() {
                return; // the other side has hung up
            }
        }
        return;
    }
}

/// The path of a completely received request.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut came = Vec::new();
    while came.len() < LARGEST_REQUEST {
        let text = String::from_utf8_lossy(&came).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let target = String::from_utf8_lossy(&came).split(' ').nth(1)?.to_owned();
                return target.split('?').next().map(str::to_owned);
            }
        }
        if stream.read_buf(&mut came).await.ok()? == 0 {
            return None;
        }
    }
    None
}

// === impl Step ===

impl Step {
    async fn take(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        match self {
            Self::Send(bytes) => stream.write_all(bytes).await,
            Self::Drip(bytes) => {
                for byte in bytes {
                    stream.write_all(&[*byte]).await?;
                    tokio::time::sleep(BETWEEN_DRIPS).await;
                }
                Ok(())
            }
            Self::Repeat(bytes) => {
                for _ in 0..ENOUGH / bytes.len() {
                    stream.write_all(bytes).await?;
                }
                Self::until_gone(stream).await
            }
            Self::Stall => Self::until_gone(stream).await,
            Self::Reset => {
                tokio::time::sleep(BETWEEN_DRIPS).await; // until what has been sent is read
                stream.set_zero_linger()
            }
        }
    }

    async fn until_gone(stream: &mut TcpStream) -> std::io::Result<()> {
        while stream.read(&mut [0; 1024]).await? > 0 {}
        Ok(())
    }
}

/// Sends this text, with HTTP line endings.
pub(crate) fn send(text: &str) -> Step {
    Step::Send(text.replace('\n', "\r\n").into_bytes())
}

/// The valid body, with a head that states its length.
pub(crate) fn good_answer() -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{GOOD}", GOOD.len()).into_bytes()
}

impl World {
    /// A gateway in front of these backends, with another server in place of one source.
    pub(crate) fn gateway_with(&self, source: &str, url: &str) -> super::Setup {
        self.gateway().set(&format!("sources.{source}.base_url"), url)
    }
}
