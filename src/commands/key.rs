//! `rollcall key`: creates a caller's key and the table that admits it, or a key for the shared cache.

use clap::Args;

use super::{Failed, output::say};
use crate::{access::new_key, config::is_name, shared_cache};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The caller's name in the log and the metrics: 1 to 64 characters of A-Z a-z 0-9 . _ -
    #[arg(value_name = "NAME", value_parser = named, required_unless_present = "cache")]
    name: Option<String>,
    /// Prints a key for `shared_cache.key_file` instead: 32 random bytes in base64
    #[arg(long, conflicts_with = "name")]
    cache: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let no_random = || Failed::Running("the operating system returned no random bytes".to_owned());
    let Some(name) = &arguments.name else {
        return say(shared_cache::new_key().ok_or_else(no_random)?.reveal()).map_err(Failed::Io);
    };
    let made = new_key().ok_or_else(no_random)?;
    say(&format!(
        "# For {name}, which sends it as `Authorization: Bearer ...` or as `X-Api-Key`. It is shown only once and stored nowhere:\n\
         {key}\n\n\
         # For the configuration:\n\
         [[auth.callers]]\n\
         name = \"{name}\"\n\
         key_sha256 = \"{sha256}\"\n\
         customers = [\"*\"] # all; or ids, or prefixes such as \"shop-*\"",
        key = made.key.reveal(),
        sha256 = made.sha256,
    ))
    .map_err(Failed::Io)
}

fn named(name: &str) -> Result<String, String> {
    if is_name(name) { Ok(name.to_owned()) } else { Err("a name has 1 to 64 characters of A-Z a-z 0-9 . _ -".to_owned()) }
}
