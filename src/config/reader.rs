//! Asks the merged layers for keys, and remembers what was asked and what was wrong.

use std::{collections::BTreeSet, ops::RangeInclusive, path::PathBuf};

use toml::{Table, Value};

use super::{
    fault::{Fault, Faults},
    layers::Layers,
    secret::SecretSource,
    setting::Setting,
};

/// How alike two keys must be (Jaro-Winkler, 0 to 1) for one to be offered in place of the other.
const ALIKE: f64 = 0.75;

/// The merged layers of a configuration while they are being read.
pub struct Reader {
    layers: Layers,
    known: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Starts to read merged layers.
    pub fn new(layers: Layers) -> Self {
        Self { layers, known: BTreeSet::new(), faults: Vec::new() }
    }

    /// The value of a key, `None` where it is not set or is wrong; what is wrong is remembered.
    pub fn get<T: Setting>(&mut self, key: &str) -> Option<T> {
        self.known.insert(key.to_owned());
        let read = T::read(lookup(&self.layers.table, key)?);
        read.map_err(|what| self.fault(key, what)).ok()
    }

    /// The value of a key, or its default.
    pub fn or<T: Setting>(&mut self, key: &str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// The value of a key that must be there.
    pub fn required<T: Setting>(&mut self, key: &str) -> Option<T> {
        if !self.holds(key) {
            self.known.insert(key.to_owned());
            self.fault(key, format!("is required: {}.", T::WANTED));
            return None;
        }
        self.get(key)
    }

    /// The value of a key that must lie in a range; `what` says which.
    pub fn within<T: Setting + PartialOrd>(&mut self, key: &str, default: T, range: RangeInclusive<T>, what: &str) -> T {
        let value = self.or(key, default);
        if !range.contains(&value) {
            self.fault(key, format!("must be {what}."));
        }
        value
    }

    /// A secret, written as `key` or as the file that `key_file` names; it must be there.
    pub fn secret(&mut self, key: &str) -> Option<SecretSource> {
        let file_key = format!("{key}_file");
        let (written, file) = (self.holds(key), self.holds(&file_key));
        let value = self.get(key).map(SecretSource::Written);
        let path = self.get::<PathBuf>(&file_key).map(|path| self.layers.folder.join(path));
        match (written, file) {
            (true, true) => self.fault(key, format!("is given twice: leave either {key} or {file_key} out.")),
            (false, false) => self.fault(key, format!("is required: the secret itself, or {file_key} with the file that holds it.")),
            _ => {}
        }
        let secret = value.or(path.map(SecretSource::File))?;
        match secret.reveal() {
            Err(error) => self.fault(&file_key, error.to_string()),
            Ok(secret) if secret.reveal().contains(char::is_control) => {
                self.fault(
                    if file { &file_key } else { key },
                    "holds a line break or another control character, which no header may hold.",
                );
            }
            Ok(_) => {}
        }
        Some(secret)
    }

    /// The path of a file; a relative one begins at the folder of the configuration.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.get::<PathBuf>(key).map(|path| self.layers.folder.join(path))
    }

    /// Whether a key, or anything below it, is set.
    pub fn holds(&self, key: &str) -> bool {
        lookup(&self.layers.table, key).is_some()
    }

    /// Remembers that a key is wrong.
    pub fn fault(&mut self, key: &str, what: impl Into<String>) {
        let at = match self.layers.origins.get(key) {
            Some(origin) => format!("{key} ({origin})"),
            None => key.to_owned(),
        };
        self.faults.push(Fault { at, what: what.into() });
    }

    /// Ends the reading: every fault, also the keys that nobody asked for.
    pub fn finish(mut self) -> Result<(), Faults> {
        for key in leaves(&self.layers.table, "") {
            let is_empty_table = lookup(&self.layers.table, &key).is_some_and(Value::is_table) && self.is_above_known(&key);
            if !self.known.contains(&key) && !is_empty_table {
                let what = self.unknown(&key);
                self.fault(&key, what);
            }
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Faults(self.faults)) }
    }

    fn is_above_known(&self, key: &str) -> bool {
        self.known.iter().any(|known| known.starts_with(&format!("{key}.")))
    }

    fn unknown(&self, key: &str) -> String {
        if self.is_above_known(key) {
            return format!("is a table: write [{key}].");
        }
        let alike = |known: &&String| alikeness(known, key);
        let nearest = self.known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        match nearest.filter(|known| alike(known) >= ALIKE) {
            Some(known) => format!("is no key of this version. Was {known} meant?"),
            None => "is no key of this version.".to_owned(),
        }
    }
}

/// How alike two keys are, 0 to 1: in one table by their last level, else as a whole, which then
/// has to be very much so.
fn alikeness(known: &str, key: &str) -> f64 {
    let split =
        |key: &'_ str| key.rsplit_once('.').map_or((String::new(), key.to_owned()), |(table, leaf)| (table.to_owned(), leaf.to_owned()));
    let ((table, leaf), (other_table, other_leaf)) = (split(known), split(key));
    if table == other_table { strsim::jaro_winkler(&leaf, &other_leaf) } else { strsim::jaro_winkler(known, key) - 0.15 }
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((level, rest)) => lookup(table.get(level)?.as_table()?, rest),
    }
}

fn leaves(table: &Table, above: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in table {
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => keys.extend(leaves(inner, &key)),
            _ => keys.push(key),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reader(text: &str) -> Reader {
        Reader::new(Layers::from_text(text).ok().unwrap())
    }

    fn faults(reader: Reader) -> Vec<String> {
        reader.finish().err().map(|faults| faults.0.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut reader = reader("[server]\ndeadline = \"ten\"\nlisen = \"x\"\n[cache]\nfresh = 3");
        reader.get::<Duration>("server.deadline");
        reader.get::<String>("server.listen");
        reader.get::<Duration>("cache.fresh");
        reader.required::<String>("auth.mode");
        let faults = faults(reader);
        assert_eq!(faults.len(), 4, "{faults:#?}");
        assert!(faults.iter().any(|fault| fault.contains("server.lisen") && fault.contains("server.listen meant?")), "{faults:#?}");
    }

    #[test]
    fn the_later_layer_wins_and_a_fault_names_its_variable() {
        let variables = [("ROLLCALL__SERVER__DEADLINE", "2s"), ("ROLLCALL__CACHE__FRESH", "soon"), ("HOME", "/")];
        let layers = Layers::from_text("[server]\ndeadline = \"1s\"\ndrain = \"1s\"")
            .ok()
            .unwrap()
            .with_environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .with_flag("server.drain", "7s", "--set");
        let mut reader = Reader::new(layers);
        assert_eq!(reader.get("server.deadline"), Some(Duration::from_secs(2)));
        assert_eq!(reader.get("server.drain"), Some(Duration::from_secs(7)));
        assert_eq!(reader.get::<Duration>("cache.fresh"), None);
        assert!(faults(reader).iter().all(|fault| fault.contains("ROLLCALL__CACHE__FRESH")));
    }

    #[test]
    fn a_secret_is_given_once_and_never_quoted() {
        let mut both = reader("[a]\nx = \"hunter2\"\nx_file = \"/nowhere\"");
        both.secret("a.x");
        let mut number = reader("[a]\nx = 4711");
        number.secret("a.x");
        for faults in [faults(both), faults(number)] {
            assert!(!faults.is_empty());
            assert!(!faults.iter().any(|fault| fault.contains("hunter2") || fault.contains("4711")), "{faults:?}");
        }
    }
}
