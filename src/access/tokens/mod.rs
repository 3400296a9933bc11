//! Callers identified by JSON Web Tokens: who, for whom, until when, and signed by whom.
//!
//! Only RS256, ES256 and EdDSA (RFC 7518, RFC 8037). `iss`, `aud` and `exp` must be present and match,
//! `nbf` is checked if present; clocks may differ by a minute.

mod key_set;
mod origin;
mod settings;
mod signatures;
mod subjects;

use std::{convert::Infallible, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey, TokenData, Validation, decode, decode_header,
    errors::{self, ErrorKind},
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    caller::{Caller, CustomerFilter, Denied},
    rate::RateLimit,
};
use crate::{kept::Kept, outbound::Deadline, telemetry::Metrics};
use key_set::KeySets;
use settings::KeyLocation;
use subjects::{KeptSubjects, Subject, Subjects};

pub(super) use settings::TokenSettings;

/// The accepted algorithms. All are asymmetric: nothing that the gateway holds can sign.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// The allowed difference between clocks, in seconds.
const LEEWAY: u64 = 60;

/// The longest name of a subject, in characters.
const LONGEST_NAME: usize = 128;

/// The issuer's keys, and the subjects of tokens, over a change of the configuration.
#[derive(Debug, Default)]
pub(super) struct KeptTokens {
    /// By where they come from: a reload while the issuer is down locks no one out.
    keys: Kept<KeyLocation, KeySets>,
    subjects: KeptSubjects,
}

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    settings: TokenSettings,
    /// The rules for a token of each algorithm. The key decides which applies: it has exactly one.
    validations: [Validation; 3],
    keys: Arc<KeySets>,
    subjects: Arc<Subjects>,
    metrics: Arc<Metrics>,
}

impl Tokens {
    pub(super) fn new(settings: TokenSettings, kept: &KeptTokens, metrics: Arc<Metrics>) -> reqwest::Result<Self> {
        signatures::install();
        let validations = ALGORITHMS.map(|algorithm| validation(algorithm, &settings));
        let origin = settings.keys.origin()?;
        let keys = kept.keys.find(settings.keys.clone(), |_| true, || KeySets::new(origin));
        let subjects = kept.subjects.of(&settings);
        Ok(Self { settings, validations, keys, subjects, metrics })
    }

    /// Identifies the sender of this token; waits for a key set until the deadline.
    pub(super) async fn check(&self, token: &str, deadline: Deadline) -> Result<Caller, Denied> {
        let header = decode_header(token).map_err(|error| Denied::Refused(reason(error.kind())))?;
        let validation = self.validations.iter().find(|validation| validation.algorithms.contains(&header.alg));
        let validation = validation.ok_or(Denied::Refused(reason(&ErrorKind::InvalidAlgorithm)))?;
        if header.crit.is_some() {
            return Err(Denied::Refused("The token requires an extension (crit) that is not supported here."));
        }
        let keys = self.keys.find(header.kid.as_deref(), header.alg, deadline).await?;
        let claims = checked(token, &keys, validation).map_err(|error| Denied::Refused(reason(error.kind())))?;
        // The library would also accept a list that contains the issuer.
        if !claims.get("iss").is_some_and(Value::is_string) {
            return Err(Denied::Refused(reason(&ErrorKind::InvalidIssuer)));
        }
        Ok(self.caller(&claims))
    }

    fn caller(&self, claims: &Map<String, Value>) -> Caller {
        let named = subject(claims);
        let digest: [u8; 32] = Sha256::digest(named).into();
        let Ok(Subject { name, label, limit }) = self.subjects.get_or_insert_with(&digest, || Ok::<_, Infallible>(self.subject(named)));
        let listed = claims.get(&self.settings.customers_claim).and_then(Value::as_array);
        let customers = CustomerFilter::read_what_can_be(listed.into_iter().flatten().filter_map(Value::as_str));
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
    // A claim that is absent passes validation unless it is required.
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation
}

/// Returns the claims of a token, verified with the first of these keys that fits its signature.
fn checked(token: &str, keys: &[Arc<DecodingKey>], validation: &Validation) -> errors::Result<Map<String, Value>> {
    let by_another = |decoded: &errors::Result<_>| matches!(decoded, Err(error) if *error.kind() == ErrorKind::InvalidSignature);
    let mut decoded = keys.iter().map(|key| decode(token, key, validation).map(|TokenData { claims, .. }| claims));
    decoded.find(|decoded| !by_another(decoded)).unwrap_or_else(|| Err(ErrorKind::InvalidSignature.into()))
}

/// Whom the token identifies (RFC 9068, 2.2).
fn subject(claims: &Map<String, Value>) -> &str {
    let named = ["sub", "client_id"].iter().find_map(|claim| claims.get(*claim)?.as_str().filter(|name| !name.trim().is_empty()));
    named.unwrap_or("unnamed")
}

/// Replaces the characters of a name that are not suitable for a log and a metric.
fn printable(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
    name.chars().take(LONGEST_NAME).map(plain).collect()
}

/// The reason why a token is refused, for its sender: says what is wrong with it, and nothing about the gateway.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "The token has expired.",
        ErrorKind::ImmatureSignature => "The token is not valid yet.",
        ErrorKind::InvalidIssuer => "The token is from another issuer.",
        ErrorKind::InvalidAudience => "The token is for another audience.",
        ErrorKind::MissingRequiredClaim(_) => "The token lacks one of the claims exp, iss and aud.",
        ErrorKind::InvalidClaimFormat(_) => "The token has a claim in the wrong format.",
        ErrorKind::InvalidSignature => "The token's signature is invalid.",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => "The token is not signed with RS256, ES256 or EdDSA.",
        // To the library, a header with an unknown algorithm, such as `none`, is not a header at all.
        _ => "The token is not a JSON Web Token signed with RS256, ES256 or EdDSA.",
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
