//! How callers are told who they are: for the document, and for whoever was refused.

use crate::access::Mode;

/// How callers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// They are not, or nobody knows yet: a key or a token may be sent.
    Optional,
    /// A key must be sent.
    Keys,
    /// A token must be sent.
    Tokens,
}

impl From<&Mode> for Security {
    fn from(mode: &Mode) -> Self {
        match mode {
            Mode::None => Self::Optional,
            Mode::Keys(_) => Self::Keys,
            Mode::Jwt(_) => Self::Tokens,
        }
    }
}
