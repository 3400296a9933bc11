//! Reads one thing after the other.

use std::borrow::Cow;

use super::{Malformed, layout::Layout, scan};

/// A body, and how far it has been read.
pub(super) struct Reader<'a> {
    /// What is left.
    pub(super) rest: &'a [u8],
    /// All of it, where all of it is text: looked at once, for text by text takes as long as reading.
    whole: Option<&'a str>,
    /// How the objects of each type are written.
    layouts: Vec<Layout<'a>>,
}

/// A text as it is written.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    /// With its quotes.
    quoted: &'a [u8],
    /// How much is left behind it.
    left: usize,
    pub(super) has_escapes: bool,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, whole: std::str::from_utf8(body).ok(), layouts: Vec::new() }
    }

    /// Nothing but blanks is left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.peek().map_or(Ok(()), |_| Err(Malformed))
    }

    #[inline]
    pub(super) fn next_byte(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next byte that is no blank.
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

    /// Goes past the next byte.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Takes a byte if it is the next one that is no blank.
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

    /// A text, whose opening quote is the next byte.
    #[inline]
    pub(super) fn text(&mut self) -> Result<Written<'a>, Malformed> {
        let inside = self.rest.strip_prefix(b"\"").ok_or(Malformed)?;
        let (length, has_escapes) = scan::text(inside)?;
        let (quoted, rest) = self.rest.split_at_checked(length + 2).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Written { quoted, left: rest.len(), has_escapes })
    }

    /// The name of a member, up to its value.
    pub(super) fn key(&mut self) -> Result<Written<'a>, Malformed> {
        self.peek();
        let key = self.text()?;
        self.expect(b':')?;
        self.peek();
        Ok(key)
    }

    /// What the next member is called, up to its value.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let written = self.key()?;
        self.said(written)
    }

    /// What a text says.
    pub(super) fn said(&self, written: Written<'a>) -> Result<Cow<'a, str>, Malformed> {
        if written.has_escapes { unescaped(written).map(Cow::Owned) } else { self.plain(written).map(Cow::Borrowed) }
    }

    /// What a text without escapes says.
    #[inline]
    pub(super) fn plain(&self, Written { quoted, left, .. }: Written<'a>) -> Result<&'a str, Malformed> {
        let Some(whole) = self.whole else {
            let inside = quoted.get(1..quoted.len() - 1).ok_or(Malformed)?;
            return std::str::from_utf8(inside).map_err(|_| Malformed);
        };
        let end = whole.len() - left;
        whole.get(end + 1 - quoted.len()..end - 1).ok_or(Malformed)
    }

    /// A number as it is written, and whether it is made of digits only.
    #[inline]
    pub(super) fn number(&mut self) -> Result<(&'a [u8], bool), Malformed> {
        let (length, is_plain) = scan::number(self.rest)?;
        let (written, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok((written, is_plain))
    }

    /// Takes how objects with these fields are written out of those that are known.
    #[inline]
    pub(super) fn take_layout(&mut self, names: &'static [&'static str]) -> Layout<'a> {
        let known = self.layouts.iter().position(|layout| layout.is_of(names));
        known.map_or_else(|| Layout::new(names), |place| self.layouts.swap_remove(place))
    }

    /// Keeps what has been learned of how they are written.
    pub(super) fn keep_layout(&mut self, layout: Layout<'a>) {
        self.layouts.push(layout);
    }
}

/// What a text with escapes says.
#[cold]
pub(super) fn unescaped(written: Written<'_>) -> Result<String, Malformed> {
    Ok(serde_json::from_slice(written.quoted)?)
}
