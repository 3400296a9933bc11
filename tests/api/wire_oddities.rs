//! What a backend may do on the wire that is odd but harmless: unusual forms of a valid answer, a
//! full backlog, more than one answer, and any amount of data that is not kept.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{net::TcpStream, time::Instant};

use crate::support::{
    Folder, Gateway, Program, World,
    figure::figure,
    memory::MIB,
    raw_source::{GOOD, RawSource, Step, good_answer, send},
    until,
};

use Step::{Drip, Repeat, Send, Stall};

const SOURCES: [(&str, &str); 2] = [("advanced_automation", "/Person"), ("my_reports", "/users")];

/// A gateway without retries, in front of a backend that takes these steps in place of a source.
async fn start(world: &World, (source, path): (&str, &'static str), steps: Vec<Step>) -> (Gateway, RawSource) {
    let raw = RawSource::start(path, steps).await;
    (world.gateway_with(source, &raw.url()).patient().tune(source, &[("retries", "0")]).start().await, raw)
}

#[tokio::test]
async fn a_good_answer_may_come_in_any_form() {
    let (first, last) = GOOD.split_at(GOOD.len() - 10);
    let length = format!("Content-Length: {}\n\n", GOOD.len());
    for (name, steps) in [
        ("until the connection ends", vec![send("HTTP/1.1 200 OK\n\n"), Send(GOOD.into())]),
        ("as HTTP/1.0", vec![send("HTTP/1.0 200 OK\n\n"), Send(GOOD.into())]),
        ("slowly, but in time", vec![send("HTTP/1.1 200 OK\n"), send(&length), Send(first.into()), Drip(last.into())]),
        ("after hints", vec![send("HTTP/1.1 103 Early Hints\nLink: </a>\n\n"), Send(good_answer())]),
        ("without a word beside the status", vec![send("HTTP/1.1 200\n"), send(&length), Send(GOOD.into())]),
        ("in chunks of one byte", {
            let chunks: Vec<Step> = GOOD.chars().map(|letter| send(&format!("1\n{letter}\n"))).collect();
            [vec![send("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n")], chunks, vec![send("0\n\n")]].concat()
        }),
    ] {
        for place in SOURCES {
            let world = World::new().await;
            let (gateway, _raw) = start(&world, place, steps.clone()).await;
            let answer = gateway.get("/customers/acme/users?partial=deny").await;
            assert_eq!((answer.status, answer.names()), (200, vec!["Raw".to_owned()]), "{name} at {place:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_writers_of_json_do_against_the_rules_hides_nobody() {
    let answer = |status: &str, body: &str| send(&format!("HTTP/1.1 {status}\nContent-Length: {}\n\n{body}", body.len()));
    let marked = format!("\u{feff}{GOOD}");
    let cut = GOOD.replace("raw@acme.example\"", "raw@acme.example\",\"Username\":\"\\ud83d\",\"x\":\"\\ud83d\"");
    for place in SOURCES {
        for (name, body) in [("a byte order mark", &marked), ("half a character", &cut)] {
            let world = World::new().await;
            let (gateway, _raw) = start(&world, place, vec![answer("200 OK", body)]).await;
            let roll = gateway.get("/customers/acme/users").await;
            assert_eq!(roll.names(), ["Raw"], "{name} at {place:?}: {roll:?}");
        }
        let world = World::new().await;
        let (gateway, _raw) = start(&world, place, vec![answer("404 Not Found", "\u{feff}{}")]).await;
        let unknown = gateway.get("/customers/acme/users").await;
        assert_eq!(unknown.source(place.0)["status"], "not_found", "{place:?}: {unknown:?}");
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_nobodys_answer() {
    for place in SOURCES {
        let world = World::new().await;
        let (wanted, foreign) = (good_answer(), String::from_utf8(good_answer()).unwrap().replace("Raw", "Eve"));
        let (gateway, raw) = start(&world, place, vec![Send([wanted, foreign.into()].concat()), Stall]).await;
        for customer in ["first", "second", "third"] {
            let answer = gateway.get(&format!("/customers/{customer}/users")).await;
            assert_eq!(answer.names(), ["Raw"], "{place:?}: {answer:?}");
        }
        assert_eq!(raw.calls(), 3, "{place:?}");
    }
}

#[tokio::test]
async fn depth_that_nobody_reads_does_no_harm() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let roll = GOOD.replace("\"raw@acme.example\"", &format!("\"raw@acme.example\",\"Notes\":{deep}"));
    let answer = |status: &str, body: &str| send(&format!("HTTP/1.1 {status}\nContent-Length: {}\n\n{body}", body.len()));
    for place in SOURCES {
        let world = World::new().await;
        let (gateway, _raw) = start(&world, place, vec![answer("200 OK", &roll)]).await;
        assert_eq!(gateway.get("/customers/acme/users").await.names(), ["Raw"], "{place:?}: one odd field hides no user");
        let (gateway, _raw) = start(&world, place, vec![answer("404 Not Found", &deep)]).await;
        let unknown = gateway.get("/customers/acme/users").await;
        assert_eq!(unknown.source(place.0)["status"], "not_found", "{place:?}: {unknown:?}");
    }
}

#[tokio::test]
async fn a_backend_whose_backlog_is_full_is_unavailable_when_the_connection_takes_too_long() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    for (source, _) in SOURCES {
        let keys = [("connect_timeout", "200ms"), ("timeout", "1m"), ("retries", "0")];
        let setup = World::new().await.gateway_with(source, &format!("http://{address}")).set("server.deadline", "1m");
        let (gateway, begun) = (setup.tune(source, &keys).start().await, Instant::now());
        let answer = gateway.get("/customers/acme/users?partial=deny").await;
        assert_eq!(answer.code(), "upstream_unavailable", "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{source}: waited {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn an_endless_answer_costs_no_more_memory_than_an_answer_may_have() {
    let (plain, chunked) = ("HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nffffffffffff\n");
    let (blanks, lines) = (vec![b' '; 64 << 10], b"X-More: and more of it\r\n".repeat(1000));
    for (name, (allowed, at_once), head, endless) in [
        ("a body, as configured by default", ("32MiB", 1), plain, &blanks),
        ("a body", ("8MiB", 8), plain, &blanks),
        ("a chunk", ("8MiB", 8), chunked, &blanks),
        ("a head", ("8MiB", 8), "HTTP/1.1 200 OK\n", &lines),
    ] {
        let (world, folder) = (World::new().await, Folder::new());
        let raw = RawSource::start("/users", vec![send(head), Repeat(endless.clone())]).await;
        let limits = format!("sources.my_reports.max_response_bytes = \"{allowed}\"\nsources.my_reports.retries = 0\n");
        let file = world.toml_with_secrets(&folder, &limits);
        let (program, gateway) = Program::serve(&file, &[("ROLLCALL__SOURCES__MY_REPORTS__BASE_URL", &raw.url())]).await;
        let before = program.memory();
        let paths: Vec<String> = (0..at_once).map(|number| format!("/customers/c{number}/users?partial=deny")).collect();
        for answer in join_all(paths.iter().map(|path| gateway.get(path))).await {
            assert_eq!(answer.code(), "upstream_invalid_response", "{name}: {answer:?}");
        }
        until("the gateway to hang up", || raw.open() == 0).await;
        let most = program.most_memory();
        figure(&format!("endless, {name}, {allowed} allowed, {at_once} at once: {} MiB before, {} MiB at most", before / MIB, most / MIB));
        assert!(most < before + 256 * MIB, "{name}: {} MiB", most / MIB);
    }
}
