//! The log of the real program: one line per request, with its outcome and each source's.

use serde_json::{Value, json};

use crate::support::{Folder, Gateway, Program, Reply, World, crowd, persons_page};

/// The requests, each with an id of its own, and what its line must contain.
fn requests() -> [(&'static str, &'static str, Value); 6] {
    let roll = |status: u16, cache: &str, sources: &str, partial: bool| json!({"route": "/customers/{customer_id}/users", "status": status, "cache": cache, "sources": sources, "partial": partial});
    let both = "advanced_automation=ok my_reports=ok";
    [
        ("miss", "/customers/acme-7/users?q=zoe", roll(200, "rollcall; fwd=uri-miss; stored", both, false)),
        ("hit", "/customers/acme-7/users", roll(200, "rollcall; hit; ttl=", both, false)),
        ("partial", "/customers/half-7/users", roll(200, "rollcall; fwd=uri-miss", "advanced_automation=ok my_reports=bad_request", true)),
        (
            "refused",
            "/customers/half-7/users?partial=deny",
            roll(400, "rollcall; fwd=uri-miss", "advanced_automation=ok my_reports=bad_request", false),
        ),
        ("nowhere", "/nowhere/acme-7", json!({"route": "none", "status": 404, "code": "route_not_found"})),
        ("alive", "/health/live", json!({"route": "/health/live", "status": 200})),
    ]
}

/// Runs the program, sends all requests, and returns its log.
async fn log(format: &str, access_log: &str) -> String {
    let (world, folder) = (World::new().await, Folder::new());
    world.my_reports.answer(|call| {
        let half = call.path.contains("half");
        if half { Reply::status(400) } else { Reply::json(200, &json!({"data": [], "status": "success"})) }
    });
    let more = format!("telemetry.format = \"{format}\"\ntelemetry.access_log = \"{access_log}\"\n");
    let (program, gateway) = Program::serve(&world.toml_with_secrets(&folder, &more), &[]).await;
    ask(&gateway).await;
    program.signal("INT");
    program.ended().await.err
}

async fn ask(gateway: &Gateway) {
    for (id, path, line) in requests() {
        let answer = gateway.get_with(path, &[("x-request-id", id)]).await;
        assert_eq!(answer.status, line["status"], "{path}");
    }
}

#[tokio::test]
async fn a_json_line_for_each_request_says_what_became_of_it() {
    let log = log("json", "all").await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    for (id, path, expected) in requests() {
        let of_it: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request" && line["request_id"] == id).collect();
        assert_eq!(of_it.len(), 1, "one line for {path}: {log}");
        let line = of_it[0];
        for (name, value) in expected.as_object().unwrap() {
            let starts = value.as_str().is_some_and(|text| line[name].as_str().is_some_and(|line| line.starts_with(text)));
            assert!(starts || line[name] == *value, "{path}: {name} is not {value}: {line}");
        }
        assert_eq!((&line["method"], &line["level"]), (&json!("GET"), &json!("INFO")));
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0), "{line}");
        assert_eq!(line["trace_id"].as_str().map(str::len), Some(32), "{line}");
        assert!(line["timestamp"].is_string() && !line["route"].as_str().unwrap().contains("acme"), "{line}");
    }
    for private in ["acme-7", "zoe", "page_size"] {
        assert!(!log.contains(private), "neither path nor query: {private}: {log}");
    }
}

#[tokio::test]
async fn a_text_line_says_the_same_to_a_person() {
    let log = log("text", "all").await;
    assert!(!log.contains('\u{1b}'), "no colours when stderr is not a terminal: {log}");
    for (id, path, expected) in requests() {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!(" request_id={id} "))).collect();
        let [line] = lines[..] else { panic!("one line for {path}: {log}") };
        for (name, value) in expected.as_object().unwrap() {
            let written = format!(" {name}={}", value.to_string().trim_end_matches('"'));
            assert!(line.contains(&written) || line.contains(&written.replace('"', "")), "{path}: no{written}: {line}");
        }
        let (_, duration) = line.split_once(" duration_ms=").unwrap();
        let decimals = duration.split(' ').next().and_then(|duration| duration.split_once('.')).map_or(0, |(_, decimals)| decimals.len());
        assert!(decimals <= 3 && line.contains(" trace_id="), "{line}");
    }
}

#[tokio::test]
async fn the_log_may_hold_errors_and_partial_rolls_only_or_no_requests_at_all() {
    for (access_log, expected) in [("errors", &["partial", "refused", "nowhere"][..]), ("off", &[])] {
        let log = log("json", access_log).await;
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let requests = lines.iter().filter(|line| line["message"] == "request");
        assert_eq!(requests.map(|line| line["request_id"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{access_log}");
        assert!(lines.iter().any(|line| line["message"] == "listening"), "{access_log}: everything else is logged all the same");
    }
}

#[tokio::test]
async fn that_there_is_no_room_for_a_roll_is_said_once() {
    let (world, folder, rows) = (World::new().await, Folder::new(), crowd(1000));
    world.answer_persons(move |call| persons_page(&rows, call));
    world.users(vec![]);
    let more = "cache.max_bytes = \"64KiB\"\nsources.advanced_automation.page_size = 1000\n";
    let (program, gateway) = Program::serve(&world.toml_with_secrets(&folder, more), &[]).await;
    for _ in 0..3 {
        assert_eq!(gateway.get("/customers/acme/users").await.status, 200);
    }
    program.signal("INT");
    let log = program.ended().await.err;
    let told: Vec<&str> = log.lines().filter(|line| line.contains("cache.max_bytes")).collect();
    assert!(matches!(told[..], [line] if line.contains("source=advanced_automation") && line.contains("records=1000")), "{log}");
}
