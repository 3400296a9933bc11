//! The largest request: its target, its head, its body.

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::support::{Gateway, World};

#[tokio::test]
async fn what_is_too_large_is_refused_in_the_one_shape_and_asks_no_source() {
    let world = World::new().await;
    let gateway = world.start().await;
    let users = "GET /customers/acme/users HTTP/1.1";
    let small: Vec<String> = (0..200).map(|number| format!("X-Small-{number}: x")).collect();
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    let big = format!("X-Big: {}", "x".repeat(100 << 10));
    let many: Vec<String> = (0..100).map(|number| format!("X-Part-{number}: {}", "x".repeat(1000))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(20 << 10);
    for (first_line, lines, code) in [
        (format!("GET /customers/acme/users?q={long} HTTP/1.1"), &[][..], "uri_too_long"),
        (format!("GET /{long} HTTP/1.1"), &[], "uri_too_long"),
        (format!("GET /customers/{}/users HTTP/1.1", "x".repeat(60 << 10)), &[], "uri_too_long"),
        (users.to_owned(), &[big.as_str()], "header_too_large"),
        (users.to_owned(), &small, "header_too_large"),
        (users.to_owned(), &many, "header_too_large"),
        ("GET /nowhere HTTP/1.1".to_owned(), &[big.as_str()], "header_too_large"),
        ("GET /health/live HTTP/1.1".to_owned(), &small, "header_too_large"),
        (users.to_owned(), &["Content-Length: 1000000000"], "payload_too_large"),
        ("POST /customers/acme/users HTTP/1.1".to_owned(), &["Content-Length: 1000000000"], "payload_too_large"),
    ] {
        assert_eq!(gateway.send_raw(&first_line, lines).await.code(), code, "{first_line:.60}");
    }
    assert!(world.my_reports.calls().is_empty() && world.advanced_automation.calls().is_empty());
}

/// Heads that hyper refuses itself, before any of our code sees a request.
#[tokio::test]
async fn what_cannot_be_read_at_all_is_refused_in_the_one_shape_and_counted() {
    let world = World::new().await;
    let gateway = world.start().await;
    let users = "GET /customers/acme/users HTTP/1.1";
    let tiny: Vec<String> = (0..4000).map(|number| format!("a{number}:")).collect();
    let tiny: Vec<&str> = tiny.iter().map(String::as_str).collect();
    let huge = format!("X-Big: {}", "x".repeat(200 << 10));
    let target = format!("GET /{} HTTP/1.1", "x".repeat(70_000));
    for (first_line, lines, status, code) in [
        (users, &tiny[..], 431, "header_too_large"),
        (users, &[huge.as_str()], 431, "header_too_large"),
        (target.as_str(), &[], 414, "uri_too_long"),
        ("GET / HTTP/7.1", &[], 400, "invalid_parameter"),
        (users, &["no colon"], 400, "invalid_parameter"),
    ] {
        let answer = gateway.send_raw(first_line, lines).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{first_line:.60}");
        assert_eq!(answer.header("connection"), Some("close"), "{first_line:.60}");
        answer.has_the_usual_headers();
    }
    let metrics = gateway.get("/metrics").await.text;
    for (status, count) in [(400, 2), (414, 1), (431, 2)] {
        let sample = format!("requests_total{{route=\"none\",status=\"{status}\"}} {count}\n");
        assert!(metrics.contains(&sample), "{sample}: {metrics}");
    }
}

#[tokio::test]
async fn what_was_asked_before_is_answered_before_the_refusal() {
    let world = World::new().await;
    let gateway = world.start().await;
    let two = gateway.send_raw("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nnonsense", &[]).await;
    assert_eq!(two.status, 200);
    let (first, second) = two.text.split_once("HTTP/1.1 400 Bad Request\r\n").unwrap();
    assert!(first.contains("\"live\"") && second.contains("x-request-id: ") && second.contains("invalid_parameter"), "{two:?}");
}

#[tokio::test]
async fn what_is_just_large_is_answered() {
    let world = World::new().await;
    let gateway = world.start().await;
    let cookie = format!("Cookie: {}", "x".repeat(60 << 10));
    let small: Vec<String> = (0..90).map(|number| format!("X-Small-{number}: x")).collect();
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    for lines in [&[cookie.as_str()][..], &small] {
        assert_eq!(gateway.send_raw("GET /customers/acme/users HTTP/1.1", lines).await.status, 200);
    }
    let target = format!("GET /customers/acme/users?q={} HTTP/1.1", "%20x".repeat(160));
    assert_eq!(gateway.send_raw(&target, &[]).await.status, 200);
}

#[tokio::test]
async fn a_body_that_nobody_wants_may_be_small_and_is_refused_if_it_is_not() {
    let world = World::new().await;
    let gateway = world.start().await;
    let chunked = |size: usize| format!("{size:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(size));
    let (small, large) = ("x".repeat(1000), "x".repeat(100_000));
    let broken = gateway.send_raw_with_body("GET /customers/acme/users HTTP/1.1", &["Transfer-Encoding: chunked"], "zz\r\n").await;
    assert_eq!((broken.status, broken.code().as_str()), (400, "invalid_parameter"), "it must not be retried unchanged: {broken:?}");
    for (line, body, fits) in [
        ("Content-Length: 1000", small, true),
        ("Transfer-Encoding: chunked", chunked(1000), true),
        ("Content-Length: 100000", large, false),
        ("Transfer-Encoding: chunked", chunked(100_000), false),
    ] {
        for path in ["/customers/acme/users", "/health/live", "/nowhere"] {
            let answer = gateway.send_raw_with_body(&format!("GET {path} HTTP/1.1"), &[line], &body).await;
            match (fits, path) {
                (false, _) => assert_eq!(answer.code(), "payload_too_large", "{line} {path}"),
                (true, "/nowhere") => assert_eq!(answer.code(), "route_not_found"),
                (true, _) => assert_eq!(answer.status, 200, "{line} {path}"),
            }
        }
    }
}

/// Returns the answer to what is sent on a connection that its caller would use again.
async fn answered(gateway: &Gateway, sent: &str) -> String {
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(format!("GET /health/live HTTP/1.1\r\nHost: x\r\n{sent}").as_bytes()).await.unwrap();
    let mut head = String::new();
    let mut lines = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        assert!(lines.read_line(&mut head).await.unwrap() > 0, "{head}");
    }
    head
}

#[tokio::test]
async fn a_connection_with_the_rest_of_a_body_on_it_is_closed_and_the_answer_says_so() {
    let world = World::new().await;
    let gateway = world.start().await;
    let chunk = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n", 70_000, "x".repeat(70_000));
    let big = format!("X-Big: {}\r\n", "x".repeat(70_000));
    for (sent, status, closes) in [
        ("\r\n", 200, false),
        ("Content-Length: 5\r\n\r\nhello", 200, false),
        (&format!("{big}\r\n"), 431, false),
        (&format!("{big}Content-Length: 5\r\n\r\n"), 431, true),
        ("Content-Length: 70000\r\n\r\n", 413, true),
        (&chunk, 413, true),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, true),
    ] {
        let head = answered(&gateway, sent).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{sent:.60}: {head}");
        assert_eq!(head.to_lowercase().contains("\r\nconnection: close\r\n"), closes, "{sent:.60}: {head}");
    }
}
