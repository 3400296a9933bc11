//! `rollcall demo`: the whole product with nothing to set up, and what its flags change.

use futures_util::future::join_all;

use crate::support::{Gateway, Program, until_so};

/// A customer of the demo with users at both backends.
const ACME: &str = "/customers/00000000-0000-4000-8000-000000000002/users";

async fn demo(flags: &[&str]) -> (Program, Gateway) {
    let program = Program::start(&[&["demo", "--listen", "127.0.0.1:0"], flags].concat(), &[]);
    let url = program.word_after(&["answers at "]).await;
    (program, Gateway::at(url.trim_end_matches('/').to_owned()))
}

#[tokio::test]
async fn each_line_that_the_demo_prints_gives_what_it_promises() {
    let (program, gateway) = demo(&[]).await;
    program.word_after(&["`rollcall demo --help` lists every "]).await; // the last line
    let said = program.said();
    let lines: Vec<&str> = said.lines().collect();
    let promises: Vec<(&str, &str)> = lines
        .windows(2)
        .filter_map(|pair| Some((pair[0].strip_prefix("# ")?, pair[1].strip_prefix("curl -i '")?.strip_suffix('\'')?)))
        .collect();
    assert!(promises.len() >= 5, "{said}");
    join_all(promises.into_iter().map(async |(promise, url)| {
        let answer = gateway.get(url.strip_prefix(&gateway.url).unwrap_or_else(|| panic!("another place: {url}"))).await;
        let status = promise.split([':', ' ']).next().unwrap();
        assert_eq!(answer.status.to_string(), status, "{promise}: {}", answer.text);
        if answer.status == 200 {
            let expected = if promise.contains("partial") { "partial" } else { "success" };
            assert_eq!(answer.json()["status"], expected, "{promise}");
        } else {
            assert_eq!(answer.json()["error"], answer.status, "{promise}");
        }
    }))
    .await;
    for path in ["/", "/docs/", "/openapi.json", "/metrics"] {
        assert_eq!(gateway.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_demo_links_the_customers_that_both_backends_list() {
    let (program, gateway) = demo(&["--set", "customers.links=discover,same_id"]).await;
    program.word_after(&["`rollcall demo --help` lists every "]).await;
    until_so(program.showing("the lists to be read"), async || gateway.get("/customers").await.status == 200).await;
    let said = program.said();
    let tried: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("curl -i '")?.strip_suffix('\'')?.strip_prefix(gateway.url.as_str())).collect();
    assert!(tried.contains(&"/customers"), "{said}");
    let list = gateway.get("/customers?page_size=1000").await.json();
    let by = |digits: &str| {
        let id = format!("00000000-0000-4000-8000-000000000{digits}");
        let one = list["data"].as_array().unwrap().iter().find(|customer| customer["id"] == id.as_str());
        one.map(|customer| [0, 1].map(|place| customer["links"][place]["matched_by"].as_str().unwrap_or("-").to_owned()).join(" "))
    };
    for (digits, expected) in [
        ("002", Some("listed reference_is_id")),
        ("020", Some("listed reference_is_id")),
        ("021", Some("listed reference_is_tenant_uuid")),
        ("022", Some("listed reference_is_tenant_id")),
        ("023", Some("listed -")),
        ("025", Some("listed -")),
        ("026", Some("listed -")),
        ("220", None),
        ("223", Some("- listed")),
        ("224", Some("- listed")),
        ("225", Some("- listed")),
        ("226", Some("- listed")),
        ("228", Some("- listed")),
        ("229", Some("- listed")),
        ("106", None),
    ] {
        assert_eq!(by(digits).as_deref(), expected, "{digits}");
    }
    assert_eq!(list["warnings"][0], serde_json::json!({"code": "ambiguous_reference", "source": "my_reports", "count": 3}));
    let roll = gateway.get("/customers/00000000-0000-4000-8000-000000000021/users").await.json();
    assert_eq!((&roll["status"], &roll["total"], &roll["warnings"]), (&"success".into(), &14.into(), &serde_json::json!([])));
    assert_eq!(
        gateway.get("/customers/00000000-0000-4000-8000-000000000106/users").await.status,
        200,
        "a customer that no one lists is found by its id"
    );
}

#[tokio::test]
async fn the_demo_ends_well_when_it_is_told_to() {
    for signal in ["TERM", "INT"] {
        let (program, gateway) = demo(&[]).await;
        assert_eq!(gateway.get("/health/ready").await.status, 200);
        program.signal(signal);
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
    }
}

#[tokio::test]
async fn a_fault_makes_a_backend_go_wrong_whatever_the_customer() {
    let hasty = ["--set", "sources.my_reports.timeout=300ms", "--set", "sources.advanced_automation.retries=0"];
    let cases = [
        (&["--fault", "my_reports=timeout"][..], "ok", "timeout"),
        (&["--fault", "my_reports=unavailable"], "ok", "unavailable"),
        (&["--fault", "advanced_automation=token_refused"], "unauthorized", "ok"),
        (&["--fault", "advanced_automation=redirect", "--fault", "my_reports=changing"], "invalid_response", "incomplete"),
    ];
    join_all(cases.map(async |(faults, persons, users)| {
        let (_program, gateway) = demo(&[&hasty[..], faults].concat()).await;
        let answer = gateway.get(ACME).await;
        let status = |source| answer.source(source)["status"].as_str().unwrap().to_owned();
        assert_eq!((answer.status, status("advanced_automation"), status("my_reports")), (200, persons.into(), users.into()), "{faults:?}");
    }))
    .await;
}

#[tokio::test]
async fn latency_is_how_long_each_answer_of_a_backend_takes_at_least() {
    let (_program, gateway) = demo(&["--latency", "300ms"]).await;
    let answer = gateway.get(ACME).await;
    let timing = answer.header("server-timing").unwrap();
    let took = |metric: &str| metric.split_once("dur=").unwrap().1.parse::<f64>().unwrap();
    assert!(timing.split(", ").map(took).all(|milliseconds| milliseconds >= 300.0), "{timing}");
}

#[tokio::test]
async fn the_seed_decides_who_there_is() {
    let mut rolls = Vec::new();
    for seed in ["1", "1", "2"] {
        let (_program, gateway) = demo(&["--seed", seed]).await;
        rolls.push(gateway.get(ACME).await.names());
    }
    assert!(rolls[0].len() > 50 && rolls[0] == rolls[1] && rolls[0] != rolls[2], "{rolls:?}");
}

#[tokio::test]
async fn a_wrong_flag_explains_itself() {
    for (flags, explains) in [
        (["--fault", "my_reports=tired"], &["tired", "my_reports", "advanced_automation", "timeout", "unavailable"][..]),
        (["--fault", "acronis=timeout"], &["acronis", "my_reports", "advanced_automation"]),
        (["--fault", "timeout"], &["timeout", "SOURCE=KIND"]),
        (["--fault", "my_reports=token_down"], &["my_reports", "token"]),
        (["--latency", "50"], &["--latency", "50"]),
        (["--seed", "one"], &["--seed", "one"]),
        (["--listen", "8080"], &["server.listen", "--listen", "127.0.0.1:8080"]),
        (["--set", "cache.fesh=1s"], &["cache.fesh", "--set", "cache.fresh"]),
    ] {
        let ended = Program::run(&[&["demo"], &flags[..]].concat(), &[]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
        assert!(explains.iter().all(|word| ended.err.contains(word)), "{explains:?}: {ended:?}");
    }
}

#[tokio::test]
async fn help_lists_every_customer_to_try() {
    let help = Program::run(&["demo", "--help"], &[]).await;
    let listed = rollcall::sandbox::examples();
    assert!(listed.len() >= 11 && listed.iter().all(|example| help.out.contains(&example.id)), "{help:?}");
}
