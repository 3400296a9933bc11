//! `[auth]`: the keys that say who may call.

use std::{collections::BTreeSet, net::SocketAddr, num::NonZeroU32, sync::Arc};

use toml::Value;

use super::{
    caller::Caller,
    customer_filter::{self, CustomerFilter},
    kept::KeptLimits,
    rate::{Rate, read_rate},
    tokens::TokenSettings,
};
use crate::config::{NO_NAME, Reader, Setting, is_name, one_of, unhex};

/// `[auth]`, validated.
#[derive(Debug)]
pub struct AccessSettings {
    /// How callers are identified.
    pub mode: Mode,
    /// The callers that have keys.
    pub(super) callers: Vec<KeyCaller>,
    /// Whose tokens are accepted, if any.
    pub(super) tokens: Option<TokenSettings>,
    /// Whether the documents are for callers only.
    pub protect_docs: bool,
}

/// How callers are identified: the values of `auth.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are not: anyone who reaches the gateway may see everything.
    None,
    /// By keys.
    Keys,
    /// By JSON Web Tokens from an issuer.
    Jwt,
}

impl Mode {
    /// The value in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Keys => "keys",
            Self::Jwt => "jwt",
        }
    }
}

/// `[[auth.callers]]`: one caller.
#[derive(Debug)]
pub(super) struct KeyCaller {
    pub(super) name: String,
    pub(super) key_sha256: KeyDigest,
    pub(super) customers: CustomerFilter,
    pub(super) rate: Option<Rate>,
    pub(super) burst: Option<NonZeroU32>,
}

/// The SHA-256 of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyDigest(pub(super) [u8; 32]);

/// The names and keys of callers that were already read, including those with faults.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    keys: BTreeSet<KeyDigest>,
}

impl AccessSettings {
    /// Reads `[auth]`. Being open to everyone beyond this machine must be configured explicitly.
    pub fn read(reader: &mut Reader, listen: SocketAddr) -> Self {
        let mode = reader.or("auth.mode", Mode::None);
        let anonymous = reader.or("auth.allow_anonymous", false);
        let protect_docs = reader.or("auth.protect_docs", false);
        if mode == Mode::None {
            open_to_everyone(reader, listen, anonymous, protect_docs);
        }
        let callers = read_callers(reader, mode);
        let tokens = TokenSettings::read(reader, mode == Mode::Jwt);
        Self { mode, callers, tokens, protect_docs }
    }
}

fn open_to_everyone(reader: &mut Reader, listen: SocketAddr, anonymous: bool, protect_docs: bool) {
    if protect_docs {
        reader.fault("auth.protect_docs", "must be false: with auth.mode = \"none\" no one could open the documents.");
    }
    if !listen.ip().is_loopback() && !anonymous {
        let what = "must be true to listen on {}: with auth.mode = \"none\" anyone who reaches it can read every customer's users. \
            Preferably, set auth.mode to \"keys\" or \"jwt\".";
        reader.fault("auth.allow_anonymous", what.replace("{}", &listen.to_string()));
    }
}

/// Reads every caller, even if the mode uses none: then it is a mistake that there are any, and a
/// dangerous one.
fn read_callers(reader: &mut Reader, mode: Mode) -> Vec<KeyCaller> {
    let tables = reader.items("auth.callers");
    if tables.is_empty() {
        reader.unused(|reader| KeyCaller::read(reader, "auth.callers.0", &mut Seen::default())); // so that its keys are not reported as unknown
    }
    let mut seen = Seen::default();
    let callers = tables.iter().filter_map(|table| KeyCaller::read(reader, table, &mut seen)).collect();
    match (mode, tables.is_empty()) {
        (Mode::Keys, true) => {
            reader.fault("auth.callers", "is required by auth.mode = \"keys\": `rollcall key NAME` prints a caller's table.");
        }
        (Mode::None | Mode::Jwt, false) => {
            reader.fault("auth.callers", "is used only with auth.mode = \"keys\": set that, or remove the callers.");
        }
        _ => {}
    }
    callers
}

impl KeyCaller {
    fn read(reader: &mut Reader, table: &str, seen: &mut Seen) -> Option<Self> {
        let name = reader.required(&format!("{table}.name"));
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            reader.fault(&format!("{table}.name"), NO_NAME);
        }
        let key_sha256 = reader.required(&format!("{table}.key_sha256"));
        own(reader, &format!("{table}.name"), name.as_ref(), &mut seen.names);
        own(reader, &format!("{table}.key_sha256"), key_sha256.as_ref(), &mut seen.keys);
        let customers = reader.required(&format!("{table}.customers"));
        let (rate, burst) = read_rate(reader, table);
        Some(Self { name: name?, key_sha256: key_sha256?, customers: customers?, rate, burst })
    }

    pub(super) fn into_caller(self, limits: &KeptLimits) -> Caller {
        let limit = self.rate.map(|rate| limits.of(&self.name, rate, self.burst));
        let name: Arc<str> = self.name.into();
        Caller::new(Arc::clone(&name), Some(name), self.customers, limit)
    }
}

/// Reports a value that another caller already has.
fn own<T: Ord + Clone>(reader: &mut Reader, key: &str, value: Option<&T>, seen: &mut BTreeSet<T>) {
    if value.is_some_and(|value| !seen.insert(value.clone())) {
        reader.fault(key, "is also used by another caller: each caller needs a different one.");
    }
}

impl KeyDigest {
    /// Parses 64 hex digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        unhex(text.trim()).map(Self)
    }
}

impl Setting for KeyDigest {
    const WANTED: &'static str = "the SHA-256 of the key, 64 hex digits, as `rollcall key NAME` prints it";

    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(Self::parse).ok_or_else(Self::wanted)
    }
}

impl Setting for CustomerFilter {
    const WANTED: &'static str = customer_filter::WANTED;

    fn read(value: &Value) -> Result<Self, String> {
        let texts = Vec::<String>::read(value).map_err(|_| Self::wanted())?;
        Self::read(texts.iter().map(String::as_str)).map_err(|bad| format!("must be {}; \"{bad}\" is neither.", Self::WANTED))
    }
}

impl Setting for Mode {
    const WANTED: &'static str = "\"keys\", \"jwt\" or \"none\"";

    fn read(value: &Value) -> Result<Self, String> {
        one_of(value, &[Self::None, Self::Keys, Self::Jwt].map(|mode| (mode.as_str(), mode)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[test]
    fn a_digest_has_64_hex_digits() {
        let good = "0123456789abcdefABCDEF".to_owned() + &"0".repeat(42);
        assert_eq!(KeyDigest::parse(&good).map(|digest| digest.0[1]), Some(0x23));
        for bad in ["", &good[1..], &format!("{good}0"), &good.replace('a', "g"), &good.replacen("01", "+1", 1)] {
            assert_eq!(KeyDigest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_caller_that_is_there_twice_is_named_by_its_own_key() {
        let caller = |name: &str, digit: &str, rest: &str| {
            format!("[[auth.callers]]\nname = \"{name}\"\nkey_sha256 = \"{}\"\n{rest}\n", digit.repeat(64))
        };
        let all = "customers = [\"*\"]";
        for (callers, expected) in [
            ([("a", "1", all), ("b", "2", all), ("c", "3", all)], &[][..]),
            ([("a", "1", all), ("a", "2", all), ("a", "3", all)], &["1.name", "2.name"]),
            ([("a", "1", all), ("b", "1", all), ("c", "1", all)], &["1.key_sha256", "2.key_sha256"]),
            ([("a", "1", all), ("b", "a", all), ("b", "A", all)], &["2.name", "2.key_sha256"]),
            ([("a", "1", "customers = 3"), ("b", "2", all), ("b", "1", all)], &["0.customers", "2.name", "2.key_sha256"]),
        ] {
            let text =
                callers.iter().fold("[auth]\nmode = \"keys\"\n".to_owned(), |text, (name, digit, rest)| text + &caller(name, digit, rest));
            let mut reader = Reader::new(Layers::from_text(&text).ok().unwrap());
            AccessSettings::read(&mut reader, SocketAddr::from(([127, 0, 0, 1], 0)));
            let faults = reader.finish().err().map(|faults| faults.to_string()).unwrap_or_default();
            let keys: Vec<&str> = faults.lines().filter_map(|fault| fault.strip_prefix("auth.callers.")?.split(':').next()).collect();
            assert_eq!(keys, expected, "{faults}");
        }
    }
}
