//! The files of the listener's certificate: changed while it serves, and wrong from the start.

use std::{fs, time::Duration};

use crate::support::{
    Folder, Gateway, Program, World,
    certificates::{Authority, Pair},
    until,
};

const TLS: &str = "[server.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n";

/// Longer than the time between two checks of the files.
const LOOK: Duration = Duration::from_millis(1100);

/// Whether a client that trusts this authority is answered, on a new connection.
async fn is_answered(gateway: &Gateway, authority: &Authority) -> bool {
    let caller = authority.caller().build().unwrap();
    caller.get(format!("https://{}/health/live", gateway.address())).send().await.is_ok_and(|answer| answer.status() == 200)
}

/// How many log lines contain this text.
fn lines(program: &Program, what: &str) -> usize {
    program.said().lines().filter(|line| line.contains(what)).count()
}

#[tokio::test]
async fn a_changed_pair_is_put_to_work_when_it_is_whole_and_until_then_the_one_before_is() {
    let (world, folder, before, after) = (World::new().await, Folder::new(), Authority::new("before"), Authority::new("after"));
    let (old, new) = (before.sign(), after.sign());
    old.write(&folder);
    let file = world.toml_with_secrets(&folder, TLS);
    let (program, gateway) = Program::serve(&file, &[("ROLLCALL_LOG", "trace")]).await;
    let lasting = before.caller().pool_max_idle_per_host(1).build().unwrap();
    let ask = async || lasting.get(format!("https://{}/health/live", gateway.address())).send().await.unwrap().status();
    assert!(ask().await == 200 && !is_answered(&gateway, &after).await);
    let half = &new.certificate[..new.certificate.len() / 2];
    let key_only = Pair { key: new.key.clone(), ..old.clone() };
    for (number, (pair, file, reason)) in [
        (Pair { certificate: half.to_owned(), ..old.clone() }, "cert.pem", "in the middle"),
        (Pair { certificate: String::new(), ..old.clone() }, "cert.pem", "no PEM certificate"),
        (Pair { certificate: new.certificate.clone(), ..old.clone() }, "key.pem", "is not the key of"),
        (Pair { key: "nonsense".to_owned(), ..old.clone() }, "key.pem", "no unencrypted private key"),
        (key_only, "key.pem", "is not the key of"),
    ]
    .into_iter()
    .enumerate()
    {
        pair.write(&folder);
        for _ in 0..2 {
            tokio::time::sleep(LOOK).await;
            assert!(is_answered(&gateway, &before).await, "{reason}: the previous pair stays in use");
        }
        assert_eq!(lines(&program, "the previous pair stays in use"), number + 1, "logged once: {}", program.said());
        let said = program.said();
        let line = said.lines().rfind(|line| line.contains("the previous pair stays in use")).unwrap();
        assert!(line.contains(file) && line.contains(reason), "{line}");
    }
    new.write(&folder);
    tokio::time::sleep(LOOK).await;
    assert!(is_answered(&gateway, &after).await && !is_answered(&gateway, &before).await, "{}", program.said());
    assert_eq!(program.lines_with(&["the certificate was reloaded"]).await.len(), 1);
    assert_eq!(ask().await, 200, "the existing connection stays usable");
    fs::remove_file(folder.path("key.pem")).unwrap();
    tokio::time::sleep(LOOK).await;
    assert!(is_answered(&gateway, &after).await, "although its file is gone");
    program.signal("INT");
    let said = program.ended().await;
    let secret = |key: &str| key.lines().filter(|line| !line.starts_with('-')).all(|line| !format!("{said:?}").contains(line));
    assert!(secret(&old.key) && secret(&new.key), "a key is never printed");
}

#[tokio::test]
async fn a_pair_that_is_put_in_its_place_by_a_swapped_link_is_seen() {
    let (world, folder, before, after) = (World::new().await, Folder::new(), Authority::new("before"), Authority::new("after"));
    for (name, authority) in [("one", &before), ("two", &after)] {
        fs::create_dir(folder.path(name)).unwrap();
        let pair = authority.sign();
        folder.write(&format!("{name}/cert.pem"), &pair.certificate);
        folder.write(&format!("{name}/key.pem"), &pair.key);
    }
    let link = |target: &str| {
        std::os::unix::fs::symlink(folder.path(target), folder.path("next")).unwrap();
        fs::rename(folder.path("next"), folder.path("now")).unwrap();
    };
    link("one");
    let (cert, key) = (folder.path("now/cert.pem"), folder.path("now/key.pem"));
    let files = [("server.tls.cert_file", &cert), ("server.tls.key_file", &key)];
    let gateway = files.iter().fold(world.gateway(), |setup, (key, file)| setup.set(key, file.to_str().unwrap())).start().await;
    assert!(is_answered(&gateway, &before).await);
    link("two");
    tokio::time::sleep(LOOK).await;
    assert!(is_answered(&gateway, &after).await && !is_answered(&gateway, &before).await);
}

#[tokio::test]
async fn a_file_that_becomes_usable_without_looking_changed_is_taken_all_the_same() {
    let (world, folder, before, after) = (World::new().await, Folder::new(), Authority::new("before"), Authority::new("after"));
    before.sign().write(&folder);
    let gateway = world.gateway().encrypted(&folder).start().await;
    let (new, moment) = (after.sign(), std::time::SystemTime::now());
    let write_key = |text: &str| {
        let path = folder.write("key.pem", text);
        fs::File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
    };
    folder.write("cert.pem", &new.certificate);
    write_key(&"x".repeat(new.key.len()));
    tokio::time::sleep(LOOK).await;
    assert!(is_answered(&gateway, &before).await);
    write_key(&new.key);
    tokio::time::sleep(LOOK).await;
    assert!(is_answered(&gateway, &after).await);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_is_a_fault_that_names_key_and_file() {
    let (world, folder, authority) = (World::new().await, Folder::new(), Authority::new("ours"));
    let (pair, other) = (authority.sign(), authority.sign());
    let locked = pair.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let garbage = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    for (certificate, key, at, what) in [
        ("", pair.key.as_str(), "cert", "holds no PEM certificate"),
        (&pair.certificate[..300], &pair.key, "cert", "in the middle"),
        (garbage, &pair.key, "cert", "cannot be used by a server"),
        (&pair.key, &pair.key, "cert", "holds no PEM certificate"),
        (&pair.certificate, "", "key", "holds no unencrypted private key"),
        (&pair.certificate, &pair.certificate, "key", "holds no unencrypted private key"),
        (&pair.certificate, &locked, "key", "no unencrypted private key"),
        (&pair.certificate, &pair.key[..100], "key", "in the middle"),
        (&pair.certificate, &other.key, "key", "is not the key of"),
    ] {
        Pair { certificate: certificate.to_owned(), key: key.to_owned() }.write(&folder);
        let fault = world.gateway().encrypted(&folder).config().err().unwrap().to_string();
        assert!(fault.starts_with(&format!("server.tls.{at}_file")) && fault.contains(&format!("{at}.pem")), "{fault}");
        assert!(fault.contains(what) && fault.lines().count() == 1, "{fault}");
        assert!(!fault.contains("hunter2") && !fault.contains("aHVu") && !fault.contains(&pair.key[40..60]), "{fault}");
    }
    pair.write(&folder);
    assert!(world.gateway().encrypted(&folder).config().is_ok());
    fs::remove_file(folder.path("key.pem")).unwrap();
    let missing = world.gateway().encrypted(&folder).config().err().unwrap().to_string();
    assert!(missing.starts_with("server.tls.key_file") && missing.contains("cannot be read"), "{missing}");
    for (key, other) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
        let alone = world.gateway().set(&format!("server.tls.{key}"), "cert.pem").config().err().unwrap().to_string();
        assert!(alone.starts_with(&format!("server.tls.{other}: is required")), "{alone}");
    }
    Pair { certificate: String::new(), key: String::new() }.write(&folder);
    let both = world.gateway().encrypted(&folder).config().err().unwrap().to_string();
    assert!(both.contains("server.tls.cert_file") && both.contains("server.tls.key_file"), "{both}");
    let no_table = world.gateway().set("server.tls", "true").config().err().unwrap().to_string();
    assert!(no_table.contains("[server.tls]"), "{no_table}");
}

#[tokio::test]
async fn the_program_ends_with_2_where_the_pair_is_broken_from_the_beginning() {
    let (world, folder) = (World::new().await, Folder::new());
    Authority::new("ours").sign().write(&folder);
    folder.write("key.pem", "nonsense");
    let file = world.toml_with_secrets(&folder, TLS);
    for command in ["serve", "check"] {
        let ended = Program::run(&[command, "--config", file.to_str().unwrap()], &[]).await;
        let named = ended.err.contains("server.tls.key_file: ") && ended.err.contains("key.pem");
        assert!(ended.code == Some(2) && named, "{ended:?}");
    }
}

#[tokio::test]
async fn to_turn_it_on_or_off_or_to_name_other_files_waits_for_a_restart() {
    let (world, folder, authority) = (World::new().await, Folder::new(), Authority::new("ours"));
    let pair = authority.sign();
    pair.write(&folder);
    folder.write("other.pem", &pair.key);
    let other = TLS.replace("key.pem", "other.pem");
    for (now, next) in [("", TLS), (TLS, ""), (TLS, &other)] {
        let file = world.toml_with_secrets(&folder, now);
        let (program, gateway) = Program::serve(&file, &[]).await;
        world.toml_with_secrets(&folder, next);
        program.signal("HUP");
        until("server.tls to be named", || program.said().lines().any(|line| line.contains("restart") && line.contains("server.tls")))
            .await;
        assert_eq!(is_answered(&gateway, &authority).await, !now.is_empty(), "{now} {next}");
        if now.is_empty() {
            assert_eq!(gateway.get("/health/live").await.status, 200);
        }
    }
}
