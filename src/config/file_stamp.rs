//! A cheap check of whether a file has changed since it was last checked.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

/// Distinguishes one state of a file from another: which file it is, when it was changed, and how long
/// it is. A file that replaces another, or a symbolic link that is swapped, has a different stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStamp(Option<State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    length: u64,
    modified: SystemTime,
    changed: (i64, i64),
}

impl FileStamp {
    /// The stamp of a file as it is now; the default if the file does not exist.
    pub fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|file| State {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: file.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            changed: (file.ctime(), file.ctime_nsec()),
        }))
    }

    /// Whether the file exists.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the file was last written longer ago than this: then a later change of the same length
    /// surely has a different stamp.
    pub fn is_older_than(&self, age: Duration) -> bool {
        self.0.is_some_and(|state| SystemTime::now().duration_since(state.modified).is_ok_and(|written| written > age))
    }

    /// The stamp of a file of this length, for tests that need arbitrary ones.
    #[cfg(test)]
    pub(crate) fn of_length(length: u64) -> Self {
        Self(Some(State { device: 1, inode: 1, length, modified: SystemTime::UNIX_EPOCH, changed: (0, 0) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_put_in_its_place_is_another_one() {
        let folder = std::env::temp_dir().join(format!("rollcall-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, next) = (folder.join("file"), folder.join("next"));
        assert_eq!(FileStamp::of(&path), FileStamp::default());
        fs::write(&path, "a").unwrap();
        let first = FileStamp::of(&path);
        assert_eq!(FileStamp::of(&path), first);
        fs::write(&next, "b").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_ne!(FileStamp::of(&path), first);
        fs::remove_dir_all(&folder).unwrap();
    }
}
