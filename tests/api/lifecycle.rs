//! How the real program ends while it is busy: what it still accepts, and what it finishes.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Barrier,
    time::Instant,
};

use crate::{
    stopping::is_ready,
    support::{
        Folder, Gateway, Program, Reply, World,
        caller::Tally,
        figure::figure,
        sources::{SOURCES, customer, roll},
        until, until_so,
    },
};

const USERS: &str = "/customers/acme/users";

/// Callers that all send their request at the moment when the program is told to stop.
const CROWD: usize = 400;

/// More requests than a caller can send in the seconds until the program has stopped.
const ENDLESS: usize = 100_000;

/// Connections that are open while the program is not scheduled, and how often the timing is tried.
const OPEN: usize = 40;
const TRIES: usize = 5;

/// Starts the real program in front of these backends, with additional keys.
async fn serve(world: &World, drain: &str, more: &str) -> (Program, Gateway) {
    let folder = Folder::new();
    Program::serve(&world.toml_with_secrets(&folder, more), &[("ROLLCALL__SERVER__DRAIN", drain)]).await
}

/// A world in which a source is slow for one customer.
async fn slow_world(time: Duration) -> World {
    let world = World::of_two().await;
    world.answer_at(SOURCES[0], move |call| roll(call).after(if customer(call) == "slow" { time } else { Duration::ZERO }));
    world
}

/// A request for a roll, as it is sent over a connection.
const REQUEST: &[u8] = b"GET /customers/acme/users HTTP/1.1\r\nHost: gateway\r\n\r\n";

/// Returns whether the roll arrived before the connection ended.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let mut came = Vec::new();
    drop(stream.read_to_end(&mut came).await); // a reset ends it as well
    came.starts_with(b"HTTP/1.1 200 ")
}

#[tokio::test]
async fn sigterm_is_told_to_a_load_balancer_and_then_the_listener_closes_while_what_is_in_flight_goes_on() {
    let world = slow_world(Duration::from_secs(5)).await;
    let (program, gateway) = serve(&world, "2s", "sources.advanced_automation.timeout = \"20s\"").await;
    let in_flight = async { (gateway.get("/customers/slow/users").await, Instant::now()) };
    let stopping = async {
        until("the slow one to be requested", || world.asked().0 == 1).await;
        assert!(is_ready(&gateway).await);
        let told = Instant::now();
        program.signal("TERM");
        program.word_after(&["stopping: no longer "]).await;
        until_so("a load balancer to be told", async || !is_ready(&gateway).await).await;
        assert_eq!(gateway.get("/health/live").await.status, 200);
        let answer = gateway.get(USERS).await;
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{answer:?}");
        until_so("the listener to close", async || gateway.connect().await.is_err()).await;
        assert!(told.elapsed() >= Duration::from_secs(2), "the listener closed after {:?}", told.elapsed());
        Instant::now()
    };
    let ((answer, finished), closed) = tokio::join!(in_flight, stopping);
    assert_eq!((answer.status, answer.names().len()), (200, 2), "{answer:?}");
    assert!(closed < finished, "it was still in flight");
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn sigint_does_not_wait_and_finishes_what_is_in_flight() {
    let world = slow_world(Duration::from_secs(1)).await;
    let (program, gateway) = serve(&world, "10m", "").await;
    let stopping = async {
        until("the slow one to be requested", || world.asked().0 == 1).await;
        program.signal("INT");
    };
    let (answer, ()) = tokio::join!(gateway.get("/customers/slow/users"), stopping);
    assert_eq!((answer.status, answer.names().len()), (200, 2), "{answer:?}");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_refresh_behind_an_answer_does_not_hold_the_end() {
    let world = World::of_two().await;
    let more = "cache.fresh = \"100ms\"\nsources.my_reports.timeout = \"10m\"\nsources.my_reports.walk_deadline = \"10m\"\n";
    let (program, gateway) = serve(&world, "0s", more).await;
    gateway.get(USERS).await;
    world.answer_at(SOURCES[1], |_| Reply::status(200).after(Duration::from_mins(2)));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(gateway.get(USERS).await.source(SOURCES[1])["stale"], true);
    until("the refresh", || world.asked().1 == 2).await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_connection_without_a_whole_request_does_not_hold_the_end() {
    let begun = [
        ("idle", ""),
        ("half a head", "GET /customers/acme/users HTTP/1.1\r\nHo"),
        ("half a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"),
    ];
    join_all(begun.map(|(what, bytes)| ends_although(what, bytes))).await;
}

async fn ends_although(what: &str, bytes: &str) {
    let (program, gateway) = serve(&World::new().await, "0s", "").await;
    let mut stream = gateway.connect().await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    assert_eq!(gateway.get("/health/live").await.status, 200, "what was sent has arrived by now");
    let told = Instant::now();
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0), "{what}");
    figure(&format!("with a connection that is {what}, SIGTERM takes {:.1} s", told.elapsed().as_secs_f64()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_loses_no_request() {
    let world = slow_world(Duration::from_millis(300)).await;
    let (program, gateway) = serve(&world, "1s", "cache.fresh = \"50ms\"\ntelemetry.access_log = \"off\"\n").await;
    let paths = ["/customers/slow/users", USERS, "/customers/other/users?page_size=1", "/health/live"];
    let callers = join_all((0..16).map(|number| gateway.keep_asking(paths[number % paths.len()], ENDLESS)));
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        program.signal("TERM");
    };
    let (tallies, ()) = tokio::join!(callers, stopping);
    let all: Tally = tallies.iter().copied().sum();
    let lost = all.sent - all.answered - all.not_accepted;
    figure(&format!("SIGTERM under load: {} requests sent until no one was listening, {} not accepted", all.sent, all.not_accepted));
    assert!(all.sent > 100 && tallies.iter().all(|tally| tally.sent > 2), "{tallies:?}");
    assert_eq!(lost, 0, "{tallies:?}");
    assert!(all.not_accepted <= 2, "few connections are made at the very moment when the listener closes: {tallies:?}");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_sent_before_the_signal_is_answered() {
    let world = World::of_two().await;
    let (program, gateway) = serve(&world, "0s", "telemetry.access_log = \"off\"\n").await;
    let (sent, told) = (Barrier::new(CROWD + 1), Barrier::new(CROWD + 1));
    let caller = async || {
        let mut stream = gateway.connect().await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        sent.wait().await;
        told.wait().await;
        is_answered(&mut stream).await
    };
    let stopping = async {
        sent.wait().await;
        program.signal("INT");
        told.wait().await;
    };
    let (answered, ()) = tokio::join!(join_all((0..CROWD).map(|_| caller())), stopping);
    let lost = answered.iter().filter(|answered| !**answered).count();
    figure(&format!("{CROWD} requests were sent just before SIGINT, {lost} lost"));
    assert_eq!(lost, 0);
    assert_eq!(program.ended().await.code, Some(0));
}

/// The fates of requests that were sent while the program was not scheduled, from before its grace period
/// ended until after; `None` if this machine was too slow for that.
async fn answered_late(world: &World) -> Option<usize> {
    let (program, gateway) = serve(world, "0s", "").await;
    let mut streams = join_all((0..OPEN).map(|_| async { gateway.connect().await.unwrap() })).await;
    assert_eq!(gateway.get(USERS).await.status, 200);
    program.signal("INT");
    let mut open = Instant::now();
    until_so("the listener to close", async || {
        if gateway.connect().await.is_err() {
            return true;
        }
        open = Instant::now();
        tokio::time::sleep(Duration::from_millis(30)).await; // otherwise there would never be a lull
        false
    })
    .await;
    program.signal("STOP");
    let in_time = open.elapsed() < Duration::from_millis(200);
    for stream in &mut streams {
        drop(stream.write_all(REQUEST).await);
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    program.signal("CONT");
    let answers = join_all(streams.iter_mut().map(is_answered)).await;
    let answered = answers.into_iter().filter(|answered| *answered).count();
    in_time.then_some(answered)
}

#[tokio::test]
async fn what_has_come_in_time_is_answered_however_late_the_program_has_its_turn() {
    let world = World::of_two().await;
    for _ in 0..TRIES {
        if let Some(answered) = answered_late(&world).await {
            return assert_eq!(answered, OPEN);
        }
    }
    panic!("this machine was too slow, {TRIES} times");
}
