//! The file that stores a refresh token, written atomically: whenever the power fails, one of the two
//! tokens is there and, once the new one has been written, it is the new one.
//!
//! The new token is written to a file beside it, flushed to disk and renamed over the old one; then
//! the folder is flushed. A crash in between leaves the file beside it: if it ends with a newline it
//! is complete, and is put in place when the store is next read.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use secrecy::zeroize::Zeroizing;

use crate::{config::Secret, outbound::Deadline, shared_cache::millis};

/// How often to check whether another process has released the store.
const LOOK: Duration = Duration::from_millis(20);

/// Only the owner may read and write it.
const MODE: u32 = 0o600;

/// The maximum number of symbolic links that are followed to the file.
const MOST_LINKS: usize = 40;

/// The file that stores a refresh token.
#[derive(Clone, Debug)]
pub(super) struct Store(PathBuf);

/// The store while no other task and no other process reads or writes it. A gateway, a check and a
/// login may compete for it, and a token that two of them send is refused to the second.
#[derive(Debug)]
pub(super) struct LockedStore {
    path: PathBuf,
    _lock: File,
}

/// The content of the store.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) token: Secret,
    /// Whether users other than the file's owner may read it.
    pub(super) is_open_to_others: bool,
    /// When the token was received, in milliseconds since 1970: the file's modification time.
    pub(super) rotated: i64,
}

/// The place of the next token, reserved before the previous one is spent, so that it is known in time
/// if nothing can be written.
#[derive(Debug)]
pub(super) struct Place {
    store: LockedStore,
    file: File,
}

/// The result, or why the store cannot be used; the error names the file.
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
        let file = followed(&self.0);
        file.exists() || matches!(read_line(&next_to(&file, "new")), Ok(Some(_)))
    }

    /// Waits for the lock.
    pub(super) async fn lock(&self, deadline: Deadline) -> Result<LockedStore> {
        let file = followed(&self.0);
        let path = next_to(&file, "lock");
        let lock = open_lock(&path, &file).map_err(|cause| failed(&path, "written", cause))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(LockedStore { path: file, _lock: lock }),
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
    /// Returns the content; first puts a complete token that a crash left beside it in place.
    pub(super) fn read(&self) -> Result<Option<Stored>> {
        let next = self.next();
        if let Ok(Some(_)) = read_line(&next) {
            self.promote(&next)?;
        }
        let failed = |cause| failed(&self.path, "read", cause);
        let Some((token, metadata)) = read_text(&self.path).map_err(failed)? else { return Ok(None) };
        if token.reveal().is_empty() || token.reveal().contains(char::is_control) {
            return Err(failed(io::Error::other("it does not hold exactly one line with a token")));
        }
        let (mode, written) = (metadata.permissions().mode(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        Ok(Some(Stored { token, is_open_to_others: mode & 0o077 != 0, rotated: millis(written) }))
    }

    /// Reserves the place of the next token.
    pub(super) fn place(self) -> Result<Place> {
        let next = self.next();
        if let Ok(Some(_)) = read_line(&next) {
            self.promote(&next)?; // a token that a crash left there may be the only valid one
        }
        let cleared = match fs::remove_file(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        let created = cleared.and_then(|()| create(&next, &self.path));
        let file = created.map_err(|cause| failed(&self.path, "written", cause))?;
        Ok(Place { store: self, file })
    }

    /// Writes a token into the store.
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
    /// Hands the token to the kernel: from here on, the end of this process does not lose it. Takes
    /// microseconds, and is therefore done right where the answer is received.
    pub(super) fn write(&mut self, token: &Secret) -> Result<()> {
        let mut line = Zeroizing::new(Vec::with_capacity(token.reveal().len() + 1)); // never reallocated
        line.extend_from_slice(token.reveal().as_bytes());
        line.push(b'\n');
        self.file.write_all(&line).map_err(|cause| failed(&self.store.path, "written", cause))
    }

    /// Records when the token was received. If the file system does not keep that, it is dated like the file.
    pub(super) fn date(&self, rotated: i64) {
        let since = Duration::from_millis(u64::try_from(rotated).unwrap_or(0));
        drop(self.file.set_modified(SystemTime::UNIX_EPOCH + since));
    }

    /// Flushes it to disk and puts it in place: from here on, a power failure does not lose it. Slow.
    pub(super) fn commit(self) -> Result<LockedStore> {
        let commit = || {
            self.file.sync_all()?;
            fs::rename(self.store.next(), &self.store.path)?;
            sync_folder(&self.store.path)
        };
        commit().map_err(|cause| failed(&self.store.path, "written", cause))?;
        Ok(self.store)
    }

    /// Gives the place up because there is nothing to write.
    pub(super) fn leave(self) {
        drop(fs::remove_file(self.store.next())); // an empty file that stays behind is ignored
    }
}

// === free functions ===

/// Returns the file that a path leads to; it need not exist yet. If the path is a symbolic link, a rename would replace the
/// link and leave the file as it was, and a process that uses the file by another path would have another lock.
fn followed(path: &Path) -> PathBuf {
    let next = |path: &PathBuf| Some(folder(path).join(fs::read_link(path).ok()?));
    let links = std::iter::successors(Some(path.to_owned()), next).take(MOST_LINKS);
    links.last().unwrap_or_else(|| path.to_owned())
}

/// Opens the lock of a store, and creates it if it does not exist.
fn open_lock(path: &Path, store: &Path) -> io::Result<File> {
    match create(path, store) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => OpenOptions::new().write(true).open(path),
        created => created,
    }
}

/// Creates a file beside a store. Its owner becomes that of the store, or of the folder if there is no store yet: root may
/// run a check or a login, and the gateway, as another user, has to read the result. Only root can change a file's owner,
/// and only root needs to. `create_new` does not follow a link that someone put there, which would change another file's owner.
fn create(path: &Path, store: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create_new(true).write(true).mode(MODE).open(path)?;
    let owner = fs::metadata(store).or_else(|_| fs::metadata(folder(store)))?;
    drop(fchown(&file, Some(owner.uid()), Some(owner.gid())));
    Ok(file)
}

/// The date of a token that is received now and replaces one of this date: always later, whatever the clocks say.
pub(super) fn newer_than(before: i64) -> i64 {
    millis(SystemTime::now()).max(before.saturating_add(1))
}

fn failed(path: &Path, doing: &'static str, cause: io::Error) -> StoreError {
    StoreError { path: path.to_owned(), doing, cause }
}

/// For `my-reports.token` and `new`, returns `my-reports.token.new`.
fn next_to(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Reads a file's text without surrounding whitespace, and its metadata; `None` if there is no file.
fn read_text(path: &Path) -> io::Result<Option<(Secret, fs::Metadata)>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => Zeroizing::new(read?),
    };
    Ok(Some((Secret::new(text.trim()), fs::metadata(path)?)))
}

/// Reads a file's single line, if it is complete.
fn read_line(path: &Path) -> io::Result<Option<Secret>> {
    let text = Zeroizing::new(fs::read_to_string(path)?);
    let line = text.strip_suffix('\n').filter(|line| !line.is_empty() && !line.contains(char::is_control));
    Ok(line.map(Secret::new))
}

/// A rename is on disk only once its folder is flushed.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
