//! A file of links as TOML: `[[customers]]` with the same names as in CSV. Pure.

use smallvec::SmallVec;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::rows::{FaultReason, Row, Rows};
use crate::domain::SourceName;

/// The only top-level key of the file.
const CUSTOMERS: &str = "customers";

/// The longest text, in bytes, whose syntax errors are all looked for: the errors of a larger one that is
/// not TOML at all would take up many times its size.
const LONGEST_SEARCHED: usize = 1 << 20;

/// Finds the line of a position in a text.
struct Lines(Vec<usize>);

/// Reads all rows. A missing cell is treated as an empty one.
pub(super) fn read<'a>(text: &[u8], sources: &'a [SourceName]) -> Rows<'a> {
    let mut rows = Rows::new(sources);
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let place = error.valid_up_to();
            let line = Lines::of(text.get(..place).unwrap_or_default()).at(place);
            rows.fault(line, FaultReason::Unreadable, "is not valid UTF-8.");
            return rows;
        }
    };
    let lines = Lines::of(text.as_bytes());
    let (table, errors) = match text.len() {
        0..=LONGEST_SEARCHED => DeTable::parse_recoverable(text),
        _ => match DeTable::parse(text) {
            Ok(table) => (table, Vec::new()),
            Err(first) => (Spanned::new(0..0, DeTable::new()), vec![first]),
        },
    };
    for error in &errors {
        let line = lines.at(error.span().map_or(0, |span| span.start));
        rows.fault(line, FaultReason::Unreadable, "is not valid TOML.");
    }
    if errors.is_empty() {
        take_all(&mut rows, &lines, table.get_ref());
    }
    rows
}

fn take_all(rows: &mut Rows<'_>, lines: &Lines, table: &DeTable<'_>) {
    let wanted = rows.columns().to_vec();
    if !table.keys().any(|key| key.get_ref() == CUSTOMERS) {
        // A file that was truncated to nothing must not cut off every customer.
        rows.fault(1, FaultReason::WrongHeader, "has no [[customers]]: write customers = [] if there are none.");
    }
    for (key, value) in table {
        let line = lines.at(key.span().start);
        match value.get_ref().as_array() {
            Some(list) if key.get_ref() == CUSTOMERS => list.iter().for_each(|row| take(rows, &wanted, lines, row)),
            _ => rows.fault(line, FaultReason::WrongHeader, "must be [[customers]]; nothing else is allowed in the file."),
        }
    }
}

fn take(rows: &mut Rows<'_>, wanted: &[String], lines: &Lines, row: &Spanned<DeValue<'_>>) {
    let line = lines.at(row.span().start);
    let Some(table) = row.get_ref().as_table() else {
        rows.fault(line, FaultReason::WrongCells, "must be a table: write [[customers]].");
        return;
    };
    let mut fits = true;
    for (key, value) in table {
        if rows.is_given_up() {
            return;
        }
        let line = lines.at(key.span().start);
        if !wanted.iter().any(|name| name == key.get_ref()) {
            rows.fault(line, FaultReason::WrongCells, format!("has an unknown key; the known ones are {}.", wanted.join(", ")));
            fits = false;
        } else if value.get_ref().as_str().is_none() {
            rows.fault(line, FaultReason::BadCell, format!("{} must be a text in quotes.", key.get_ref()));
            fits = false;
        }
    }
    if fits {
        let cell = |name: &String| table.iter().find(|(key, _)| key.get_ref() == name).and_then(|(_, value)| value.get_ref().as_str());
        let id = table.iter().find(|(key, _)| wanted.first().is_some_and(|name| key.get_ref() == name));
        let line = id.map_or(line, |(key, _)| lines.at(key.span().start)); // where a person would look
        let texts: SmallVec<[&str; 4]> = wanted.iter().map(|name| cell(name).unwrap_or_default()).collect();
        if let [id, name, remotes @ ..] = texts.as_slice() {
            rows.take(&Row { line, id, name, remotes: remotes.iter().copied().collect() });
        }
    }
}

impl Lines {
    fn of(text: &[u8]) -> Self {
        Self(text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place).collect())
    }

    /// The line, counted from 1, of a position in the text.
    fn at(&self, place: usize) -> u64 {
        self.0.partition_point(|newline| *newline < place) as u64 + 1
    }
}
