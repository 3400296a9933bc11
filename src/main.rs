//! The command line in, an exit code out.

use std::process::ExitCode;

use clap::Parser;
use rollcall::commands::{Environment, Line};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // A variable that is no Unicode is none of ours.
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Line::parse().run(&Environment(variables.collect())).await
}
