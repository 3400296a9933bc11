//! The whole configuration, assembled from what each part of the program reads.

use std::collections::BTreeSet;

use crate::{
    access::AccessSettings,
    config::{Faults, General, Layers, Reader},
    customers, shared_cache,
    sources::{Backend, SourceSettings},
    telemetry::ConfigFacts,
};

/// A complete, validated configuration.
pub struct Config {
    /// Who may call.
    pub access: AccessSettings,
    /// Settings that belong to no source and no caller.
    pub general: General,
    /// The sources, in order of precedence.
    pub sources: Vec<SourceSettings>,
    /// How customers are found at the sources.
    pub customers: customers::Settings,
    /// What may be published about it.
    pub facts: ConfigFacts,
    /// What replicas share, if they share anything.
    pub shared_cache: Option<shared_cache::Settings>,
}

impl Config {
    /// Validates merged layers against the keys that the program and these backends know; reports every fault
    /// at once.
    pub fn read(layers: Layers, backends: &[Backend]) -> Result<Self, Faults> {
        let mut reader = Reader::new(layers);
        let config = Self::read_keys(&mut reader, backends);
        reader.finish()?;
        Ok(config)
    }

    /// Returns the keys that are read from these layers; for a test of the sample configuration, which shows
    /// them all.
    pub fn keys(layers: Layers, backends: &[Backend]) -> BTreeSet<String> {
        let mut reader = Reader::new(layers);
        Self::read_keys(&mut reader, backends);
        reader.known().clone()
    }

    /// Reads every key; faults are collected in the reader.
    fn read_keys(reader: &mut Reader, backends: &[Backend]) -> Self {
        let general = General::read(reader);
        let access = AccessSettings::read(reader, general.server.listen);
        // A source is missing because of a fault, which the reader has recorded, or on purpose.
        let sources: Vec<SourceSettings> = backends.iter().filter_map(|backend| backend.read(reader)).collect();
        let customers = customers::Settings::read(reader, backends, &sources);
        let shared_cache = shared_cache::Settings::read(reader);
        let facts = ConfigFacts { digest: reader.digest(), auth: access.mode.as_str(), links: customers.links() };
        Self { access, general, sources, customers, facts, shared_cache }
    }
}
