//! Tells cheaply whether a file has changed since it was last looked at.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// What tells one state of a file from another: which file it is, when it was changed, how long it
/// is. A file that is put in its place, or a link that is swapped, is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(Option<[i128; 4]>);

impl Stamp {
    /// The stamp of a file as it is now; that of a file that is not there is the default.
    pub fn of(path: &Path) -> Self {
        let of = |file: fs::Metadata| [file.ino().into(), file.mtime().into(), file.mtime_nsec().into(), file.len().into()];
        Self(fs::metadata(path).ok().map(of))
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
        assert_eq!(Stamp::of(&path), Stamp::default());
        fs::write(&path, "a").unwrap();
        let first = Stamp::of(&path);
        assert_eq!(Stamp::of(&path), first);
        fs::write(&next, "b").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_ne!(Stamp::of(&path), first);
        fs::remove_dir_all(&folder).unwrap();
    }
}
