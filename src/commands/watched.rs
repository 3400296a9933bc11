//! Decides when the configuration file is reloaded.

/// After how many checks a configuration that could not be read is tried again.
pub(super) const LOOKS_TO_A_TRY: u32 = 4;

/// Identifies one version of the file's text.
pub(super) type FileDigest = [u8; 32];

/// The configuration file, as known from periodic checks.
#[derive(Debug, Default)]
pub(super) struct WatchedFile {
    /// What was wrong with it when it was last read, if it could not be read.
    pub(super) refused: Option<String>,
    /// The version that was read last.
    read: Option<FileDigest>,
    /// The version at the last check.
    seen: Option<FileDigest>,
    looks: u32,
}

/// What to do with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Wait,
    /// Read it.
    Read,
    /// Read it once more: files that it names may have appeared meanwhile.
    TryAgain,
}

impl WatchedFile {
    /// Starts with the version that was read.
    pub(super) fn new(read: Option<FileDigest>) -> Self {
        Self { read, ..Self::default() }
    }

    /// Checks the file. It is read when it has changed and is the same at two checks: half of a file may be
    /// valid, but is not what was meant.
    pub(super) fn look(&mut self, now: Option<FileDigest>) -> Next {
        self.looks += 1;
        let is_whole = now.is_some() && now == self.seen;
        self.seen = now;
        if is_whole && now != self.read {
            self.read = now;
            return Next::Read;
        }
        let is_time = self.refused.is_some() && self.looks.is_multiple_of(LOOKS_TO_A_TRY);
        if is_whole && is_time { Next::TryAgain } else { Next::Wait }
    }

    /// Notes that the file is to be read now, on request.
    pub(super) fn told(&mut self, now: Option<FileDigest>) -> Next {
        self.read = now;
        Next::Read
    }
}

#[cfg(test)]
mod tests {
    use Next::*;

    use super::*;

    fn text(of: u8) -> Option<FileDigest> {
        (of > 0).then_some([of; 32])
    }

    #[test]
    fn a_changed_file_is_read_once_it_is_the_same_at_two_looks() {
        for (looks, expected, why) in [
            (&[1, 1, 1][..], &[Wait, Wait, Wait][..], "it is the one that was read"),
            (&[2, 2, 2], &[Wait, Read, Wait], "it has changed"),
            (&[2, 3, 3], &[Wait, Wait, Read], "it was being written"),
            (&[2, 1, 1], &[Wait, Wait, Wait], "it has changed back"),
            (&[0, 0, 0], &[Wait, Wait, Wait], "it is not there"),
            (&[2, 0, 2, 2], &[Wait, Wait, Wait, Read], "it was away for a look"),
            (&[2, 2, 1, 1], &[Wait, Read, Wait, Read], "the one before is back"),
        ] {
            let mut watched = WatchedFile::new(text(1));
            let next: Vec<Next> = looks.iter().map(|now| watched.look(text(*now))).collect();
            assert_eq!(next, expected, "{why}");
        }
    }

    #[test]
    fn a_refused_file_is_tried_again_at_each_fourth_look() {
        for (looks, expected, why) in [
            (&[1, 1, 1, 1, 1, 1, 1, 1][..], &[Wait, Wait, Wait, TryAgain, Wait, Wait, Wait, TryAgain][..], "it is the same"),
            (&[1, 1, 1, 0], &[Wait, Wait, Wait, Wait], "it is not there"),
            (&[1, 1, 1, 2, 2], &[Wait, Wait, Wait, Wait, Read], "it is being written"),
            (&[1, 1, 2, 2], &[Wait, Wait, Wait, Read], "another one is no second try"),
        ] {
            let mut watched = WatchedFile { refused: Some("key: wrong".to_owned()), ..WatchedFile::new(text(1)) };
            let next: Vec<Next> = looks.iter().map(|now| watched.look(text(*now))).collect();
            assert_eq!(next, expected, "{why}");
        }
    }

    #[test]
    fn who_is_told_reads_at_once_and_not_again() {
        let mut watched = WatchedFile::new(text(1));
        assert_eq!(watched.look(text(2)), Wait);
        assert_eq!(watched.told(text(2)), Read);
        assert_eq!(watched.look(text(2)), Wait);
        assert_eq!(watched.told(text(0)), Read);
        assert_eq!([watched.look(text(2)), watched.look(text(2))], [Read, Wait], "it was seen before it was away");
    }
}
