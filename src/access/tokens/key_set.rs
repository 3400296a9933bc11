//! The issuer's current keys (RFC 7517): refreshed while they are in use, and fetched at once if a
//! token names a key that is not among them.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::origin::Origin;
use crate::{
    access::caller::Denied,
    flight::{Flights, Seat},
    outbound::Deadline,
};

/// From the first age on, a set is refreshed in the background; from the second one on, before it is used.
/// A changed set is thus in use within ten seconds.
const AGING: Duration = Duration::from_secs(5);
const OLD: Duration = Duration::from_secs(8);

/// The minimum time between two fetches.
const COOL_DOWN: Duration = Duration::from_secs(2);

/// How long a set that cannot be refreshed stays in use.
const KEPT: Duration = Duration::from_hours(24);

/// What a key must be suitable for.
pub(super) const USABLE: &str = "for signatures by RS256, ES256 or EdDSA";

/// The most keys that one token is tried with.
const MOST_TRIED: usize = 16;

/// How long a request that needs a key waits for the set at most.
const PATIENCE: Duration = Duration::from_secs(3);

/// The successive key sets of an issuer.
#[derive(Debug)]
pub(super) struct KeySets {
    origin: Origin,
    held: ArcSwapOption<Held>,
    asked: Mutex<Option<Asked>>,
    flights: Flights<(), ()>,
}

/// When the set was last fetched, and whether that failed.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    failed: bool,
}

#[derive(Debug)]
struct Held {
    keys: Vec<Key>,
    at: Instant,
}

/// One key that can be used here.
#[derive(Clone, Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    decoding: Arc<DecodingKey>,
}

/// What to do before looking for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refetch {
    /// Nothing: the set is used as it is.
    Nothing,
    /// Refresh the set in the background.
    AskBehind,
    /// Refresh the set and wait for it.
    Ask,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySets {
    pub(super) fn new(origin: Origin) -> Self {
        Self { origin, held: ArcSwapOption::empty(), asked: Mutex::default(), flights: Flights::default() }
    }

    /// Finds the keys with this id and algorithm; without an id, all keys for the algorithm. There is at least one.
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        deadline: Deadline,
    ) -> Result<Vec<Arc<DecodingKey>>, Denied> {
        let is_found = self.held().is_some_and(|held| held.fitting(id, algorithm).next().is_some());
        let asked = *self.asked.lock();
        let age = self.held.load().as_ref().map(|held| held.at.elapsed());
        match refetch(age, asked.map(|asked| (asked.at.elapsed(), asked.failed)), is_found) {
            Refetch::Nothing => {}
            Refetch::AskBehind => self.ask().detach(),
            Refetch::Ask => drop(deadline.or_after(PATIENCE).bound(self.ask().flight.landed()).await),
        }
        let keys = self.held().ok_or(Denied::Uncheckable)?.find(id, algorithm);
        if keys.is_empty() {
            return Err(Denied::Refused("The token is signed with a key that its issuer does not list."));
        }
        Ok(keys)
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.held.load_full().filter(|held| held.at.elapsed() < KEPT)
    }

    fn ask(self: &Arc<Self>) -> Seat<()> {
        let this = Arc::clone(self);
        self.flights.join((), || async move {
            let keys = this.origin.read().await.and_then(|text| read(&text));
            let (at, failed) = (Instant::now(), keys.is_err());
            match keys {
                Ok(keys) => {
                    if keys.is_empty() {
                        tracing::warn!(origin = %this.origin, "no key of the key set is {USABLE}: every token is refused");
                    }
                    this.held.store(Some(Arc::new(Held { keys, at })));
                }
                Err(cause) => {
                    tracing::warn!(origin = %this.origin, cause, "the key set cannot be fetched; the previous one, if any, stays in use");
                }
            }
            *this.asked.lock() = Some(Asked { at, failed });
        })
    }
}

/// Decides whether to refresh the set: from its age, from when the last fetch was and whether it failed,
/// and from whether the key was found.
fn refetch(age: Option<Duration>, asked: Option<(Duration, bool)>, is_found: bool) -> Refetch {
    if asked.is_some_and(|(ago, _)| ago < COOL_DOWN) {
        return Refetch::Nothing;
    }
    // A failure long ago says nothing about the issuer now.
    let failed = asked.is_some_and(|(ago, failed)| failed && ago < OLD);
    match age {
        None => Refetch::Ask,
        Some(_) if !is_found => Refetch::Ask,
        // After a recent failure no request whose key is there waits: the issuer may be down or hang.
        Some(age) if age >= OLD && !failed => Refetch::Ask,
        Some(age) if age >= AGING => Refetch::AskBehind,
        Some(_) => Refetch::Nothing,
    }
}

impl Held {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<Arc<DecodingKey>> {
        self.fitting(id, algorithm).map(|key| Arc::clone(&key.decoding)).collect()
    }

    /// The keys that a token may be signed with, as many of them as are tried.
    fn fitting(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        let fits = move |key: &&Key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id);
        self.keys.iter().filter(fits).take(MOST_TRIED)
    }
}

/// Parses a set and keeps the keys that can be used here. Others, such as those of other algorithms, do no
/// harm. An issuer that lists no keys any more has withdrawn the earlier ones.
pub(super) fn read(text: &[u8]) -> Result<Vec<Key>, String> {
    let wire: Wire<'_> = serde_json::from_slice(text).map_err(|_| "it is not a JSON object with a list of keys".to_owned())?;
    Ok(wire.keys.iter().filter_map(|key| usable(&serde_json::from_str(key.get()).ok()?)).collect())
}

/// Converts a key to verify signatures with the one algorithm that its type has here.
fn usable(jwk: &Jwk) -> Option<Key> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => (Algorithm::ES256, KeyAlgorithm::ES256),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|wanted| *wanted == PublicKeyUse::Signature);
    let fits = common.key_algorithm.as_ref().is_none_or(|wanted| *wanted == named);
    let decoding = Arc::new(DecodingKey::from_jwk(jwk).ok()?);
    (is_for_signatures && fits).then(|| Key { id: common.key_id.clone(), algorithm, decoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_asked_for_before_it_is_too_old_and_not_too_often() {
        let s = Duration::from_secs;
        for (age, asked, is_found, expected) in [
            (None, None, false, Refetch::Ask),
            (None, Some((s(1), true)), false, Refetch::Nothing),
            (None, Some((s(2), true)), false, Refetch::Ask),
            (Some(s(1)), Some((s(1), false)), true, Refetch::Nothing),
            (Some(s(1)), Some((s(1), false)), false, Refetch::Nothing),
            (Some(s(3)), Some((s(3), false)), true, Refetch::Nothing),
            (Some(s(3)), Some((s(3), false)), false, Refetch::Ask),
            (Some(s(5)), Some((s(5), false)), true, Refetch::AskBehind),
            (Some(s(8)), Some((s(8), false)), true, Refetch::Ask),
            (Some(s(60)), Some((s(2), true)), true, Refetch::AskBehind),
            (Some(s(60)), Some((s(1), true)), true, Refetch::Nothing),
            (Some(s(60)), Some((s(7), true)), true, Refetch::AskBehind),
            (Some(s(60)), Some((s(8), true)), true, Refetch::Ask),
            (Some(s(60)), Some((s(60), true)), true, Refetch::Ask),
        ] {
            assert_eq!(refetch(age, asked, is_found), expected, "{age:?} {asked:?} {is_found}");
        }
    }

    const RSA: &str = r#""kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB""#;
    const EC: &str =
        r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

    fn ids(keys: &str) -> Result<Vec<Option<String>>, String> {
        read(format!("{{\"keys\":[{keys}]}}").as_bytes()).map(|keys| keys.into_iter().map(|key| key.id).collect())
    }

    #[test]
    fn keys_that_cannot_be_used_do_no_harm() {
        let others = format!(
            r#"{{"kty":"oct","k":"c2VjcmV0","kid":"secret"}}, {{{RSA},"use":"enc","kid":"enc"}}, {{{RSA},"alg":"PS256","kid":"pss"}},
               {{{EC},"alg":"RS256","kid":"odd"}}, {{"kty":"new","kid":"new"}}, 7, {{{},"kid":"p384"}}"#,
            EC.replace("P-256", "P-384")
        );
        assert_eq!(ids(&format!(r#"{others}, {{{RSA},"kid":"a","use":"sig"}}, {{{EC}}}"#)), Ok(vec![Some("a".to_owned()), None]));
        assert_eq!((ids(&others), ids("")), (Ok(vec![]), Ok(vec![])), "all were withdrawn");
        assert!(read(b"<html>").is_err() && read(b"{}").is_err() && read(b"").is_err());
    }

    #[test]
    fn a_token_without_an_id_may_be_of_any_key_of_its_algorithm() {
        let held = |keys: &str| Held { keys: read(format!("{{\"keys\":[{keys}]}}").as_bytes()).unwrap(), at: Instant::now() };
        let two = held(&format!(r#"{{{RSA},"kid":"a"}}, {{{RSA},"kid":"b"}}, {{{EC},"kid":"c"}}"#));
        for (id, algorithm, expected) in [
            (None, Algorithm::ES256, 1),
            (None, Algorithm::RS256, 2),
            (None, Algorithm::EdDSA, 0),
            (Some("b"), Algorithm::RS256, 1),
            (Some("c"), Algorithm::RS256, 0),
            (Some("d"), Algorithm::RS256, 0),
        ] {
            assert_eq!(two.find(id, algorithm).len(), expected, "{id:?} {algorithm:?}");
        }
        let many = held(&vec![format!("{{{RSA}}}"); MOST_TRIED + 1].join(","));
        assert_eq!(many.find(None, Algorithm::RS256).len(), MOST_TRIED);
    }
}
