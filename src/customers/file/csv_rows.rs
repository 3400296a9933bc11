//! A file of links as CSV: a header with the column names, in any order, then a row for each
//! customer. Pure.

use csv::{ByteRecord, ReaderBuilder, Trim};
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
    let wanted = rows.columns().to_vec();
    let mut places: Option<Vec<usize>> = None;
    while !rows.is_given_up() {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                rows.fault(line, FaultReason::Unreadable, "is not valid CSV.");
                break;
            }
        }
        let line = line_of(&record, text);
        match &places {
            Some(places) => take(&mut rows, line, &record, places),
            None => match header(&record, &wanted) {
                Ok(found) => places = Some(found),
                Err(what) => {
                    rows.fault(line, FaultReason::WrongHeader, what);
                    return rows; // without a header the cells are unknown
                }
            },
        }
    }
    if places.is_none() {
        rows.fault(1, FaultReason::WrongHeader, format!("must be the header {}.", wanted.join(",")));
    }
    rows
}

/// The line of a row. The reader reports where it began to look for the row, before any empty lines.
fn line_of(record: &ByteRecord, text: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line() + skipped as u64
}

/// The position of each expected column in a row.
fn header(record: &ByteRecord, wanted: &[String]) -> Result<Vec<usize>, String> {
    let place = |name: &String| record.iter().position(|cell| cell == name.as_bytes());
    let places: Option<Vec<usize>> = wanted.iter().map(place).collect();
    places
        .filter(|_| record.len() == wanted.len())
        .ok_or_else(|| format!("must be the header {}, with each column exactly once.", wanted.join(",")))
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
