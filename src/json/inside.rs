//! The contents of a list and of an object.

use std::borrow::Cow;

use serde::de::{
    DeserializeSeed, MapAccess, SeqAccess,
    value::{BorrowedStrDeserializer, StringDeserializer, U64Deserializer},
};

use super::{
    Malformed,
    layout::{Layout, What},
    reader::Reader,
};

/// The contents of a pair of brackets.
pub(super) struct Inside<'r, 'a> {
    reader: &'r mut Reader<'a>,
    close: u8,
    is_first: bool,
}

/// The contents of an object of a type whose fields are known.
pub(super) struct Fields<'r, 'a> {
    reader: &'r mut Reader<'a>,
    layout: Layout<'a>,
    is_first: bool,
}

// === impl Inside ===

impl<'r, 'a> Inside<'r, 'a> {
    /// Reads what begins with the next byte and ends with `close`.
    #[inline]
    pub(super) fn read<T>(
        reader: &'r mut Reader<'a>,
        close: u8,
        read: impl FnOnce(Inside<'_, 'a>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        reader.advance();
        let value = read(Inside { reader, close, is_first: true })?;
        reader.expect(close)?;
        Ok(value)
    }

    /// Moves to the next member or item, if there is one.
    #[inline]
    fn next(&mut self) -> Result<bool, Malformed> {
        if self.reader.peek() == Some(self.close) {
            return Ok(false);
        }
        if !std::mem::take(&mut self.is_first) {
            self.reader.expect(b',')?;
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Inside<'_, 'de> {
    type Error = Malformed;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Malformed> {
        if self.next()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for Inside<'_, 'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        if !self.next()? {
            return Ok(None);
        }
        match self.reader.name()? {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(StringDeserializer::new(name)),
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        seed.deserialize(&mut *self.reader)
    }
}

// === impl Fields ===

impl<'r, 'a> Fields<'r, 'a> {
    /// Starts on an object whose opening brace is the next byte.
    pub(super) fn new(mut layout: Layout<'a>, reader: &'r mut Reader<'a>) -> Self {
        layout.begin();
        Self { reader, layout, is_first: true }
    }

    /// Returns what has been learned of the object. If it was not read to its end, an unread bracket remains.
    pub(super) fn end(self) -> Layout<'a> {
        self.layout
    }

    /// Moves to the next wanted value and returns the place of its field.
    #[inline]
    fn next(&mut self) -> Result<Option<u64>, Malformed> {
        if !std::mem::take(&mut self.is_first) {
            self.expect_no_brace()?;
        }
        match self.layout.guess_short(self.reader.rest) {
            Some((field, rest)) => {
                self.reader.rest = rest;
                Ok(Some(field)) // nearly always
            }
            None => self.next_of_any(),
        }
    }

    /// A brace begins an object: after a value it must not be accepted as one.
    #[inline]
    fn expect_no_brace(&self) -> Result<(), Malformed> {
        if self.reader.next_byte() == Some(b'{') { Err(Malformed) } else { Ok(()) }
    }

    /// Moves to the next wanted value past any unwanted ones.
    #[inline(never)]
    fn next_of_any(&mut self) -> Result<Option<u64>, Malformed> {
        // Where the preceding member begins, if its value is unwanted and the same as before.
        let mut before: Option<&[u8]> = None;
        loop {
            let begin = self.reader.rest;
            let what = if let Some((what, rest)) = self.layout.guess(begin) {
                self.reader.rest = rest;
                before = before.filter(|before| self.layout.merge(between(before, rest)));
                what
            } else {
                before = None;
                self.learn()?
            };
            match what {
                What::Wanted(field) => return Ok(Some(field)),
                What::End => return Ok(None),
                What::Unwanted => {}
            }
            self.reader.peek(); // there may be more blanks here than in the guess
            let value = self.reader.rest;
            self.reader.skip()?;
            self.expect_no_brace()?;
            let is_same = self.layout.pass(between(value, self.reader.rest));
            before = is_same.then_some(before.unwrap_or(begin));
        }
    }

    /// Reads a member that differs from the guessed one, up to its value.
    #[inline(never)]
    fn learn(&mut self) -> Result<What, Malformed> {
        let begin = self.reader.rest;
        if let Some((what, rest)) = self.layout.find(begin) {
            self.reader.rest = rest;
            return Ok(what);
        }
        let is_first = self.reader.next_byte() == Some(b'{');
        if is_first {
            self.reader.advance();
        }
        let name = if self.reader.takes(b'}') {
            None
        } else {
            if !is_first {
                self.reader.expect(b',')?;
            }
            Some(self.reader.name()?)
        };
        Ok(self.layout.note(between(begin, self.reader.rest), name.as_deref()))
    }
}

impl<'de> MapAccess<'de> for &mut Fields<'_, 'de> {
    type Error = Malformed;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        self.next()?.map(|field| seed.deserialize(U64Deserializer::new(field))).transpose()
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        seed.deserialize(&mut *self.reader)
    }
}

/// Returns what precedes a rest of it.
#[inline]
fn between<'a>(all: &'a [u8], rest: &[u8]) -> &'a [u8] {
    all.get(..all.len() - rest.len()).unwrap_or_default()
}
