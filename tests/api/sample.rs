//! The sample configuration shows every key that exists with its default, and no others.

use std::collections::BTreeSet;

use rollcall::{
    app::Config,
    config::Layers,
    domain::RemoteId,
    sources::{Position, REGISTRY, SourceSettings},
};
use toml::{Table, Value};

use crate::support::Folder;

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

/// The sample reduced to what is required: the placeholders.
fn required() -> String {
    SAMPLE.lines().filter(|line| line.starts_with("[sources.") || line.contains("# PLACEHOLDER")).collect::<Vec<_>>().join("\n")
}

/// Every value of a configuration that may come from a default, as text.
fn values(layers: Layers) -> String {
    let config = Config::read(layers, REGISTRY).unwrap();
    let sources: Vec<String> = config.sources.iter().map(source_values).collect();
    let Config { general, access, customers, shared_cache, .. } = config;
    let customers = (customers.links(), customers.refresh);
    format!("{general:#?}\n{access:#?}\n{customers:#?}\n{shared_cache:#?}\n{}", sources.join("\n"))
}

fn source_values(SourceSettings { backend, adapter, transport, credentials, retry, limits }: &SourceSettings) -> String {
    let list = adapter.customers().map(|list| (list.paging(), list.request(&Position::FIRST)));
    let paging = (adapter.paging(), adapter.request(&RemoteId::new("acme"), &Position::FIRST), list);
    format!("{}: {paging:#?}\n{transport:#?}\n{credentials:#?}\n{retry:#?}\n{limits:#?}", backend.name)
}

#[test]
fn every_value_in_the_sample_is_the_default() {
    let [whole, reduced] = [SAMPLE, &required()].map(|text| values(Layers::from_text(text).unwrap()));
    assert_eq!(whole, reduced);
}

#[test]
fn every_value_in_a_table_that_may_be_left_out_is_the_default_too() {
    let folder = Folder::new();
    let key_file = folder.write("cache.key", rollcall::shared_cache::new_key().unwrap().reveal());
    let sample: Table = uncommented().parse().unwrap();
    for (table, more, needed, defaults) in [
        ("shared_cache", ("shared_cache.key_file", key_file.to_str().unwrap()), &["url"][..], &["namespace", "timeout"][..]),
        ("auth.jwt", ("auth.mode", "jwt"), &["issuer", "audience", "jwks_url"], &["customers_claim"]),
        (
            "sources.my_reports.oauth",
            ("sources.my_reports.credentials", "own"),
            &["client_id", "client_secret"],
            &["authorize_url", "token_url", "redirect_uri", "scope", "token_store"],
        ),
    ] {
        let shown = table.split('.').fold(&sample, |table, name| table[name].as_table().unwrap());
        let text = required()
            .lines()
            .filter(|line| table != "sources.my_reports.oauth" || !line.starts_with("token"))
            .collect::<Vec<_>>()
            .join("\n");
        let with = |keys: &[&str]| {
            let layers = Layers::from_text(&text).unwrap().with_flag(more.0, more.1, "test");
            let set = |layers: Layers, key: &&str| layers.with_flag(&format!("{table}.{key}"), shown[*key].as_str().unwrap(), "test");
            values(keys.iter().fold(layers, set))
        };
        assert_eq!(with(&[needed, defaults].concat()), with(needed), "[{table}]");
    }
}
