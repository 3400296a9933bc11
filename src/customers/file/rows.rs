//! What a row of the file of links must hold, in either format. Pure.

use std::{collections::HashMap, fmt};

use smallvec::SmallVec;

use super::super::table::Entry;
use crate::domain::{CustomerId, LinkedBy, RemoteId, SourceName, is_path_segment};

/// The longest name and the longest id at a source, in characters.
const LONGEST_CELL: usize = 512;

/// How many faults of one file are kept; one more says that there are others.
const MOST_FAULTS: usize = 1000;

/// The cells of a row that precede those of the sources.
const OWN_CELLS: usize = 2;

/// A fault of a file of links, with its line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::customers) struct LineFault {
    /// Counted from 1.
    pub(in crate::customers) line: u64,
    pub(in crate::customers) reason: FaultReason,
    /// A sentence for a person.
    pub(in crate::customers) what: String,
}

/// The kind of a fault, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::customers) enum FaultReason {
    Unreadable,
    WrongHeader,
    WrongCells,
    BadId,
    BadCell,
    DuplicateId,
    SharedRemoteId,
}

/// The rows of a file while they are being read.
pub(super) struct Rows<'a> {
    sources: &'a [SourceName],
    columns: Vec<String>,
    entries: Vec<Entry>,
    faults: Vec<LineFault>,
    /// The line in which each customer id occurred first.
    ids: HashMap<CustomerId, u64>,
    /// For each source, the line in which each id there occurred first, ignoring case.
    remotes: Vec<HashMap<Box<str>, u64>>,
}

/// The content of one row; the cells of the sources are in the sources' order.
pub(super) struct Row<'a> {
    pub(super) line: u64,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) remotes: SmallVec<[&'a str; 2]>,
}

/// The column names, in order: the customer's id, its name, and its id at each source.
fn cells(sources: &[SourceName]) -> Vec<String> {
    let own = ["customer_id".to_owned(), "name".to_owned()];
    own.into_iter().chain(sources.iter().map(|source| format!("{source}_id"))).collect()
}

impl<'a> Rows<'a> {
    pub(super) fn new(sources: &'a [SourceName]) -> Self {
        let remotes = sources.iter().map(|_| HashMap::new()).collect();
        Self { sources, columns: cells(sources), entries: Vec::new(), faults: Vec::new(), ids: HashMap::new(), remotes }
    }

    /// The column names, in order.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reports a fault in a line.
    pub(super) fn fault(&mut self, line: u64, reason: FaultReason, what: impl Into<String>) {
        match self.faults.len() {
            kept if kept < MOST_FAULTS => self.faults.push(LineFault { line, reason, what: what.into() }),
            MOST_FAULTS => self.faults.push(LineFault { line, reason, what: "and more.".to_owned() }),
            _ => {}
        }
    }

    /// Whether there are so many faults that it is pointless to look for more.
    pub(super) fn is_given_up(&self) -> bool {
        self.faults.len() > MOST_FAULTS
    }

    /// Accepts a row, or reports everything that is wrong with it.
    pub(super) fn take(&mut self, row: &Row<'_>) {
        if self.is_given_up() {
            return;
        }
        let before = self.faults.len();
        let id = self.id(row.line, row.id.trim());
        let name = self.name(row.line, row.name);
        let cells: Vec<Option<&str>> =
            self.sources.iter().zip(&row.remotes).map(|(_, cell)| Some(cell.trim()).filter(|cell| !cell.is_empty())).collect();
        for (source, cell) in cells.iter().enumerate() {
            self.check_remote(row.line, source, *cell);
        }
        if let Some(id) = id.filter(|_| self.faults.len() == before) {
            let to = cells.into_iter().map(|cell| cell.map(|cell| (remote(&id, cell), LinkedBy::File))).collect();
            self.entries.push(Entry { id, name, to, apart: Vec::new(), is_apart: false });
        }
    }

    /// Ends the reading: returns all customers, or every fault in line order.
    pub(super) fn finish(mut self) -> Result<Vec<Entry>, Vec<LineFault>> {
        if self.faults.is_empty() {
            return Ok(self.entries);
        }
        self.faults.sort();
        self.faults.dedup(); // one line may have several syntax errors
        Err(self.faults)
    }

    fn id(&mut self, line: u64, id: &str) -> Option<CustomerId> {
        let Ok(id) = id.parse::<CustomerId>() else {
            self.fault(
                line,
                FaultReason::BadId,
                "customer_id must have 1 to 128 characters of A-Z a-z 0-9 . _ ~ - and be neither '.' nor '..'.",
            );
            return None;
        };
        if let Some(first) = self.ids.get(&id).copied() {
            self.fault(line, FaultReason::DuplicateId, format!("customer_id '{id}' already occurs in line {first}."));
            return None;
        }
        self.ids.insert(id.clone(), line);
        Some(id)
    }

    fn check_remote(&mut self, line: u64, source: usize, cell: Option<&str>) {
        let Some(cell) = cell else { return };
        let column = |rows: &Self| rows.columns.get(source + OWN_CELLS).cloned().unwrap_or_default();
        if let Some(wrong) = wrong_cell(cell) {
            let what = format!("{} {wrong}", column(self));
            self.fault(line, FaultReason::BadCell, what);
            return;
        }
        if !is_path_segment(cell) {
            let column = column(self);
            self.fault(line, FaultReason::BadCell, format!("{column} cannot be '.' or '..'."));
            return;
        }
        let Some(seen) = self.remotes.get_mut(source) else { return };
        match seen.get(cell.to_ascii_lowercase().as_str()).copied() {
            Some(first) => {
                let what = format!(
                    "{} is the same as that of the customer in line {first}, ignoring case: two customers cannot share it.",
                    column(self)
                );
                self.fault(line, FaultReason::SharedRemoteId, what);
            }
            None => drop(seen.insert(cell.to_ascii_lowercase().into(), line)),
        }
    }

    fn name(&mut self, line: u64, name: &str) -> Option<Box<str>> {
        let name = name.trim();
        match wrong_cell(name) {
            Some(wrong) => self.fault(line, FaultReason::BadCell, format!("name {wrong}")),
            None if name.is_empty() => {}
            None => return Some(name.into()),
        }
        None
    }
}

/// What is wrong with a cell, as the end of a sentence.
fn wrong_cell(cell: &str) -> Option<String> {
    if cell.contains(char::is_control) {
        return Some("holds a line break or another control character; is a quote missing?".to_owned());
    }
    (cell.chars().count() > LONGEST_CELL).then(|| format!("has more than {LONGEST_CELL} characters."))
}

/// An id at a source; it shares the customer id's memory if both are the same.
fn remote(id: &CustomerId, cell: &str) -> RemoteId {
    if id.as_str() == cell { id.into() } else { RemoteId::new(cell) }
}

// === impl LineFault ===

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

// === impl FaultReason ===

impl FaultReason {
    /// Every kind.
    pub(in crate::customers) const ALL: [Self; 7] =
        [Self::Unreadable, Self::WrongHeader, Self::WrongCells, Self::BadId, Self::BadCell, Self::DuplicateId, Self::SharedRemoteId];

    /// The name in metrics.
    pub(in crate::customers) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::WrongHeader => "wrong_header",
            Self::WrongCells => "wrong_cells",
            Self::BadId => "bad_id",
            Self::BadCell => "bad_cell",
            Self::DuplicateId => "duplicate_id",
            Self::SharedRemoteId => "shared_remote_id",
        }
    }
}
