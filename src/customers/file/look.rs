//! Looks whether the file of links has changed, and takes it whole or not at all.
//!
//! A poll, for a file that is mounted into a container changes by a swap of links that
//! notifications miss.

use std::{
    fs::{self, Metadata},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;

use super::{Format, LineFault, Reason, read};
use crate::{
    customers::table::Table,
    domain::{Moment, SourceName},
    telemetry::Metrics,
};

/// How often the file is looked at: a change is in use within five seconds.
const LOOK: Duration = Duration::from_secs(2);

/// How old a change must be for the file's times to tell it from a later one of the same length.
const SURELY_SETTLED: Duration = Duration::from_secs(3);

/// Largest file that is read, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

/// Faults of one file that are logged; how many more there are is logged, too.
const MOST_LOGGED: usize = 20;

/// The file of links, and what it last said that could be used.
pub(in crate::customers) struct LinkFile {
    path: PathBuf,
    format: Format,
    sources: Vec<SourceName>,
    table: ArcSwap<(Table, Moment)>,
    seen: Mutex<Seen>,
}

/// What the file was when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// What tells one state of the file from another, and whether it surely does.
    stamp: Option<Stamp>,
    is_sure: bool,
    /// A hash of the text, or of why there was none.
    content: u64,
}

/// Changes whenever another file is at the path, or another text in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: SystemTime,
    changed: (i64, i64),
}

impl LinkFile {
    /// Reads the file for the first time.
    pub(in crate::customers) fn open(path: PathBuf, format: Format, sources: Vec<SourceName>) -> Result<Self, Vec<LineFault>> {
        let (seen, text) = see(&path, SystemTime::now());
        let table = text.and_then(|text| read(&text, format, &sources))?;
        Ok(Self { path, format, sources, table: ArcSwap::from_pointee((table, Moment::now())), seen: Mutex::new(seen) })
    }

    /// What the file says, and since when that is in use.
    pub(in crate::customers) fn table(&self) -> Arc<(Table, Moment)> {
        self.table.load_full()
    }

    /// Looks at the file again and again; a change is put to use, or logged, once.
    pub(in crate::customers) async fn watch(self: Arc<Self>, metrics: Arc<Metrics>) {
        note(&metrics, Ok(&self.table.load().0));
        loop {
            tokio::time::sleep(LOOK).await;
            let (file, metrics) = (Arc::clone(&self), Arc::clone(&metrics));
            // An error is a panic there: the links stay as they are, and it is looked at again.
            drop(tokio::task::spawn_blocking(move || file.look(&metrics)).await);
        }
    }

    fn look(&self, metrics: &Metrics) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_sure && seen.stamp.is_some() && seen.stamp == fs::metadata(&self.path).ok().as_ref().map(Stamp::of) {
            return;
        }
        let (now, text) = see(&self.path, SystemTime::now());
        let is_same = now.content == seen.content;
        *seen = now;
        if is_same {
            return;
        }
        let taken = text.and_then(|text| read(&text, self.format, &self.sources));
        metrics.links_loaded(taken.is_ok());
        note(metrics, taken.as_ref().map_err(Vec::as_slice));
        match taken {
            Ok(table) => {
                tracing::info!(file = %self.path.display(), customers = table.entries().len(), "the file of links was read again");
                self.table.store(Arc::new((table, Moment::now())));
            }
            Err(faults) => self.complain(&faults),
        }
    }

    fn complain(&self, faults: &[LineFault]) {
        for fault in faults.iter().take(MOST_LOGGED) {
            let (file, line, reason) = (self.path.display(), fault.line, fault.reason.as_str());
            tracing::error!(%file, line, reason, fault = fault.what, "the file of links is broken; the links before go on");
        }
        let more = faults.len().saturating_sub(MOST_LOGGED);
        if more > 0 {
            tracing::error!(file = %self.path.display(), more, "the file of links has more faults; `rollcall check` names them");
        }
    }
}

/// Looks at the file and reads it; what cannot be read is a fault of its first line.
fn see(path: &Path, now: SystemTime) -> (Seen, Result<Vec<u8>, Vec<LineFault>>) {
    // The stamp is taken before the text: a change between the two is seen at the next look.
    let stamp = fs::metadata(path).ok().as_ref().map(Stamp::of);
    let text = text_of(path);
    let mut hash = DefaultHasher::new();
    match &text {
        Ok(text) => text.hash(&mut hash),
        Err(error) => error.to_string().hash(&mut hash),
    }
    let is_sure = stamp.is_some_and(|stamp| now.duration_since(stamp.modified).is_ok_and(|age| age > SURELY_SETTLED));
    let unreadable = |error: io::Error| vec![LineFault { line: 1, reason: Reason::Unreadable, what: format!("cannot be read: {error}.") }];
    (Seen { stamp, is_sure, content: hash.finish() }, text.map_err(unreadable))
}

fn text_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other(format!("it has more than {} MiB", LARGEST_FILE >> 20)));
    }
    Ok(text)
}

/// Tells the metrics how the file is.
fn note(metrics: &Metrics, read: Result<&Table, &[LineFault]>) {
    if let Ok(table) = read {
        metrics.linked("file", table.entries().len());
    }
    let faults = read.err().unwrap_or_default();
    for reason in Reason::ALL {
        let mut lines = faults.iter().filter(|fault| fault.reason == reason).map(|fault| fault.line);
        let first = lines.next();
        metrics.link_faults(reason.as_str(), lines.count() + usize::from(first.is_some()), first.unwrap_or(0));
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
