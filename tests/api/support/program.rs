//! The real program, run as a person runs it, and always stopped by its own process id.

use std::{
    fmt::{self, Display},
    fs,
    io::{ErrorKind, Read},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{Gateway, World, until};

/// The user ids of root and of a user who owns nothing.
const ROOT: u32 = 0;
const NOBODY: u32 = 65534;

/// The running program; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    out: Stream,
    err: Stream,
}

/// The program's exit code and output.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A temporary folder for one test, removed when this is dropped.
pub(crate) struct Folder(PathBuf);

/// What the program has written so far.
struct Stream {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

// === impl Program ===

impl Program {
    /// Starts it with these arguments, and with these variables as its whole environment.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(&mut Self::command(arguments, variables)).unwrap()
    }

    /// Starts it as a user other than root, even if root runs the tests; `None` if that user may not execute it.
    pub(crate) fn start_unprivileged(arguments: &[&str], variables: &[(&str, &str)]) -> Option<Self> {
        let mut command = Self::command(arguments, variables);
        if fs::metadata("/proc/self").unwrap().uid() == ROOT {
            command.uid(NOBODY).gid(NOBODY);
        }
        match Self::spawn(&mut command) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
            started => Some(started.unwrap()),
        }
    }

    fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).env_clear().envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command.spawn()?;
        let (out, err) = (Stream::of(child.stdout.take()), Stream::of(child.stderr.take()));
        Ok(Self { child, out, err })
    }

    /// Runs it to its end.
    pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        Self::start(arguments, variables).ended().await
    }

    /// Starts `serve` with a configuration, and waits until it listens.
    pub(crate) async fn serve(configuration: &Path, variables: &[(&str, &str)]) -> (Self, Gateway) {
        let program = Self::start(&["serve", "--config", configuration.to_str().unwrap()], variables);
        let address = program.word_after(&[" address=", "\"address\":\""]).await;
        (program, Gateway::at(format!("http://{address}")))
    }

    /// Waits until it has written one of these marks, and returns the word after it.
    pub(crate) async fn word_after(&self, marks: &[&str]) -> String {
        let find = || {
            let said = self.said();
            let rest = marks.iter().find_map(|mark| Some(said.split_once(mark)?.1.to_owned()))?;
            rest.split_once([' ', '\n', '"']).map(|(word, _)| word.to_owned())
        };
        until(self.showing(&format!("the program to say {marks:?}")), || find().is_some()).await;
        find().unwrap()
    }

    /// Everything that it has written so far: stdout, then stderr.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.out.text.lock().unwrap(), self.err.text.lock().unwrap())
    }

    /// What is waited for, followed by what the program has written by the time this is shown.
    pub(crate) fn showing<'a>(&'a self, what: &'a str) -> impl Display + 'a {
        fmt::from_fn(move |out| write!(out, "{what}; the program has said: {}", self.said()))
    }

    /// Waits until a line of its output contains all these words, because output may be read a little later
    /// than an answer arrives; returns all lines that contain them.
    pub(crate) async fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let find = || {
            let said = self.said();
            let has = |line: &&str| words.iter().all(|word| line.contains(word));
            said.lines().filter(has).map(str::to_owned).collect::<Vec<_>>()
        };
        until(self.showing(&format!("the program to say {words:?}")), || !find().is_empty()).await;
        find()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        until("the program to end", || self.child.try_wait().unwrap().is_some()).await;
        let code = self.child.wait().unwrap().code();
        Ended { code, out: self.out.whole(), err: self.err.whole() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // If it has already ended, both calls report that and nothing else happens.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// === impl Folder ===

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rollcall-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file with this name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

// === impl Stream ===

impl Stream {
    fn of(source: Option<impl Read + Send + 'static>) -> Self {
        let (mut source, text) = (source.unwrap(), Arc::new(Mutex::new(String::new())));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = source.read(&mut chunk) {
                bytes.extend_from_slice(&chunk[..length]);
                *written.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn whole(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.text.lock().unwrap().clone()
    }
}

/// The secrets that the minimal configuration needs.
pub(crate) const SECRETS: &str = "sources.advanced_automation.client_secret = \"secret\"\nsources.my_reports.token = \"token\"\n";

impl World {
    /// Writes the minimal configuration with its secrets and `more`.
    pub(crate) fn toml_with_secrets(&self, folder: &Folder, more: &str) -> PathBuf {
        folder.write("rollcall.toml", &self.toml(&format!("{SECRETS}{more}")))
    }

    /// The minimal configuration in front of these backends, as TOML with full keys, plus `more`.
    pub(crate) fn toml(&self, more: &str) -> String {
        format!(
            "server.listen = \"127.0.0.1:0\"\nserver.drain = \"0s\"\n\
             sources.advanced_automation.base_url = \"{}\"\nsources.my_reports.base_url = \"{}\"\n\
             sources.advanced_automation.client_id = \"client\"\n{more}\n",
            self.advanced_automation.url(),
            self.my_reports.url(),
        )
    }
}

/// How long to wait for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
