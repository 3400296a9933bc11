//! Exports that are under way when the replica that sends them is killed.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{mpsc, watch},
};

use super::{
    ONE_AT_A_TIME,
    proxy::Proxy,
    replica::{addresses, two},
};
use crate::support::{Gateway, World, figure::figure, until, until_so_within, user};

/// Users of a customer whose export does not fit into the buffers of sockets and balancers, and the length of
/// each name.
const MANY: usize = 20_000;
const LONG: usize = 1_000;

/// How long reading them may take, even on a very busy machine.
const READING: Duration = Duration::from_mins(1);

/// Exports that are under way when a replica is killed.
const EXPORTS: usize = 6;

/// A world in which a customer has many users at the second source.
async fn large_world() -> World {
    let world = World::of_two().await;
    let name = "n".repeat(LONG);
    let row = |number| user(&format!("id-{number}"), &name, &format!("p{number}@acme.example"));
    world.users((0..MANY).map(row).collect());
    world
}

/// Waits until a replica has the large customer: reading it may take longer than a request waits.
async fn has_read_the_large_one(gateway: &Gateway) {
    let status = async || gateway.get("/customers/large/users?page_size=1").await.json()["status"].clone();
    until_so_within(READING, "the large customer to be read", async || status().await == "success").await;
}

/// Begins an export of which little is read, continues when told to, and returns how many lines came.
async fn export(front: SocketAddr, mut go_on: watch::Receiver<bool>, begun: mpsc::Sender<()>) -> (bool, usize) {
    let socket = TcpSocket::new_v4().unwrap();
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
    let replicas = two(&world, "10m").await;
    for replica in &replicas {
        has_read_the_large_one(&replica.gateway()).await;
    }
    let proxy = Proxy::haproxy(&addresses(&replicas)).await;
    let [first, second] = replicas;
    let (go, go_on) = watch::channel(false);
    let (begun, mut have_begun) = mpsc::channel(EXPORTS);
    let exports: Vec<_> = (0..EXPORTS).map(|_| tokio::spawn(export(proxy.front, go_on.clone(), begun.clone()))).collect();
    for _ in 0..EXPORTS {
        have_begun.recv().await.unwrap();
    }
    drop(first); // this is kill -9
    go.send(true).unwrap();
    let ended: Vec<(bool, usize)> = join_all(exports).await.into_iter().map(Result::unwrap).collect();
    let (whole, cut): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(whole, _)| *whole);
    until("HAProxy to say how each has ended", || proxy.lines_with(&["server=gateway-"]).len() >= EXPORTS).await;
    let died = proxy.lines_with(&["server=gateway-1 ", "ended=SD"]).len();
    figure(&format!("kill -9 in the middle of {EXPORTS} exports: {} cut, {} whole", cut.len(), whole.len()));
    assert_eq!((cut.len(), whole.len()), (EXPORTS / 2, EXPORTS / 2));
    assert_eq!(died, cut.len(), "each one that was cut was the killed one's");
    assert!(whole.iter().all(|(_, lines)| *lines >= MANY), "{whole:?}");
    drop(second);
}
