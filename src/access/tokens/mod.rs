//! Callers by their JSON web tokens: whose, for whom, until when, and signed by whom.
//!
//! RS256, ES256 and EdDSA only (RFC 7518, RFC 8037). `iss`, `aud` and `exp` must be there and fit,
//! `nbf` where it is there; clocks may differ by a minute.

mod key_set;
mod origin;
mod settings;
mod signatures;

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, TokenData, Validation, decode, decode_header, errors::ErrorKind};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    caller::{Caller, Customers, Denied},
    rate::RateLimit,
};
use crate::{outbound::Deadline, telemetry::Metrics};
use key_set::KeySets;

pub use key_set::KeptKeys;
pub(super) use settings::TokenSettings;

/// The algorithms that are taken. All are of public keys: nothing that the gateway holds can sign.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// How much clocks may differ, in seconds.
const LEEWAY: u64 = 60;

/// Subjects that are remembered, and for how long after the last request at least.
const MOST_SUBJECTS: u64 = 100_000;
const REMEMBERED: Duration = Duration::from_mins(10);

/// Longest name of a subject, in characters.
const LONGEST_NAME: usize = 128;

/// Checks tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    settings: TokenSettings,
    /// What a token by each algorithm must be like: the key decides which, and it has one.
    validations: [Validation; 3],
    keys: KeySets,
    /// By the digest of what the token calls them: two are never one for the letters of a log.
    subjects: moka::sync::Cache<[u8; 32], Subject>,
    metrics: Arc<Metrics>,
}

/// What is remembered of a subject.
#[derive(Clone, Debug)]
struct Subject {
    name: Arc<str>,
    label: Arc<str>,
    limit: Option<Arc<RateLimit>>,
}

impl Tokens {
    pub(super) fn new(settings: TokenSettings, kept: &KeptKeys, metrics: Arc<Metrics>) -> reqwest::Result<Self> {
        signatures::install();
        let validations = ALGORITHMS.map(|algorithm| validation(algorithm, &settings));
        let keys = kept.of(settings.origin()?);
        // Who is forgotten may ask as if he were new: not before his limit would let him.
        let remembered = settings.rate.map_or(REMEMBERED, |rate| rate.refill(settings.burst).max(REMEMBERED));
        let subjects = moka::sync::Cache::builder().max_capacity(MOST_SUBJECTS).time_to_idle(remembered).build();
        Ok(Self { settings, validations, keys, subjects, metrics })
    }

    /// Who sends this token; a key set is waited for until the deadline.
    pub(super) async fn check(&self, token: &str, deadline: Deadline) -> Result<Caller, Denied> {
        let header = decode_header(token).map_err(|error| Denied::Refused(reason(error.kind())))?;
        let validation = self.validations.iter().find(|validation| validation.algorithms.contains(&header.alg));
        let validation = validation.ok_or(Denied::Refused(reason(&ErrorKind::InvalidAlgorithm)))?;
        if header.crit.is_some() {
            return Err(Denied::Refused("The token wants an extension (crit) that is not known here."));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg, deadline).await?;
        let TokenData { claims, .. } =
            decode::<Map<String, Value>>(token, &key, validation).map_err(|error| Denied::Refused(reason(error.kind())))?;
        // The library also takes a list of which it is one.
        if !claims.get("iss").is_some_and(Value::is_string) {
            return Err(Denied::Refused(reason(&ErrorKind::InvalidIssuer)));
        }
        Ok(self.caller(&claims))
    }

    fn caller(&self, claims: &Map<String, Value>) -> Caller {
        let named = subject(claims);
        let Subject { name, label, limit } = self.subjects.get_with(Sha256::digest(named).into(), || self.subject(named));
        let listed = claims.get(&self.settings.customers_claim).and_then(Value::as_array);
        let customers = Customers::read_what_can_be(listed.into_iter().flatten().filter_map(Value::as_str));
        Caller::new(name, Some(label), customers, limit)
    }

    fn subject(&self, named: &str) -> Subject {
        let name: Arc<str> = printable(named).into();
        let limit = self.settings.rate.map(|rate| Arc::new(RateLimit::new(rate, self.settings.burst)));
        Subject { label: self.metrics.label_of(&name), name, limit }
    }
}

fn validation(algorithm: Algorithm, settings: &TokenSettings) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[&settings.issuer]);
    validation.set_audience(&[&settings.audience]);
    // One that is absent passes unless it is required.
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation
}

/// Whom the token speaks of (RFC 9068, 2.2).
fn subject(claims: &Map<String, Value>) -> &str {
    let named = ["sub", "client_id"].iter().find_map(|claim| claims.get(*claim)?.as_str().filter(|name| !name.trim().is_empty()));
    named.unwrap_or("unnamed")
}

/// A name in letters that a log and a metric can hold.
fn printable(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
    name.chars().take(LONGEST_NAME).map(plain).collect()
}

/// Why a token is refused, for its sender: what is wrong with it, and nothing of the gateway's.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "The token has expired.",
        ErrorKind::ImmatureSignature => "The token is not valid yet.",
        ErrorKind::InvalidIssuer => "The token is of another issuer.",
        ErrorKind::InvalidAudience => "The token is for another audience.",
        ErrorKind::MissingRequiredClaim(_) => "The token lacks one of the claims exp, iss and aud.",
        ErrorKind::InvalidClaimFormat(_) => "The token has a claim of the wrong form.",
        ErrorKind::InvalidSignature => "The token's signature is wrong.",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => "The token is not signed with RS256, ES256 or EdDSA.",
        // A header that names no algorithm that the library knows, `none` for one, is no header to it.
        _ => "The token is no JSON web token that is signed with RS256, ES256 or EdDSA.",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subject_has_a_name_that_a_log_can_hold() {
        for (claims, name) in [
            (json!({"sub": "billing"}), "billing"),
            (json!({"sub": "a b\n\u{1b}[31mä"}), "a_b__[31m_"),
            (json!({"client_id": "app"}), "app"),
            (json!({"sub": " ", "client_id": "app"}), "app"),
            (json!({"sub": 7}), "unnamed"),
        ] {
            assert_eq!(printable(subject(claims.as_object().unwrap())), name);
        }
        assert_eq!(printable(&"x".repeat(999)).len(), LONGEST_NAME);
    }
}
