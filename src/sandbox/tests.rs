//! The sandbox, called over its sockets as the gateway would call it.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::*;

const PREFIX: &str = "00000000-0000-4000-8000-000000000";

/// Sends a request and reads to the end of the connection; returns the data, and how it ended.
///
/// Blocking, so the tests need a second thread for the servers.
fn send(base: &str, request: &str) -> (String, io::Result<usize>) {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
    let patience = Some(Duration::from_secs(2));
    stream.set_read_timeout(patience).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    (String::from_utf8(answer).unwrap(), end)
}

/// Returns the status and the body of an answer.
fn ask(base: &str, line: &str, headers: &[String], body: &str) -> (u16, String) {
    let headers: String = headers.iter().flat_map(|header| [header.as_str(), "\r\n"]).collect();
    let length = body.len();
    let fixed = format!("Host: sandbox\r\nConnection: close\r\nContent-Length: {length}\r\n");
    let (answer, _) = send(base, &format!("{line} HTTP/1.1\r\n{fixed}{headers}\r\n{body}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), body.to_owned())
}

/// Returns the text at a JSON pointer; empty if there is none.
fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn token(sandbox: &Sandbox, secret: &str) -> (u16, Value) {
    let client = STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
    let headers = [format!("Authorization: Basic {client}"), "Content-Type: application/x-www-form-urlencoded".to_owned()];
    let base = sandbox.base_url(SimulatedBackend::AdvancedAutomation);
    let form = "grant_type=client_credentials";
    let (status, body) = ask(&base, "POST /api/2/idp/token", &headers, form);
    (status, serde_json::from_str(&body).unwrap_or_default())
}

/// Returns a page of persons, using a fresh token.
fn persons(sandbox: &Sandbox, query: &str, body: &str) -> (u16, Value) {
    let (_, granted) = token(sandbox, CLIENT_SECRET);
    let headers = [bearer(text(&granted, "/access_token"))];
    let base = sandbox.base_url(SimulatedBackend::AdvancedAutomation);
    let line = format!("POST /api/advanced-automation/v1/Person?{query}");
    let (status, body) = ask(&base, &line, &headers, body);
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn users(sandbox: &Sandbox, customer: &str) -> (u16, String) {
    let base = sandbox.base_url(SimulatedBackend::MyReports);
    let line = format!("GET /api/v1.0/customers/{customer}/users");
    ask(&base, &line, &[bearer(MY_REPORTS_TOKEN)], "")
}

async fn sandbox_with(faults: &[&str]) -> Sandbox {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let options = Options { faults, ..Options::default() };
    Sandbox::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn advanced_automation_wants_a_token_it_has_handed_out() {
    let sandbox = sandbox_with(&[]).await;
    let (status, refused) = token(&sandbox, "wrong");
    assert_eq!((status, text(&refused, "/error")), (401, "invalid_client"));
    let (_, granted) = token(&sandbox, CLIENT_SECRET);
    assert_eq!(text(&granted, "/token_type"), "bearer");
    let base = sandbox.base_url(SimulatedBackend::AdvancedAutomation);
    let line = format!("POST /api/advanced-automation/v1/Person?Page=1&PageSize=50&Customer={PREFIX}001");
    assert_eq!(ask(&base, &line, &[bearer("another")], "").0, 401);
    assert_eq!(ask(&base, &line, &[], "").0, 401);
    let expected = Calls { tokens: 2, persons: 2, ..Calls::default() };
    assert_eq!(sandbox.calls(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_come_in_pages() {
    let sandbox = sandbox_with(&[]).await;
    let page = |page| persons(&sandbox, &format!("Page={page}&PageSize=50&Customer={PREFIX}006"), "").1;
    let rows = |page: &Value| page.get("Clients")?.as_array().map(Vec::len);
    let [first, second, third] = [page(1), page(2), page(3)];
    assert_eq!([rows(&first), rows(&second), rows(&third)], [Some(50), Some(20), Some(0)]);
    assert_eq!(first.pointer("/Paging/AmountRecordsFound"), Some(&70.into()));
    assert_eq!(first.pointer("/Paging/AmountOfPages"), Some(&0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_are_asked_for_in_the_query_alone() {
    let sandbox = sandbox_with(&[]).await;
    let good = format!("Page=1&PageSize=50&Customer={PREFIX}001");
    assert_eq!(persons(&sandbox, &good, "").0, 200);
    assert_eq!(persons(&sandbox, &good, "{}").0, 400);
    assert_eq!(persons(&sandbox, "", &good).0, 400);
    assert_eq!(persons(&sandbox, &format!("Page=0&PageSize=50&Customer={PREFIX}001"), "").0, 400);
    assert_eq!(persons(&sandbox, "Page=1&PageSize=50&Customer=acme", "").0, 400);
    let (status, unknown) = persons(&sandbox, &format!("Page=1&PageSize=50&Customer={PREFIX}999"), "");
    assert_eq!((status, text(&unknown, "/error/code")), (404, "notFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn my_reports_answers_as_its_reference_prints() {
    let sandbox = sandbox_with(&[]).await;
    let (status, body) = users(&sandbox, &format!("{PREFIX}001"));
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"page_size":2,"data":[{"id":"u-1","displayName":"User 1","#), "{body}");
    assert_eq!(users(&sandbox, &format!("{PREFIX}999")).1.len(), 95);
    let (status, body) = users(&sandbox, &format!("{PREFIX}0011"));
    assert_eq!((status, body.len()), (400, 149));
    let base = sandbox.base_url(SimulatedBackend::MyReports);
    let account = format!("GET /api/v1.0/accounts/{PREFIX}900/customers/{PREFIX}001/users");
    assert_eq!(ask(&base, &account, &[bearer(MY_REPORTS_TOKEN)], "").0, 200);
    assert_eq!(ask(&base, &account, &[], ""), (401, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_the_table_gets_the_outcome_of_its_digit() {
    let sandbox = sandbox_with(&[]).await;
    for (digit, expected) in [(0, 200), (1, 404), (2, 400), (3, 401), (4, 429), (6, 503), (7, 403), (8, 200)] {
        let query = format!("Page=1&PageSize=50&Customer={PREFIX}1{digit}0");
        assert_eq!(persons(&sandbox, &query, "").0, expected, "{digit}");
        let (status, body) = users(&sandbox, &format!("{PREFIX}10{digit}"));
        assert_eq!(status, expected, "{digit}");
        assert_eq!(body.starts_with('<'), matches!(digit, 6 | 8), "{digit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_there_whatever_the_customer() {
    for (kind, expected) in [
        ("not_found", 404),
        ("bad_request", 400),
        ("unauthorized", 401),
        ("forbidden", 403),
        ("rate_limited", 429),
        ("unavailable", 503),
        ("invalid_response", 200),
        ("error_in_body", 200),
        ("redirect", 302),
    ] {
        let sandbox = sandbox_with(&[&format!("my_reports={kind}"), &format!("advanced_automation={kind}")]).await;
        assert_eq!(users(&sandbox, "anything").0, expected, "{kind}");
        assert_eq!(persons(&sandbox, "", "").0, expected, "{kind}");
    }
    for (kind, expected) in [("token_refused", 401), ("token_down", 503)] {
        let sandbox = sandbox_with(&[&format!("advanced_automation={kind}")]).await;
        assert_eq!(token(&sandbox, CLIENT_SECRET).0, expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_is_shorter_than_it_says_and_a_reset_one_never_begins() {
    let request = "GET /api/v1.0/customers/x/users HTTP/1.1\r\nHost: sandbox\r\n\r\n";
    let sandbox = sandbox_with(&["my_reports=cut"]).await;
    let (answer, end) = send(&sandbox.base_url(SimulatedBackend::MyReports), request);
    assert!(answer.contains("content-length: 4096"), "{answer}");
    assert_eq!((answer.len(), end.is_ok()), (1024, true));
    let sandbox = sandbox_with(&["my_reports=reset"]).await;
    let (answer, end) = send(&sandbox.base_url(SimulatedBackend::MyReports), request);
    assert_eq!(answer, "");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_counts_never_agree() {
    let sandbox = sandbox_with(&["my_reports=changing", "advanced_automation=changing"]).await;
    let query = format!("Page=1&PageSize=50&Customer={PREFIX}001");
    let found = || persons(&sandbox, &query, "").1.pointer("/Paging/AmountRecordsFound").cloned();
    assert_ne!(found(), found());
    let body: Value = serde_json::from_str(&users(&sandbox, &format!("{PREFIX}001")).1).unwrap();
    assert_ne!(body.get("page_size"), Some(&2.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_answer_that_never_comes_is_let_go_at_the_end() {
    let sandbox = sandbox_with(&["my_reports=timeout"]).await;
    let base = sandbox.base_url(SimulatedBackend::MyReports);
    let waiting = tokio::task::spawn_blocking(move || send(&base, "GET /api/v1.0/customers/x/users HTTP/1.1\r\nHost: sandbox\r\n\r\n"));
    until(|| sandbox.calls().users > 0).await;
    let address = sandbox.my_reports;
    drop(sandbox);
    let (answer, end) = waiting.await.unwrap();
    assert_eq!(answer, "");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    until(|| TcpStream::connect(address).is_err()).await;
}

/// Waits until a condition holds, for a limited time.
async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), wait).await.unwrap();
}
