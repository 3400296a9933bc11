//! The real program, killed while it receives a new refresh token: the next process still has users.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rollcall::sandbox::Options;
use tokio::time::Instant;

use crate::support::{
    Gateway, Program,
    identity::{Home, ROLL},
    until,
};

/// How far the handling of a received token has come, in order.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// It is complete beside the store.
    Written,
    /// It is in the store.
    Kept,
    /// The access token that came with it was sent.
    Used,
}

/// Kills the program a certain time after this stage is seen.
async fn kill_once(seen: Seen, then: Duration, home: &Home) {
    let (before, calls) = (fs::read(home.store()).unwrap(), home.sandbox.calls().users);
    let (program, gateway) = home.serve().await;
    let asking = tokio::spawn(async move { ask_in_vain(&gateway).await });
    let happened = || match seen {
        Seen::Written => ends_with_newline(&beside(&home.store())) || fs::read(home.store()).unwrap() != before,
        Seen::Kept => fs::read(home.store()).unwrap() != before,
        Seen::Used => home.sandbox.calls().users > calls,
    };
    let end = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < end, "{seen:?} was never seen: {}", program.said());
    }
    while_busy(then);
    drop(program); // kills it at once
    asking.await.unwrap();
}

/// Asks for the roll; there may be no process left to answer.
async fn ask_in_vain(gateway: &Gateway) {
    if let Ok(mut stream) = gateway.connect().await {
        let request = format!("GET {ROLL} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        drop(tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await);
        drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await);
    }
}

fn beside(store: &Path) -> PathBuf {
    store.with_file_name("my-reports.token.new")
}

fn ends_with_newline(file: &Path) -> bool {
    fs::read(file).is_ok_and(|text| text.ends_with(b"\n"))
}

/// A pause that is exact to the microsecond.
fn while_busy(pause: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < pause {
        std::hint::spin_loop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn whenever_the_program_is_killed_behind_the_receipt_of_a_token_the_next_one_has_users() {
    let home = Home::new(Options::default(), "").await;
    home.log_in().await;
    for round in 0..15 {
        let seen = [Seen::Written, Seen::Kept, Seen::Used][round % 3];
        let then = Duration::from_micros(fastrand::u64(0..[1, 200, 3000][round / 5 % 3]));
        kill_once(seen, then, &home).await;
        let checked = Program::run(&["check", "--online", "--config", home.file.to_str().unwrap()], &[]).await;
        assert_eq!(checked.code, Some(0), "killed {then:?} after {seen:?}: {checked:?}");
    }
    let (program, gateway) = home.serve().await;
    let answer = gateway.get(ROLL).await;
    assert_eq!((answer.status, answer.source("my_reports")["status"].as_str()), (200, Some("ok")), "{answer:?} {}", program.said());
    until("nothing to be left", || !beside(&home.store()).exists()).await;
}
