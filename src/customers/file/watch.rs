//! Checks whether the file of links has changed, and accepts it as a whole or not at all.
//!
//! It polls, because a file mounted into a container changes by a swap of symbolic links that
//! notifications miss.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{FaultReason, Format, LineFault, read};
use crate::{
    config::FileStamp,
    customers::table::Table,
    domain::{Moment, SourceName},
    telemetry::Metrics,
};

/// How often the file is checked: often, so that a change is in use hardly later than its checks require.
const LOOK: Duration = Duration::from_millis(400);

/// Checks that must find the file unchanged: after 1.2 s without a change it is no longer being written.
const LOOKS: u32 = 4;

/// The same if the last row has no line end: the writer may have stopped within the row, but a file may
/// also be saved like that for good. Unchanged for 3.6 s, it is accepted within 4 s: that leaves a second to
/// read it, because a change must be in use within five.
const LOOKS_WITHOUT_END: u32 = 10;

/// How often the first check reads a file that keeps changing before it gives up.
const FIRST_READINGS: usize = 3;

/// How old a change must be for the file's times to distinguish it from a later one of the same length.
const SURELY_SETTLED: Duration = Duration::from_secs(3);

/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

/// How many faults of one file are logged; the number of further ones is logged, too.
const MOST_LOGGED: usize = 20;

/// The file of links, and its last valid content.
pub(in crate::customers) struct LinkFile {
    path: PathBuf,
    format: Format,
    sources: Vec<SourceName>,
    table: ArcSwap<(Table, Moment)>,
    seen: Mutex<Seen>,
}

/// The state of the file when it was last checked, and when it was last read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Its stamp at the last check.
    last: FileStamp,
    /// The number of checks in a row that found this stamp.
    looks: u32,
    /// Its stamp when it was last read completely, if that stamp surely distinguishes it from other states.
    done: Option<FileStamp>,
    /// A hash of the last text that was judged, or of why there was none.
    content: u64,
}

impl LinkFile {
    /// Reads the file for the first time.
    pub(in crate::customers) fn open(path: PathBuf, format: Format, sources: Vec<SourceName>) -> Result<Self, Vec<LineFault>> {
        let (stamp, text) = first_reading(&path);
        let seen = Seen { last: stamp, looks: 1, done: None, content: hash_of(&text) };
        let table = text.map_err(unreadable).and_then(|text| read(&text, format, &sources))?;
        Ok(Self { path, format, sources, table: ArcSwap::from_pointee((table, Moment::now())), seen: Mutex::new(seen) })
    }

    /// Continues with what the same file said under the previous configuration: its current content may be a
    /// half-written change, and is put to use like any other change.
    pub(in crate::customers) fn go_on_from(&self, before: &Self) {
        if (&self.path, &self.sources) == (&before.path, &before.sources) {
            let seen = before.seen.lock(); // held, so that the table and what was seen of the file stay consistent
            self.table.store(before.table());
            *self.seen.lock() = *seen;
        }
    }

    /// Returns the content of the file, and since when it has been in use.
    pub(in crate::customers) fn table(&self) -> Arc<(Table, Moment)> {
        self.table.load_full()
    }

    /// Checks the file repeatedly; puts each change to use, or logs its faults, once.
    pub(in crate::customers) async fn watch(self: Arc<Self>, metrics: Arc<Metrics>) {
        note(&metrics, Ok(&self.table.load().0));
        loop {
            tokio::time::sleep(LOOK).await;
            let (file, metrics) = (Arc::clone(&self), Arc::clone(&metrics));
            // An error here is a panic: the links stay as they are, and the file is checked again.
            drop(tokio::task::spawn_blocking(move || file.look(&metrics)).await);
        }
    }

    fn look(&self, metrics: &Metrics) {
        let mut seen = self.seen.lock();
        let stamp = FileStamp::of(&self.path);
        if !seen.note(stamp) {
            return;
        }
        let text = text_of(&self.path);
        if FileStamp::of(&self.path) != stamp {
            return; // the file is being written, so it is unclear which state was read
        }
        if seen.looks < LOOKS_WITHOUT_END && text.as_ref().is_ok_and(|text| !is_whole(text, self.format)) {
            return; // more may follow
        }
        let (content, is_read) = (hash_of(&text), text.is_ok());
        if content != seen.content {
            self.judge(text, metrics);
            seen.content = content;
        }
        // Set only now, so that after any failure above the file is checked again.
        seen.done = Some(stamp).filter(|stamp| is_read && stamp.is_older_than(SURELY_SETTLED));
    }

    /// Puts a changed text to use, or logs why it cannot be used.
    fn judge(&self, text: io::Result<Vec<u8>>, metrics: &Metrics) {
        let taken = text.map_err(unreadable).and_then(|text| read(&text, self.format, &self.sources));
        metrics.links.file_loaded(taken.is_ok());
        note(metrics, taken.as_ref().map_err(Vec::as_slice));
        match taken {
            Ok(table) => {
                tracing::info!(file = %self.path.display(), customers = table.entries().len(), "the file of links was reloaded");
                self.table.store(Arc::new((table, Moment::now())));
            }
            Err(faults) => self.complain(&faults),
        }
    }

    fn complain(&self, faults: &[LineFault]) {
        for fault in faults.iter().take(MOST_LOGGED) {
            let (file, line, reason) = (self.path.display(), fault.line, fault.reason.as_str());
            tracing::error!(%file, line, reason, fault = fault.what, "the file of links is invalid; the previous links stay in use");
        }
        let more = faults.len().saturating_sub(MOST_LOGGED);
        if more > 0 {
            tracing::error!(file = %self.path.display(), more, "the file of links has more faults; `rollcall check` lists them");
        }
    }
}

/// Reads a file for the first time; reads it again if it changes meanwhile.
fn first_reading(path: &Path) -> (FileStamp, io::Result<Vec<u8>>) {
    for _ in 0..FIRST_READINGS {
        let (stamp, text) = (FileStamp::of(path), text_of(path));
        if stamp == FileStamp::of(path) {
            return (stamp, text);
        }
    }
    (FileStamp::default(), Err(io::Error::other("it is being written")))
}

/// A hash of a text, or of why there is none.
fn hash_of(text: &io::Result<Vec<u8>>) -> u64 {
    let mut hash = DefaultHasher::new();
    match text {
        Ok(text) => text.hash(&mut hash),
        Err(error) => error.to_string().hash(&mut hash),
    }
    hash.finish()
}

/// Whether a text is complete, as far as its format shows that: its writer may have stopped within a
/// row.
fn is_whole(text: &[u8], format: Format) -> bool {
    match format {
        Format::Csv => text.last().is_none_or(|last| matches!(last, b'\n' | b'\r')),
        Format::Toml => true,
    }
}

/// Reports an unreadable file as a fault of its first line.
#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn unreadable(error: io::Error) -> Vec<LineFault> {
    vec![LineFault { line: 1, reason: FaultReason::Unreadable, what: format!("cannot be read: {error}.") }]
}

fn text_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other(format!("it has more than {} MiB", LARGEST_FILE >> 20)));
    }
    Ok(text)
}

/// Reports the state of the file to the metrics.
fn note(metrics: &Metrics, read: Result<&Table, &[LineFault]>) {
    if let Ok(table) = read {
        metrics.links.linked("file", table.entries().len());
    }
    let faults = read.err().unwrap_or_default();
    for reason in FaultReason::ALL {
        let mut lines = faults.iter().filter(|fault| fault.reason == reason).map(|fault| fault.line);
        let first = lines.next();
        metrics.links.file_faults(reason.as_str(), lines.count() + usize::from(first.is_some()), first.unwrap_or(0));
    }
}

// === impl Seen ===

impl Seen {
    /// Records a check. Returns whether the file is to be read: it was the same in enough checks, and has
    /// not been read completely since.
    fn note(&mut self, now: FileStamp) -> bool {
        let is_same = self.last == now;
        self.looks = if is_same { self.looks.saturating_add(1) } else { 1 };
        self.last = now;
        self.looks >= LOOKS && (!now.is_there() || self.done != Some(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_due_at_the_fourth_look_that_finds_it_and_never_again() {
        let (stamp, gone) = (FileStamp::of_length, FileStamp::default());
        for (last, looks, done, now, expected) in [
            (stamp(1), 9, Some(stamp(1)), stamp(1), false),
            (stamp(1), 9, Some(stamp(1)), stamp(2), false),
            (stamp(2), 1, Some(stamp(1)), stamp(2), false),
            (stamp(2), 2, Some(stamp(1)), stamp(2), false),
            (stamp(2), 3, Some(stamp(1)), stamp(2), true),
            (stamp(2), 3, Some(stamp(1)), stamp(3), false),
            (stamp(1), 3, None, stamp(1), true),
            (stamp(1), 9, Some(stamp(1)), gone, false),
            (gone, 3, Some(stamp(1)), gone, true),
            (gone, 9, Some(stamp(1)), stamp(1), false),
            (gone, 3, None, gone, true),
        ] {
            let mut seen = Seen { last, looks, done, content: 0 };
            assert_eq!(seen.note(now), expected, "{seen:?} {now:?}");
            assert_eq!((seen.last, seen.looks), (now, if last == now { looks + 1 } else { 1 }));
        }
    }

    #[test]
    fn half_a_file_has_its_time_and_a_change_is_in_use_in_time() {
        assert!(LOOK * (LOOKS - 1) >= Duration::from_millis(1200) && LOOK * LOOKS <= Duration::from_secs(2));
        assert!(LOOK * (LOOKS_WITHOUT_END - 1) >= Duration::from_millis(3600) && LOOK * LOOKS_WITHOUT_END <= Duration::from_secs(4));
    }

    #[test]
    fn a_text_is_whole_that_ends_with_a_line() {
        for (text, csv) in [("", true), ("a,b\n", true), ("a,b\r", true), ("a,b", false), ("a,b\nc", false)] {
            assert_eq!((is_whole(text.as_bytes(), Format::Csv), is_whole(text.as_bytes(), Format::Toml)), (csv, true), "{text:?}");
        }
    }
}
