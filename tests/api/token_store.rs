//! The file that stores the refresh token: what happens if it cannot be written or read, and that it
//! is the only place that ever holds one.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{
    Folder, Gateway, Program, World,
    identity::{Shared, ask, numbered, sent, world},
};

const LONG: u64 = 3600;

/// A program whose store is in a folder of its own, which may come and go.
async fn with_folder(world: &World, folder: &Folder) -> (Program, Gateway) {
    fs::create_dir(folder.path("volume")).unwrap();
    fs::write(folder.path("volume/token"), "refresh-0\n").unwrap();
    let file = world.toml_with_store(folder, "");
    Program::serve(&file, &[("ROLLCALL__SOURCES__MY_REPORTS__OAUTH__TOKEN_STORE", "volume/token")]).await
}

async fn assert_told(program: &Program, words: &[&str]) {
    let told = program.lines_with(&[&["ERROR"], words].concat()).await;
    assert_eq!(told.len(), 1, "{words:?} once: {}", program.said());
}

#[tokio::test]
async fn a_store_that_cannot_be_written_costs_no_token_and_is_named() {
    let (world, folder, given) = world(LONG).await;
    let (program, gateway) = with_folder(&world, &folder).await;
    fs::rename(folder.path("volume"), folder.path("away")).unwrap();
    for customer in ["a", "b"] {
        assert_eq!(ask(&gateway, customer).await.code(), "upstream_unauthorized");
    }
    assert_told(&program, &["volume/token.lock: cannot be written: No such file"]).await;
    assert_eq!(sent(&given), [""; 0], "the old token is not spent if a new one could not be stored");
    fs::rename(folder.path("away"), folder.path("volume")).unwrap();
    fs::create_dir(folder.path("volume/token.new")).unwrap();
    assert_eq!((ask(&gateway, "a").await.code().as_str(), sent(&given).len()), ("upstream_unauthorized", 0));
    assert_told(&program, &["volume/token: cannot be written: "]).await;
    fs::remove_dir(folder.path("volume/token.new")).unwrap();
    assert_eq!((ask(&gateway, "a").await.status, sent(&given)), (200, numbered(1)), "{}", program.said());
}

/// Removes the store's folder while the identity server answers.
fn lose_folder_at_once(world: &World, folder: &Folder) -> Shared {
    let (volume, away) = (folder.path("volume"), folder.path("away"));
    world.identity(LONG, move |call, reply| {
        if call == 1 {
            fs::rename(&volume, &away).unwrap();
        }
        reply
    })
}

#[tokio::test]
async fn a_token_that_could_not_be_kept_is_kept_before_anything_else_is_done() {
    let (world, folder, _) = world(LONG).await;
    let given = lose_folder_at_once(&world, &folder);
    let (program, gateway) = with_folder(&world, &folder).await;
    assert_eq!(ask(&gateway, "a").await.code(), "upstream_unauthorized", "a token that cannot be stored is not used");
    assert_told(&program, &["volume/token: cannot be written: No such file", "kept in memory"]).await;
    fs::create_dir(folder.path("volume")).unwrap();
    let kept = folder.path("volume/token");
    world.my_reports.answer({
        let given = std::sync::Arc::clone(&given);
        move |call| {
            let mut known = given.lock().unwrap();
            if call.path != "/connect/token" {
                return known.users(call);
            }
            assert_eq!(fs::read_to_string(&kept).unwrap(), "refresh-1\n", "before it is sent");
            known.renew(call, LONG)
        }
    });
    assert_eq!((ask(&gateway, "a").await.status, sent(&given)), (200, numbered(2)), "{}", program.said());
    assert_eq!(fs::read_to_string(folder.path("volume/token")).unwrap(), "refresh-2\n");
}

#[tokio::test]
async fn a_login_goes_before_a_token_that_could_not_be_kept() {
    for (left, login) in [(true, "refresh-1\n"), (false, "refresh-9\n")] {
        let (world, folder, _) = world(LONG).await;
        let given = lose_folder_at_once(&world, &folder);
        let (program, gateway) = with_folder(&world, &folder).await;
        assert_eq!(ask(&gateway, "a").await.code(), "upstream_unauthorized");
        if left {
            // The folder comes back as it was: what was written beside the store is complete.
            fs::rename(folder.path("away"), folder.path("volume")).unwrap();
        } else {
            fs::create_dir(folder.path("volume")).unwrap();
            fs::write(folder.path("volume/token"), login).unwrap();
            given.lock().unwrap().given = 9;
        }
        assert_eq!(ask(&gateway, "a").await.status, 200, "{}", program.said());
        assert_eq!(sent(&given).last().map(String::as_str), Some(login.trim()));
    }
}

#[tokio::test]
async fn a_store_that_others_can_read_or_that_holds_no_token_is_told_of() {
    let (world, folder, given) = world(LONG).await;
    let path = folder.path("my-reports.token");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let (program, gateway) = Program::serve(&world.toml_with_store(&folder, ""), &[]).await;
    assert_eq!(ask(&gateway, "a").await.status, 200);
    program.lines_with(&["WARN", "other users can read", "my-reports.token"]).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for text in ["", "two\nlines\n"] {
        let folder = Folder::new();
        folder.write("my-reports.token", text);
        let (program, gateway) = Program::serve(&world.toml_with_store(&folder, ""), &[]).await;
        assert_eq!(ask(&gateway, "b").await.code(), "upstream_unauthorized");
        assert_told(&program, &["my-reports.token: cannot be read", "rollcall login my-reports"]).await;
        assert!(!program.said().contains("lines"), "{}", program.said());
    }
    assert_eq!(sent(&given), numbered(1));
}

#[tokio::test]
async fn nothing_that_is_secret_is_said_at_all() {
    let secrets = ["refresh-", "access-", "secret-of-the-login", "dXM6c2VjcmV0"];
    for format in ["text", "json"] {
        let (world, folder, _) = world(LONG).await;
        let given = lose_folder_at_once(&world, &folder);
        fs::create_dir(folder.path("volume")).unwrap();
        fs::write(folder.path("volume/token"), "refresh-0\n").unwrap();
        let file = world.toml_with_store(&folder, &format!("telemetry.format = \"{format}\""));
        let variables = [("ROLLCALL_LOG", "trace"), ("ROLLCALL__SOURCES__MY_REPORTS__OAUTH__TOKEN_STORE", "volume/token")];
        let (program, gateway) = Program::serve(&file, &variables).await;
        let mut all = vec![format!("{:?}", ask(&gateway, "a").await)];
        fs::rename(folder.path("away"), folder.path("volume")).unwrap();
        for customer in ["b", "c"] {
            all.push(format!("{:?}", ask(&gateway, customer).await));
        }
        fs::write(folder.path("volume/token"), "refresh-used\n").unwrap();
        program.signal("HUP");
        program.word_after(&["was reloaded"]).await;
        for path in ["/customers/d/users", "/metrics", "/health/sources", "/"] {
            all.push(format!("{:?}", gateway.get(path).await));
        }
        program.signal("INT");
        all.push(format!("{:?}", program.ended().await));
        all.push(format!("{:?}", Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &variables).await));
        let all = all.concat();
        assert!(sent(&given).len() >= 3 && all.contains("invalid_grant") && all.contains("cannot be written"), "{all}");
        for secret in secrets {
            assert!(!all.contains(secret), "{secret}: {all}");
        }
    }
}
