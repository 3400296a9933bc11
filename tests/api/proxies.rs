//! Behind a proxy: which address is logged, and which one is limited.

use rollcall::access::new_key;
use serde_json::Value;

use crate::support::{Answer, Folder, Gateway, Program, World};

const LIVE: &str = "/health/live";

/// Runs the program with these proxies, sends requests with these headers, and returns the address in each log line.
async fn logged(proxies: &str, asked: &[&[(&str, &str)]]) -> Vec<String> {
    let (world, folder) = (World::new().await, Folder::new());
    let keys = format!("telemetry.format = \"json\"\nserver.trusted_proxies = {proxies}\n");
    let (program, gateway) = Program::serve(&world.toml_with_secrets(&folder, &keys), &[]).await;
    for headers in asked {
        assert_eq!(gateway.get_with(LIVE, headers).await.status, 200);
    }
    program.signal("INT");
    let log = program.ended().await.err;
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|line| line["message"] == "request");
    lines.map(|line| line["client"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_log_has_the_clients_address() {
    let asked: &[&[(&str, &str)]] = &[
        &[],
        &[("x-forwarded-for", "198.51.100.1, 203.0.113.9")],
        &[("x-forwarded-for", "203.0.113.9, 10.1.2.3")],
        &[("forwarded", "for=\"[2001:db8::7]:4711\";proto=https")],
        &[("x-forwarded-for", "nonsense")],
        &[("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")],
    ];
    let own = "127.0.0.1";
    assert_eq!(
        logged("[\"127.0.0.0/8\", \"10.0.0.0/8\"]", asked).await,
        [own, "203.0.113.9", "203.0.113.9", "2001:db8::7", own, own],
        "trusted proxies are believed"
    );
    assert_eq!(logged("[]", asked).await, [own; 6], "no peer is trusted by default");
    assert_eq!(logged("[\"10.0.0.0/8\"]", asked).await, [own; 6], "a peer that is not a trusted proxy is not believed");
}

#[tokio::test]
async fn what_is_no_network_is_a_fault() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = world.toml_with_secrets(&folder, "server.trusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\", \"balancer\"]\n");
    let ended = Program::run(&["check", "--config", file.to_str().unwrap()], &[]).await;
    let faults: Vec<&str> = ended.err.lines().collect();
    assert!(ended.code == Some(2) && faults.len() == 2, "{ended:?}");
    assert!(faults[0].contains("server.trusted_proxies: entry 2 must be an address or a network"), "{ended:?}");
    assert!(faults[1].contains("server.trusted_proxies: entry 3 "), "{ended:?}");
}

/// Sends a request as an unknown caller from this address.
async fn as_a_stranger(gateway: &Gateway, address: &str) -> Answer {
    gateway.get_with("/customers/acme/users", &[("x-api-key", "rc_wrong"), ("x-forwarded-for", address)]).await
}

#[tokio::test]
async fn an_address_that_is_refused_too_often_has_to_wait_and_no_other_and_nobody_who_is_known() {
    let (world, key) = (World::of_two().await, new_key().unwrap());
    let gateway = world
        .gateway()
        .set("server.trusted_proxies", "127.0.0.1")
        .set("auth.mode", "keys")
        .set("auth.callers.0.name", "known")
        .set("auth.callers.0.key_sha256", &key.sha256)
        .set("auth.callers.0.customers", "*")
        .start()
        .await;
    let mut refused = 0;
    let limited = loop {
        let answer = as_a_stranger(&gateway, "1.1.1.1, 203.0.113.9").await;
        if answer.status != 401 {
            break answer;
        }
        refused += 1;
        assert!(refused < 20_000, "refusals are never limited");
    };
    assert!(refused >= 1000, "a burst is allowed: {refused}");
    assert_eq!((limited.status, limited.json()["code"].as_str()), (429, Some("rate_limited")), "{limited:?}");
    assert_eq!(limited.header("retry-after"), Some("1"));
    assert!(!limited.text.contains("203.0.113.9"), "{limited:?}");
    assert_eq!(as_a_stranger(&gateway, "203.0.113.8").await.status, 401, "a different address");
    let known = [("x-api-key", key.key.reveal()), ("x-forwarded-for", "203.0.113.9")];
    let metrics = gateway.get_with("/metrics", &known).await;
    assert_eq!(metrics.status, 200, "a known caller is admitted from there, too");
    assert!(metrics.text.contains("rollcall_caller_requests_total{caller=\"nobody\",status=\"429\"}"), "{}", metrics.text);
    assert_eq!(gateway.get_with(LIVE, &[("x-forwarded-for", "203.0.113.9")]).await.status, 200, "probes are for everyone");
}
