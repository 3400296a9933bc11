//! Skips an unwanted value.

use smallvec::SmallVec;

use super::{Malformed, reader::Reader};

/// The closing brackets of all that is open, innermost last.
type Open = SmallVec<[u8; 32]>;

impl Reader<'_> {
    /// Skips a value, however deeply nested.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        match self.next_byte() {
            Some(b'"') => self.text().map(drop),
            Some(b'n') => self.word(b"null"),
            Some(b'f') => self.word(b"false"),
            Some(b't') => self.word(b"true"),
            Some(b'{' | b'[') => self.skip_nested(),
            _ => self.number().map(drop),
        }
    }

    /// Does the same for a list or an object. Uses the same stack however deep the nesting is.
    fn skip_nested(&mut self) -> Result<(), Malformed> {
        let mut open = Open::new();
        loop {
            match self.peek() {
                Some(b'{') => self.begin(b'}', &mut open)?,
                Some(b'[') => self.begin(b']', &mut open)?,
                _ => {
                    self.skip()?;
                    self.behind(&mut open)?;
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Enters a list or an object, up to its first value, or moves past it if it is empty.
    fn begin(&mut self, close: u8, open: &mut Open) -> Result<(), Malformed> {
        self.advance();
        if self.takes(close) {
            return self.behind(open);
        }
        open.push(close);
        self.up_to_value(close)
    }

    /// Moves from the end of a value to the next one, out of everything that ends with it.
    #[inline]
    fn behind(&mut self, open: &mut Open) -> Result<(), Malformed> {
        while let Some(&close) = open.last() {
            if self.takes(b',') {
                return self.up_to_value(close);
            }
            self.expect(close)?;
            open.pop();
        }
        Ok(())
    }

    /// Skips a value's name inside an object.
    #[inline]
    fn up_to_value(&mut self, close: u8) -> Result<(), Malformed> {
        if close == b'}' { self.skip_name() } else { Ok(()) }
    }
}
