//! Any bytes as a backend's answer: reading them terminates, and every record has an id.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rollcall::{
    config::{Layers, Reader},
    sources::{Adapter, Backend, REGISTRY},
};

static ADAPTERS: LazyLock<Vec<Box<dyn Adapter>>> = LazyLock::new(|| {
    // The sample has all required keys, except those of backends that may be left out.
    let layers = Layers::from_text(include_str!("../../deploy/rollcall.toml")).unwrap();
    let mut reader = Reader::new(layers);
    let adapter = |backend: &Backend| backend.read(&mut reader).unwrap_or_else(|| panic!("{} is commented out in the sample: set its keys here", backend.name)).adapter;
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
