//! A gateway whose callers are identified by tokens, and the issuer whose keys it trusts.

use super::{Answer, Fake, Gateway, Setup, World, issuer::SigningKey};

/// The requested roll.
pub(crate) const ROLL: &str = "/customers/acme/users";

/// A gateway that trusts the keys of an issuer, and that issuer.
pub(crate) struct Trusting {
    pub(crate) world: World,
    pub(crate) issuer: Fake,
    pub(crate) gateway: Gateway,
}

impl Trusting {
    pub(crate) async fn new(keys: &[&SigningKey]) -> Self {
        Self::with(keys, |setup| setup).await
    }

    pub(crate) async fn with(keys: &[&SigningKey], more: impl FnOnce(Setup) -> Setup) -> Self {
        let (world, issuer) = (World::of_two().await, Fake::start().await);
        issuer.lists(keys);
        let gateway = more(world.gateway().with_tokens(&issuer)).start().await;
        Self { world, issuer, gateway }
    }

    pub(crate) async fn get(&self, token: &str) -> Answer {
        self.gateway.get_with(ROLL, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// How often the key set was fetched.
    pub(crate) fn asked(&self) -> usize {
        self.issuer.calls().len()
    }
}
