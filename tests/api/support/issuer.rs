//! A token issuer with keys of its own: one for each algorithm, and any tokens that a test makes with them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};

use super::{Fake, Reply, Setup};

/// The issuer and the audience of tokens, unless a test says otherwise.
pub(crate) const ISSUER: &str = "https://id.example.com/";
pub(crate) const AUDIENCE: &str = "rollcall";

/// A signing key, with the id that it is listed under.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    /// The only RSA key, because generating one takes long.
    pub(crate) fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Rsa(RsaKeyPair::from_pkcs8(include_bytes!("../fixtures/issuer-rsa.pk8")).unwrap()) }
    }

    pub(crate) fn ec(id: &str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            id: id.to_owned(),
            pair: Pair::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()),
        }
    }

    pub(crate) fn ed(id: &str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id: id.to_owned(), pair: Pair::Ed(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// The public half as listed in a key set.
    pub(crate) fn listed(&self) -> Value {
        let mut listed = match &self.pair {
            Pair::Rsa(pair) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": encoded(&n), "e": encoded(&e)})
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref())}),
        };
        listed["kid"] = self.id.as_str().into();
        listed["use"] = "sig".into();
        listed
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id}), claims)
    }

    /// A token with any header, however wrong; its signature is valid for the signed part.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encoded(&signature))
    }
}

/// A token that is signed with a secret, as an attacker makes one from a public key.
pub(crate) fn signed_with_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encoded(signature.as_ref()))
}

/// An unsigned token.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", message(header, claims))
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The time this many seconds from now, in a token's format.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// The claims of a valid token for these customers.
pub(crate) fn claims(customers: &[&str]) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "tester", "exp": in_seconds(300), "customers": customers})
}

/// The claims of a valid token, with one changed.
pub(crate) fn claims_but(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims(&["*"]);
    claims[name] = value.into();
    claims
}

/// A key set with these keys.
pub(crate) fn key_set(keys: &[&SigningKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.listed()).collect::<Vec<_>>()})
}

impl Fake {
    /// Lists these keys from now on.
    pub(crate) fn lists(&self, keys: &[&SigningKey]) {
        self.always(Reply::json(200, &key_set(keys)));
    }
}

impl Setup {
    /// Accepts tokens signed with the keys that are served there.
    pub(crate) fn with_tokens(self, keys: &Fake) -> Self {
        let url = format!("{}/jwks.json", keys.url());
        self.set("auth.mode", "jwt").set("auth.jwt.issuer", ISSUER).set("auth.jwt.audience", AUDIENCE).set("auth.jwt.jwks_url", &url)
    }
}
