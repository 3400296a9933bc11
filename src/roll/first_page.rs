//! The page that most callers ask for, ready to send.

use std::{
    io::Write,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::domain::Warning;

/// The first page of a roll, once it has been rendered.
#[derive(Debug, Default)]
pub(super) struct FirstPage(OnceLock<(Vec<Warning>, Arc<Rendered>)>);

/// A page, ready to send.
#[derive(Debug)]
pub struct Rendered {
    /// The body in pieces; those that are part of the roll share its memory.
    pub pieces: Vec<Bytes>,
    /// The page's entity tag.
    pub etag: String,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
    /// The compressed body, once a caller has asked for it.
    gzip: OnceLock<Bytes>,
}

// === impl FirstPage ===

impl FirstPage {
    /// Returns the page with these warnings; the first caller renders it. If the links later add warnings to
    /// the same copies, the page is rendered each time.
    pub(super) fn page(&self, warnings: &[Warning], render: impl Fn() -> Rendered) -> Arc<Rendered> {
        let (said, page) = self.0.get_or_init(|| (warnings.to_vec(), Arc::new(render())));
        if said == warnings { Arc::clone(page) } else { Arc::new(render()) }
    }
}

// === impl Rendered ===

impl Rendered {
    /// Creates a page that is sent as these pieces.
    pub fn new(pieces: Vec<Bytes>, etag: String, next_cursor: Option<String>) -> Self {
        Self { pieces, etag, next_cursor, gzip: OnceLock::new() }
    }

    /// Returns the body's length in bytes.
    pub fn size(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Returns the compressed body; the first caller who asks for it compresses it.
    pub fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| compressed(&self.pieces)).clone()
    }

    /// Returns whether the body is already compressed.
    pub fn has_gzip(&self) -> bool {
        self.gzip.get().is_some()
    }
}

fn compressed(pieces: &[Bytes]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let written = pieces.iter().try_for_each(|piece| encoder.write_all(piece));
    debug_assert!(written.is_ok());
    let mut bytes = encoder.finish().unwrap_or_default();
    bytes.shrink_to_fit();
    bytes.into()
}
