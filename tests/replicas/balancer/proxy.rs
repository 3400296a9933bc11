//! The load balancers, run with the files of `deploy/`, with only addresses and paths replaced.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Folder, Gateway, free_address, until};

/// How long a balancer may take to end when it is told to.
const ENDING: Duration = Duration::from_secs(5);

/// A load balancer in front of two replicas, until it is dropped.
pub(super) struct Proxy {
    child: Child,
    folder: Folder,
    /// Where callers reach it.
    pub(super) front: SocketAddr,
    /// Where operators reach it, if anywhere.
    operators: Option<Gateway>,
}

impl Proxy {
    /// HAProxy, with the log that its file asks for.
    pub(super) async fn haproxy(replicas: &[SocketAddr]) -> Self {
        let (folder, front, operators) = (Folder::new(), free_address(), free_address());
        let text = put(&sample("haproxy.cfg"), "bind :8080", &format!("bind {front}"));
        let text = put(&text, "bind :8404", &format!("bind {operators}"));
        let file = folder.write("haproxy.cfg", &before(replicas, text));
        let mut proxy = Self::start(folder, front, "haproxy", &["-db", "-f", file.to_str().unwrap()]).await;
        proxy.operators = Some(Gateway::at(format!("http://{operators}")));
        proxy
    }

    /// nginx, with its files in a folder of the test.
    pub(super) async fn nginx(replicas: &[SocketAddr]) -> Self {
        let (folder, front) = (Folder::new(), free_address());
        let text = put(&sample("nginx.conf"), "listen 8080;", &format!("listen {front};"));
        let text = text.replace("/tmp/", &format!("{}/", folder.path("").display()));
        let file = folder.write("nginx.conf", &before(replicas, text));
        Self::start(folder, front, "nginx", &["-g", "daemon off;", "-c", file.to_str().unwrap()]).await
    }

    async fn start(folder: Folder, front: SocketAddr, program: &str, arguments: &[&str]) -> Self {
        let (log, faults) = (File::create(folder.path("log")).unwrap(), File::create(folder.path("faults")).unwrap());
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(log).stderr(faults);
        let child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let proxy = Self { child, folder, front, operators: None };
        until(&format!("{program} to listen"), || TcpStream::connect(front).is_ok()).await;
        proxy
    }

    /// A caller of the gateway behind it.
    pub(super) fn gateway(&self) -> Gateway {
        Gateway::at(format!("http://{}", self.front))
    }

    /// Returns how many requests HAProxy has in flight at a server.
    pub(super) async fn in_flight_at(&self, server: &str) -> usize {
        let metrics = self.operators.as_ref().unwrap().get("/metrics").await.text;
        let series = format!("haproxy_server_current_sessions{{proxy=\"rollcall\",server=\"{server}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }

    /// The lines of its log that have all these words.
    pub(super) fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path("log")).unwrap();
        let has = |line: &&str| words.iter().all(|word| line.contains(word));
        log.lines().filter(has).map(str::to_owned).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked to end first, because nginx then takes its workers with it.
        drop(Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status());
        let asked = now();
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && asked.elapsed() < ENDING {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "a process ends in real time, outside of the runtime")]
fn now() -> Instant {
    Instant::now()
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

fn before(replicas: &[SocketAddr], text: String) -> String {
    let addresses = replicas.iter().zip(1..);
    addresses.fold(text, |text, (address, number)| put(&text, &format!("gateway-{number}:8080"), &address.to_string()))
}

/// Replaces a text that occurs exactly once.
#[track_caller]
fn put(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old} occurs in the file once");
    text.replace(old, new)
}
