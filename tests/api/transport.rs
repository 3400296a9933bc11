//! How backends are reached: whose certificates are trusted, and which way the calls go.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    Answer, Fake, Folder, Gateway, Program, World,
    certificates::{Authority, Encrypted, Pair},
    sources::{SOURCES, other_than},
};

const SECRETS: &str = "sources.advanced_automation.client_secret = \"secret\"\nsources.my_reports.token = \"my-reports-token\"\n";
const USERS: &str = "/customers/acme/users";

/// Requests a roll from encrypted backends through the real program, whose system trusts only `roots`.
async fn roll_over_tls(pair: &Pair, roots: &Authority, ca_file: Option<&str>) -> (Answer, String) {
    let (world, folder) = (World::of_two().await, Folder::new());
    let roots = folder.write("roots.pem", &roots.pem());
    let doors = (Encrypted::before(&world.advanced_automation, pair).await, Encrypted::before(&world.my_reports, pair).await);
    let mut more = SECRETS.to_owned();
    if let Some(text) = ca_file {
        folder.write("ca.pem", text);
        more += "sources.advanced_automation.ca_file = \"ca.pem\"\nsources.my_reports.ca_file = \"ca.pem\"\n";
    }
    let file = folder.write("rollcall.toml", &world.toml(&more));
    let variables = [
        ("SSL_CERT_FILE", roots.to_str().unwrap()),
        ("ROLLCALL__SOURCES__ADVANCED_AUTOMATION__BASE_URL", &doors.0.url),
        ("ROLLCALL__SOURCES__MY_REPORTS__BASE_URL", &doors.1.url),
    ];
    let (program, gateway) = Program::serve(&file, &variables).await;
    let answer = gateway.get(USERS).await;
    let asked = if answer.status == 200 { (1, 1) } else { (0, 0) };
    assert_eq!(world.asked(), asked, "{answer:?}");
    for source in SOURCES.iter().filter(|_| answer.status != 200) {
        program.lines_with(&["a call to a source failed", source]).await;
    }
    (answer, program.said())
}

#[tokio::test]
async fn a_backend_is_believed_by_the_authorities_of_its_ca_file_and_else_by_the_systems() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (pair, both) = (ours.sign(), ours.pem() + &theirs.pem());
    for (what, roots, ca_file) in
        [("ca_file", &theirs, Some(ours.pem())), ("several in a ca_file", &theirs, Some(both)), ("the system's roots", &ours, None)]
    {
        let (answer, said) = roll_over_tls(&pair, roots, ca_file.as_deref()).await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("success")), "{what}: {answer:?} {said}");
    }
}

#[tokio::test]
async fn a_backend_that_cannot_be_believed_is_unavailable_and_the_log_says_why() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (what, pair, roots, ca_file, why) in [
        ("without ca_file", ours.sign(), &theirs, None, "UnknownIssuer"),
        ("instead of the system's roots", ours.sign(), &ours, Some(theirs.pem()), "UnknownIssuer"),
        ("expired", ours.sign_for("127.0.0.1", 2020), &theirs, Some(ours.pem()), "expired"),
        ("for another name", ours.sign_for("other.example", 2100), &theirs, Some(ours.pem()), "not valid for name"),
    ] {
        let (answer, said) = roll_over_tls(&pair, roots, ca_file.as_deref()).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unavailable"), "{what}: {answer:?}");
        for source in SOURCES {
            assert_eq!(answer.source(source)["status"], "unavailable", "{what}: {answer:?}");
            let line = said.lines().find(|line| line.contains("a call to a source failed") && line.contains(source));
            assert!(line.is_some_and(|line| line.contains(why)), "{what}: {said}");
        }
    }
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_used_is_a_fault_that_names_key_and_file() {
    let (world, folder, authority) = (World::new().await, Folder::new(), Authority::new("ours"));
    let garbage = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    let second = authority.pem() + garbage;
    let key = authority.sign().key;
    for (text, what) in [
        ("", "holds no PEM certificate"),
        (&key, "holds no PEM certificate"),
        (&authority.pem()[..200], "in the middle"),
        (garbage, "certificate 1 cannot be used as a trust anchor"),
        (&second, "certificate 2 cannot be used as a trust anchor"),
    ] {
        let file = folder.write("ca.pem", text);
        let fault = world.gateway().set("sources.my_reports.ca_file", file.to_str().unwrap()).config().err().unwrap().to_string();
        let named = fault.starts_with("sources.my_reports.ca_file") && fault.contains("ca.pem");
        assert!(named && fault.contains(what) && fault.lines().count() == 1, "{fault}");
        assert!(!fault.contains("hunter2") && !fault.contains("aHVu") && !fault.contains(&key[40..60]), "{fault}");
    }
    let missing = world.gateway().set("sources.my_reports.ca_file", "/nowhere/ca.pem").config().err().unwrap().to_string();
    assert!(missing.contains("/nowhere/ca.pem: cannot be read"), "{missing}");
}

/// The real program in an environment that names a proxy, with more keys for one source.
async fn behind(proxy: &Fake, world: &World, source: &str, keys: &str) -> Gateway {
    let folder = Folder::new();
    let more: String = keys.lines().fold(SECRETS.to_owned(), |more, key| more + &format!("sources.{source}.{key}\n"));
    let file = folder.write("rollcall.toml", &world.toml(&more));
    let url = proxy.url();
    let variables = [("HTTP_PROXY", url.as_str()), ("http_proxy", &url), ("HTTPS_PROXY", &url), ("ALL_PROXY", &url)];
    let (program, gateway) = Program::serve(&file, &variables).await;
    let answer = gateway.get(USERS).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", program.said());
    gateway
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_used_only_where_a_source_says_so() {
    for source in SOURCES {
        for (keys, through) in [("", false), ("proxy = \"none\"", false), ("proxy = \"environment\"\nallow_http = true", true)] {
            let (world, proxy) = (World::of_two().await, Fake::start().await);
            proxy.answer(crate::support::with_tokens(crate::support::sources::roll));
            behind(&proxy, &world, source, keys).await;
            assert_eq!(proxy.calls().is_empty(), !through, "{source} {keys}");
            assert_eq!(world.asked_at(source), usize::from(!through), "{source} {keys}");
            assert_eq!(world.asked_at(other_than(source)), 1, "the other is asked directly");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_named_is_used_whatever_the_environment_says() {
    let (world, named, other) = (World::of_two().await, Fake::start().await, Fake::start().await);
    named.answer(crate::support::sources::roll);
    behind(&other, &world, "my_reports", &format!("proxy = \"{}\"\nallow_http = true", named.url())).await;
    assert_eq!((named.count("/users"), world.asked(), other.calls().len()), (1, (1, 0), 0));
}

/// A proxy that connects anywhere, and what it was asked for.
async fn tunnel() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, told) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(Vec::new())));
    let telling = Arc::clone(&told);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let telling = Arc::clone(&telling);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let mut there = TcpStream::connect(head.split(' ').nth(1).unwrap()).await.unwrap();
                telling.lock().unwrap().push(head);
                stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                drop(copy_bidirectional(&mut stream, &mut there).await);
            });
        }
    });
    (url, told)
}

#[tokio::test]
async fn a_proxy_sees_nothing_of_what_is_encrypted() {
    let (world, folder, authority) = (World::of_two().await, Folder::new(), Authority::new("ours"));
    let door = Encrypted::before(&world.my_reports, &authority.sign()).await;
    let ca_file = folder.write("ca.pem", &authority.pem());
    let (proxy, told) = tunnel().await;
    let keys = [("base_url", door.url.as_str()), ("ca_file", ca_file.to_str().unwrap()), ("proxy", &proxy)];
    let gateway = world.gateway().tune("my_reports", &keys).start().await;
    let answer = gateway.get(&format!("{USERS}?partial=deny")).await;
    assert_eq!((answer.status, world.asked()), (200, (1, 1)), "{answer:?}");
    let told = told.lock().unwrap().concat();
    assert!(told.starts_with(&format!("CONNECT {} ", door.url.trim_start_matches("https://"))), "{told}");
    assert!(!told.to_lowercase().contains("authorization") && !told.contains("my-reports-token"), "{told}");
}

#[tokio::test]
async fn a_proxy_holds_no_credentials_and_gets_none_in_clear_unless_that_is_said() {
    let world = World::new().await;
    let fault = |keys: &[(&str, &str)]| world.gateway().tune("my_reports", keys).config().err().map(|faults| faults.to_string());
    let secret = fault(&[("base_url", "https://api.example"), ("proxy", "http://user:hunter2@proxy.example:3128")]).unwrap();
    assert!(secret.starts_with("sources.my_reports.proxy") && secret.contains("password") && !secret.contains("hunter2"), "{secret}");
    for way in ["environment", "http://proxy.example:3128"] {
        let clear = fault(&[("proxy", way)]).unwrap();
        assert!(clear.starts_with("sources.my_reports.proxy") && clear.contains("sources.my_reports.allow_http = true"), "{clear}");
        assert_eq!(fault(&[("proxy", way), ("allow_http", "true")]), None);
        assert_eq!(fault(&[("proxy", way), ("base_url", "https://api.example")]), None);
    }
    let wrong = fault(&[("proxy", "system")]).unwrap();
    assert!(wrong.contains("\"none\", \"environment\""), "{wrong}");
}
