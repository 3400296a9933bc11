//! Reads one field of an upstream's JSON without trusting its type.
//!
//! One odd field must not hide a customer's users: a value of the wrong type is skipped, treated as
//! absent and counted. Texts are borrowed from the body if they contain no escapes.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::domain;

/// The longest text that is accepted from an upstream's field, in bytes. The backends document 100 to 200
/// characters; a longer text is odd. The limit lets a cursor, which holds a case-folded name (up to three times
/// as long), fit into a URL.
const LONGEST_TEXT: usize = 1024;

/// One JSON value as received.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    /// Absent or null: both mean the same.
    #[default]
    Absent,
    /// A text.
    Text(Cow<'a, str>),
    /// A non-negative whole number.
    Number(u64),
    /// A whole number below zero.
    Negative(i64),
    /// True or false.
    Flag(bool),
    /// Anything else.
    Other,
}

/// Reads scalars as the expected type, and counts those of another type.
#[derive(Debug, Default)]
pub(super) struct FieldReader(pub(super) u64);

impl FieldReader {
    /// A text, trimmed; a blank one counts as absent.
    pub(super) fn text<'a>(&mut self, value: &'a Scalar<'_>) -> Option<&'a str> {
        match value {
            Scalar::Text(text) if text.len() <= LONGEST_TEXT => domain::text(text),
            other => self.absent(other),
        }
    }

    /// An id: a text, or a whole number, which is read as text.
    pub(super) fn id<'a>(&mut self, value: &'a Scalar<'_>) -> Option<Cow<'a, str>> {
        match value {
            Scalar::Number(number) => Some(number.to_string().into()),
            Scalar::Negative(number) => Some(number.to_string().into()),
            other => self.text(other).map(Cow::Borrowed),
        }
    }

    /// An id, or none if it has only zeros: the all-zero UUID stands for none (Acronis PSA guide, "Fetch customers"), and
    /// so does, by assumption, a number that was never set.
    pub(super) fn id_unless_zero<'a>(&mut self, value: &'a Scalar<'_>) -> Option<Cow<'a, str>> {
        self.id(value).filter(|id| id.bytes().any(|byte| !matches!(byte, b'0' | b'-')))
    }

    /// A boolean, also if given as text or as 1 or 0: a user that a source has marked as deleted must not
    /// reappear because of how the source writes that.
    pub(super) fn flag(&mut self, value: &Scalar<'_>) -> Option<bool> {
        match value {
            Scalar::Flag(flag) => Some(*flag),
            Scalar::Number(number @ (0 | 1)) => Some(*number == 1),
            Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => self.absent(value),
            },
            other => self.absent(other),
        }
    }

    fn absent<T>(&mut self, value: &Scalar<'_>) -> Option<T> {
        self.0 += u64::from(*value != Scalar::Absent);
        None
    }
}

impl Scalar<'_> {
    /// This value or, if it is absent, another: for one field with two spellings.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Absent { other } else { self }
    }

    /// A count, given as a number or as text; `Err` if it is present but not a count.
    pub(super) fn count(&self) -> Result<Option<u64>, ()> {
        match self {
            Self::Absent => Ok(None),
            Self::Number(number) => Ok(Some(*number)),
            Self::Text(text) => text.trim().parse().map(Some).map_err(|_| ()),
            Self::Negative(_) | Self::Flag(_) | Self::Other => Err(()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or(Scalar::Negative(number), Scalar::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Scalar<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_text_is_borrowed_where_it_can_be() {
        assert!(matches!(read("\"plain\""), Scalar::Text(Cow::Borrowed("plain"))));
        assert!(matches!(read("\"\\u00e9\""), Scalar::Text(Cow::Owned(_))));
    }

    #[test]
    fn a_field_of_the_wrong_type_is_absent_and_counted() {
        let mut fields = FieldReader::default();
        for wrong in ["42", "true", "{\"a\":[1]}", "[]", "1.5", "-1"] {
            assert_eq!(fields.text(&read(wrong)), None, "{wrong}");
        }
        assert_eq!(fields.0, 6);
        assert_eq!(fields.flag(&read("\"yes\"")), None);
        assert_eq!(fields.text(&Scalar::Text("x".repeat(LONGEST_TEXT + 1).into())), None);
        assert_eq!(fields.0, 8);
        assert_eq!((fields.text(&read("null")), fields.text(&read("\" \"")), fields.0), (None, None, 8), "an absent value is not odd");
    }

    #[test]
    fn a_flag_may_be_written_as_text_or_number() {
        let mut fields = FieldReader::default();
        for (written, flag) in [
            ("true", true),
            ("\"True\"", true),
            ("\" TRUE \"", true),
            ("1", true),
            ("\"1\"", true),
            ("false", false),
            ("\"false\"", false),
            ("0", false),
        ] {
            assert_eq!((fields.flag(&read(written)), fields.0), (Some(flag), 0), "{written}");
        }
        for wrong in ["2", "-1", "\"2\"", "\"\"", "1.0", "[true]"] {
            assert_eq!(fields.flag(&read(wrong)), None, "{wrong}");
        }
        assert_eq!((fields.0, fields.flag(&read("null")), fields.0), (6, None, 6));
    }

    #[test]
    fn a_numeric_id_is_read_as_its_text() {
        let mut fields = FieldReader::default();
        assert_eq!(fields.id(&read("42")).as_deref(), Some("42"));
        assert_eq!(fields.id(&read("-7")).as_deref(), Some("-7"));
        assert_eq!(fields.id(&read("18446744073709551615")).as_deref(), Some("18446744073709551615"));
        assert_eq!(fields.id(&read("1e30")), None, "a number whose original text is lost is not an id");
    }

    #[test]
    fn an_id_of_zeros_may_stand_for_none() {
        let mut fields = FieldReader::default();
        for (written, id) in [
            ("\"00000000-0000-0000-0000-000000000000\"", None),
            ("\"00000000-0000-0000-0000-000000000001\"", Some("00000000-0000-0000-0000-000000000001")),
            ("0", None),
            ("10", Some("10")),
            ("null", None),
        ] {
            assert_eq!(fields.id_unless_zero(&read(written)).as_deref(), id, "{written}");
        }
    }

    #[test]
    fn a_count_is_a_number_or_its_text() {
        assert_eq!(read("3").count(), Ok(Some(3)));
        assert_eq!(read("\" 3 \"").count(), Ok(Some(3)));
        assert_eq!(read("null").count(), Ok(None));
        for wrong in ["-1", "1.5", "\"many\"", "{}", "true"] {
            assert_eq!(read(wrong).count(), Err(()), "{wrong}");
        }
    }
}
