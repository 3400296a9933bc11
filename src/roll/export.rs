//! All users in a view, one by one, as CSV or as JSON lines. The text is produced piece by piece while it is
//! sent, and never held whole.

use std::{borrow::Cow, sync::Arc};

use uuid::Uuid;

use super::{csv_row::Row, joined_roll::Roll, query::View, roll_entry::RollEntry, selection::Selection};
use crate::domain::{MatchedBy, SourceName, User};

/// About how many bytes a piece has.
const PIECE: usize = 64 << 10;

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180: a header, then a row for each user.
    Csv,
    /// One JSON object per line.
    JsonLines,
}

/// All users in a view, in pieces.
#[derive(Debug)]
pub struct Export {
    roll: Arc<Roll>,
    view: View,
    format: ExportFormat,
    /// The sources that have an id column.
    sources: Vec<SourceName>,
    /// The users in the view, by their places, in the view's order.
    left: Vec<u32>,
    /// The next user to write, and whether anything has been written.
    next: usize,
    has_begun: bool,
}

impl Export {
    /// Prepares an export.
    pub fn new(roll: Arc<Roll>, view: View, format: ExportFormat, sources: Vec<SourceName>) -> Self {
        let selection = Selection::new(&roll, &view);
        let left = roll.sorted(view.sort, None).filter(|(place, listed)| selection.has(*place, listed));
        let left = left.filter_map(|(place, _)| u32::try_from(place).ok()).collect();
        Self { roll, view, format, sources, left, next: 0, has_begun: false }
    }

    /// Returns what decides the text of each user, apart from the format, the columns and whether conflicts
    /// are included. It exists already, so telling exports apart takes no rendering.
    pub fn substance(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let with_conflicts = self.view.with_conflicts;
        // Neighbours are taken together, which is faster; the result does not depend on how they are grouped.
        let runs = self.left.chunk_by(move |one, next| !with_conflicts && next.checked_sub(*one) == Some(1));
        let listed = |place: &u32| self.roll.everybody().get(*place as usize);
        let ends = runs.filter_map(move |run| Some((listed(run.first()?)?, listed(run.last()?)?)));
        ends.flat_map(move |(first, last)| {
            let behind = if with_conflicts { self.conflicts_of(first).into_bytes().into() } else { b",".as_slice().into() };
            [self.roll.json_from(first, last).into(), behind]
        })
    }

    /// Returns the conflicts as JSON.
    fn conflicts_of(&self, listed: &RollEntry) -> String {
        // Conflicts hold nothing that JSON cannot express: writing them does not fail.
        serde_json::to_string(&self.roll.conflicts_of(listed)).unwrap_or_default()
    }

    fn header(&self, piece: &mut String) {
        let mut row = Row::begin(piece);
        for column in COLUMNS {
            row.cell(column);
        }
        for source in &self.sources {
            row.cell(&format!("{source}_id"));
        }
        if self.view.with_conflicts {
            row.cell("conflicts");
        }
        row.end();
    }

    fn write(&self, listed: &RollEntry, piece: &mut String) {
        match self.format {
            ExportFormat::Csv => self.row(listed, piece),
            ExportFormat::JsonLines => self.line(listed, piece),
        }
    }

    fn line(&self, listed: &RollEntry, piece: &mut String) {
        piece.push_str(&self.roll.shown(listed, self.view.with_conflicts));
        piece.push('\n');
    }

    fn row(&self, listed: &RollEntry, piece: &mut String) {
        let user = self.roll.user(listed);
        let mut row = Row::begin(piece);
        own_cells(&user, &mut row);
        for source in &self.sources {
            row.cell(user.sources.iter().find(|record| record.source == *source).map_or("", |record| record.id));
        }
        if self.view.with_conflicts {
            row.cell(&self.conflicts_of(listed));
        }
        row.end();
    }
}

impl Iterator for Export {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = String::with_capacity(PIECE + PIECE / 8);
        if !self.has_begun && self.format == ExportFormat::Csv {
            self.header(&mut piece);
        }
        self.has_begun = true;
        while piece.len() < PIECE
            && let Some(place) = self.left.get(self.next)
        {
            self.next += 1;
            if let Some(listed) = self.roll.everybody().get(*place as usize) {
                self.write(listed, &mut piece);
            }
        }
        (!piece.is_empty()).then(|| piece.into_bytes())
    }
}

/// The columns that do not depend on the sources.
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

/// Writes the cells of those columns. Destructures, so that a new field cannot be forgotten.
fn own_cells(user: &User<'_>, row: &mut Row<'_>) {
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
    row.cell(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    for text in [display_name, first_name, last_name, email, username, phone] {
        row.cell(text.unwrap_or_default());
    }
    row.flag(*enabled);
    row.flag(*can_sign_in);
    row.cells_in_one(roles);
    for flag in [*primary_contact, *inherited, Some(*placeholder), Some(*deleted)] {
        row.flag(flag);
    }
    row.cell(matched_by.map_or("", MatchedBy::as_str));
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
