//! Keeps what is in memory there: no core dumps, no debugger of the same user.

use super::output::say_error;

/// Forbids both, for the whole process. What the system refuses is told of and stops nothing.
pub fn keep_memory_private() {
    let no_dumps = rlimit::Resource::CORE.set(0, 0).map_err(|error| error.to_string());
    for (what, done) in [("core dumps could not be switched off", no_dumps), ("debuggers could not be kept out", keep_out())] {
        if let Err(error) = done {
            say_error(&format!("warning: {what}: {error}."));
        }
    }
}

/// The limit alone would not do: where the kernel hands dumps to a program, it asks for the
/// process's own leave and not for its limit.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn keep_out() -> Result<(), String> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())
}

/// Other systems have no such call.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn keep_out() -> Result<(), String> {
    Ok(())
}
