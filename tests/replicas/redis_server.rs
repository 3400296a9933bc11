//! A real Redis on a port of its own, ended by its own process id whatever happens; and replicas that share
//! it.

use std::process::{Child, Command, Stdio};

use redis::{Commands, Connection};

use crate::support::{Folder, Gateway, Setup, World, free_address, until};

/// A Redis that keeps nothing on disk, and the key for its contents.
pub(crate) struct Redis {
    port: u16,
    server: Option<Child>,
    pub(crate) folder: Folder,
}

impl Redis {
    /// Starts one, and waits until it answers.
    pub(crate) async fn start() -> Self {
        let folder = Folder::new();
        folder.write("cache.key", rollcall::shared_cache::new_key().unwrap().reveal());
        let mut redis = Self { port: free_address().port(), server: None, folder };
        redis.start_again().await;
        redis
    }

    /// Starts it again, empty.
    pub(crate) async fn start_again(&mut self) {
        let port = self.port.to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--enable-debug-command", "local"];
        let mut command = Command::new("redis-server");
        command.args(arguments).args(["--dir", self.folder.path(".").to_str().unwrap()]);
        self.server = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("Redis to answer", || self.connection().is_some_and(|mut redis| redis::cmd("PING").exec(&mut redis).is_ok())).await;
    }

    /// Ends it at once.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.server.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    fn connection(&self) -> Option<Connection> {
        redis::Client::open(self.url()).unwrap().get_connection().ok()
    }

    /// Opens a connection of the test's own.
    pub(crate) fn ask(&self) -> Connection {
        self.connection().unwrap()
    }

    /// Returns all names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.ask().keys("*").unwrap()
    }

    /// Returns the names of all copies.
    pub(crate) fn copies(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.contains(":copy:")).collect()
    }

    /// Waits until this many copies are stored, and no one holds a lock any more.
    pub(crate) async fn until_copies(&self, count: usize) {
        until("copies to be stored", || self.copies().len() >= count && !self.names().iter().any(|name| name.contains(":lock:"))).await;
    }

    /// Starts replicas that share this Redis, and waits until each receives the others' changes.
    pub(crate) async fn replicas<const COUNT: usize>(&self, setup: impl Fn() -> Setup) -> [Gateway; COUNT] {
        let mut replicas = Vec::new();
        for _ in 0..COUNT {
            replicas.push(self.shared_by(setup()).start().await);
        }
        self.until_heard_by(COUNT).await;
        replicas.try_into().unwrap_or_else(|_| unreachable!("there are as many"))
    }

    /// Waits until this many replicas receive changes.
    pub(crate) async fn until_heard_by(&self, count: usize) {
        let mut redis = self.ask();
        let mut heard_by = move || {
            let channels: Vec<String> = redis::cmd("PUBSUB").arg("CHANNELS").arg("rollcall:5:changes:*").query(&mut redis).unwrap();
            let heard_by = redis::cmd("PUBSUB").arg("NUMSUB").arg(channels).query::<Vec<(String, usize)>>(&mut redis).unwrap();
            heard_by.iter().map(|(_, count)| count).sum::<usize>()
        };
        until("replicas to listen", move || heard_by() == count).await;
    }

    /// Sets up a gateway that shares this Redis.
    pub(crate) fn shared_by(&self, setup: Setup) -> Setup {
        let key = self.folder.path("cache.key");
        // On a slow, busy machine, tests that are not about time must not fail because of it.
        let setup = setup.set("shared_cache.url", &self.url()).set("shared_cache.key_file", key.to_str().unwrap());
        setup.set("shared_cache.timeout", "1s").set("cache.fresh", "10m").patient()
    }

    /// Returns the configuration for the real program.
    pub(crate) fn toml(&self, world: &World, more: &str) -> String {
        let (url, key) = (self.url(), self.folder.path("cache.key"));
        world.toml(&format!(
            "sources.advanced_automation.client_secret = \"secret\"\nsources.my_reports.token = \"my-reports-token\"\n\
             telemetry.access_log = \"off\"\nshared_cache.url = \"{url}\"\nshared_cache.key_file = \"{}\"\n{more}",
            key.display()
        ))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            drop(server.kill());
            drop(server.wait());
        }
    }
}

/// Returns the path of a roll, which is refused unless no source failed.
pub(crate) fn path(customer: &str) -> String {
    format!("/customers/{customer}/users?partial=deny")
}

/// Returns the value of a gateway's metric; 0 if it is not there.
pub(crate) async fn counted(gateway: &Gateway, series: &str) -> u64 {
    let text = gateway.get("/metrics").await.text;
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or(0)
}
