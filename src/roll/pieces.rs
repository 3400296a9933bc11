//! A text in pieces: what is long is shared, what is short is copied together.

use bytes::Bytes;

/// Bytes from which on sharing is cheaper than copying.
const LONG: usize = 4096;

/// A text that is being put together.
#[derive(Debug, Default)]
pub struct Pieces {
    closed: Vec<Bytes>,
    open: Vec<u8>,
}

impl Pieces {
    /// Adds a copy of a text.
    pub fn push(&mut self, text: &[u8]) {
        self.open.extend_from_slice(text);
    }

    /// Adds a text that lies elsewhere.
    pub fn share(&mut self, text: &Bytes) {
        if text.len() < LONG {
            return self.push(text);
        }
        self.close();
        self.closed.push(text.clone());
    }

    /// The pieces, in their order.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.close();
        self.closed
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.closed.push(std::mem::take(&mut self.open).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_pieces_are_the_text(texts in prop::collection::vec((any::<bool>(), prop_oneof![Just(0_usize), 1..9_usize, Just(LONG)]), 0..9)) {
            let (mut pieces, mut whole) = (Pieces::default(), Vec::new());
            for (number, (shared, length)) in texts.iter().enumerate() {
                let text = vec![u8::try_from(number).unwrap(); *length];
                whole.extend_from_slice(&text);
                if *shared { pieces.share(&text.into()) } else { pieces.push(&text) }
            }
            let pieces = pieces.finish();
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!(pieces.concat(), whole);
        }
    }
}
