//! All users that a view leaves, written one by one: as CSV, or as JSON lines. Made piece by piece
//! while it is being sent, never built whole.

use std::sync::Arc;

use super::{
    listing::{Listed, Roll, with_conflicts},
    query::View,
    selection::Selection,
};
use crate::domain::{SourceName, User};

/// About how many bytes a piece has.
const PIECE: usize = 64 << 10;

/// How users are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180: a header, then a row for each user.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// All users that a view leaves, in pieces.
#[derive(Clone, Debug)]
pub struct Export {
    roll: Arc<Roll>,
    view: View,
    format: ExportFormat,
    /// The sources that have a column for their ids.
    sources: Vec<SourceName>,
    /// The users that the view leaves, by their places, in the order of the view.
    left: Arc<[u32]>,
    /// Which of them is next, and whether anything was written.
    next: usize,
    has_begun: bool,
}

impl Export {
    /// Begins to write.
    pub fn new(roll: Arc<Roll>, view: View, format: ExportFormat, sources: Vec<SourceName>) -> Self {
        let selection = Selection::new(&roll, &view);
        let left = roll.sorted(view.sort, None).filter(|(place, listed)| selection.has(*place, listed));
        let left = left.filter_map(|(place, _)| u32::try_from(place).ok()).collect();
        Self { roll, view, format, sources, left, next: 0, has_begun: false }
    }

    fn header(&self) -> Vec<u8> {
        let ids = self.sources.iter().map(|source| format!("{source}_id"));
        let conflicts = self.view.with_conflicts.then(|| "conflicts".to_owned());
        row(COLUMNS.map(str::to_owned).into_iter().chain(ids).chain(conflicts))
    }

    fn write(&self, listed: &Listed) -> Vec<u8> {
        match self.format {
            ExportFormat::Csv => row(self.cells(listed)),
            ExportFormat::JsonLines => self.line(listed),
        }
    }

    fn line(&self, listed: &Listed) -> Vec<u8> {
        let json = listed.json();
        // A user has nothing that JSON cannot hold: writing his conflicts does not fail.
        let whole = self.view.with_conflicts.then(|| with_conflicts(json, &self.roll.conflicts_of(listed)).unwrap_or_default());
        let mut line = whole.as_deref().unwrap_or(json).get().as_bytes().to_vec();
        line.push(b'\n');
        line
    }

    fn cells(&self, listed: &Listed) -> Vec<String> {
        let user = self.roll.user(listed);
        let id_at = |source: &SourceName| user.sources.iter().find(|record| record.source == *source).map(|record| harmless(record.id));
        let mut cells = own_cells(&user);
        cells.extend(self.sources.iter().map(|source| id_at(source).unwrap_or_default()));
        if self.view.with_conflicts {
            cells.push(serde_json::to_string(&self.roll.conflicts_of(listed)).unwrap_or_default());
        }
        cells
    }
}

impl Iterator for Export {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        if !self.has_begun && self.format == ExportFormat::Csv {
            piece = self.header();
        }
        self.has_begun = true;
        while piece.len() < PIECE
            && let Some(place) = self.left.get(self.next)
        {
            self.next += 1;
            if let Some(listed) = self.roll.everybody().get(*place as usize) {
                piece.extend(self.write(listed));
            }
        }
        (!piece.is_empty()).then_some(piece)
    }
}

/// The columns that are there whatever the sources.
const COLUMNS: [&str; 15] = [
    "id",
    "display_name",
    "first_name",
    "last_name",
    "email",
    "username",
    "phone",
    "enabled",
    "can_sign_in",
    "roles",
    "primary_contact",
    "inherited",
    "placeholder",
    "deleted",
    "matched_by",
];

/// The cells of those columns. Destructures, so that a new field cannot be forgotten.
fn own_cells(user: &User<'_>) -> Vec<String> {
    let User {
        id,
        display_name,
        first_name,
        last_name,
        email,
        username,
        phone,
        enabled,
        can_sign_in,
        roles,
        primary_contact,
        inherited,
        placeholder,
        deleted,
        matched_by,
        sources: _,
        conflicts: _,
    } = user;
    let text = |text: Option<&str>| text.map(harmless).unwrap_or_default();
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string()).unwrap_or_default();
    vec![
        id.to_string(),
        text(*display_name),
        text(*first_name),
        text(*last_name),
        text(*email),
        text(*username),
        text(*phone),
        flag(*enabled),
        flag(*can_sign_in),
        harmless(&roles.join(";")),
        flag(*primary_contact),
        flag(*inherited),
        placeholder.to_string(),
        deleted.to_string(),
        matched_by.map(|by| by.as_str().to_owned()).unwrap_or_default(),
    ]
}

/// A text that no spreadsheet takes for a formula: one that looks like it gets an apostrophe.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

/// One row as RFC 4180 writes it.
fn row(cells: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory does not fail.
    let written = writer.write_record(cells);
    debug_assert!(written.is_ok());
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
