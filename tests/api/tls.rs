//! Callers over TLS: the same answers as without, and no waiting for clients that do not complete the handshake.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject, version::TLS13};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{
    Folder, Gateway, Program, World,
    certificates::Authority,
    sources::{SOURCES, customer, roll},
    until, until_so,
};

const USERS: &str = "/customers/acme/users";
const REQUEST: &str = "GET /customers/acme/users HTTP/1.1\r\nHost: gateway\r\n\r\n";

/// Much longer than a handshake or a head may take.
const LONG: Duration = Duration::from_secs(25);

/// A gateway whose callers' listener is encrypted, and the authority that signed its certificate.
async fn encrypted(world: &World) -> (Gateway, Authority, Folder) {
    let (authority, folder) = (Authority::new("ours"), Folder::new());
    authority.sign().write(&folder);
    let gateway = world.gateway().encrypted(&folder).set("server.admin_listen", "127.0.0.1:0").start().await.over_tls(&authority);
    (gateway, authority, folder)
}

/// Performs the handshake, offering these protocols.
async fn shake_hands(stream: TcpStream, authority: &Authority, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let mut config = config.with_protocol_versions(&[&TLS13]).unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config)).connect("127.0.0.1".try_into().unwrap(), stream).await
}

#[tokio::test]
async fn callers_are_answered_over_tls_as_without() {
    let world = World::of_two().await;
    let (gateway, authority, _folder) = encrypted(&world).await;
    let answer = gateway.get(USERS).await;
    assert_eq!((answer.status, answer.names()), (200, vec!["Ann".to_owned(), "Bo".to_owned()]), "{answer:?}");
    assert_eq!(gateway.get("/nowhere").await.code(), "route_not_found");
    assert_eq!(gateway.send("DELETE", USERS, &[]).await.code(), "method_not_allowed");
    assert_eq!(gateway.get_with(USERS, &[("x-large", &"x".repeat(65 << 10))]).await.code(), "header_too_large");
    assert_eq!(gateway.get(&format!("/customers/{}/users", "x".repeat(20 << 10))).await.code(), "uri_too_long");
    for version in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
        let caller = authority.caller().tls_version_min(version).tls_version_max(version).build().unwrap();
        assert_eq!(caller.get(format!("{}{USERS}", gateway.url)).send().await.unwrap().status(), 200, "{version:?}");
    }
    let admin = Gateway::at(gateway.admin_url.clone().unwrap());
    assert_eq!(admin.get("/metrics").await.status, 200, "operators' listener stays plain");
}

#[tokio::test]
async fn who_believes_another_authority_does_not_talk_and_no_protocol_but_http_1_is_spoken() {
    let world = World::of_two().await;
    let (gateway, authority, _folder) = encrypted(&world).await;
    let stranger = Authority::new("theirs").caller().build().unwrap();
    let refused = stranger.get(format!("{}{USERS}", gateway.url)).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
    let talking = shake_hands(gateway.connect().await.unwrap(), &authority, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(talking.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let refused = shake_hands(gateway.connect().await.unwrap(), &authority, &["h2"]).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("NoApplicationProtocol")));
    assert_eq!(world.asked(), (0, 0));
    assert_eq!(gateway.get(USERS).await.status, 200);
}

#[tokio::test]
async fn plain_http_gets_no_answer_and_does_not_hurt_the_others() {
    let world = World::of_two().await;
    let (gateway, ..) = encrypted(&world).await;
    for bytes in [REQUEST, "\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}garbage that is no handshake at all"] {
        let mut stream = gateway.connect().await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut came = Vec::new();
        let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut came)).await;
        assert!(ended.is_ok(), "closed at once: {bytes}");
        // At most the alert by which TLS reports that it did not understand (RFC 8446, 6).
        assert!(came.is_empty() || (came.len() == 7 && came[0] == 21), "{bytes}: {came:?}");
    }
    assert_eq!((gateway.get(USERS).await.status, world.asked()), (200, (1, 1)));
}

#[tokio::test]
async fn who_does_not_shake_hands_or_sends_half_a_head_is_let_go_and_holds_only_his_own_place() {
    let world = World::of_two().await;
    let (authority, folder) = (Authority::new("ours"), Folder::new());
    authority.sign().write(&folder);
    let gateway = world.gateway().encrypted(&folder).set("server.max_connections", "4").start().await.over_tls(&authority);
    let (silent, mut dripping) = (gateway.connect().await.unwrap(), gateway.connect().await.unwrap());
    dripping.write_all(&[22, 3, 1]).await.unwrap();
    let mut half = shake_hands(gateway.connect().await.unwrap(), &authority, &[]).await.unwrap();
    half.write_all(&REQUEST.as_bytes()[..30]).await.unwrap();
    let begun = Instant::now();
    assert_eq!(gateway.get(USERS).await.status, 200, "the fourth place is free");
    assert!(begun.elapsed() < Duration::from_secs(5), "answered after {:?}", begun.elapsed());
    let let_go = async |mut stream: TcpStream| timeout(LONG, stream.read(&mut [0; 64])).await.map(|_| begun.elapsed());
    let half = async { timeout(LONG, half.read(&mut [0; 64])).await.map(|_| begun.elapsed()) };
    let (silent, dripping, half) = tokio::join!(let_go(silent), let_go(dripping), half);
    for (what, ended) in [("silent", silent), ("half a handshake", dripping), ("half a head", half)] {
        assert!(ended.as_ref().is_ok_and(|ended| *ended > Duration::from_secs(5)), "{what}: {ended:?}");
    }
    assert_eq!(gateway.get(USERS).await.status, 200);
}

#[tokio::test]
async fn what_is_in_flight_over_tls_is_finished_and_who_has_not_asked_does_not_hold_the_end() {
    let (world, authority, folder) = (World::of_two().await, Authority::new("ours"), Folder::new());
    world.answer_at(SOURCES[0], |call| roll(call).after(Duration::from_secs(u64::from(customer(call) == "slow") * 3)));
    authority.sign().write(&folder);
    let keys = "server.tls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }\nsources.advanced_automation.timeout = \"20s\"";
    let file = world.toml_with_secrets(&folder, keys);
    let (program, gateway) = Program::serve(&file, &[("ROLLCALL__SERVER__DRAIN", "2s")]).await;
    let gateway = gateway.over_tls(&authority);
    let (_silent, _idle) =
        (gateway.connect().await.unwrap(), shake_hands(gateway.connect().await.unwrap(), &authority, &[]).await.unwrap());
    let stopping = async {
        until("the slow one to be requested", || world.asked().0 == 1).await;
        program.signal("TERM");
        program.word_after(&["stopping: no longer "]).await;
        until_so("a load balancer to be told", async || gateway.get("/health/ready").await.status != 200).await;
        let answer = gateway.get(USERS).await;
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{answer:?}");
    };
    let (answer, ()) = tokio::join!(gateway.get("/customers/slow/users"), stopping);
    assert_eq!((answer.status, answer.names().len()), (200, 2), "{answer:?}");
    let told = Instant::now();
    assert_eq!(program.ended().await.code, Some(0));
    assert!(told.elapsed() < Duration::from_secs(5), "it took {:?}", told.elapsed());
}
