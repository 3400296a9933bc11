//! The part that serde reads from.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{Visitor, value::CowStrDeserializer},
    forward_to_deserialize_any,
};

use super::{
    Malformed,
    inside::{Fields, Inside},
    reader::Reader,
};

/// Digits of a whole number that certainly fits in 64 bits.
const FITS: usize = 19;

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Malformed;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.peek() {
            Some(b'"') => match self.plain_text() {
                Some(text) => visitor.visit_borrowed_str(text), // nearly always
                None => visit_text(self, visitor),
            },
            Some(b'n') => self.word(b"null").and_then(|()| visitor.visit_unit()),
            Some(b'f') => self.word(b"false").and_then(|()| visitor.visit_bool(false)),
            Some(b't') => self.word(b"true").and_then(|()| visitor.visit_bool(true)),
            Some(open @ (b'{' | b'[')) => visit_inside(self, open, visitor),
            _ => visit_number(self, visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        if self.peek() != Some(b'{') {
            return Err(Malformed);
        }
        let mut fields = Fields::new(self.take_layout(names), self);
        let value = visitor.visit_map(&mut fields)?;
        let layout = fields.end();
        self.keep_layout(layout);
        Ok(value)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.peek() {
            Some(b'n') => self.word(b"null").and_then(|()| visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Malformed> {
        self.peek();
        visitor.visit_enum(CowStrDeserializer::new(self.said()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.peek();
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier
    }
}

#[cold]
fn visit_text<'a, V: Visitor<'a>>(reader: &mut Reader<'a>, visitor: V) -> Result<V::Value, Malformed> {
    match reader.text()?.said()? {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

#[inline(never)]
fn visit_inside<'a, V: Visitor<'a>>(reader: &mut Reader<'a>, open: u8, visitor: V) -> Result<V::Value, Malformed> {
    match open {
        b'{' => Inside::read(reader, b'}', |inside| visitor.visit_map(inside)),
        _ => Inside::read(reader, b']', |inside| visitor.visit_seq(inside)),
    }
}

#[inline(never)]
fn visit_number<'a, V: Visitor<'a>>(reader: &mut Reader<'a>, visitor: V) -> Result<V::Value, Malformed> {
    let (written, is_plain) = reader.number()?;
    if is_plain && written.len() <= FITS {
        return visitor.visit_u64(written.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
    }
    let number: serde_json::Number = serde_json::from_slice(written)?;
    Ok(number.deserialize_any(visitor)?)
}
