//! Which upstream answers are accepted: their shape, size and encoding.

use serde_json::{Value, json};

use crate::support::{Reply, World, person, user};

fn users(rows: &[Value]) -> Value {
    json!({"page_size": rows.len(), "data": rows, "status": "success"})
}

fn persons(rows: &[Value]) -> Value {
    json!({"Clients": rows, "Paging": {"AmountRecordsFound": rows.len(), "AmountOfPages": 1}})
}

#[tokio::test]
async fn a_body_of_another_form_is_no_roll_not_even_an_empty_one() {
    for (body, at_both) in [
        ("", true),
        ("null", true),
        ("[]", true),
        ("{}", true),
        ("{\"Clients\":null,\"data\":null}", true),
        ("{\"Clients\":{},\"data\":\"none\"}", true),
        ("{\"Clients\":[null],\"data\":[null]}", true),
        ("{\"Clients\":[\"1\"],\"data\":[\"1\"]}", true),
        ("{\"Clients\":[],\"data\":[]", true),
        ("{\"Clients\":[],\"data\":[]} and more", true),
        ("\"{}\"", true),
        ("{\"Clients\":[],\"Paging\":{\"AmountRecordsFound\":\"many\"}}", false),
        ("{\"Clients\":[],\"Paging\":{\"AmountOfPages\":-1}}", false),
    ] {
        let world = World::new().await;
        world.answer_persons(move |_| Reply::new(200, body));
        if at_both {
            world.my_reports.always(Reply::new(200, body));
        }
        let answer = world.start().await.get("/customers/acme/users?partial=deny").await;
        assert_eq!(answer.status, 502, "{body}: {answer:?}");
        for source in if at_both { &["advanced_automation", "my_reports"][..] } else { &["advanced_automation"] } {
            assert_eq!(answer.source(source)["status"], "invalid_response", "{body}");
        }
    }
}

#[tokio::test]
async fn a_success_may_repeat_its_http_status_as_a_number() {
    for (number, status) in [(json!(0), "ok"), (json!(200), "ok"), (json!("200"), "ok"), (json!(404), "not_found")] {
        let world = World::new().await;
        let body = json!({"status": "success", "error": number, "message": "", "page_size": 1, "data": [user("1", "Ann", "")]});
        world.my_reports.always(Reply::json(200, &body));
        assert_eq!(world.start().await.get("/customers/acme/users").await.source("my_reports")["status"], status, "{number}");
    }
}

#[tokio::test]
async fn a_list_in_place_of_an_object_is_no_roll_and_nobody() {
    for body in [
        json!([[], null, null, null]),
        json!([[], 0, "success", 0, "more"]),
        json!({"Clients": [["1", "acme", "Ann"]], "data": [["1", "Ann", "ann@acme.example"]]}),
        json!({"Clients": [], "Paging": [0, 0]}),
    ] {
        let world = World::new().await;
        let reply = Reply::json(200, &body);
        world.my_reports.always(reply.clone());
        world.answer_persons(move |_| reply.clone());
        let answer = world.start().await.get("/customers/acme/users").await;
        assert_eq!((answer.status, answer.source("advanced_automation")["status"].as_str()), (502, Some("invalid_response")), "{body}");
    }
}

#[tokio::test]
async fn an_empty_list_beside_a_word_of_trouble_is_no_empty_roll() {
    for error in [json!("access_denied"), json!({"code": 1002}), json!(1002), json!(true)] {
        let world = World::new().await;
        let reply = Reply::json(200, &json!({"Clients": [], "data": [], "error": error}));
        world.my_reports.always(reply.clone());
        world.answer_persons(move |_| reply.clone());
        let answer = world.start().await.get("/customers/acme/users").await;
        let told = ["advanced_automation", "my_reports"].map(|source| answer.source(source)["status"].clone());
        assert_eq!((answer.status, told), (502, [json!("invalid_response"), json!("invalid_response")]), "{error}");
    }
}

#[tokio::test]
async fn trouble_in_the_spelling_of_a_backends_other_fields_is_trouble() {
    for (said, status) in [
        (json!({"Clients": [], "Error": "Access denied"}), "invalid_response"),
        (json!({"Clients": [], "Status": "error", "Error": 403}), "forbidden"),
        (json!({"Clients": {}, "Status": "error", "Error": 404}), "not_found"),
        (json!({"Clients": [], "Status": "Success", "Error": null}), "ok"),
    ] {
        let world = World::new().await;
        world.users(vec![user("1", "Ann", "")]);
        let reply = Reply::json(200, &said);
        world.answer_persons(move |_| reply.clone());
        let answer = world.start().await.get("/customers/acme/users").await;
        assert_eq!(answer.source("advanced_automation")["status"], status, "{said}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_is_allowed_and_no_larger_compressed_or_not() {
    let blank = |size: usize| " ".repeat(size);
    let (small, large) = (users(&[user("1", "Ann", "")]).to_string() + &blank(60_000), users(&[]).to_string() + &blank(70_000));
    let bomb = Reply::new(200, blank(4 << 20)).gzipped();
    assert!(bomb.size() < 64 << 10, "the decoded size is what is too large");
    for (reply, whole) in [
        (Reply::new(200, small.clone()), true),
        (Reply::new(200, small).gzipped(), true),
        (Reply::new(200, large.clone()), false),
        (Reply::new(200, large.clone()).cut_short(), false), // without a stated length
        (Reply::new(200, large).gzipped(), false),
        (bomb, false),
        (Reply::new(200, "{}").header("content-encoding", "gzip"), false),
    ] {
        let world = World::new().await;
        world.my_reports.always(reply);
        let gateway = world.gateway().set("sources.my_reports.max_response_bytes", "64KiB").start().await;
        let answer = gateway.get("/customers/acme/users").await;
        let expected = if whole { "ok" } else { "invalid_response" };
        assert_eq!(answer.source("my_reports")["status"], expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_read_at_both_sources() {
    let world = World::new().await;
    world.answer_persons(|_| Reply::json(200, &persons(&[person("1", "Ann", "")])).gzipped());
    world.my_reports.always(Reply::json(200, &users(&[user("2", "Bo", "")])).gzipped());
    let answer = world.start().await.get("/customers/acme/users").await;
    assert_eq!(answer.names(), ["Ann", "Bo"]);
    for calls in [world.advanced_automation.calls(), world.my_reports.calls()] {
        assert_eq!(calls.last().unwrap().header("accept-encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn an_enterprise_asks_below_its_account() {
    let world = World::new().await;
    let gateway = world.gateway().set("sources.my_reports.account_id", "acc 1/2").start().await;
    assert_eq!(gateway.get("/customers/acme/users").await.status, 200);
    assert_eq!(world.my_reports.calls()[0].path, "/api/v1.0/accounts/acc%201%2F2/customers/acme/users");
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let world = World::new().await;
    let gateway = world.gateway().set("sources.my_reports.base_url", &format!("{}/proxy/", world.my_reports.url())).start().await;
    gateway.get("/customers/acme/users").await;
    assert_eq!(world.my_reports.calls()[0].path, "/proxy/api/v1.0/customers/acme/users");
}

#[tokio::test]
async fn what_must_never_leave_is_in_no_answer() {
    let secrets =
        ["Password", "Question", "Answer", "MFASecret", "HourlyCost", "RemainingTimeBalance", "DaysOffPerYear", "UserWorkingHours"];
    let mut row = person("1", "Ann", "ann@acme.example");
    for name in secrets {
        row[name] = json!("mallory");
    }
    row["SomethingNew"] = json!({"mallory": "mallory"});
    let world = World::new().await;
    world.answer_persons(move |_| {
        Reply::json(200, &persons(&[row.clone()])).header("x-powered-by", "mallory").header("set-cookie", "mallory=1")
    });
    let gateway = world.start().await;
    for target in ["/customers/acme/users?include=conflicts,deleted", "/customers/acme/users", "/metrics", "/health/sources"] {
        let answer = gateway.get(target).await;
        assert!(!format!("{answer:?}").contains("mallory"), "{answer:?}");
        assert!(!secrets.iter().any(|name| answer.text.contains(&format!("\"{name}\""))), "{answer:?}");
    }
}
