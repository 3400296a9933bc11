//! Suggestions for an unknown key: the most similar known key, or the known ones nearby. Pure.

use std::collections::BTreeSet;

/// How similar two keys must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// The rest of the sentence that says that a key is unknown.
pub(super) fn instead(known: &BTreeSet<String>, key: &str) -> String {
    let alike = |known: &&String| alikeness(known, key);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    match nearest.filter(|known| alike(known) >= ALIKE) {
        Some(nearest) => format!(". Did you mean {nearest}?"),
        None => format!("; {}.", there_is_beside(known, key)),
    }
}

/// Lists the known keys in the key's table or, if there are none, in the table above.
fn there_is_beside(known: &BTreeSet<String>, key: &str) -> String {
    let table = key.rsplit_once('.').map(|(table, _)| table);
    let within = |known: &'_ String| Some(first(table.map_or(Some(known.as_str()), |table| below(known, table))?).to_owned());
    let names: BTreeSet<String> = known.iter().filter_map(within).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    match table {
        None => format!("the top-level keys are {names}"),
        Some(table) if names.is_empty() => there_is_beside(known, table),
        Some(table) => format!("[{table}] has {names}"),
    }
}

/// The first level of a key.
pub(super) fn first(key: &str) -> &str {
    key.split_once('.').map_or(key, |(level, _)| level)
}

/// A key without the table that it is in.
fn below<'a>(key: &'a str, table: &str) -> Option<&'a str> {
    key.strip_prefix(table)?.strip_prefix('.')
}

/// How similar two keys are, 0 to 1, compared below the tables that they share. At another depth, or
/// in another table, they must be more similar.
fn alikeness(known: &str, key: &str) -> f64 {
    match (known.split_once('.'), key.split_once('.')) {
        (Some((table, known)), Some((other, key))) if table == other => alikeness(known, key),
        (None, None) => strsim::jaro_winkler(known, key),
        _ => strsim::jaro_winkler(known, key) - 0.15,
    }
}
