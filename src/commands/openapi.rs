//! `rollcall openapi`: prints the OpenAPI document on stdout, with all sources that this program knows.

use clap::Args;

use super::{Failed, output::say};
use crate::{
    access::Mode,
    api::{DocumentScope, document},
    sources::REGISTRY,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Prints YAML instead of JSON
    #[arg(long)]
    yaml: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let document = document("", Mode::None, DocumentScope::All, REGISTRY);
    let failed = |error: &dyn std::fmt::Display| Failed::Running(format!("the document could not be written: {error}"));
    let text = if arguments.yaml {
        document.to_yaml().map_err(|error| failed(&error))?
    } else {
        document.to_pretty_json().map_err(|error| failed(&error))?
    };
    say(text.trim_end()).map_err(Failed::Io)
}
