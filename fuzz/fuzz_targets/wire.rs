//! Whatever a backend sends, reading it ends, and no record is without an id.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rollcall::{
    config::{Layers, Reader},
    sources::{Adapter, Backend, REGISTRY},
};

static ADAPTERS: LazyLock<Vec<Box<dyn Adapter>>> = LazyLock::new(|| {
    let keys = [
        ("sources.advanced_automation.base_url", "http://127.0.0.1:1"),
        ("sources.advanced_automation.client_id", "client"),
        ("sources.advanced_automation.client_secret", "secret"),
        ("sources.my_reports.base_url", "http://127.0.0.1:1"),
        ("sources.my_reports.token", "token"),
    ];
    let layers = keys.iter().fold(Layers::default(), |layers, (key, value)| layers.with_flag(key, *value, "fuzz"));
    let mut reader = Reader::new(layers);
    let adapter = |backend: &Backend| backend.read(&mut reader).unwrap_or_else(|| panic!("add the keys of {} above", backend.name)).adapter;
    REGISTRY.iter().map(adapter).collect()
});

fuzz_target!(|body: &[u8]| {
    for adapter in ADAPTERS.iter() {
        if let Ok(page) = adapter.read(body) {
            assert!(page.records.iter().all(|record| !record.id.trim().is_empty()));
        }
        if let Some(Ok(page)) = adapter.customers().map(|list| list.read(body)) {
            assert!(page.records.iter().all(|customer| !customer.id.trim().is_empty()));
        }
    }
});
