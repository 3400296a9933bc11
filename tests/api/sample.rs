//! The sample configuration shows every key that exists, and no others.

use std::collections::BTreeSet;

use rollcall::{app::Config, config::Layers, sources::REGISTRY};
use toml::{Table, Value};

const SAMPLE: &str = include_str!("../../deploy/rollcall.toml");

/// The sample with everything that is commented out with `#` in effect.
fn uncommented() -> String {
    let is_key = |line: &str| {
        line.split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'))
    };
    let in_force = |line: &'static str| line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || is_key(rest)).unwrap_or(line);
    SAMPLE.lines().map(in_force).collect::<Vec<_>>().join("\n")
}

/// The keys that have values; those in an entry of a list by its number.
fn leaves(table: &Table, above: &str) -> BTreeSet<String> {
    let below = |(name, value): (&String, &Value)| {
        let key = format!("{above}{name}");
        match value {
            Value::Table(table) => leaves(table, &format!("{key}.")),
            Value::Array(items) if items.iter().any(Value::is_table) => {
                let item = |(place, item): (usize, &Value)| leaves(item.as_table().unwrap(), &format!("{key}.{place}."));
                items.iter().enumerate().flat_map(item).collect()
            }
            _ => BTreeSet::from([key]),
        }
    };
    table.iter().flat_map(below).collect()
}

#[test]
fn the_sample_shows_every_key_of_every_source_and_no_other() {
    let sample = uncommented();
    let shown = leaves(&sample.parse().unwrap(), "");
    let known = Config::keys(Layers::from_text(&sample).unwrap(), REGISTRY);
    assert_eq!(shown.difference(&known).collect::<Vec<_>>(), [""; 0], "deploy/rollcall.toml shows keys that do not exist");
    assert_eq!(known.difference(&shown).collect::<Vec<_>>(), [""; 0], "keys that deploy/rollcall.toml does not show");
}
