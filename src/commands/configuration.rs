//! Where a command's configuration comes from: file, environment and flags.

use std::{convert::Infallible, ffi::OsString, path::PathBuf};

use clap::Args;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use super::watched::FileDigest;
use crate::{
    app::Config,
    config::{Fault, Faults, Layers, Secret},
    sources::REGISTRY,
};

/// The process environment, read once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(String, String)>,
    /// Names of our variables whose names or values are not UTF-8.
    unreadable: Vec<String>,
}

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
    /// Returns a digest of the file's present contents, to detect changes.
    pub(super) fn digest(&self) -> Option<FileDigest> {
        let text = Zeroizing::new(std::fs::read(self.config.as_ref()?).ok()?);
        Some(Sha256::digest(&text).into())
    }

    /// Returns the merged and validated configuration.
    pub(super) fn read(&self, environment: &Environment) -> Result<Config, Faults> {
        let mut faults = environment.faults();
        match self.usable_layers(environment)? {
            (_, Some(unread)) => Err(unread),
            (layers, None) if faults.0.is_empty() => Config::read(layers, REGISTRY),
            (layers, None) => {
                faults.0.extend(Config::read(layers, REGISTRY).err().into_iter().flat_map(|other| other.0));
                Err(faults)
            }
        }
    }

    /// Returns the merged layers, without the file if it cannot be read, and why it could not.
    pub(super) fn usable_layers(&self, environment: &Environment) -> Result<(Layers, Option<Faults>), Faults> {
        let read = self.config.as_ref().map(|path| Layers::from_file(path)).transpose();
        let (file, unread) = read.map_or_else(|faults| (None, Some(faults)), |layers| (layers, None));
        let layers = file.unwrap_or_default().with_environment(environment.variables.iter().cloned());
        Ok((self.flags.lay_over(layers)?, unread))
    }
}

impl Flags {
    pub(super) fn lay_over(&self, layers: Layers) -> Result<Layers, Faults> {
        let pairs = self.set.iter().map(|pair| pair.reveal().split_once('='));
        let Some(pairs) = pairs.collect::<Option<Vec<_>>>() else {
            // The argument may be a secret written without its key.
            let what = "must be KEY=VALUE, such as cache.fresh=30s.".to_owned();
            return Err(Fault { at: "--set".to_owned(), what }.into());
        };
        let layers = layers.with_flags(pairs.into_iter().map(|(key, value)| (key.trim().to_owned(), value.to_owned())), "--set");
        Ok(match &self.listen {
            Some(address) => layers.with_flag("server.listen", address, "--listen"),
            None => layers,
        })
    }
}

/// Any key may hold a secret.
#[expect(clippy::unnecessary_wraps, reason = "the signature that clap requires")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

impl Environment {
    /// Reads the variables that a process was given.
    pub fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => environment.variables.push((name, value)),
                (name, _) => environment.unreadable.push(name.unwrap_or_else(|name| name.to_string_lossy().into_owned())),
            }
        }
        environment.unreadable.retain(|name| Layers::takes(name));
        environment
    }

    /// Returns the faults of our variables.
    fn faults(&self) -> Faults {
        let fault = |name: &String| Fault { at: name.clone(), what: "must be valid UTF-8.".to_owned() };
        Faults(self.unreadable.iter().map(fault).collect())
    }

    /// Returns one variable.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_variable_of_ours_that_is_no_text_is_a_fault_and_any_other_is_nobodys() {
        let broken = |text: &str| OsString::from_vec([text.as_bytes(), b"\xff"].concat());
        let read = |name: OsString, value: OsString| Environment::of(std::iter::once((name, value))).faults().to_string();
        assert_eq!(read("ROLLCALL__AUTH__MODE".into(), broken("keys")), "ROLLCALL__AUTH__MODE: must be valid UTF-8.");
        assert_eq!(read(broken("ROLLCALL__AUTH__MODE"), "keys".into()), "ROLLCALL__AUTH__MODE\u{fffd}: must be valid UTF-8.");
        assert_eq!(read("HOME".into(), broken("/")), "");
        assert_eq!(read("ROLLCALL__AUTH__MODE".into(), "keys".into()), "");
    }
}
