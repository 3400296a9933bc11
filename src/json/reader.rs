//! Reads one token after another.

use std::borrow::Cow;

use super::{Malformed, layout::Layout, scan};

/// A body, and how far it has been read.
pub(super) struct Reader<'a> {
    /// What is left.
    pub(super) rest: &'a [u8],
    /// The whole body, if it is valid UTF-8: checked at once because checking each text takes as long as
    /// reading it.
    whole: Option<&'a str>,
    /// How the objects of each type are written.
    layouts: Vec<Layout<'a>>,
}

/// A text as written.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    /// Including its quotes.
    quoted: &'a [u8],
    has_escapes: bool,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, whole: simdutf8::basic::from_utf8(body).ok(), layouts: Vec::new() }
    }

    /// Checks that only blanks are left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.peek().map_or(Ok(()), |_| Err(Malformed))
    }

    #[inline]
    pub(super) fn next_byte(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Returns the next byte that is not blank.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.next_byte() {
            Some(byte) if byte > b' ' => Some(byte), // nearly always
            _ => self.peek_behind_blanks(),
        }
    }

    fn peek_behind_blanks(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.next_byte()
    }

    /// Moves past the next byte.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Takes a byte if it is the next one that is not blank.
    #[inline]
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.advance();
        }
        is_next
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.takes(byte) { Ok(()) } else { Err(Malformed) }
    }

    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        self.rest = self.rest.strip_prefix(word).ok_or(Malformed)?;
        Ok(())
    }

    /// Returns the value of a text whose opening quote is the next byte.
    #[inline]
    pub(super) fn said(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.plain_text().map_or_else(|| self.text()?.said(), |text| Ok(text.into()))
    }

    /// Returns the value of a text if that is easy, as it nearly always is. Otherwise nothing is read.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Option<&'a str> {
        let (whole, inside) = (self.whole?, self.rest.strip_prefix(b"\"")?);
        let begin = whole.len() - inside.len();
        let length = scan::plain_text(inside)?;
        let text = whole.get(begin..begin + length)?;
        self.rest = inside.get(length + 1..)?;
        Some(text)
    }

    /// Reads a text whose opening quote is the next byte.
    #[inline]
    pub(super) fn text(&mut self) -> Result<Written<'a>, Malformed> {
        let inside = self.rest.strip_prefix(b"\"").ok_or(Malformed)?;
        let (length, has_escapes) = scan::text(inside)?;
        let (quoted, rest) = self.rest.split_at_checked(length + 2).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Written { quoted, has_escapes })
    }

    /// Returns the next member's name, and moves to its value.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.read_name(Self::said)
    }

    /// Moves to the next member's value.
    pub(super) fn skip_name(&mut self) -> Result<(), Malformed> {
        self.read_name(|reader| reader.text().map(drop))
    }

    #[inline]
    fn read_name<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        self.peek();
        let name = read(self)?;
        self.expect(b':')?;
        self.peek();
        Ok(name)
    }

    /// Reads a number as written; also returns whether it is digits only.
    #[inline]
    pub(super) fn number(&mut self) -> Result<(&'a [u8], bool), Malformed> {
        let (length, is_plain) = scan::number(self.rest)?;
        let (written, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok((written, is_plain))
    }

    /// Takes out the known layout of objects with these fields.
    #[inline]
    pub(super) fn take_layout(&mut self, names: &'static [&'static str]) -> Layout<'a> {
        let known = self.layouts.iter().position(|layout| layout.is_of(names));
        known.map_or_else(|| Layout::new(names), |place| self.layouts.swap_remove(place))
    }

    /// Keeps what has been learned of their layout.
    pub(super) fn keep_layout(&mut self, layout: Layout<'a>) {
        self.layouts.push(layout);
    }
}

// === impl Written ===

impl<'a> Written<'a> {
    /// Returns what it says.
    pub(super) fn said(self) -> Result<Cow<'a, str>, Malformed> {
        if self.has_escapes {
            return Ok(serde_json::from_slice::<String>(self.quoted)?.into());
        }
        let inside = self.quoted.get(1..self.quoted.len() - 1).ok_or(Malformed)?;
        std::str::from_utf8(inside).map(Cow::Borrowed).map_err(|_| Malformed)
    }
}
