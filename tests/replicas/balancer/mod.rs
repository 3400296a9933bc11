//! Two replicas behind the load balancers of `deploy/`, under load: restarted one after the other,
//! and killed.

mod load;
mod proxy;

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    time::{Instant, sleep},
};

use self::{
    load::{Asked, Load},
    proxy::{Proxy, free_address},
};
use crate::support::{
    Folder, Gateway, Program, World,
    figure::{figure, spread},
    sources::{SOURCES, roll},
    user,
};

/// Users of a customer whose export does not fit into what sockets and balancers hold on its way,
/// and how long each one's name is.
const MANY: usize = 20_000;
const LONG: usize = 1_000;

/// Exports that are under way when a replica is killed.
const EXPORTS: usize = 6;

/// What each replica is told; drain is what `deploy/rollcall.toml` says.
const CONFIGURATION: &str = r#"
sources.advanced_automation.client_secret = "secret"
sources.my_reports.token = "token"
sources.advanced_automation.timeout = "20s"
sources.my_reports.timeout = "20s"
cache.fresh = "1s"
cache.stale_while_revalidate = "0s"
telemetry.access_log = "off"
"#;

/// Each test wants the machine for itself, and the time that others take from it would be counted.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A replica that can be started again where it was.
struct Replica {
    address: SocketAddr,
    file: std::path::PathBuf,
    program: Program,
    _folder: Folder,
}

impl Replica {
    async fn start(world: &World) -> Self {
        let (address, folder) = (free_address(), Folder::new());
        let file = folder.write("rollcall.toml", &world.toml(CONFIGURATION));
        let program = Self::run(&file, address).await;
        Self { address, file, program, _folder: folder }
    }

    async fn run(file: &std::path::Path, address: SocketAddr) -> Program {
        let variables = [("ROLLCALL__SERVER__LISTEN", &*address.to_string()), ("ROLLCALL__SERVER__DRAIN", "5s")];
        Program::serve(file, &variables).await.0
    }

    /// Ends it as an operator does, starts it again, and waits for nothing but itself.
    async fn restart(mut self) -> Self {
        self.program.signal("TERM");
        let ended = self.program.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        self.program = Self::run(&self.file, self.address).await;
        assert_eq!(Gateway::at(format!("http://{}", self.address)).get("/health/ready").await.status, 200);
        self
    }
}

/// A world whose sources take their time, so that something is in flight always.
async fn slow_world() -> World {
    let world = World::of_two().await;
    for source in SOURCES {
        world.answer_at(source, |call| {
            let reply = roll(call);
            if call.path.contains("token") { reply } else { reply.after(Duration::from_millis(fastrand::u64(20..400))) }
        });
    }
    world
}

async fn two(world: &World) -> [Replica; 2] {
    [Replica::start(world).await, Replica::start(world).await]
}

fn addresses(replicas: &[Replica]) -> Vec<SocketAddr> {
    replicas.iter().map(|replica| replica.address).collect()
}

/// How many requests HAProxy has sent to a second replica.
fn asked_again(proxy: &Proxy) -> usize {
    proxy.lines_with(&["server="]).iter().filter(|line| !line.contains("tries_again=0")).count()
}

/// Restarts both in turn under load, and says what became of the requests.
async fn restart_in_turn(proxy: &Proxy, replicas: [Replica; 2]) -> Vec<Asked> {
    let load = Load::on(proxy.gateway().url.clone());
    sleep(Duration::from_secs(1)).await;
    let [first, second] = replicas;
    let first = first.restart().await;
    let second = second.restart().await;
    sleep(Duration::from_secs(2)).await;
    let asked = load.stop().await;
    drop((first, second));
    asked
}

fn failures(asked: &[Asked]) -> Vec<&Asked> {
    asked.iter().filter(|one| one.failure.is_some()).collect()
}

fn all_is_well(balancer: &str, asked: &[Asked]) {
    let failed = failures(asked);
    let took = asked.iter().map(Asked::took).collect();
    figure(&format!(
        "{balancer}, both replicas restarted one after the other: {} requests, {} failed; {}",
        asked.len(),
        failed.len(),
        spread(took)
    ));
    assert!(asked.len() > 600, "the load lasted as long as both restarts: {}", asked.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs haproxy"]
async fn replicas_restarted_in_turn_behind_haproxy_lose_no_request() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = slow_world().await;
    let replicas = two(&world).await;
    let proxy = Proxy::haproxy(&addresses(&replicas)).await;
    let asked = restart_in_turn(&proxy, replicas).await;
    all_is_well("HAProxy", &asked);
    let again = asked_again(&proxy);
    figure(&format!("{again} of them were asked again at the other"));
    assert_eq!(again, 0, "a replica that is told to stop is left alone before it closes its listener");
    for server in ["server=gateway-1 ", "server=gateway-2 "] {
        assert!(proxy.lines_with(&[server, "status=200"]).len() > 100, "{server} took its part");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx"]
async fn replicas_restarted_in_turn_behind_nginx_lose_no_request() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = slow_world().await;
    let replicas = two(&world).await;
    let proxy = Proxy::nginx(&addresses(&replicas)).await;
    let asked = restart_in_turn(&proxy, replicas).await;
    all_is_well("nginx", &asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs haproxy"]
async fn a_replica_killed_behind_haproxy_fails_no_more_than_what_it_had_in_flight() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = slow_world().await;
    let [first, second] = two(&world).await;
    let proxy = Proxy::haproxy(&[first.address, second.address]).await;
    let load = Load::on(proxy.gateway().url.clone());
    sleep(Duration::from_secs(2)).await;
    let counted = Instant::now();
    let at_it = proxy.in_flight_at("gateway-1").await;
    let killed = Instant::now();
    drop(first); // which is kill -9
    sleep(Duration::from_secs(5)).await;
    let asked = load.stop().await;

    let most = at_it + asked.iter().filter(|one| one.begun >= counted && one.begun <= killed).count();
    let after = asked.iter().filter(|one| one.begun > killed).count();
    let failed = failures(&asked);
    let again = asked_again(&proxy);
    figure(&format!(
        "kill -9 of one of two behind HAProxy: {} requests, {at_it} to {most} in flight at it, {} failed, {again} asked again at the other, {after} begun after it",
        asked.len(),
        failed.len(),
    ));
    assert!(at_it > 0 && after > 100, "there was load: {at_it}, {after}");
    assert!(failed.len() <= most && failed.iter().all(|one| one.is_in_flight_at(killed)), "only what it had may fail: {failed:#?}");
    assert!(again > 0, "what the killed one had in flight was asked again");
}

/// A world in which a customer has many users at the second source.
async fn large_world() -> World {
    let world = World::of_two().await;
    let name = "n".repeat(LONG);
    let row = |number| user(&format!("id-{number}"), &name, &format!("p{number}@acme.example"));
    world.users((0..MANY).map(row).collect());
    world
}

/// Begins an export of which little is read, goes on when it may, and gives its lines.
async fn export(front: SocketAddr, mut go_on: tokio::sync::watch::Receiver<bool>, begun: tokio::sync::mpsc::Sender<()>) -> (bool, usize) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream: TcpStream = socket.connect(front).await.unwrap();
    let request = "GET /customers/large/users HTTP/1.1\r\nHost: gateway\r\nAccept: application/x-ndjson\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut came = vec![0; 4096];
    let length = stream.read(&mut came).await.unwrap();
    came.truncate(length);
    begun.send(()).await.unwrap();
    go_on.wait_for(|go| *go).await.unwrap();
    let whole = stream.read_to_end(&mut came).await.is_ok() && came.ends_with(b"0\r\n\r\n");
    (whole, came.split(|byte| *byte == b'\n').count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs haproxy"]
async fn an_export_that_a_killed_replica_was_sending_is_cut_and_no_other_one() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = large_world().await;
    let [first, second] = two(&world).await;
    for replica in [&first, &second] {
        let gateway = Gateway::at(format!("http://{}", replica.address));
        assert_eq!(gateway.get("/customers/large/users?page_size=1").await.status, 200);
    }
    let proxy = Proxy::haproxy(&[first.address, second.address]).await;
    let (go, go_on) = tokio::sync::watch::channel(false);
    let (begun, mut have_begun) = tokio::sync::mpsc::channel(EXPORTS);
    let exports: Vec<_> = (0..EXPORTS).map(|_| tokio::spawn(export(proxy.front, go_on.clone(), begun.clone()))).collect();
    for _ in 0..EXPORTS {
        have_begun.recv().await.unwrap();
    }
    drop(first); // which is kill -9
    go.send(true).unwrap();
    let ended: Vec<(bool, usize)> = join_all(exports).await.into_iter().map(Result::unwrap).collect();
    let (whole, cut): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(whole, _)| *whole);
    crate::support::until("HAProxy to say how each has ended", || proxy.lines_with(&["server=gateway-"]).len() >= EXPORTS).await;
    let died = proxy.lines_with(&["server=gateway-1 ", "ended=SD"]).len();
    figure(&format!("kill -9 in the middle of {EXPORTS} exports: {} cut, {} whole", cut.len(), whole.len()));
    assert_eq!((cut.len(), whole.len()), (EXPORTS / 2, EXPORTS / 2));
    assert_eq!(died, cut.len(), "each one that was cut was the killed one's");
    assert!(whole.iter().all(|(_, lines)| *lines >= MANY), "{whole:?}");
    drop(second);
}
