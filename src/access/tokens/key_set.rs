//! The issuer's keys (RFC 7517), as they are now: asked for anew while they are in use, and at
//! once where a token names a key that is not among them.

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
use crate::{access::caller::Denied, flight::Flights, outbound::Deadline};

/// From this age on a set is asked for anew behind whoever uses it, from the other one on before.
/// A changed set is so in use within ten seconds.
const AGING: Duration = Duration::from_secs(5);
const OLD: Duration = Duration::from_secs(8);

/// Between two times of asking at least.
const COOL_DOWN: Duration = Duration::from_secs(2);

/// How long a set is used that cannot be had anew.
const KEPT: Duration = Duration::from_hours(24);

/// What a key must be for.
pub(super) const USABLE: &str = "for signatures by RS256, ES256 or EdDSA";

/// How long whoever needs a key waits for the set at most.
const PATIENCE: Duration = Duration::from_secs(3);

/// The key sets of an issuer, one after the other.
#[derive(Clone, Debug)]
pub(super) struct KeySets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Origin,
    held: ArcSwapOption<Held>,
    asked: Mutex<Option<Asked>>,
    flights: Flights<(), ()>,
}

/// The key set that is in use, by where it is: kept while the configuration changes, so that a
/// reload in which the issuer is down locks nobody out.
#[derive(Debug, Default)]
pub struct KeptKeys(Mutex<Option<KeySets>>);

/// When the set was last asked for, and whether that was in vain.
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

/// What is done before a key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// Nothing: the set is as it is.
    Nothing,
    /// The set is asked for anew, and nobody waits.
    AskBehind,
    /// The set is asked for anew, and whoever needs it waits.
    Ask,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeptKeys {
    /// The sets of this origin: those that are in use, where they are of the same one.
    pub(super) fn of(&self, origin: Origin) -> KeySets {
        let mut kept = self.0.lock();
        match kept.as_ref().filter(|kept| kept.0.origin.is_as(&origin)) {
            Some(kept) => kept.clone(),
            None => kept.insert(KeySets::new(origin)).clone(),
        }
    }
}

impl KeySets {
    fn new(origin: Origin) -> Self {
        Self(Arc::new(Inner { origin, held: ArcSwapOption::empty(), asked: Mutex::default(), flights: Flights::default() }))
    }

    /// The key of this id for this algorithm. Without an id it is the only one for the algorithm.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm, deadline: Deadline) -> Result<Arc<DecodingKey>, Denied> {
        let found = self.held().and_then(|held| held.find(id, algorithm));
        let asked = *self.0.asked.lock();
        let age = self.0.held.load().as_ref().map(|held| held.at.elapsed());
        match first(age, asked.map(|asked| (asked.at.elapsed(), asked.failed)), found.is_some()) {
            First::Nothing => {}
            First::AskBehind => self.ask().detach(),
            First::Ask => drop(deadline.or_after(PATIENCE).bound(self.ask().flight).await),
        }
        let held = self.held().ok_or(Denied::Uncheckable)?;
        held.find(id, algorithm).ok_or(Denied::Refused("The token is signed with a key that its issuer does not list."))
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.0.held.load_full().filter(|held| held.at.elapsed() < KEPT)
    }

    fn ask(&self) -> crate::flight::Seat<()> {
        let inner = Arc::clone(&self.0);
        self.0.flights.join((), || async move {
            let keys = inner.origin.read().await.and_then(|text| read(&text));
            let (at, failed) = (Instant::now(), keys.is_err());
            match keys {
                Ok(keys) => {
                    if keys.is_empty() {
                        tracing::warn!(origin = %inner.origin, "no key of the key set is {USABLE}: every token is refused");
                    }
                    inner.held.store(Some(Arc::new(Held { keys, at })));
                }
                Err(cause) => {
                    tracing::warn!(origin = %inner.origin, cause, "the key set cannot be had; the one before goes on, if there is one");
                }
            }
            *inner.asked.lock() = Some(Asked { at, failed });
        })
    }
}

/// Decides whether the set is asked for anew: of its age, of how long ago that was last done and
/// whether in vain, and of whether the key is in it.
fn first(age: Option<Duration>, asked: Option<(Duration, bool)>, is_found: bool) -> First {
    if asked.is_some_and(|(ago, _)| ago < COOL_DOWN) {
        return First::Nothing;
    }
    // A failure of long ago says nothing of the issuer now.
    let failed = asked.is_some_and(|(ago, failed)| failed && ago < OLD);
    match age {
        None => First::Ask,
        Some(_) if !is_found => First::Ask,
        // An issuer that is down or hangs holds up nobody whose key is there, while he is one of many.
        Some(age) if age >= OLD && !failed => First::Ask,
        Some(age) if age >= AGING => First::AskBehind,
        Some(_) => First::Nothing,
    }
}

impl Held {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut fit = self.keys.iter().filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = fit.next()?;
        (id.is_some() || fit.next().is_none()).then(|| Arc::clone(&first.decoding))
    }
}

/// Reads a set: its keys that can be used here. Others, of other algorithms for one, do no harm. An issuer
/// that lists none any more has withdrawn those that he listed.
pub(super) fn read(text: &[u8]) -> Result<Vec<Key>, String> {
    let wire: Wire<'_> = serde_json::from_slice(text).map_err(|_| "it is no JSON object with a list of keys".to_owned())?;
    Ok(wire.keys.iter().filter_map(|key| usable(&serde_json::from_str(key.get()).ok()?)).collect())
}

/// A key for signatures by the one algorithm that its kind has here.
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
            (None, None, false, First::Ask),
            (None, Some((s(1), true)), false, First::Nothing),
            (None, Some((s(2), true)), false, First::Ask),
            (Some(s(1)), Some((s(1), false)), true, First::Nothing),
            (Some(s(1)), Some((s(1), false)), false, First::Nothing),
            (Some(s(3)), Some((s(3), false)), true, First::Nothing),
            (Some(s(3)), Some((s(3), false)), false, First::Ask),
            (Some(s(5)), Some((s(5), false)), true, First::AskBehind),
            (Some(s(8)), Some((s(8), false)), true, First::Ask),
            (Some(s(60)), Some((s(2), true)), true, First::AskBehind),
            (Some(s(60)), Some((s(1), true)), true, First::Nothing),
            (Some(s(60)), Some((s(7), true)), true, First::AskBehind),
            (Some(s(60)), Some((s(8), true)), true, First::Ask),
            (Some(s(60)), Some((s(60), true)), true, First::Ask),
        ] {
            assert_eq!(first(age, asked, is_found), expected, "{age:?} {asked:?} {is_found}");
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
    fn a_token_without_an_id_is_of_the_only_key_there_is() {
        let held = |keys: &str| Held { keys: read(format!("{{\"keys\":[{keys}]}}").as_bytes()).unwrap(), at: Instant::now() };
        let two = held(&format!(r#"{{{RSA},"kid":"a"}}, {{{RSA},"kid":"b"}}, {{{EC},"kid":"c"}}"#));
        assert!(two.find(None, Algorithm::ES256).is_some() && two.find(Some("b"), Algorithm::RS256).is_some());
        for (id, algorithm) in
            [(None, Algorithm::RS256), (Some("c"), Algorithm::RS256), (Some("d"), Algorithm::RS256), (None, Algorithm::EdDSA)]
        {
            assert!(two.find(id, algorithm).is_none(), "{id:?} {algorithm:?}");
        }
    }
}
