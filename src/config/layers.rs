//! The layers of a configuration, merged: file, then environment, then flags.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use secrecy::zeroize::Zeroizing;
use toml::{Table, Value};

use super::{
    fault::{Fault, Faults},
    wiped::{Wiped, wipe},
};

/// The prefix of our environment variables; two underscores separate levels.
const PREFIX: &str = "ROLLCALL__";

/// The merged layers, before any key is read.
#[derive(Default)]
pub struct Layers {
    pub(super) table: Wiped,
    /// Which environment variable or flag set a key, so that a fault can name it.
    pub(super) origins: BTreeMap<String, String>,
    /// The folder that relative paths in the configuration are relative to.
    pub(super) folder: PathBuf,
}

/// One value of a layer that is given key by key, and what gave it.
struct Given {
    key: String,
    value: String,
    origin: String,
}

impl Layers {
    /// Reads a TOML file; relative paths in it are relative to its folder.
    pub fn from_file(path: &Path) -> Result<Self, Faults> {
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| fault(path, format!("cannot be read: {error}.")))?);
        let mut layers = Self::from_text(&text).map_err(|what| fault(path, what))?;
        layers.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(layers)
    }

    /// Reads TOML text. The error names line and column but never quotes the text, which may hold a secret.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut table = text.parse::<Table>().map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            format!("is not TOML, at line {line}, column {column}.")
        })?;
        number_lists(&mut table);
        Ok(Self { table: Wiped(table), ..Self::default() })
    }

    /// Whether an environment variable belongs to Rollcall.
    pub fn takes(variable: &str) -> bool {
        variable.starts_with(PREFIX)
    }

    /// Adds the environment on top: `ROLLCALL__SERVER__LISTEN` is `server.listen`.
    #[must_use]
    pub fn with_environment(self, variables: impl Iterator<Item = (String, String)>) -> Self {
        let ours = variables.filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase().replace("__", ".");
            Some(Given { key, value, origin: name })
        });
        self.with(ours.collect())
    }

    /// Adds flags on top, as pairs of key and value; `origin` is the flag as the user wrote it.
    #[must_use]
    pub fn with_flags(self, pairs: impl Iterator<Item = (String, String)>, origin: &str) -> Self {
        self.with(pairs.map(|(key, value)| Given { key, value, origin: origin.to_owned() }).collect())
    }

    /// Adds one flag on top.
    #[must_use]
    pub fn with_flag(self, key: &str, value: impl Into<String>, origin: &str) -> Self {
        self.with_flags(std::iter::once((key.to_owned(), value.into())), origin)
    }

    /// Adds one layer on top.
    fn with(mut self, layer: Vec<Given>) -> Self {
        let keys: BTreeSet<String> = layer.iter().map(|given| given.key.clone()).collect();
        for Given { key, value, origin } in layer {
            // A secret in a later layer replaces its file in an earlier one, and the other way round. Within one
            // layer both stay, so that the reader reports the conflict.
            let other = other_way(&key);
            if !keys.contains(&other) {
                self.remove(&other);
            }
            self.set(&key, value, origin);
        }
        self
    }

    fn remove(&mut self, key: &str) {
        let (path, leaf) = split(key);
        let mut levels = path.split('.').filter(|level| !level.is_empty());
        let table = levels.try_fold(&mut self.table.0, |table, level| table.get_mut(level)?.as_table_mut());
        table.and_then(|table| table.remove(leaf)).iter_mut().for_each(wipe);
    }

    fn set(&mut self, key: &str, value: String, origin: String) {
        let (path, leaf) = split(key);
        let mut table = &mut self.table.0;
        for level in path.split('.').filter(|level| !level.is_empty()) {
            let entry = table.entry(level).or_insert_with(|| Table::new().into());
            if !entry.is_table() {
                wipe(&mut std::mem::replace(entry, Table::new().into()));
            }
            let Value::Table(inner) = entry else { return };
            table = inner;
        }
        table.insert(leaf.to_owned(), Value::String(value)).iter_mut().for_each(wipe);
        self.origins.insert(key.to_owned(), origin);
    }
}

/// Splits a key into its table and its last level.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// The other way to give the same value: a secret itself, or its file.
fn other_way(key: &str) -> String {
    key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned)
}

/// Turns each list of tables into a table whose keys count from 0, so that everything in it has a key
/// like anything else, in faults, the environment and flags: `auth.callers.0.name`.
fn number_lists(table: &mut Table) {
    for (_, value) in table.iter_mut() {
        if let Value::Array(items) = value
            && !items.is_empty()
            && items.iter().all(Value::is_table)
        {
            let numbered = std::mem::take(items).into_iter().enumerate().map(|(index, item)| (index.to_string(), item));
            *value = Value::Table(numbered.collect());
        }
        if let Value::Table(inner) = value {
            number_lists(inner);
        }
    }
}

fn fault(path: &Path, what: String) -> Faults {
    Fault { at: path.display().to_string(), what }.into()
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before.len() - line_start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_toml_is_placed_but_not_quoted() {
        let error = Layers::from_text("[server]\nclient_secret = \"hunter2").err().unwrap();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
