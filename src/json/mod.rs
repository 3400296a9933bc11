//! Reads JSON (RFC 8259) into types that borrow from it, fast where rows are alike and little of them
//! is kept: a backend sends 33 fields of a person, of which 13 are wanted.
//!
//! [`layout`] guesses what stands between two wanted values, [`scan`] looks at sixteen bytes of a text at
//! a time, [`skip`] passes over the rest. Everything is looked at: a body that a wire type is read from here is
//! one that `serde_json` reads it from, to the same; property tests and a fuzz target hold that. Texts with
//! escapes and numbers that are more than some digits are left to it.

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

/// A body is not the JSON that a type wants, or no JSON at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads a type from a body that holds its JSON, and nothing else but blanks. A body that is not UTF-8 is
/// read where the wrong bytes are in something that nobody wants.
///
/// Made for wire types: a struct is read from an object and from nothing else, and members that it has
/// no field for are passed over. Of enums it knows those that are words. It must not be given serde's `alias`,
/// which would mix fields, nor `deny_unknown_fields`, which would deny nothing (a test looks for both); and
/// a type that holds itself is read as deep as the stack is.
pub fn from_slice<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    let mut reader = Reader::new(body);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the JSON that is wanted")
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
