//! Reads JSON (RFC 8259) into types that borrow from it. It is fast where rows are alike and little of them
//! is kept: a backend sends 33 fields of a person, of which 13 are wanted.
//!
//! [`layout`] guesses what stands between two wanted values, [`scan`] examines sixteen bytes of a text at a
//! time, and [`skip`] passes over the rest. Everything is checked: a body that is accepted here for a wire
//! type is one that `serde_json` accepts, with the same result. Property tests and a fuzz target verify that.
//! Texts with escapes, and numbers longer than some digits, are left to `serde_json`.

mod deserializer;
mod inside;
mod layout;
mod reader;
mod scan;
mod skip;

use std::fmt;

use serde::Deserialize;

use reader::Reader;

pub use scan::is_plain;

/// A body is not the JSON that a type expects, or not JSON at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads a type from a body that holds its JSON and nothing else except blanks. A body that is not UTF-8 is
/// accepted if the wrong bytes are in an unwanted part.
///
/// Made for wire types: a struct is read only from an object, and members that it has no field for are
/// skipped. Of enums, only untagged ones and those of unit variants, written as strings, are supported. It must not
/// be used with serde's `alias`, which would mix up fields, nor with `deny_unknown_fields`, which would deny
/// nothing (a test checks for both). A recursive type is read as deep as the stack allows.
pub fn from_slice<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    let mut reader = Reader::new(body);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the expected JSON")
    }
}

impl std::error::Error for Malformed {}

impl serde::de::Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl From<serde_json::Error> for Malformed {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests;
