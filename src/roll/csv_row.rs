//! One row of CSV in the form of RFC 4180, safe against formula injection in spreadsheets.
//!
//! Every cell is quoted. That alone does not protect users whose list separator is `;` or a tab: their
//! spreadsheet splits inside our quotes. So whatever could become a cell there is made harmless, too.

/// A row under construction.
pub(super) struct Row<'a> {
    text: &'a mut String,
    is_first: bool,
}

// === impl Row ===

impl<'a> Row<'a> {
    /// Begins a row after the existing text.
    pub(super) fn begin(text: &'a mut String) -> Self {
        Self { text, is_first: true }
    }

    /// Writes a text.
    pub(super) fn cell(&mut self, cell: &str) {
        self.cells_in_one(&[cell]);
    }

    /// Writes a flag; an empty cell if it is unknown.
    pub(super) fn flag(&mut self, flag: Option<bool>) {
        self.cell(match flag {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        });
    }

    /// Writes texts into one cell, with `;` between them.
    pub(super) fn cells_in_one(&mut self, texts: &[&str]) {
        self.text.push_str(if self.is_first { "\"" } else { ",\"" });
        self.is_first = false;
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                self.text.push(';');
            }
            push_harmless(text, self.text);
        }
        self.text.push('"');
    }

    /// Ends the row.
    pub(super) fn end(self) {
        self.text.push_str("\r\n");
    }
}

/// Writes a text with its quotes doubled, and with an apostrophe before anything that would begin a formula:
/// at its start, or after a character that a spreadsheet may split at.
fn push_harmless(text: &str, to: &mut String) {
    // A spreadsheet may ignore a leading control character and read what follows it.
    if text.starts_with(['\t', '\r', '\n']) {
        to.push('\'');
    }
    let mut begins = true;
    for letter in text.chars() {
        if begins && begins_a_formula(letter) {
            to.push('\'');
        }
        if letter == '"' {
            to.push('"');
        }
        to.push(letter);
        begins = is_cut_at(letter) || (begins && is_skipped(letter));
    }
}

/// Returns whether a letter begins a formula. The full-width forms do, too, where such keyboards are in use.
fn begins_a_formula(letter: char) -> bool {
    matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

/// Returns whether a letter separates cells or rows in some locale.
fn is_cut_at(letter: char) -> bool {
    matches!(letter, ',' | ';' | '\t' | '\r' | '\n')
}

/// Returns whether a letter may precede a formula. Quotes count: after a split inside our quotes they are stripped.
fn is_skipped(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || letter == '"'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn harmless(text: &str) -> String {
        let mut to = String::new();
        push_harmless(text, &mut to);
        to.replace("\"\"", "\"")
    }

    #[test]
    fn what_looks_like_a_formula_is_made_harmless() {
        for (written, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠1", "'＠1"),
            (" =1", " '=1"),
            ("\t=1", "'\t'=1"),
            ("\ra", "'\ra"),
            ("\n=1", "'\n'=1"),
            ("Ann;=1", "Ann;'=1"),
            ("Ann; \u{a0}=1", "Ann; \u{a0}'=1"),
            ("Ann\t@x", "Ann\t'@x"),
            ("Ann\r\n-1", "Ann\r\n'-1"),
            ("Lee, +1", "Lee, '+1"),
            ("Ann;\"=1\"", "Ann;\"'=1\""),
            ("a=1", "a=1"),
            ("Lee, Ann-Bo", "Lee, Ann-Bo"),
            ("'=1", "'=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(written), expected, "{written:?}");
        }
    }

    #[test]
    fn every_cell_is_quoted_and_texts_in_one_are_harmless_each() {
        let mut text = String::new();
        let mut row = Row::begin(&mut text);
        row.cell("1");
        row.cell("say \"hi\"");
        row.cells_in_one(&["Admin", "=cmd"]);
        row.cells_in_one(&[]);
        row.flag(Some(true));
        row.flag(None);
        row.end();
        assert_eq!(text, "\"1\",\"say \"\"hi\"\"\",\"Admin;'=cmd\",\"\",\"true\",\"\"\r\n");
    }

    proptest! {
        #[test]
        fn no_piece_of_a_cell_begins_a_formula(texts in prop::collection::vec("([=+@＝＋－＠,;\"'\r\n\t a-]|\\PC){0,8}", 0..4)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut text = String::new();
            let mut row = Row::begin(&mut text);
            for text in &texts {
                row.cell(text);
            }
            row.cells_in_one(&texts);
            row.end();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let read = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(read.len(), texts.len() + 1);
            // Checks both the parsed cells and the raw text, as seen by a reader that ignores our quotes.
            for piece in read.iter().chain([text.as_str()]).flat_map(|cell| cell.split([',', ';', '\t', '\r', '\n'])) {
                let begins = piece.trim_start_matches(is_skipped).chars().next();
                prop_assert!(!begins.is_some_and(begins_a_formula), "{piece:?} of {text:?}");
            }
            for (cell, written) in read.iter().zip(&texts) {
                prop_assert_eq!(cell.replace('\'', ""), written.replace('\'', ""), "nothing else is changed");
            }
        }
    }
}
