//! Pages of customers from invented tables.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    customers::{Settings, Strategy as Way, settings::Kind},
    domain::{LinkedBy, RemoteId},
    telemetry::Metrics,
};

const SOURCES: [SourceName; 1] = [SourceName::new("left")];

fn entry(id: &str, name: &str) -> Entry {
    let id: CustomerId = id.parse().unwrap();
    let to = vec![Some((RemoteId::from(&id), LinkedBy::File))].into();
    Entry { id, name: Some(name.into()), to, apart: Vec::new(), is_apart: false }
}

/// Customers from a file with these entries.
fn customers(entries: &[Entry]) -> Customers {
    let rows: Vec<String> = entries.iter().map(|entry| format!("{},{},{}", entry.id, entry.name.as_deref().unwrap(), entry.id)).collect();
    let text = format!("customer_id,name,left_id\n{}", rows.join("\n"));
    let path = std::env::temp_dir().join(format!("rollcall-list-{}-{:x}.csv", std::process::id(), fastrand::u64(..)));
    std::fs::write(&path, text).unwrap();
    let file = crate::customers::file::LinkFile::open(path.clone(), crate::customers::file::Format::Csv, SOURCES.to_vec());
    std::fs::remove_file(path).unwrap();
    let settings = Settings { kinds: vec![Kind::File], file: None, refresh: std::time::Duration::from_mins(1) };
    let mut customers = Customers::new(settings, &[], &Arc::default(), Arc::new(Metrics::default()));
    customers.sources = SOURCES.to_vec();
    customers.strategies = vec![Way::File(Arc::new(file.unwrap()))];
    customers
}

fn walk(customers: &Customers, q: Option<&str>, size: usize, may_see: impl Fn(&CustomerId) -> bool) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = CustomersQuery::new(q, cursor.as_deref(), size).unwrap();
        let page = customers.list(&query, &may_see).unwrap();
        assert!(page.customers.len() <= size);
        ids.extend(page.customers.iter().map(|linked| linked.customer.to_string()));
        let Some(next) = page.next_cursor else {
            assert_eq!(page.total, ids.len());
            return ids;
        };
        cursor = Some(next);
    }
}

#[test]
fn a_query_leaves_whom_it_names_and_nobody_sees_others() {
    let customers = customers(&[
        entry("acme", "Acme GmbH"),
        entry("birch", "\u{c5}sa Birch"),
        entry("cedar", "Cedar of ACME"),
        entry("delta", "ΑΣΤΡΟ"),
    ]);
    let all = |_: &CustomerId| true;
    assert_eq!(walk(&customers, None, 2, all), ["acme", "birch", "cedar", "delta"]);
    assert_eq!(walk(&customers, Some("Acme"), 2, all), ["acme", "cedar"]);
    assert_eq!(walk(&customers, Some("a\u{30a}SA"), 2, all), ["birch"]);
    assert_eq!(walk(&customers, Some("BIR"), 2, all), ["birch"]);
    assert_eq!(walk(&customers, Some("ΑΣ"), 2, all), ["delta"], "a final sigma in the search text matches any sigma");
    assert_eq!(walk(&customers, Some("acmeacme"), 2, all), [""; 0], "an id and a name are separate texts");
    assert_eq!(walk(&customers, Some("acme"), 2, |id| id.as_str() != "acme"), ["cedar"]);
    assert_eq!(walk(&customers, None, 2, |id| id.as_str() != "birch"), ["acme", "cedar", "delta"]);
    assert_eq!(walk(&customers, Some("zoe"), 2, all), [""; 0]);
}

#[test]
fn a_customer_of_two_strategies_is_the_earlier_ones() {
    let mut both = customers(&[entry("acme", "Acme"), entry("delta", "Delta")]);
    both.strategies.append(&mut customers(&[entry("acme", "Birch"), entry("cedar", "Cedar")]).strategies);
    for (q, expected) in
        [(None, &["acme", "cedar", "delta"][..]), (Some("birch"), &[]), (Some("acme"), &["acme"]), (Some("cedar"), &["cedar"])]
    {
        assert_eq!(walk(&both, q, 2, |_| true), expected, "{q:?}");
    }
}

#[test]
fn a_cursor_belongs_to_its_query() {
    let customers = customers(&[entry("acme", "Acme"), entry("birch", "Birch")]);
    let query = CustomersQuery::new(None, None, 1).unwrap();
    let cursor = customers.list(&query, |_: &CustomerId| true).unwrap().next_cursor.unwrap();
    assert!(CustomersQuery::new(None, Some(&cursor), 5).is_ok());
    for (q, cursor) in [(Some("a"), cursor.as_str()), (Some(""), &cursor), (None, "nonsense"), (None, &cursor[1..]), (None, "")] {
        assert_eq!(CustomersQuery::new(q, Some(cursor), 1), Err(InvalidCursor), "{q:?} {cursor}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_pages_show_everybody_once(ids in prop::collection::btree_set("[A-Za-z0-9._~-]{1,4}", 0..20), size in 1_usize..6) {
        let ids: Vec<String> = ids.into_iter().filter(|id| id.parse::<CustomerId>().is_ok()).collect();
        // Ids at a source are compared ignoring case.
        let mut seen = std::collections::BTreeSet::new();
        let ids: Vec<String> = ids.into_iter().filter(|id| seen.insert(id.to_lowercase())).collect();
        let customers = customers(&ids.iter().map(|id| entry(id, "x")).collect::<Vec<_>>());
        prop_assert_eq!(walk(&customers, None, size, |_| true), ids);
    }
}
