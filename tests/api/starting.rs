//! Signals and changes that arrive while the program starts. The start takes as long as a test wants: the program reads
//! a secret from a pipe that the test fills.

use std::{
    fs::{self, File},
    io::Write,
    process::Command,
};

use tokio::net::unix::pipe::OpenOptions;

use crate::support::{Folder, Program, World, until};

/// The real program while it reads its configuration.
struct Starting {
    world: World,
    folder: Folder,
    program: Program,
    /// The pipe that the program reads; it has read the whole secret once this is dropped.
    secret: Option<File>,
}

impl Starting {
    async fn begin() -> Self {
        let (world, folder) = (World::new().await, Folder::new());
        assert!(Command::new("mkfifo").arg(folder.path("secret")).status().unwrap().success());
        let file = folder.write("rollcall.toml", &world.toml(&secrets("_file = \"secret\"")));
        let program = Program::start(&["serve", "--config", file.to_str().unwrap()], &[]);
        let mut starting = Self { world, folder, program, secret: None };
        starting.is_read().await;
        starting
    }

    /// Waits until the program reads the secret.
    async fn is_read(&mut self) {
        let pipe = self.folder.path("secret");
        let mut opened = None;
        until(self.program.showing("the program to read the secret"), || {
            opened = OpenOptions::new().open_sender(&pipe).ok(); // fails while no one reads
            opened.is_some()
        })
        .await;
        self.secret = opened.map(|pipe| File::from(pipe.into_blocking_fd().unwrap()));
    }

    /// Lets the program continue, and waits until its log says this.
    async fn goes_on(&mut self, words: &[&str]) {
        let next = self.folder.write("next", "secret\n");
        fs::rename(next, self.folder.path("secret")).unwrap(); // whoever reads it again finds a file
        self.secret.take().unwrap().write_all(b"secret\n").unwrap();
        self.program.lines_with(words).await;
    }
}

/// The keys that the configuration still needs, with the client secret as given here.
fn secrets(client_secret: &str) -> String {
    format!("sources.my_reports.token = \"token\"\nsources.advanced_automation.client_secret{client_secret}\n")
}

#[tokio::test]
async fn a_configuration_that_changes_while_the_program_starts_is_taken() {
    let mut starting = Starting::begin().await;
    let next = starting.folder.write("next.toml", &starting.world.toml(&secrets(" = \"another\"")));
    fs::rename(next, starting.folder.path("rollcall.toml")).unwrap();
    starting.goes_on(&["listening"]).await;
    starting.program.lines_with(&["the configuration was reloaded"]).await;
}

#[tokio::test]
async fn a_reload_that_is_asked_for_while_the_program_starts_is_one() {
    let mut starting = Starting::begin().await;
    starting.program.signal("HUP");
    starting.goes_on(&["listening"]).await;
    starting.program.lines_with(&["the configuration was reloaded"]).await;
}
