//! Where a command's configuration comes from: file, environment, flags.

use std::{convert::Infallible, path::PathBuf};

use clap::Args;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use crate::{
    app::Config,
    config::{Fault, Faults, Layers, Secret},
    sources::REGISTRY,
};

/// The environment, read once.
#[derive(Clone, Default)]
pub struct Environment(pub Vec<(String, String)>);

#[derive(Debug, Args)]
#[group(id = "configuration")]
pub(super) struct Arguments {
    /// The configuration, a TOML file; deploy/rollcall.toml shows every key
    #[arg(long, value_name = "FILE", env = "ROLLCALL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Where to listen, such as 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// Any key of the configuration, such as cache.fresh=30s; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = secret)]
    set: Vec<Secret>,
}

impl Arguments {
    /// A digest of the file as it is now, to tell whether it has changed.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        let text = Zeroizing::new(std::fs::read(self.config.as_ref()?).ok()?);
        Some(Sha256::digest(&text).into())
    }

    /// The merged and checked configuration.
    pub(super) fn read(&self, environment: &Environment) -> Result<Config, Faults> {
        match self.usable_layers(environment)? {
            (layers, None) => Config::read(layers, REGISTRY),
            (_, Some(unread)) => Err(unread),
        }
    }

    /// The merged layers without the file where that cannot be read, and why it cannot.
    pub(super) fn usable_layers(&self, environment: &Environment) -> Result<(Layers, Option<Faults>), Faults> {
        let read = self.config.as_ref().map(|path| Layers::from_file(path)).transpose();
        let (file, unread) = read.map_or_else(|faults| (None, Some(faults)), |layers| (layers, None));
        let layers = file.unwrap_or_default().with_environment(environment.0.iter().cloned());
        Ok((self.flags.lay_over(layers)?, unread))
    }
}

impl Flags {
    pub(super) fn lay_over(&self, mut layers: Layers) -> Result<Layers, Faults> {
        for pair in &self.set {
            let Some((key, value)) = pair.reveal().split_once('=') else {
                // The value may be a secret that was written without its key.
                let what = "wants KEY=VALUE, such as cache.fresh=30s.".to_owned();
                return Err(Fault { at: "--set".to_owned(), what }.into());
            };
            layers = layers.with_flag(key.trim(), value, "--set");
        }
        Ok(match &self.listen {
            Some(address) => layers.with_flag("server.listen", address, "--listen"),
            None => layers,
        })
    }
}

/// Any key may be that of a secret.
#[expect(clippy::unnecessary_wraps, reason = "the form that clap wants")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

impl Environment {
    /// One variable.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}
