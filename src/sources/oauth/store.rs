//! The file that keeps a refresh token: written whole, so that whenever the power goes one of the
//! two tokens is there, and from the moment on that the new one was written, the new one.
//!
//! The new token is written to a file beside it, flushed to the disk, put in the old one's place,
//! and then the folder is flushed. A crash in between leaves the file beside it: with the newline
//! at its end it is whole, and is put in its place when the store is next read.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use secrecy::zeroize::Zeroizing;

use crate::{config::Secret, outbound::Deadline, shared_cache::millis};

/// How often it is looked whether another process has let go of the store.
const LOOK: Duration = Duration::from_millis(20);

/// Its owner reads and writes it, nobody else does anything.
const MODE: u32 = 0o600;

/// The file that keeps a refresh token.
#[derive(Clone, Debug)]
pub(super) struct Store(PathBuf);

/// The store while no other task and no other process reads or writes it: a gateway, a check and
/// a login may meet here, and a token that two of them send is refused to the second.
#[derive(Debug)]
pub(super) struct LockedStore {
    path: PathBuf,
    _lock: File,
}

/// What the store holds.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) token: Secret,
    /// Whether others than the file's owner may read it.
    pub(super) is_open_to_others: bool,
    /// When it came, in milliseconds since 1970: when the file was written.
    pub(super) rotated: i64,
}

/// The place of the next token, taken before the one before it is spent: where nothing can be
/// written, that is known in time.
#[derive(Debug)]
pub(super) struct Place {
    store: LockedStore,
    file: File,
}

/// What the store holds, or why that cannot be told; the file is named.
pub(super) type Result<T> = std::result::Result<T, StoreError>;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be {doing}: {cause}", path = path.display())]
pub struct StoreError {
    path: PathBuf,
    doing: &'static str,
    cause: io::Error,
}

// === impl Store ===

impl Store {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether there is a token, or one that a crash left beside its place.
    pub(super) fn is_there(&self) -> bool {
        self.0.exists() || matches!(read_line(&next_to(&self.0, "new")), Ok(Some(_)))
    }

    /// Waits for its turn.
    pub(super) async fn lock(&self, deadline: Deadline) -> Result<LockedStore> {
        let path = next_to(&self.0, "lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(MODE).open(&path);
        let lock = open.map_err(|cause| failed(&path, "written", cause))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(LockedStore { path: self.0.clone(), _lock: lock }),
                Err(TryLockError::Error(cause)) => return Err(failed(&path, "locked", cause)),
                Err(TryLockError::WouldBlock) if deadline.left().is_zero() => {
                    return Err(failed(&path, "locked", io::Error::other("another process holds it")));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

// === impl LockedStore ===

impl LockedStore {
    /// What it holds; a whole token that a crash left beside it is put in its place first.
    pub(super) fn read(&self) -> Result<Option<Stored>> {
        let next = self.next();
        if let Ok(Some(_)) = read_line(&next) {
            self.promote(&next)?;
        }
        let failed = |cause| failed(&self.path, "read", cause);
        let Some((token, metadata)) = read_text(&self.path).map_err(failed)? else { return Ok(None) };
        if token.reveal().is_empty() || token.reveal().contains(char::is_control) {
            return Err(failed(io::Error::other("it does not hold one line with a token")));
        }
        let (mode, written) = (metadata.permissions().mode(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        Ok(Some(Stored { token, is_open_to_others: mode & 0o077 != 0, rotated: millis(written) }))
    }

    /// Takes the place of the next token.
    pub(super) fn place(self) -> Result<Place> {
        let next = self.next();
        if let Ok(Some(_)) = read_line(&next) {
            self.promote(&next)?; // what a crash left there may be the only good one
        }
        let cleared = match fs::remove_file(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        // `create_new` follows no link that somebody put there, and gives the mode.
        let created = cleared.and_then(|()| OpenOptions::new().create_new(true).write(true).mode(MODE).open(&next));
        let file = created.map_err(|cause| failed(&self.path, "written", cause))?;
        Ok(Place { store: self, file })
    }

    /// Puts a token into it.
    pub(super) fn write(self, token: &Secret) -> Result<Self> {
        let mut place = self.place()?;
        place.write(token)?;
        place.commit()
    }

    fn promote(&self, next: &Path) -> Result<()> {
        let promote = || {
            File::open(next)?.sync_all()?;
            fs::rename(next, &self.path)?;
            sync_folder(&self.path)
        };
        promote().map_err(|cause| failed(&self.path, "written", cause))
    }

    fn next(&self) -> PathBuf {
        next_to(&self.path, "new")
    }
}

// === impl Place ===

impl Place {
    /// Hands the token to the kernel: from here on no end of this process loses it. Takes
    /// microseconds, and is therefore done where the answer was received.
    pub(super) fn write(&mut self, token: &Secret) -> Result<()> {
        let mut line = Zeroizing::new(Vec::with_capacity(token.reveal().len() + 1)); // it never moves
        line.extend_from_slice(token.reveal().as_bytes());
        line.push(b'\n');
        self.file.write_all(&line).map_err(|cause| failed(&self.store.path, "written", cause))
    }

    /// Notes when the token came. Where the file system does not keep that, it is as old as the file.
    pub(super) fn date(&self, rotated: i64) {
        let since = Duration::from_millis(u64::try_from(rotated).unwrap_or(0));
        drop(self.file.set_modified(SystemTime::UNIX_EPOCH + since));
    }

    /// Puts it to the disk and into its place: from here on no loss of power loses it. Slow.
    pub(super) fn commit(self) -> Result<LockedStore> {
        let commit = || {
            self.file.sync_all()?;
            fs::rename(self.store.next(), &self.store.path)?;
            sync_folder(&self.store.path)
        };
        commit().map_err(|cause| failed(&self.store.path, "written", cause))?;
        Ok(self.store)
    }

    /// Leaves it, for nothing came that is to be written.
    pub(super) fn leave(self) {
        drop(fs::remove_file(self.store.next())); // an empty one that stays is ignored
    }
}

// === free functions ===

/// The date of a token that comes now, and replaces one of this date: later than that, whatever the clocks say.
pub(super) fn newer_than(before: i64) -> i64 {
    millis(SystemTime::now()).max(before.saturating_add(1))
}

fn failed(path: &Path, doing: &'static str, cause: io::Error) -> StoreError {
    StoreError { path: path.to_owned(), doing, cause }
}

/// `my-reports.token` and `new` is `my-reports.token.new`.
fn next_to(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A file's text without the blanks around it, and what else is known of it; `None` where there is no file.
fn read_text(path: &Path) -> io::Result<Option<(Secret, fs::Metadata)>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => Zeroizing::new(read?),
    };
    Ok(Some((Secret::new(text.trim()), fs::metadata(path)?)))
}

/// A file's one line, where it is whole.
fn read_line(path: &Path) -> io::Result<Option<Secret>> {
    let text = Zeroizing::new(fs::read_to_string(path)?);
    let line = text.strip_suffix('\n').filter(|line| !line.is_empty() && !line.contains(char::is_control));
    Ok(line.map(Secret::new))
}

/// A rename is on the disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
