//! A file of links as CSV: a header with the column names, in any order, then a row for each
//! customer. Pure.

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use smallvec::SmallVec;

use super::rows::{FaultReason, Row, Rows};
use crate::domain::SourceName;

/// Some programs put this in front of a UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads all rows. Empty cells are treated as absent, and empty lines are skipped.
pub(super) fn read<'a>(text: &[u8], sources: &'a [SourceName]) -> Rows<'a> {
    let mut rows = Rows::new(sources);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text);
    let mut record = ByteRecord::new();
    let Some(places) = header(&mut reader, &mut record, text, &mut rows) else { return rows }; // the cells are unknown
    while !rows.is_given_up() && next(&mut reader, &mut record, &mut rows) {
        take(&mut rows, line_of(&record, text), &record, &places);
    }
    rows
}

/// Reads the next row; returns `false` at the end, and where the text is not CSV.
fn next(reader: &mut Reader<&[u8]>, record: &mut ByteRecord, rows: &mut Rows<'_>) -> bool {
    reader.read_byte_record(record).unwrap_or_else(|error| {
        let line = error.position().map_or(1, csv::Position::line);
        rows.fault(line, FaultReason::Unreadable, "is not valid CSV.");
        false
    })
}

/// Reads the header; returns the position of each expected column in a row.
fn header(reader: &mut Reader<&[u8]>, record: &mut ByteRecord, text: &[u8], rows: &mut Rows<'_>) -> Option<Vec<usize>> {
    let wanted = rows.columns().to_vec();
    let (line, more) = if next(reader, record, rows) {
        let place = |name: &String| record.iter().position(|cell| cell == name.as_bytes());
        let places: Option<Vec<usize>> = wanted.iter().map(place).collect();
        if places.is_some() && record.len() == wanted.len() {
            return places;
        }
        (line_of(record, text), ", with each column exactly once")
    } else {
        (1, "")
    };
    rows.fault(line, FaultReason::WrongHeader, format!("must be the header {}{more}.", wanted.join(",")));
    None
}

/// The line of a row. The reader reports where it began to look for the row, before any empty lines.
fn line_of(record: &ByteRecord, text: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line() + skipped as u64
}

fn take(rows: &mut Rows<'_>, line: u64, record: &ByteRecord, places: &[usize]) {
    if record.len() != places.len() {
        let what = format!("has {} cells, but the header has {}.", record.len(), places.len());
        rows.fault(line, FaultReason::WrongCells, what);
        return;
    }
    let texts: Result<SmallVec<[&str; 4]>, _> =
        places.iter().map(|place| std::str::from_utf8(record.get(*place).unwrap_or_default())).collect();
    match texts.as_deref() {
        Ok([id, name, remotes @ ..]) => rows.take(&Row { line, id, name, remotes: remotes.iter().copied().collect() }),
        _ => rows.fault(line, FaultReason::BadCell, "is not valid UTF-8."),
    }
}
