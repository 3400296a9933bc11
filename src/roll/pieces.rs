//! A text in pieces: long parts are shared, short ones are copied together.

use bytes::Bytes;

/// The number of bytes from which sharing is cheaper than copying.
const LONG: usize = 4096;

/// A text under construction.
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

    /// Adds a text that is stored elsewhere.
    pub fn share(&mut self, text: &Bytes) {
        if text.len() < LONG {
            return self.push(text);
        }
        self.close();
        self.closed.push(text.clone());
    }

    /// Returns the pieces in order.
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
