//! How the gateway ends when it is told to: nothing in flight is lost, and no one waits in vain.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Folder, Gateway, Program, Reply, World, until, until_so};

async fn serve(world: &World, drain: &str) -> (Program, Gateway) {
    let folder = Folder::new();
    Program::serve(&world.toml_with_secrets(&folder, ""), &[("ROLLCALL__SERVER__DRAIN", drain)]).await
}

/// Returns whether `/health/ready` says that it is ready; also checks the form of the answer if it is not.
pub(crate) async fn is_ready(gateway: &Gateway) -> bool {
    let answer = gateway.get("/health/ready").await;
    if answer.status == 200 {
        return true;
    }
    assert_eq!(answer.code(), "shutting_down");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    false
}

#[tokio::test]
async fn sigint_and_a_second_signal_end_it_at_once() {
    for signals in [&["INT"][..], &["TERM", "TERM"], &["TERM", "INT"]] {
        let world = World::new().await;
        let (program, gateway) = serve(&world, "10m").await;
        assert!(is_ready(&gateway).await);
        for (index, signal) in signals.iter().enumerate() {
            if index > 0 {
                until_so("the first signal to be known", async || !is_ready(&gateway).await).await;
            }
            program.signal(signal);
        }
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "{signals:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_request_that_hangs_does_not_keep_an_impatient_operator() {
    let world = World::new().await;
    world.my_reports.always(Reply::status(200).after(Duration::from_mins(2)));
    let (program, gateway) = serve(&world, "0s").await;
    let mut hanging = gateway.connect().await.unwrap();
    hanging.write_all(b"GET /customers/acme/users HTTP/1.1\r\nHost: gateway\r\n\r\n").await.unwrap();
    until("a call", || world.asked().1 == 1).await;
    program.signal("TERM");
    program.word_after(&["stopping: no longer "]).await;
    program.signal("TERM");
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_gateway_that_has_stopped_listens_no_more() {
    let world = World::new().await;
    let gateway = world.gateway().set("server.admin_listen", "127.0.0.1:0").start().await;
    let places = [gateway.url.clone(), gateway.admin_url.clone().unwrap()].map(|url| url.trim_start_matches("http://").to_owned());
    for place in &places {
        assert!(TcpStream::connect(place).await.is_ok(), "{place}");
    }
    gateway.stop().await;
    for place in &places {
        assert!(TcpStream::connect(place).await.is_err(), "{place}");
    }
}
