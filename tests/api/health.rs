//! `rollcall health`: exit codes and sentences, as read by whatever restarts a container.

use std::time::Duration;

use tokio::{net::TcpListener, time::Instant};

use crate::support::{Ended, Fake, Folder, Program, Reply, World, certificates::Authority};

async fn health(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    Program::run(&[&["health"], arguments].concat(), variables).await
}

/// The one sentence that says why it is not ready.
#[track_caller]
fn why_not(ended: &Ended) -> &str {
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let line = ended.err.strip_prefix("rollcall: not ready: ").and_then(|line| line.strip_suffix(".\n"));
    line.filter(|line| !line.contains('\n')).unwrap_or_else(|| panic!("no sentence: {ended:?}"))
}

#[tokio::test]
async fn a_gateway_is_healthy_until_it_is_told_to_stop() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = world.toml_with_secrets(&folder, "server.base_path = \"/rollcall\"\n");
    // The file does not tell the port: 0 means any.
    let (program, gateway) = Program::serve(&file, &[("ROLLCALL__SERVER__DRAIN", "30s")]).await;
    let at = gateway.address().to_owned();
    let file = file.to_str().unwrap();
    for (arguments, variables) in [
        (&["--url", &gateway.url][..], &[][..]),
        (&["--url", &format!("{}/health/ready", gateway.url)], &[]),
        (&["--url", &format!("{}/rollcall/health/ready", gateway.url)], &[]),
        (&["--config", file, "--listen", &at], &[]),
        (&["--config", file], &[("ROLLCALL__SERVER__LISTEN", at.as_str())]),
        (&[], &[("ROLLCALL_CONFIG", file), ("ROLLCALL__SERVER__LISTEN", &at)]),
        (&["--config", "/nowhere.toml"], &[("ROLLCALL__SERVER__LISTEN", &at)]),
    ] {
        let ended = health(arguments, variables).await;
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", ""), "{arguments:?} {variables:?}");
    }
    let nowhere = health(&["--config", file], &[]).await;
    assert!(nowhere.code == Some(2) && nowhere.err.contains("--url"), "{nowhere:?}");
    program.signal("TERM");
    program.lines_with(&["no longer ready"]).await;
    assert!(why_not(&health(&["--url", &gateway.url], &[]).await).ends_with("answered 503"));
}

#[tokio::test]
async fn an_encrypted_gateway_is_asked_by_its_configuration_whatever_name_its_certificate_has() {
    let (world, folder, authority) = (World::new().await, Folder::new(), Authority::new("ours"));
    authority.sign_for("gateway.example", 2100).write(&folder);
    let file = world.toml_with_secrets(&folder, "server.tls.cert_file = \"cert.pem\"\nserver.tls.key_file = \"key.pem\"\n");
    let (_program, gateway) = Program::serve(&file, &[]).await;
    let file = file.to_str().unwrap();
    let ended = health(&["--config", file, "--listen", gateway.address()], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(health(&["--url", &format!("https://{}", gateway.address())], &[]).await.code, Some(0));
    assert!(why_not(&health(&["--url", &gateway.url], &[]).await).contains("https"), "plain HTTP is told what to do");
}

#[tokio::test]
async fn whatever_does_not_say_so_is_not_ready_and_is_soon_told() {
    let (other, silent) = (Fake::start().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    other.always(Reply::status(302).header("location", "/login"));
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let gone = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for (url, says) in [(&other.url(), "answered 302"), (&gone, "cannot be reached"), (&silent, "did not answer within 2.6 s")] {
        let begun = Instant::now();
        let ended = health(&["--url", url], &[]).await;
        assert!(why_not(&ended).ends_with(says), "{ended:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{url}: {:?}", begun.elapsed());
    }
    let wrong = health(&["--url", "localhost"], &[]).await;
    assert!(wrong.code == Some(2) && wrong.err.starts_with("rollcall: --url: must be a URL"), "{wrong:?}");
}
