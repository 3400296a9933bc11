//! What the process keeps in its memory: no dump, no debugger, and no text of the configuration.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
};

use crate::support::{Folder, Program, World, figure::figure};

/// Bytes that are searched at a time.
const CHUNK: usize = 4 << 20;

/// Bytes before and after the secret: enough that freed memory is not soon reused, which would hide that it
/// was not wiped.
const PADDING: usize = 300_000;

#[tokio::test]
async fn every_command_that_lasts_leaves_no_core_and_lets_no_debugger_in() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = world.toml_with_secrets(&folder, "");
    for (arguments, mark) in
        [(["serve", "--config", file.to_str().unwrap()], [" address="]), (["demo", "--listen", "127.0.0.1:0"], ["Rollcall answers at "])]
    {
        let Some(program) = Program::start_unprivileged(&arguments, &[]) else {
            return figure("skipped: no other user than root may execute the program here");
        };
        program.word_after(&mark).await;
        let limits = fs::read_to_string(format!("/proc/{}/limits", program.id())).unwrap();
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "{limits}");
        // The files of a process that may not be dumped belong to root.
        let owner = fs::metadata(format!("/proc/{}/status", program.id())).unwrap().uid();
        assert_eq!(owner, 0, "its user cannot read its memory");
        assert!(program.memory() > 0, "its size can still be read");
        assert!(!program.said().contains("warning:"), "{}", program.said());
    }
}

/// Returns how often a text occurs in the program's memory; `None` where no one may look.
fn counted(program: &Program, wanted: &str) -> Option<usize> {
    let memory = File::open(format!("/proc/{}/mem", program.id())).ok()?;
    let maps = fs::read_to_string(format!("/proc/{}/maps", program.id())).ok()?;
    let (mut count, mut chunk) = (0, vec![0; CHUNK]);
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ')?.0.split_once('-')?;
        let (mut at, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        while at < to {
            let length = memory.read_at(&mut chunk, at).unwrap_or_default(); // what cannot be read does not count
            count += String::from_utf8_lossy(&chunk[..length]).matches(wanted).count();
            at += (CHUNK - wanted.len() + 1) as u64; // nothing is missed between two chunks, or seen twice
        }
    }
    Some(count)
}

/// Returns the lowest of several counts: while the file is being checked, its text is in memory.
async fn left(program: &Program, wanted: &str) -> Option<usize> {
    let mut least = usize::MAX;
    for _ in 0..5 {
        least = least.min(counted(program, wanted)?);
        tokio::time::sleep(std::time::Duration::from_millis(130)).await;
    }
    Some(least)
}

#[tokio::test]
async fn the_text_of_the_configuration_is_wiped_when_it_has_been_read() {
    let (world, folder) = (World::of_two().await, Folder::new());
    let marker = "a-password-that-stands-only-here";
    let before = format!("client_secret = \"{}", "x".repeat(PADDING));
    let secrets = format!("sources.advanced_automation.{before}{marker}{}\"\nsources.my_reports.token = \"token\"\n", "x".repeat(PADDING));
    let file = folder.write("rollcall.toml", &world.toml(&secrets));
    let (program, gateway) = Program::serve(&file, &[("MIMALLOC_PURGE_DELAY", "-1")]).await; // freed memory is kept
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await; // by now it has checked the file again
    assert_eq!(gateway.get("/health/live").await.status, 200);
    let Some(secret) = left(&program, marker).await else {
        return figure("skipped: only root may read the memory of another process here");
    };
    assert_eq!(secret, 1, "the secret itself is there, and no copy of it");
    assert_eq!(left(&program, &format!("{before}{marker}")).await, Some(0), "the text around it");
}
