//! Reads keys from the merged layers, and records which keys were asked for and which were wrong.

use std::{collections::BTreeSet, ops::RangeInclusive, path::PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{
    fault::{Fault, Faults},
    hex::hex,
    layers::Layers,
    secret::SecretSource,
    setting::Setting,
    suggestion::{first, instead},
};

/// The bytes of a digest that are shown: enough to distinguish two configurations.
const DIGEST_BYTES: usize = 6;

/// The merged layers of a configuration while they are being read.
pub struct Reader {
    layers: Layers,
    known: BTreeSet<String>,
    /// The keys that are lists of tables.
    lists: BTreeSet<String>,
    /// The keys whose values are secrets.
    secrets: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Starts reading the merged layers.
    pub fn new(layers: Layers) -> Self {
        Self { layers, known: BTreeSet::new(), lists: BTreeSet::new(), secrets: BTreeSet::new(), faults: Vec::new() }
    }

    /// Returns the value of a key; `None` if it is not set or is wrong, which is then recorded.
    pub fn get<T: Setting>(&mut self, key: &str) -> Option<T> {
        self.known.insert(key.to_owned());
        if T::IS_SECRET {
            self.secrets.insert(key.to_owned());
        }
        let read = T::read(lookup(&self.layers.table.0, key)?);
        read.map_err(|what| self.fault(key, what)).ok()
    }

    /// Returns the value of a key, or its default.
    pub fn or<T: Setting>(&mut self, key: &str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// Returns the value of a required key.
    pub fn required<T: Setting>(&mut self, key: &str) -> Option<T> {
        if !self.holds(key) {
            self.known.insert(key.to_owned());
            self.fault(key, format!("is required: {}.", T::WANTED));
            return None;
        }
        self.get(key)
    }

    /// Returns the value of a key that must lie in a range; `what` describes the range.
    pub fn within<T: Setting + PartialOrd>(&mut self, key: &str, default: T, range: RangeInclusive<T>, what: &str) -> T {
        let value = self.or(key, default);
        if !range.contains(&value) {
            self.fault(key, format!("must be {what}."));
        }
        value
    }

    /// Returns the path of a file; a relative one is relative to the configuration's folder.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.get::<PathBuf>(key).map(|path| self.layers.folder.join(path))
    }

    /// Returns the path of a file, or its default, which is relative to the same folder.
    pub fn path_or(&mut self, key: &str, default: &str) -> PathBuf {
        self.path(key).unwrap_or_else(|| self.layers.folder.join(default))
    }

    /// Marks the keys that `read` reads as known, without reporting their faults: they may be set but are not used.
    pub fn unused<T>(&mut self, read: impl FnOnce(&mut Self) -> T) {
        let faults = self.faults.len();
        drop(read(self));
        self.faults.truncate(faults);
    }

    /// Returns a required secret, given as `key` or as the file that `key_file` names.
    pub fn secret(&mut self, key: &str) -> Option<SecretSource> {
        let file_key = format!("{key}_file");
        let (written, file) = (self.holds(key), self.holds(&file_key));
        let value = self.get(key).map(SecretSource::Written);
        let path = self.path(&file_key);
        match (written, file) {
            (true, true) => self.fault(key, format!("is given twice: remove either {key} or {file_key}.")),
            (false, false) => {
                self.fault(key, format!("is required: set it to the secret, or {file_key} to the file that holds the secret."));
            }
            _ => {}
        }
        let secret = value.or(path.map(SecretSource::File))?;
        match secret.reveal() {
            Err(error) => self.fault(&file_key, error.to_string()),
            Ok(secret) if secret.reveal().contains(char::is_control) => {
                self.fault(
                    if file { &file_key } else { key },
                    "contains a line break or another control character, which is not allowed in a header.",
                );
            }
            Ok(_) => {}
        }
        Some(secret)
    }

    /// Returns the entries of a list of tables, such as `[[auth.callers]]`, as the prefixes of their keys, in
    /// order: `auth.callers.0`, `auth.callers.1`. Another layer may have added entries, or have left out a
    /// number.
    pub fn items(&mut self, key: &str) -> Vec<String> {
        self.lists.insert(key.to_owned());
        let entries = lookup(&self.layers.table.0, key).and_then(Value::as_table);
        let mut indices: Vec<usize> = entries.into_iter().flat_map(Table::keys).filter_map(|name| index(name)).collect();
        indices.sort_unstable();
        indices.into_iter().map(|index| format!("{key}.{index}")).collect()
    }

    /// Whether a key, or anything below it, is set.
    pub fn holds(&self, key: &str) -> bool {
        lookup(&self.layers.table.0, key).is_some()
    }

    /// The keys that were asked for; entries of a list by their numbers.
    pub fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Records that a key is wrong; only once, although it may be read in several places.
    pub fn fault(&mut self, key: &str, what: impl Into<String>) {
        let at = match self.layers.origins.get(key) {
            Some(origin) => format!("{key} ({origin})"),
            None => key.to_owned(),
        };
        let fault = Fault { at, what: what.into() };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// A digest of every key that is set, and of its value unless that is a secret: the same for processes
    /// with the same configuration. To be called after everything has been read.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut keys = leaves(&self.layers.table.0, "");
        keys.sort_unstable();
        for key in keys {
            let value = lookup(&self.layers.table.0, &key).filter(|_| !self.secrets.contains(&key));
            digest.update(format!("{key}\u{1f}{}\u{1e}", value.map(ToString::to_string).unwrap_or_default()));
        }
        hex(&digest.finalize()).chars().take(2 * DIGEST_BYTES).collect()
    }

    /// Ends the reading: returns every fault, including the keys that nothing asked for.
    pub fn finish(mut self) -> Result<(), Faults> {
        for key in leaves(&self.layers.table.0, "") {
            let is_empty_table = lookup(&self.layers.table.0, &key).is_some_and(Value::is_table) && self.is_above_known(&key);
            if !self.known.contains(&key) && !is_empty_table && !self.is_empty_list(&key) {
                let what = self.unknown(&key);
                self.fault(&key, what);
            }
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Faults(self.faults)) }
    }

    fn is_above_known(&self, key: &str) -> bool {
        self.known.iter().any(|known| known.starts_with(&format!("{key}.")))
    }

    fn is_empty_list(&self, key: &str) -> bool {
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_table().is_some_and(Table::is_empty);
        self.lists.contains(key) && lookup(&self.layers.table.0, key).is_some_and(is_empty)
    }

    /// The list that a key belongs to without being in one of its entries.
    fn list_of(&self, key: &str) -> Option<&String> {
        self.lists.iter().find(|list| {
            let below = key.strip_prefix(list.as_str());
            below.is_some_and(|below| below.is_empty() || below.strip_prefix('.').is_some_and(|below| index(first(below)).is_none()))
        })
    }

    fn unknown(&self, key: &str) -> String {
        if let Some(list) = self.list_of(key) {
            return format!("must be in an entry of a list: write [[{list}]] above each entry.");
        }
        if self.is_above_known(key) {
            return format!("is a table: write [{key}].");
        }
        format!("is not a known key{}", instead(&self.known, key))
    }
}

/// Parses the number of a list entry, in the form in which we write it.
fn index(level: &str) -> Option<usize> {
    level.parse().ok().filter(|index: &usize| index.to_string() == level)
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
        // A name that is empty or contains a dot is never a known key, though it may look like one: it is quoted.
        let name = if name.is_empty() || name.contains('.') { format!("{name:?}") } else { name.clone() };
        let key = if above.is_empty() { name } else { format!("{above}.{name}") };
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
        assert!(faults.iter().any(|fault| fault.contains("server.lisen") && fault.contains("Did you mean server.listen?")), "{faults:#?}");
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
    fn a_secret_may_be_given_once_in_each_layer_and_the_later_one_wins() {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let (file, text) = (("ROLLCALL__A__X_FILE", "/nowhere"), ("ROLLCALL__A__X", "good"));
        let (file_flag, flag) = (("a.x_file", "/nowhere"), ("a.x", "good"));
        let twice = "is given twice: remove either a.x or a.x_file.";
        for (written, variables, flags, expected) in [
            ("x = \"a\"", &[file][..], &[][..], "/nowhere"),
            ("x_file = \"/nowhere\"", &[text], &[], ""),
            ("x_file = \"/nowhere\"", &[], &[flag], ""),
            ("", &[file], &[flag], ""),
            ("", &[file, text], &[flag], ""),
            ("x = \"a\"\nx_file = \"b\"", &[text], &[], ""),
            ("", &[file, text], &[], twice),
            ("x = \"a\"", &[text, file], &[], twice),
            ("", &[text], &[file_flag, flag], twice),
            ("", &[], &[flag, file_flag], twice),
        ] {
            let layers = Layers::from_text(&format!("[a]\n{written}")).ok().unwrap().with_environment(owned(variables).into_iter());
            let mut reader = Reader::new(layers.with_flags(owned(flags).into_iter(), "--set"));
            reader.secret("a.x");
            let faults = faults(reader).concat();
            assert!(faults.contains(expected) && faults.is_empty() == expected.is_empty(), "{written} {variables:?} {flags:?}: {faults}");
        }
    }

    #[test]
    fn a_list_of_tables_is_counted_and_every_layer_may_add_to_it() {
        let callers: String = (0..11).fold(String::new(), |text, index| text + &format!("[[auth.callers]]\nname = \"n{index}\"\n"));
        let variables = [("ROLLCALL__AUTH__CALLERS__1__NAME".to_owned(), "one".to_owned())];
        let layers = Layers::from_text(&callers).ok().unwrap().with_environment(variables.into_iter());
        let mut reader = Reader::new(layers.with_flag("auth.callers.12.name", "twelve", "--set"));
        let items = reader.items("auth.callers");
        let names: Vec<String> = items.iter().filter_map(|item| reader.get(&format!("{item}.name"))).collect();
        assert_eq!(names, ["n0", "one", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "twelve"]);
        assert_eq!(items.last().map(String::as_str), Some("auth.callers.12"));
        assert_eq!(faults(reader), [""; 0]);
    }

    #[test]
    fn what_is_wrong_in_a_list_is_named_with_its_number() {
        for (text, fault) in [
            ("callers = []", ""),
            ("[callers]", ""),
            ("[[callers]]\nname = \"a\"\n[[callers]]\nname = 3", "callers.1.name: must be a text."),
            ("[[callers]]\nname = \"a\"\n[[callers]]", "callers.1.name: is required: a text."),
            ("callers = [{ name = \"a\", nme = \"b\" }]", "callers.0.nme: is not a known key. Did you mean callers.0.name?"),
            ("[callers]\nname = \"a\"", "callers.name: must be in an entry of a list: write [[callers]] above each entry."),
            ("callers = \"a\"", "callers: must be in an entry of a list: write [[callers]] above each entry."),
            ("callers = [1, 2]", "callers: must be in an entry of a list: write [[callers]] above each entry."),
            ("[callers.00]\nname = \"a\"", "callers.00.name: must be in an entry of a list: write [[callers]] above each entry."),
        ] {
            let mut reader = reader(text);
            for item in reader.items("callers") {
                reader.required::<String>(&format!("{item}.name"));
            }
            assert_eq!(faults(reader).concat(), fault, "{text}");
        }
    }

    #[test]
    fn a_name_with_a_dot_of_its_own_is_no_key() {
        for (text, at) in [("\"a.b\" = 1", "\"a.b\""), ("[a]\n\"b.c\" = 1", "a.\"b.c\""), ("\"\".a.b = 1", "\"\".a.b")] {
            let mut reader = reader(text);
            reader.get::<u64>("a.b");
            reader.get::<u64>("a.b.c");
            let told = faults(reader).concat();
            assert!(told.starts_with(at) && told.contains("is not a known key"), "{told}");
        }
    }

    #[test]
    fn a_digest_tells_what_is_configured_and_no_secret() {
        let digest = |text: &str| {
            let mut reader = reader(text);
            reader.secret("a.x");
            reader.digest()
        };
        let one = digest("[a]\nx = \"hunter2\"\ny = 1");
        assert_eq!(one.len(), 2 * DIGEST_BYTES);
        assert_eq!(one, digest("a = { y = 1, x = \"hunter3\" }"), "neither the order nor the secret counts");
        for other in ["[a]\nx = \"hunter2\"\ny = 2", "[a]\nx = \"hunter2\"", "[a]\nx = \"hunter2\"\nz = 1"] {
            assert_ne!(one, digest(other), "{other}");
        }
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
