//! What is offered for a key that nobody knows: the one that was meant, or those that there are. Pure.

use std::collections::BTreeSet;

/// How alike two keys must be (Jaro-Winkler, 0 to 1) for one to be offered in place of the other.
const ALIKE: f64 = 0.75;

/// The rest of a sentence that says that a key is none.
pub(super) fn instead(known: &BTreeSet<String>, key: &str) -> String {
    let alike = |known: &&String| alikeness(known, key);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    match nearest.filter(|known| alike(known) >= ALIKE) {
        Some(nearest) => format!(". Was {nearest} meant?"),
        None => format!("; {}.", there_is_beside(known, key)),
    }
}

/// What there is where a key stands, or above it.
fn there_is_beside(known: &BTreeSet<String>, key: &str) -> String {
    let table = key.rsplit_once('.').map(|(table, _)| table);
    let within = |known: &'_ String| Some(first(table.map_or(Some(known.as_str()), |table| below(known, table))?).to_owned());
    let names: BTreeSet<String> = known.iter().filter_map(within).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    match table {
        None => format!("there are {names}"),
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

/// How alike two keys are, 0 to 1, behind the tables that both are in; further down, or elsewhere, they
/// have to be very much so.
fn alikeness(known: &str, key: &str) -> f64 {
    match (known.split_once('.'), key.split_once('.')) {
        (Some((table, known)), Some((other, key))) if table == other => alikeness(known, key),
        (None, None) => strsim::jaro_winkler(known, key),
        _ => strsim::jaro_winkler(known, key) - 0.15,
    }
}
