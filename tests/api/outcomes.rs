//! The result of each pair of source outcomes: the table of the contract, section 6, cell by cell.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};

use crate::support::{
    Answer, Call, Gateway, Reply, Setup, World,
    sources::{SOURCES, roll},
};

/// One possible outcome of a source.
struct Outcome {
    /// Part of the customer's id, which tells a source how to answer.
    name: &'static str,
    /// Its row and column in the table.
    class: &'static str,
    /// The status that callers see under `sources`.
    status: &'static str,
    http_status: Option<u16>,
    reply: fn(&Call) -> Reply,
}

/// What is wrong with a source regardless of the customer.
#[derive(Clone, Copy, PartialEq)]
enum Ill {
    Not,
    Slow,
    Refusing,
    LeftAlone,
}

const fn outcome(name: &'static str, class: &'static str, status: &'static str, http_status: u16, reply: fn(&Call) -> Reply) -> Outcome {
    Outcome { name, class, status, http_status: if http_status == 0 { None } else { Some(http_status) }, reply }
}

const OUTCOMES: [Outcome; 23] = [
    outcome("ok", "OK", "ok", 200, roll),
    outcome("unknown", "NF", "not_found", 404, |_| Reply::json(404, &json!({"status": "error", "error": 404}))),
    outcome("unknown-blank", "NF", "not_found", 404, |_| Reply::status(404)),
    outcome("unknown-said", "NF", "not_found", 404, |_| said(404)),
    outcome("400", "BAD", "bad_request", 400, |_| Reply::status(400)),
    outcome("422", "BAD", "bad_request", 422, |_| Reply::html(422)),
    outcome("400-said", "BAD", "bad_request", 400, |_| said(400)),
    outcome("401", "AUTH", "unauthorized", 401, |_| Reply::status(401)),
    outcome("403", "AUTH", "forbidden", 403, |_| Reply::html(403)),
    outcome("429", "RL", "rate_limited", 429, |_| Reply::status(429).header("retry-after", "7")),
    outcome("429-silent", "RL", "rate_limited", 429, |_| Reply::status(429)),
    outcome("500", "DOWN", "unavailable", 500, |_| Reply::status(500)),
    outcome("503", "DOWN", "unavailable", 503, |_| Reply::html(503)),
    outcome("404-page", "DOWN", "invalid_response", 404, |_| Reply::html(404)),
    outcome("redirect", "DOWN", "invalid_response", 302, |_| Reply::status(302).header("location", NOBODY_LISTENS)),
    outcome("page", "DOWN", "invalid_response", 200, |_| Reply::html(200)),
    outcome("cut", "DOWN", "invalid_response", 0, |call| roll(call).cut_short()),
    outcome("large", "DOWN", "invalid_response", 200, |_| Reply::new(200, " ".repeat(20_000))),
    outcome("shape", "DOWN", "invalid_response", 200, |_| Reply::json(200, &json!({"data": {}, "Clients": {}}))),
    outcome("error-said", "DOWN", "invalid_response", 200, |_| Reply::json(200, &json!({"status": "error"}))),
    outcome("slow", "TMO", "timeout", 0, |call| roll(call).after(Duration::from_mins(1))),
    outcome("refused", "DOWN", "unavailable", 0, roll),
    outcome("left-alone", "RL", "overloaded", 0, roll),
];

const CLASSES: [&str; 7] = ["OK", "NF", "BAD", "AUTH", "RL", "TMO", "DOWN"];

/// The table promised to callers, also written out below its diagonal.
const TABLE: [[&str; 7]; 7] = [
    ["success", "success", "partial", "partial", "partial", "partial", "partial"],
    ["success", "404", "400", "401", "503", "504", "502"],
    ["partial", "400", "400", "401", "503", "504", "502"],
    ["partial", "401", "401", "401", "401", "401", "401"],
    ["partial", "503", "503", "401", "503", "503", "503"],
    ["partial", "504", "504", "401", "503", "504", "504"],
    ["partial", "502", "502", "401", "503", "504", "502"],
];

/// Which failure decides, the strongest first, and its code.
const ORDER: [(&str, &str); 9] = [
    ("unauthorized", "upstream_unauthorized"),
    ("forbidden", "upstream_forbidden"),
    ("rate_limited", "upstream_rate_limited"),
    ("overloaded", "overloaded"),
    ("timeout", "upstream_timeout"),
    ("unavailable", "upstream_unavailable"),
    ("invalid_response", "upstream_invalid_response"),
    ("bad_request", "upstream_bad_request"),
    ("not_found", "customer_not_found"),
];

const ILLS: [Ill; 4] = [Ill::Not, Ill::Slow, Ill::Refusing, Ill::LeftAlone];
const NOBODY_LISTENS: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn each_pair_gives_what_the_table_says() {
    let pairs = ILLS.into_iter().flat_map(|left| ILLS.map(|right| [left, right]));
    let checked: usize = join_all(pairs.map(check_all)).await.into_iter().sum();
    assert_eq!(checked, OUTCOMES.len().pow(2));
}

/// Checks every pair of outcomes of two such sources through one gateway; returns their number.
async fn check_all(ills: [Ill; 2]) -> usize {
    let world = World::new().await;
    world.answer_persons(|call| reply(call, call.parameter("Customer").unwrap().split('.').next()));
    world.my_reports.answer(|call| reply(call, call.path.split('/').nth(4).unwrap().split('.').nth(1)));
    let sources = SOURCES.into_iter().zip(ills);
    let setup = sources.fold(world.gateway().set("server.deadline", "1m"), |setup, (name, ill)| with_ill(setup, name, ill));
    let gateway = setup.start().await;
    gateway.get("/customers/before.before/users").await;
    let of = |ill: Ill| OUTCOMES.iter().filter(move |outcome| ill_of(outcome) == ill);
    let pairs = of(ills[0]).flat_map(|left| of(ills[1]).map(move |right| [left, right]));
    stream::iter(pairs).map(|pair| check(&gateway, pair)).buffer_unordered(8).count().await
}

fn ill_of(outcome: &Outcome) -> Ill {
    match outcome.name {
        "slow" => Ill::Slow,
        "refused" => Ill::Refusing,
        "left-alone" => Ill::LeftAlone,
        _ => Ill::Not,
    }
}

fn with_ill(setup: Setup, source: &str, ill: Ill) -> Setup {
    let own = match ill {
        Ill::Not => ("timeout", "20s"),
        Ill::Slow => ("timeout", "150ms"),
        Ill::Refusing => ("base_url", NOBODY_LISTENS),
        Ill::LeftAlone => ("breaker.open_for", "1h"),
    };
    let failures_allowed = if ill == Ill::LeftAlone { "1" } else { "1000000" };
    let common = [("retries", "0"), ("max_response_bytes", "16KiB"), ("breaker.min_calls", failures_allowed)];
    common.into_iter().chain([own]).fold(setup, |setup, (key, value)| setup.set(&format!("sources.{source}.{key}"), value))
}

/// Answers as the customer's id says; fails for any other customer, so that a breaker can open.
fn reply(call: &Call, name: Option<&str>) -> Reply {
    OUTCOMES.iter().find(|outcome| Some(outcome.name) == name).map_or(Reply::status(503), |outcome| (outcome.reply)(call))
}

fn said(number: u16) -> Reply {
    Reply::json(200, &json!({"status": "error", "error": number, "message": "No."}))
}

async fn check(gateway: &Gateway, pair: [&Outcome; 2]) {
    let path = format!("/customers/{}.{}/users", pair[0].name, pair[1].name);
    let place = |outcome: &Outcome| CLASSES.iter().position(|class| *class == outcome.class).unwrap();
    let cell = TABLE[place(pair[0])][place(pair[1])];
    for parameter in ["", "?partial=allow", "?partial=deny"] {
        let answer = gateway.get(&format!("{path}{parameter}")).await;
        match cell {
            "partial" if parameter == "?partial=deny" => check_error(&answer, pair, None),
            "success" | "partial" => check_roll(&answer, pair, cell),
            status => check_error(&answer, pair, Some(status)),
        }
    }
}

fn check_roll(answer: &Answer, pair: [&Outcome; 2], status: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let (body, whole) = (answer.json(), status == "success");
    let names: Vec<&str> = ["Ann", "Bo"].into_iter().zip(pair).filter(|(_, outcome)| outcome.class == "OK").map(|(name, _)| name).collect();
    let total = if whole { json!(names.len()) } else { Value::Null };
    assert_eq!(
        (&body["status"], &body["total"], answer.names()),
        (&json!(status), &total, names.iter().map(ToString::to_string).collect())
    );
    assert_eq!(answer.header("cache-control") == Some("no-store"), !whole, "{answer:?}");
    let mut warnings = Vec::new();
    for (name, outcome) in SOURCES.into_iter().zip(pair) {
        let (source, users) = (answer.source(name), if outcome.class == "OK" { json!(1) } else { Value::Null });
        assert_eq!((&source["status"], &source["users"], &source["stale"]), (&json!(outcome.status), &users, &json!(false)), "{answer:?}");
        assert_eq!(source["fetched_at"].is_null(), users.is_null(), "{answer:?}");
        if outcome.class == "NF" {
            warnings.push(json!({"code": "unverified_link", "source": name, "count": null}));
        }
    }
    let warnings = if whole { Value::Array(warnings) } else { json!([]) };
    assert_eq!(body["warnings"], warnings, "{answer:?}");
}

/// `status` is the table's; `None` where a roll would be returned, and only `deny` makes it an error.
fn check_error(answer: &Answer, pair: [&Outcome; 2], status: Option<&str>) {
    let decides = ORDER.iter().find(|(status, _)| pair.iter().any(|outcome| outcome.status == *status)).unwrap();
    assert_eq!(answer.code(), decides.1, "{answer:?}");
    if let Some(status) = status {
        let only_forbidden = decides.0 == "forbidden";
        assert_eq!(answer.status.to_string(), if only_forbidden { "502" } else { status }, "{answer:?}");
    }
    for (name, outcome) in SOURCES.into_iter().zip(pair) {
        let expected = json!({"source": name, "status": outcome.status, "http_status": outcome.http_status});
        assert_eq!(answer.source(name), expected, "{answer:?}");
    }
    let wait = answer.header("retry-after").map(|wait| wait.parse::<u64>().unwrap());
    assert_eq!(wait.is_some_and(|wait| wait > 0), answer.status == 503, "{answer:?}");
    let realms: Vec<String> = SOURCES
        .into_iter()
        .zip(pair)
        .filter(|(_, outcome)| outcome.status == "unauthorized")
        .map(|(name, _)| format!("Bearer realm=\"{name}\""))
        .collect();
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(realms.is_empty() == challenge.is_empty() && realms.iter().any(|realm| realm == challenge) != realms.is_empty(), "{answer:?}");
}
