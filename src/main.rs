//! Runs the command line and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use rollcall::commands::{Environment, Line, keep_memory_private, keep_memory_small};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_memory_private(); // before anything else: the environment may already hold a secret
    keep_memory_small();
    Line::parse().run(&Environment::of(std::env::vars_os()))
}
