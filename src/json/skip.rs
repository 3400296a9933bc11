//! Passing over a value that nobody wants.

use smallvec::SmallVec;

use super::{Malformed, reader::Reader};

/// The brackets that close what is open, the innermost last.
type Open = SmallVec<[u8; 32]>;

impl Reader<'_> {
    /// Passes over a value, however deep it is.
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

    /// The same for a list or an object. Goes no deeper into the stack than one of them, however deep it is.
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

    /// Goes into a list or an object, up to its first value, or past it where it is empty.
    fn begin(&mut self, close: u8, open: &mut Open) -> Result<(), Malformed> {
        self.advance();
        if self.takes(close) {
            return self.behind(open);
        }
        open.push(close);
        self.up_to_value(close)
    }

    /// Goes from behind a value to the next one, out of all that ends with it.
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

    /// Passes over the name that a value has in an object.
    #[inline]
    fn up_to_value(&mut self, close: u8) -> Result<(), Malformed> {
        if close == b'}' { self.key().map(drop) } else { Ok(()) }
    }
}
