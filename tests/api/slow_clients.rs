//! Callers that are slow, idle or too many: they do not hold up the others.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::support::{
    Reply, World,
    figure::{figure, spread},
    sources::SOURCES,
    until, until_so,
};

const USERS: &str = "/customers/acme/users";
const REQUEST: &str = "GET /customers/acme/users HTTP/1.1\r\nHost: gateway\r\n\r\n";

/// Clients that send one byte per second.
const CROWD: usize = 800;

/// Much longer than a head may take.
const LONG: Duration = Duration::from_secs(25);

/// Sends a request one byte at a time; ends when the gateway hangs up, and returns what it had sent until
/// then.
async fn drip(mut stream: TcpStream) -> Vec<u8> {
    let (mut from, mut to) = stream.split();
    let sending = async {
        for byte in REQUEST.bytes() {
            if to.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut came = Vec::new();
    tokio::select! {
        () = sending => {}
        _ = from.read_to_end(&mut came) => {} // a reset ends it as well
    }
    came
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_hundred_that_send_a_byte_a_second_do_not_hold_the_others() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let world = World::of_two().await;
    let gateway = world.start().await;
    let streams = join_all((0..CROWD).map(|_| async { gateway.connect().await.unwrap() })).await;
    let crowd: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(drip(stream))).collect();
    let mut took = Vec::new();
    for number in 0..100 {
        let begun = Instant::now();
        let answer = match number % 2 {
            0 => gateway.get(&format!("/customers/c{number}/users")).await,
            _ => gateway.send_raw(&format!("GET {USERS} HTTP/1.1"), &[]).await, // on a connection of its own
        };
        took.push(begun.elapsed());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(!crowd.iter().any(tokio::task::JoinHandle::is_finished), "all of them are still there");
    figure(&format!("{CROWD} clients send a byte a second, the others: {}", spread(took)));
    let ended = timeout(LONG, join_all(crowd)).await.expect("a client that does not come to an end is not waited for");
    assert!(ended.into_iter().all(|came| came.unwrap().is_empty()), "none of them got an answer");
    assert_eq!(gateway.get(USERS).await.status, 200);
}

#[tokio::test]
async fn what_does_not_come_to_its_end_is_not_waited_for_and_an_idle_connection_is() {
    tokio::join!(half_a_head_and_no_head(), half_a_request());
}

async fn half_a_head_and_no_head() {
    let world = World::of_two().await;
    let gateway = world.start().await;
    let mut used = gateway.connect().await.unwrap();
    assert!(is_answered(&mut used).await);
    let (mut unused, mut again) = (gateway.connect().await.unwrap(), gateway.connect().await.unwrap());
    assert!(is_answered(&mut again).await);
    let mut half = gateway.connect().await.unwrap();
    for stream in [&mut half, &mut again] {
        stream.write_all(&REQUEST.as_bytes()[..30]).await.unwrap();
    }
    let begun = Instant::now();
    for (what, stream) in [("the first request", &mut half), ("the second request", &mut again)] {
        let ended = timeout(LONG, stream.read(&mut [0; 64])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "half a head, of {what}: {ended:?}");
    }
    assert!(begun.elapsed() > Duration::from_secs(5), "a client may be somewhat slow");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(is_answered(&mut used).await, "idle after a request for longer than a head may take");
    assert!(is_answered(&mut unused).await, "idle from the beginning");
}

async fn half_a_request() {
    let world = World::of_two().await;
    let gateway = world.start().await;
    let cases = [["Content-Length: 100"], ["Transfer-Encoding: chunked"]];
    let begun = Instant::now();
    for answer in join_all(cases.iter().map(|lines| gateway.send_raw("GET /customers/acme/users HTTP/1.1", lines))).await {
        assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"), "{answer:?}");
        assert_eq!((&answer.json()["retryable"], &answer.json()["sources"]), (&true.into(), &serde_json::json!([])), "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(9), "five seconds are promised: {:?}", begun.elapsed());
    assert_eq!(world.asked(), (0, 0));
}

/// Returns whether a request on this connection is answered.
async fn is_answered(stream: &mut TcpStream) -> bool {
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut came = Vec::new();
    while !came.ends_with(b"]}") {
        let more = timeout(LONG, stream.read_buf(&mut came)).await.unwrap();
        if !matches!(more, Ok(1..)) {
            return false;
        }
    }
    came.starts_with(b"HTTP/1.1 200 ")
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_refused_at_once_and_probes_are_not() {
    let world = World::of_two().await;
    let gateway = world.gateway().set("server.max_in_flight", "2").set("sources.my_reports.timeout", "1m").start().await;
    gateway.get(USERS).await;
    world.answer_at(SOURCES[1], |_| Reply::hung());
    let waiting = ["/customers/one/users", "/customers/two/users"];
    let answered = async {
        until("two to be waiting", || world.asked() == (3, 3)).await;
        for path in ["/customers/three/users", USERS, "/customers/three/users?partial=deny", "/customers/four/users"] {
            let begun = Instant::now();
            let answer = gateway.get(path).await;
            assert_eq!((answer.code().as_str(), answer.status), ("overloaded", 503), "{answer:?}");
            assert!(answer.header("retry-after").is_some_and(|wait| wait.parse::<u64>().unwrap() > 0), "{answer:?}");
            assert!(begun.elapsed() < Duration::from_secs(5), "refused after {:?}", begun.elapsed());
        }
        for path in ["/health/live", "/health/ready", "/health/sources", "/metrics", "/openapi.json", "/"] {
            assert_eq!(gateway.get(path).await.status, 200, "{path}");
        }
        assert_eq!(world.asked(), (3, 3), "no refused request caused a call");
    };
    tokio::select! {
        answers = join_all(waiting.map(|path| gateway.get(path))) => panic!("they did not wait: {answers:?}"),
        () = answered => {}
    }
    until_so("room, as those who waited have hung up", async || gateway.get(USERS).await.status == 200).await;
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_until_another_one_ends() {
    let world = World::of_two().await;
    let gateway = world.gateway().set("server.max_connections", "2").start().await;
    let (mut first, mut second) = (gateway.connect().await.unwrap(), gateway.connect().await.unwrap());
    assert!(is_answered(&mut first).await && is_answered(&mut second).await);
    let mut third = gateway.connect().await.unwrap();
    third.write_all(REQUEST.as_bytes()).await.unwrap();
    let early = timeout(Duration::from_millis(500), third.read(&mut [0; 64])).await;
    assert!(early.is_err(), "it waits: {early:?}");
    drop(first);
    let answer = timeout(LONG, third.read(&mut [0; 64])).await;
    assert!(matches!(answer, Ok(Ok(1..))), "{answer:?}");
    assert!(is_answered(&mut second).await);
}
