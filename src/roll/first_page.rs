//! The page that most callers want, ready to send.

use std::{
    io::Write,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::domain::Warning;

/// The first page of a roll, once somebody has rendered it.
#[derive(Debug, Default)]
pub(super) struct FirstPage(OnceLock<(Vec<Warning>, Arc<Rendered>)>);

/// A page, ready to send.
#[derive(Debug)]
pub struct Rendered {
    /// The body, piece by piece: what is the roll's lies in the roll.
    pub pieces: Vec<Bytes>,
    /// What tells it from others.
    pub etag: String,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
    /// The body compressed, once somebody has wanted it so.
    gzip: OnceLock<Bytes>,
}

// === impl FirstPage ===

impl FirstPage {
    /// The page with these warnings; rendered by the first who asks for it. The links may have more to
    /// say of the same copies later, which is then rendered each time.
    pub(super) fn page(&self, warnings: &[Warning], render: impl Fn() -> Rendered) -> Arc<Rendered> {
        let (said, page) = self.0.get_or_init(|| (warnings.to_vec(), Arc::new(render())));
        if said == warnings { Arc::clone(page) } else { Arc::new(render()) }
    }
}

// === impl Rendered ===

impl Rendered {
    /// A page that is sent as these pieces.
    pub fn new(pieces: Vec<Bytes>, etag: String, next_cursor: Option<String>) -> Self {
        Self { pieces, etag, next_cursor, gzip: OnceLock::new() }
    }

    /// Bytes of the body.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body compressed; made by the first who wants it so.
    pub fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| compressed(&self.pieces)).clone()
    }

    /// Whether the body is there compressed.
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
