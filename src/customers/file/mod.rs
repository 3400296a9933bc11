//! The strategy `file`: links that a person has written down, as CSV or as TOML.
//!
//! - `rows`: what a row must hold, and the faults of rows that do not
//! - `csv_rows`, `toml_rows`: the two formats of rows; pure, like the above
//! - `watch`: checks whether the file has changed; it is accepted as a whole or not at all

mod csv_rows;
mod rows;
mod toml_rows;
mod watch;

use crate::domain::SourceName;

use super::table::Table;

pub(super) use rows::{FaultReason, LineFault};
pub(super) use watch::LinkFile;

/// The format of a file of links, given by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Toml,
}

impl Format {
    /// The format of a file with this name.
    pub(super) fn of(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// Reads the text of a file of links as a whole or not at all: returns the customers, or every fault with its line.
pub(super) fn read(text: &[u8], format: Format, sources: &[SourceName]) -> Result<Table, Vec<LineFault>> {
    let rows = match format {
        Format::Csv => csv_rows::read(text, sources),
        Format::Toml => toml_rows::read(text, sources),
    };
    rows.finish().map(|entries| Table::new(entries, sources.len()))
}

/// Every fault of the text of a file with this name, each with its line; for tests with unusual
/// input.
pub fn faults_of_links(text: &[u8], name: &std::path::Path, sources: &[SourceName]) -> Vec<String> {
    let faults = Format::of(name).and_then(|format| read(text, format, sources).err());
    faults.iter().flatten().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
