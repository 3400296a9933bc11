//! `[auth.jwt]`: whose tokens are accepted.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{key_set, origin::Origin};
use crate::{
    access::rate::{Rate, read_rate},
    config::{Endpoint, Reader, Text},
    outbound::{Bounds, Client, Transport},
};

const TABLE: &str = "auth.jwt";
const URL: &str = "auth.jwt.jwks_url";
const FILE: &str = "auth.jwt.jwks_file";

/// The limits of the calls that fetch a key set.
const BOUNDS: Bounds =
    Bounds { connect_timeout: Duration::from_secs(1), timeout: Duration::from_secs(2), max_idle: 1, max_response_bytes: 1 << 20 };

/// `[auth.jwt]`, validated.
#[derive(Debug)]
pub(in crate::access) struct TokenSettings {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) customers_claim: String,
    pub(super) rate: Option<Rate>,
    pub(super) burst: Option<NonZeroU32>,
    pub(super) keys: KeyLocation,
}

/// Where the issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum KeyLocation {
    Url(Endpoint),
    File(PathBuf),
}

impl TokenSettings {
    /// Reads the table; `is_wanted` says whether the mode requires it.
    pub(in crate::access) fn read(reader: &mut Reader, is_wanted: bool) -> Option<Self> {
        if is_wanted {
            return Self::read_table(reader);
        }
        reader.unused(Self::read_table); // so that its keys are not reported as unknown
        if reader.holds(TABLE) {
            reader.fault(TABLE, "is used only with auth.mode = \"jwt\": set that, or remove the table.");
        }
        None
    }

    fn read_table(reader: &mut Reader) -> Option<Self> {
        let (issuer, audience) = (reader.required("auth.jwt.issuer"), reader.required("auth.jwt.audience"));
        let Text(customers_claim) = reader.or("auth.jwt.customers_claim", Text("customers".to_owned()));
        let (rate, burst) = read_rate(reader, TABLE);
        let keys = KeyLocation::read(reader);
        let (Text(issuer), Text(audience)) = (issuer?, audience?);
        Some(Self { issuer, audience, customers_claim, rate, burst, keys: keys? })
    }
}

impl KeyLocation {
    /// Makes what reads the keys there; fails if no HTTP client can be made.
    pub(super) fn origin(&self) -> reqwest::Result<Origin> {
        Ok(match self {
            Self::File(path) => Origin::File(path.clone()),
            Self::Url(url) => Origin::Url(Box::new(Client::new(TABLE, &Transport::direct(url.is_encrypted()), BOUNDS)?), url.url().clone()),
        })
    }

    fn read(reader: &mut Reader) -> Option<Self> {
        let (is_url, is_file) = (reader.holds(URL), reader.holds(FILE));
        let (url, file) = (reader.get::<Endpoint>(URL), reader.path(FILE));
        match (is_url, is_file) {
            (true, true) => reader.fault(URL, format!("is given together with {FILE}: remove one of them.")),
            (false, false) => reader.fault(URL, format!("is required, or {FILE}: it says where the issuer's keys are.")),
            _ => {}
        }
        if url.as_ref().is_some_and(|url| !url.is_encrypted() && !url.is_loopback()) {
            reader.fault(URL, "must begin with https://: anyone who can alter the keys in transit can sign tokens.");
        }
        if let Some(Err(cause)) = file.as_ref().map(|path| read_file(path)) {
            reader.fault(FILE, cause);
        }
        url.map(Self::Url).or(file.map(Self::File))
    }
}

fn read_file(path: &Path) -> Result<(), String> {
    let named = |cause: String| format!("{}: {cause}.", path.display());
    let text = std::fs::read(path).map_err(|error| named(format!("cannot be read: {error}")))?;
    match key_set::read(&text) {
        Ok(keys) if keys.is_empty() => Err(named(format!("no key in it is {}", key_set::USABLE))),
        read => read.map(drop).map_err(named),
    }
}
