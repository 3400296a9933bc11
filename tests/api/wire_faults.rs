//! What a backend may do wrong on the wire, wherever one is called: the answer says what happened, the
//! other source's users are there, and nothing is left hanging.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    Gateway, Reply, World,
    raw_source::{GOOD, RawSource, Step, good_answer, send},
    sources::{SOURCES, name_at, other_than},
    until,
};

use Step::{Drip, Repeat, Reset, Send, Stall};

/// Where a backend misbehaves: the source, and the ending of the path.
const PLACES: [(&str, &str); 3] = [("advanced_automation", "/Person"), ("advanced_automation", "/idp/token"), ("my_reports", "/users")];

/// Longer than any answer may take here, and far shorter than a source hangs.
const LONG: Duration = Duration::from_secs(20);

/// Opening brackets, too many for a reader that recurses into each.
const DEPTH: usize = 100_000;

/// A fault: its name, the resulting status of the source, and the steps.
type Fault = (&'static str, &'static str, Vec<Step>);

fn ok(headers: &str) -> Step {
    send(&format!("HTTP/1.1 200 OK\nContent-Type: application/json\n{headers}\n\n"))
}

fn body(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    let bytes = bytes.into();
    vec![ok(&format!("Content-Length: {}", bytes.len())), Send(bytes)]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(bytes: Vec<u8>) -> Vec<Step> {
    vec![ok(&format!("Content-Encoding: gzip\nContent-Length: {}", bytes.len())), Send(bytes)]
}

/// The valid body with this in place of each value that is read.
fn with_values(value: &str) -> String {
    format!(r#"{{"access_token":{value},"Clients":{value},"data":{value}}}"#)
}

/// Everything that never ends: without a time limit, it hangs.
fn endless_in_time() -> Vec<Fault> {
    let (head, whole) = ("HTTP/1.1 200 OK\nContent-Type: applica", format!("Content-Length: {}", GOOD.len()));
    vec![
        ("nothing", "timeout", vec![Stall]),
        ("half a head", "timeout", vec![send(head), Stall]),
        ("half a body", "timeout", vec![ok(&whole), send(&GOOD[..40]), Stall]),
        ("a body without its end", "timeout", vec![ok("Connection: close"), send(GOOD), Stall]),
        ("a chunk without the next", "timeout", vec![ok("Transfer-Encoding: chunked"), send("5\n{\"a\":\n"), Stall]),
        ("a head that drips", "timeout", vec![Drip(good_answer())]),
        ("a body that drips", "timeout", vec![ok(&whole), Drip(GOOD.into())]),
    ]
}

/// Connections that end before there is an answer.
fn no_answer() -> Vec<Fault> {
    vec![
        ("a reset", "unavailable", vec![Reset]),
        ("an end before the answer", "unavailable", vec![]),
        ("an end in the head", "unavailable", vec![send("HTTP/1.1 200 OK\nConte")]),
        ("a reset in the head", "unavailable", vec![send("HTTP/1.1 200 OK\nConte"), Reset]),
    ]
}

/// Answers that cannot be used, however long one waits.
fn wrong_answers() -> Vec<Fault> {
    let (half, chunked) = (&GOOD[..40], "Transfer-Encoding: chunked");
    let whole = format!("Content-Length: {}", GOOD.len());
    let (closed, mapped) = (format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH)), "{\"a\":".repeat(DEPTH));
    let mut cut_gzip = gzip(GOOD.as_bytes());
    cut_gzip.truncate(cut_gzip.len() / 2);
    [
        ("a reset in the body", vec![ok(&whole), send(half), Reset]),
        ("an end in the body", vec![ok(&whole), send(half)]),
        ("an end between chunks", vec![ok(chunked), send("28\n"), send(half), send("\n")]),
        ("a mail server", vec![send("220 mail.example ESMTP ready\n")]),
        ("a TLS record", vec![Send(vec![0x15, 3, 1, 0, 2, 2, 70]), Stall]),
        ("zeros", vec![Send(vec![0; 4096]), Stall]),
        ("a status that is none", vec![send("HTTP/1.1 2000 OK\nContent-Length: 0\n\n")]),
        ("an endless head", vec![send("HTTP/1.1 200 OK\n"), Repeat(b"X-More: and more of it\r\n".repeat(1000))]),
        ("an endless body", vec![ok("Connection: close"), Repeat(vec![b' '; 64 << 10])]),
        ("an endless body in chunks", vec![ok(chunked), Repeat([&b"10000\r\n"[..], &[b' '; 64 << 10], b"\r\n"].concat())]),
        ("an endless chunk", vec![ok(chunked), send("fffffffffff\n"), Repeat(vec![b' '; 64 << 10])]),
        ("an endless error", vec![send("HTTP/1.1 404 Not Found\n\n"), Repeat(vec![b' '; 64 << 10])]),
        ("a length beyond the bound", vec![ok("Content-Length: 1000000000000"), Stall]),
        ("a length below zero", vec![ok("Content-Length: -1"), Stall]),
        ("a length that is none", vec![ok("Content-Length: many"), Stall]),
        ("two lengths", vec![ok(&format!("{whole}\nContent-Length: 3")), send(GOOD), Stall]),
        ("a length that is too large", vec![ok(&format!("Content-Length: {}", GOOD.len() + 9)), send(GOOD)]),
        ("a length that is too small", vec![ok(&format!("Content-Length: {}", GOOD.len() - 9)), send(GOOD), Stall]),
        ("a chunk's length that is none", vec![ok(chunked), send("zz\n"), send(GOOD), Stall]),
        ("a gzip bomb", gzipped(gzip(&vec![b' '; 100 << 20]))),
        ("gzip that is none", gzipped(GOOD.into())),
        ("half a gzip", gzipped(cut_gzip)),
        ("nothing in a 200", body("")),
        ("no JSON", body("<html>Sorry</html>")),
        ("no UTF-8", body(GOOD.replace("aw", "\u{e9}w").bytes().filter(|byte| *byte != 0xc3).collect::<Vec<_>>())),
        ("JSON that is deep", body(with_values(&closed))),
        ("JSON that is deep and does not end", body(with_values(&mapped))),
        ("JSON that is nothing but deep", body(closed)),
    ]
    .into_iter()
    .map(|(name, steps)| (name, "invalid_response", steps))
    .collect()
}

/// A gateway in front of a faulty backend. It waits long only if the fault is one that must time out.
async fn start(world: &World, (source, _): (&str, &str), url: &str, status: &str) -> Gateway {
    let timeout = if status == "timeout" { "400ms" } else { "30s" };
    let own = [("timeout", timeout), ("retries", "1"), ("max_response_bytes", "1MiB")];
    world.gateway_with(source, url).patient().tune(source, &own).start().await
}

async fn check(faults: Vec<Fault>) {
    let pairs = PLACES.into_iter().flat_map(|place| faults.iter().map(move |fault| (place, fault)));
    let count = stream::iter(pairs).map(|(place, fault)| check_at(place, fault)).buffer_unordered(6).count().await;
    assert_eq!(count, PLACES.len() * faults.len());
}

async fn check_at(place: (&str, &'static str), (name, status, steps): &Fault) {
    let what = format!("{name} at {place:?}");
    let (world, source) = (World::of_two().await, RawSource::start(place.1, steps.clone()).await);
    let gateway = start(&world, place, &source.url(), status).await;
    let begun = Instant::now();
    let beside = gateway.get("/customers/acme/users").await;
    let other = name_at(other_than(place.0));
    assert_eq!((beside.status, &beside.json()["status"]), (200, &json!("partial")), "{what}: {beside:?}");
    assert_eq!((beside.names(), &beside.source(place.0)["status"]), (vec![other.to_owned()], &json!(status)), "{what}: {beside:?}");
    let waits = *status == "timeout"; // on a busy machine the call may not have been made yet, and may not be later
    let calls = match *status {
        "timeout" => 0..=1,
        "unavailable" => 2..=2,
        _ => 1..=1,
    };
    assert!(calls.contains(&source.calls()), "{what}: only transient faults are retried: {} calls", source.calls());

    for other in SOURCES {
        world.answer_at(other, |_| Reply::status(404));
    }
    let alone = gateway.get("/customers/lone/users").await;
    assert_eq!(alone.code(), format!("upstream_{status}"), "{what}: {alone:?}");
    assert_eq!(alone.source(place.0)["status"], *status, "{what}: {alone:?}");
    assert!(begun.elapsed() < LONG, "{what}: waited {:?}", begun.elapsed());
    until(&format!("the gateway to hang up on {what}"), || source.open() == 0).await;

    source.mend();
    assert!(is_read_again(&gateway, if waits { 10 } else { 1 }).await, "{what}: it works again");
}

/// Whether a source that works again is read, within this many tries.
async fn is_read_again(gateway: &Gateway, tries: usize) -> bool {
    for _ in 0..tries {
        let answer = gateway.get("/customers/mended/users").await;
        if answer.status == 200 {
            return answer.names() == ["Raw"];
        }
    }
    false
}

#[tokio::test]
async fn an_answer_that_never_ends_is_a_timeout() {
    check(endless_in_time()).await;
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_a_source_that_is_unavailable() {
    check(no_answer()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_used_is_told_at_once() {
    check(wrong_answers()).await;
}
