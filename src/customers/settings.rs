//! The keys of `[customers]`, validated; the file of links is read along with them.

use std::{path::PathBuf, time::Duration};

use super::file::{Format, LinkFile};
use crate::{
    config::Reader,
    domain::SourceName,
    sources::{Backend, CredentialSettings, SourceSettings},
};

const FILE: &str = "customers.file";

/// A strategy to find out which id a customer has at each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Discover,
    SameId,
}

impl Kind {
    const ALL: [Self; 3] = [Self::File, Self::Discover, Self::SameId];

    /// The value in the configuration.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Discover => "discover",
            Self::SameId => "same_id",
        }
    }
}

/// How customers are found at the sources, as configured.
pub struct Settings {
    /// The strategies, in order.
    pub(super) kinds: Vec<Kind>,
    pub(super) file: Option<LinkFile>,
    /// How often `discover` reads the lists.
    pub refresh: Duration,
}

impl Settings {
    /// Whether the sources' own lists of customers are read.
    pub fn discovers(&self) -> bool {
        self.kinds.contains(&Kind::Discover)
    }

    /// The strategies, in order, as the configuration writes them.
    pub fn links(&self) -> String {
        self.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Reads the keys; `sources` are those that are configured without a fault.
    pub fn read(reader: &mut Reader, backends: &[Backend], sources: &[SourceSettings]) -> Self {
        let kinds = read_kinds(reader);
        let path = reader.path(FILE);
        let refresh = reader.within(
            "customers.refresh",
            Duration::from_mins(15),
            Duration::from_millis(100)..=Duration::from_hours(24),
            "between 100ms and 24h",
        );
        if kinds.contains(&Kind::Discover) {
            check_discovery(reader, sources);
        }
        // A source whose configuration has a fault still has a column in the file.
        let has_settings = |backend: &&Backend| sources.iter().any(|source| source.backend.name == backend.name);
        let is_there = |backend: &&Backend| has_settings(backend) || reader.holds(&format!("sources.{}", backend.name));
        let names = backends.iter().filter(is_there).map(|backend| backend.name).collect();
        let file = read_file(reader, kinds.contains(&Kind::File), path, names);
        Self { kinds, file, refresh }
    }
}

/// Reports the sources whose customers `discover` cannot link.
fn check_discovery(reader: &mut Reader, sources: &[SourceSettings]) {
    let key = "customers.links";
    // The lists are read with the gateway's own credentials.
    for forwarding in sources.iter().filter(|source| matches!(source.credentials, CredentialSettings::Forward(_))) {
        let name = forwarding.backend.name;
        let what = format!("has \"discover\", which needs the gateway's own credentials; sources.{name}.credentials is \"forward\".");
        reader.fault(key, what);
    }
    // The customers that the other sources list would not be linked to it, and every such roll would be a success
    // without it: the first strategy that knows a customer decides for all sources.
    for unlisted in sources.iter().filter(|source| source.adapter.customers().is_none()) {
        let name = unlisted.backend.name;
        let what = "so customers listed by other sources would have no users there: remove \"discover\", and list the customers in a file.";
        reader.fault(key, format!("has \"discover\", but sources.{name} lists no customers, {what}"));
    }
}

fn read_kinds(reader: &mut Reader) -> Vec<Kind> {
    let words: Vec<String> = reader.or("customers.links", vec!["same_id".to_owned()]);
    let kind = |word: &String| Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    let kinds: Vec<Kind> = words.iter().filter_map(kind).collect();
    let is_twice = kinds.iter().enumerate().any(|(place, kind)| kinds.iter().skip(place + 1).any(|other| other == kind));
    let decided = kinds.iter().position(|kind| *kind == Kind::SameId);
    if kinds.is_empty() || kinds.len() != words.len() || is_twice {
        reader.fault(
            "customers.links",
            "must be a list of \"file\", \"discover\" and \"same_id\", each at most once, in the order in which they decide.",
        );
    } else if decided.is_some_and(|place| place + 1 < kinds.len()) {
        reader.fault(
            "customers.links",
            "must have \"same_id\" as its last entry: it knows every customer, so nothing after it ever decides.",
        );
    }
    kinds
}

/// Reads the file of links, if the strategies use it; `sources` have a column in it.
fn read_file(reader: &mut Reader, is_wanted: bool, path: Option<PathBuf>, sources: Vec<SourceName>) -> Option<LinkFile> {
    match path {
        Some(path) if is_wanted => open(reader, path, sources),
        Some(_) => {
            reader.fault(FILE, "is not used: customers.links does not have \"file\".");
            None
        }
        None => {
            if is_wanted && !reader.holds(FILE) {
                reader.fault(FILE, "is required: customers.links has \"file\".");
            }
            None
        }
    }
}

fn open(reader: &mut Reader, path: PathBuf, sources: Vec<SourceName>) -> Option<LinkFile> {
    let Some(format) = Format::of(&path) else {
        reader.fault(FILE, "must end in .csv or .toml, which says how the file is written.");
        return None;
    };
    let name = path.display().to_string();
    let opened = LinkFile::open(path, format, sources);
    opened.map_err(|faults| faults.iter().for_each(|fault| reader.fault(FILE, format!("{name}, {fault}")))).ok()
}
